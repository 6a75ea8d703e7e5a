//! The cloud may ask, the site decides: from `headgate-receiver ask` to what the administrator does about it.
// A test fails by panicking.
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::process::Output;

use serde_json::Value;
use support::process::in_namespaces;
use support::wires::pair;
use support::{HEADGATE, RECEIVER, Running, Site, golden, run, wait_for};

/// A site with a receiver; rules that let this be asked.
fn site(rules: &str) -> (Site, [Running; 3]) {
    let site = Site::new();
    let drop_ins = site.path("rules.toml.d");
    fs::create_dir(&drop_ins).unwrap();
    fs::write(drop_ins.join("10.toml"), rules).unwrap();
    let running = site.carry_a_capture();
    (site, running)
}

/// Asks, has it carried to the site, and gives its identifier.
fn asked(site: &Site, what: &[&str]) -> String {
    let config = site.receiver_config();
    let mut arguments = vec!["ask", "test"];
    arguments.extend(what);
    arguments.extend(["--why", "calls drop on floor 3", "--config", config.to_str().unwrap()]);
    let output = run(RECEIVER, &arguments);
    let id = String::from_utf8(output.stdout).unwrap().split(':').next().unwrap().to_owned();
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
    wait_for("the request to arrive", || state(site, &id).is_some());
    site.wait_until_receipted();
    id
}

fn request(site: &Site, id: &str) -> Option<Value> {
    let all = site.ask(&["requests"]).unwrap();
    all["requests"].as_array().unwrap().iter().find(|request| request["id"] == id).cloned()
}

fn state(site: &Site, id: &str) -> Option<String> {
    request(site, id).map(|request| request["state"].as_str().unwrap().to_owned())
}

/// What the ledger says of a request, in order.
fn steps(site: &Site, id: &str) -> Vec<String> {
    let ledger = site.ask(&["ledger", "--limit", "4000"]).unwrap();
    let entries = ledger["entries"].as_array().unwrap().iter().rev();
    let own = entries.filter(|entry| entry["detail"]["request"] == id);
    own.map(|entry| {
        format!("{} {}", entry["event"].as_str().unwrap(), entry["detail"]["by"].as_str().unwrap())
    })
    .collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[test]
fn what_the_rules_do_not_let_be_asked_is_refused_as_it_comes() {
    let (site, _running) = site("");
    for what in [&["look"][..], &["capture", "--minutes", "1"]] {
        let id = asked(&site, what);
        assert_eq!(state(&site, &id).as_deref(), Some("refused-by-rules"));
        assert_eq!(steps(&site, &id), ["request-received receiver", "request-refused rules"]);
        assert!(request(&site, &id).unwrap().get("content").is_none(), "nothing of it is kept");
        let file = site.path("answer");
        let refused = site.headgate(&["requests", "allow", &id, "--output", file.to_str().unwrap()]);
        assert!(!refused.status.success() && !file.exists(), "{}", said(&refused));
    }
    assert!(!site.status_text().contains("headgate requests"));
    // Longer than is let, too.
    fs::write(site.path("rules.toml.d/10.toml"), "[requests]\ncapture_minutes = 5\n").unwrap();
    assert!(site.ask(&["ledger"]).unwrap()["verified"] == true);
}

#[test]
fn what_the_rules_let_be_asked_waits_for_the_administrator_and_is_done_by_their_command() {
    let (site, _running) = site("[requests]\ncapture_minutes = 5\nrules = true\nlook = true\n");
    let long = asked(&site, &["capture", "--minutes", "6"]);
    assert_eq!(state(&site, &long).as_deref(), Some("refused-by-rules"), "a minute too long");

    let look = asked(&site, &["look"]);
    assert!(site.status_text().contains("1 requests of the receiver wait"), "{}", site.status_text());
    let shown = said(&site.headgate(&["requests"]));
    assert!(shown.contains("calls drop on floor 3") && shown.contains(&format!("allow {look}")), "{shown}");
    let file = site.path("look.json");
    let done = site.headgate(&["requests", "allow", &look, "--output", file.to_str().unwrap()]);
    assert!(done.status.success(), "{}", said(&done));
    let figures: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(figures["appliance"], "test");
    assert_eq!(
        steps(&site, &look),
        ["request-received receiver", "request-allowed administrator", "request-done administrator"]
    );
    assert_eq!(state(&site, &look).as_deref(), Some("done"));
    let again =
        site.headgate(&["requests", "allow", &look, "--output", site.path("again").to_str().unwrap()]);
    assert!(!again.status.success() && said(&again).contains("not at that step"), "{}", said(&again));

    let refused = asked(&site, &["look"]);
    assert!(site.headgate(&["requests", "refuse", &refused]).status.success());
    assert_eq!(steps(&site, &refused), ["request-received receiver", "request-refused administrator"]);
    assert!(site.ask(&["ledger"]).unwrap()["verified"] == true);

    // The receiver knows what has arrived, and not what became of it.
    let config = site.receiver_config();
    let lines = run(RECEIVER, &["asked", "--json", "--config", config.to_str().unwrap()]).stdout;
    let lines = String::from_utf8(lines).unwrap();
    let all: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(all.len() == 3 && all.iter().filter(|asked| asked["arrived"] == true).count() >= 2, "{lines}");
}

#[test]
fn a_proposal_of_rules_can_only_narrow_and_is_put_in_place_by_the_administrator() {
    let (site, _running) = site("[requests]\nrules = true\n");
    let proposal = site.path("proposal.toml");
    let propose = |text: &str, name: &str| {
        fs::write(&proposal, text).unwrap();
        let id = asked(&site, &["rules", "--file", proposal.to_str().unwrap()]);
        let file = site.path(name);
        let output = site.headgate(&["requests", "allow", &id, "--output", file.to_str().unwrap()]);
        (id, output, file)
    };
    for (at, wider) in [
        "[release.device]\nhostname = \"keep\"",
        "[collect]\nkinds = []",
        "[requests]\nlook = true",
        "no rules",
    ]
    .iter()
    .enumerate()
    {
        let (id, output, file) = propose(wider, &format!("wider-{at}"));
        assert!(!output.status.success() && !file.exists(), "{wider}: {}", said(&output));
        assert_eq!(state(&site, &id).as_deref(), Some("given-up"), "{wider}");
    }
    let narrower = "[[rule]]\nname = \"guests\"\nvlans = [30]\ncollect = \"none\"\n";
    let (id, output, file) = propose(narrower, "narrower.toml");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(fs::read_to_string(file).unwrap(), narrower);
    assert_eq!(state(&site, &id).as_deref(), Some("done"));
    assert!(!said(&site.headgate(&["rules", "show"])).contains("guests"), "nothing is in force by itself");
}

/// Of datagrams with a payload their headers, of an interface that the site watches, until it is over.
#[test]
fn a_capture_that_is_allowed_holds_headers_of_what_was_asked_for() {
    in_namespaces("a_capture_that_is_allowed_holds_headers_of_what_was_asked_for", || {
        pair(0);
        let site = Site::watching(&["span0"]);
        fs::create_dir(site.path("rules.toml.d")).unwrap();
        fs::write(site.path("rules.toml.d/10.toml"), "[requests]\ncapture_minutes = 1\n").unwrap();
        let _running = site.carry_a_capture();
        let id = asked(&site, &["capture", "--minutes", "1", "--match", "protocols = [\"udp\"]"]);
        let file = site.path("headers.pcap");
        let mut capture = site.start(HEADGATE, "capture", |command| {
            command.arg("--config").arg(site.config()).args(["requests", "allow", &id, "--output"]).arg(&file)
        });
        wait_for("the administrator's word", || state(&site, &id).as_deref() == Some("allowed"));
        // UDP that was asked for, with a payload, and TCP that was not; until some of it is there.
        let script = "import socket, sys, time\n\
                      s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('mirror0', 0))\n\
                      ends = '0200000000010200000000020800'\n\
                      udp = bytes.fromhex(ends + '4500003c0001000040110000' '0a0000010a000002' 'c00013c400280000') + b'PAYLOAD!' * 4\n\
                      tcp = bytes.fromhex(ends + '450000280001000040060000' '0a0000010a000002' 'c00001bb' '00000000' * 4)\n\
                      for _ in range(400):\n\
                      \x20   s.send(udp); s.send(tcp); time.sleep(0.005)\n";
        run("python3", &["-c", script]);
        assert!(capture.terminate().success(), "{}", capture.said());
        let content = fs::read(&file).unwrap();
        assert_eq!(content[..4], 0xa1b2_3c4d_u32.to_le_bytes());
        assert!(!content.windows(8).any(|octets| octets == b"PAYLOAD!"));
        let (mut frames, mut rest) = (0, &content[24..]);
        while let Some((head, behind)) = rest.split_first_chunk::<16>() {
            let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
            // Ethernet, IPv4 and UDP; of a datagram of 60 octets.
            assert_eq!((number(8), number(12), behind[23]), (42, 74, 17));
            (frames, rest) = (frames + 1, &behind[42..]);
        }
        assert!(frames > 0, "{}", capture.said());
        println!("{frames} of 400 datagrams were captured, and no other frame");
        assert_eq!(state(&site, &id).as_deref(), Some("done"));
    });
}
