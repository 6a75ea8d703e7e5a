//! An appliance comes to be known, and stays so: tokens, carried answers, renewal, regions; with the programs themselves.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use support::{HEADGATE, RECEIVER, Running, STORE, Site, golden, wait_for};

/// A site that has no credentials of a receiver yet, and a receiver that enrolls.
struct Open {
    site: Site,
    _receiver: Running,
    port: u16,
}

fn open(appliance: &str, region: Option<&str>) -> Open {
    let site = Site::in_region(region);
    fs::remove_dir_all(site.path("credentials")).unwrap();
    fs::create_dir(site.path("credentials")).unwrap();
    site.configure(&format!("[appliance]\nid = \"{appliance}\"\n"));
    let port = support::free_port();
    let config = site.receiver_config();
    let text = fs::read_to_string(&config).unwrap();
    let listen = format!("listen = \"127.0.0.1:{port}\"");
    fs::write(&config, text.replace("# listen = \"0.0.0.0:8444\"", &listen)).unwrap();
    let receiver = site.start_receiver();
    Open { site, _receiver: receiver, port }
}

impl Open {
    /// A file with a token.
    fn token(&self, appliance: &str, more: &[&str]) -> PathBuf {
        let config = self.site.receiver_config();
        let output = Command::new(RECEIVER)
            .args(["token", appliance, "--config", config.to_str().unwrap()])
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let file = self.site.path("token");
        fs::write(&file, output.stdout).unwrap();
        file
    }

    fn enroll(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(HEADGATE);
        command.arg("--config").arg(self.site.config()).arg("enroll").args(arguments).env_remove("CARGO");
        command.output().unwrap()
    }

    fn has(&self, credential: &str) -> bool {
        self.site.path("credentials").join(credential).exists()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// What a capture gives arrives at the receiver.
fn delivers(site: &Site) {
    let _running = [site.start_store(), site.start_uplink()];
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
    site.wait_until_receipted();
}

#[test]
fn a_token_enrolls_an_appliance_and_no_second_one() {
    let open = open("site-7", Some("eu"));
    let token = open.token("site-7", &[]);
    let first = open.enroll(&["--token", token.to_str().unwrap()]);
    assert!(first.status.success(), "{}", said(&first));
    assert!(said(&first).contains("region eu"), "{}", said(&first));
    assert_eq!(fs::read(open.site.path("credentials/uplink.secret")).unwrap().len(), 40);
    delivers(&open.site);

    // Whoever has found the token since has other keys.
    let other = Site::in_region(None);
    fs::remove_dir_all(other.path("credentials")).unwrap();
    other.configure("[appliance]\nid = \"site-7\"\n");
    let mut command = Command::new(HEADGATE);
    command.arg("--config").arg(other.config()).args(["enroll", "--token"]).arg(&token).env_remove("CARGO");
    let second = command.output().unwrap();
    assert_eq!(second.status.code(), Some(69), "{}", said(&second));
    assert!(said(&second).contains("receiver answered 403"), "{}", said(&second));
    assert!(!other.path("credentials/uplink.crt").exists());
}

#[test]
fn a_token_that_is_late_wrong_or_somebody_elses_enrolls_nobody() {
    let open = open("site-7", Some("eu"));
    // Of another organisation under the same address: its authority is not the one that the token pins.
    let elsewhere = Site::in_region(Some("eu"));
    let address = format!("localhost:{}", open.port);
    let arguments = ["token", "site-7", "--address", &address, "--config"];
    let foreign = Command::new(RECEIVER).args(arguments).arg(elsewhere.receiver_config()).output().unwrap();
    let file = open.site.path("token");
    fs::write(&file, foreign.stdout).unwrap();
    let file = file.to_str().unwrap();
    let refused = open.enroll(&["--token", file]);
    assert!(said(&refused).contains("from an unknown authority"), "{}", said(&refused));

    open.token("site-8", &[]);
    let refused = open.enroll(&["--token", file]);
    assert!(
        refused.status.code() == Some(65) && said(&refused).contains("for another appliance"),
        "{}",
        said(&refused)
    );

    let token = open.token("site-7", &[]);
    let text = fs::read_to_string(&token).unwrap();
    fs::write(&token, &text[..text.len() / 2]).unwrap();
    let refused = open.enroll(&["--token", file]);
    assert!(said(&refused).contains("not copied whole"), "{}", said(&refused));

    // A region that the site does not allow, before anybody is asked.
    open.token("site-7", &[]);
    open.site.configure("[appliance]\nid = \"site-7\"\n[uplink]\nregions = [\"us\"]\n");
    let refused = open.enroll(&["--token", file]);
    assert!(said(&refused).contains("uplink.regions"), "{}", said(&refused));
    open.site.configure("[appliance]\nid = \"site-7\"\n");

    // Late, by the receiver's clock.
    let database = rusqlite::Connection::open(open.site.path("receiver/trust.db")).unwrap();
    database.execute("UPDATE token SET expires = 1", []).unwrap();
    let refused = open.enroll(&["--token", file]);
    assert!(said(&refused).contains("receiver answered 403"), "{}", said(&refused));
    assert!(!open.has("uplink.crt") && !open.has("uplink.secret") && !open.has("authority.crt"));
}

#[test]
fn an_answer_that_is_carried_enrolls_the_appliance_that_asked() {
    let open = open("site-7", None);
    let (request, answer) = (open.site.path("carried.csr"), open.site.path("carried.pem"));
    let made = open.enroll(&["request", request.to_str().unwrap()]);
    assert!(made.status.success(), "{}", said(&made));
    let organisation = open.site.path("receiver");
    let sign = |answer: &PathBuf| {
        let signed =
            Command::new(RECEIVER).arg("sign").args([&organisation, &request]).arg("-o").arg(answer).output();
        let signed = signed.unwrap();
        assert!(signed.status.success(), "{}", said(&signed));
    };
    sign(&answer);
    // One to another request: the secret does not open, and nothing changes.
    let other = Site::in_region(None);
    let before = fs::read(other.path("credentials/uplink.crt")).unwrap();
    let mut command = Command::new(HEADGATE);
    other.configure("[appliance]\nid = \"site-7\"\n");
    command.arg("--config").arg(other.config()).args(["enroll", "accept"]).arg(&answer).env_remove("CARGO");
    let refused = command.output().unwrap();
    assert!(
        refused.status.code() == Some(65) && said(&refused).contains("another request"),
        "{}",
        said(&refused)
    );
    assert_eq!(fs::read(other.path("credentials/uplink.crt")).unwrap(), before);

    let taken = open.enroll(&["accept", answer.to_str().unwrap()]);
    assert!(taken.status.success(), "{}", said(&taken));
    delivers(&open.site);
    // Revoked, and answered again.
    let config = open.site.receiver_config();
    let revoked = Command::new(RECEIVER).args(["revoke", "site-7", "--config"]).arg(config).output().unwrap();
    assert!(revoked.status.success(), "{}", said(&revoked));
    let _running = [open.site.start_store(), open.site.start_uplink()];
    assert!(open.site.start_replay(&[&golden("site.pcap")]).wait().success());
    wait_for("the refusal", || open.site.status_text().contains("does not accept the appliance's secret"));
    let again = open.site.path("again.pem");
    sign(&again);
    assert!(open.enroll(&["accept", again.to_str().unwrap()]).status.success());
    open.site.wait_until_receipted();
}

#[test]
fn an_answer_of_another_organisation_changes_no_pin() {
    let site = Site::new();
    let elsewhere = Site::new();
    let answer = site.path("foreign.pem");
    let signed = Command::new(RECEIVER)
        .arg("sign")
        .args([elsewhere.path("receiver"), site.path("credentials/uplink.csr")])
        .arg("-o")
        .arg(&answer)
        .output()
        .unwrap();
    assert!(signed.status.success(), "{}", said(&signed));
    let read = |name: &str| fs::read(site.path("credentials").join(name)).unwrap();
    let before = ["uplink.crt", "uplink.secret", "authority.crt", "receipt.pub", "seal.pub"].map(read);
    let refused = site.headgate(&["enroll", "accept", answer.to_str().unwrap()]);
    assert!(
        refused.status.code() == Some(78) && said(&refused).contains("another organisation"),
        "{}",
        said(&refused)
    );
    assert_eq!(["uplink.crt", "uplink.secret", "authority.crt", "receipt.pub", "seal.pub"].map(read), before);
}

#[test]
fn a_receiver_in_another_region_gets_nothing() {
    for (region, says) in [(Some("us"), "is in region us"), (None, "says no region")] {
        let site = Site::in_region(region);
        site.configure("[uplink]\nregions = [\"eu\"]\n");
        let _running = [site.start_receiver(), site.start_store(), site.start_uplink()];
        assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
        wait_for("the refusal", || site.status_text().contains(says));
        let batches = Command::new(RECEIVER)
            .args(["batches", "--config"])
            .arg(site.receiver_config())
            .output()
            .unwrap();
        assert_eq!(batches.status.code(), Some(1), "nothing has arrived: {}", said(&batches));
    }
    let site = Site::in_region(Some("eu"));
    site.configure("[uplink]\nregions = [\"us\", \"eu\"]\n");
    let _receiver = site.start_receiver();
    delivers(&site);
}

/// Under load: batches go on while certificate and secret are replaced, and nothing is lost or doubled.
#[test]
fn a_certificate_is_renewed_without_a_pause_and_the_old_secret_is_worth_nothing() {
    let site = Site::new();
    site.configure("[store]\nbatch_records = 1\n");
    let _receiver = site.start_receiver();
    let _store = site.start_store();
    let mut uplink = site.start_uplink();
    let mut replay = site.start_replay(&[&golden("site.pcap"), &golden("site.pcap"), &golden("site.pcap")]);
    wait_for("batches to arrive", || !arrived(&site).is_empty());
    assert!(!site.path("uplink/renewed").exists());
    // One of which less than a third is left takes its place, and is renewed at once.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let at = |seconds: u64| headgate_record::Value::Time(seconds * 1_000_000_000).to_string();
    site.sign(&["--valid-from", &at(now - 90 * 3_600), "--valid-until", &at(now + 10 * 3_600)]);
    let before = arrived(&site).len();
    let enrolled = fs::read(site.path("credentials/uplink.crt")).unwrap();
    let secret = fs::read(site.path("credentials/uplink.secret")).unwrap();
    assert!(replay.wait().success());
    site.wait_until_receipted();
    let all = arrived(&site);
    assert!(before < all.len(), "{before} of {} had arrived before", all.len());
    assert_eq!(all, (1..=u64::try_from(all.len()).unwrap()).collect::<Vec<_>>());
    wait_for("the renewal", || site.path("uplink/renewed").exists());
    assert!(!site.path("uplink/renewed.untried").exists());
    // What was enrolled is as it was, and what was renewed is used after a restart.
    assert_eq!(fs::read(site.path("credentials/uplink.crt")).unwrap(), enrolled);
    assert!(uplink.terminate().success(), "{}", uplink.said());
    let mut uplink = site.start_uplink();
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
    site.wait_until_receipted();
    assert!(uplink.terminate().success(), "{}", uplink.said());
    // Whoever had stolen certificate, key and secret before delivers nothing any more.
    assert_eq!(fs::read(site.path("credentials/uplink.secret")).unwrap(), secret);
    fs::rename(site.path("uplink"), site.path("uplink.away")).unwrap();
    let _uplink = site.start_uplink();
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
    wait_for("the refusal", || site.status_text().contains("does not accept the appliance's secret"));
}

/// Sequences of the batches that were stored.
fn arrived(site: &Site) -> Vec<u64> {
    let mut command = Command::new(RECEIVER);
    let output =
        command.args(["batches", "--json", "--config"]).arg(site.receiver_config()).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let batch =
        |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["sequence"].as_u64().unwrap();
    lines.lines().map(batch).collect()
}

#[test]
fn what_was_renewed_and_is_damaged_does_not_stand_in_the_way() {
    let site = Site::new();
    fs::create_dir(site.path("uplink")).unwrap();
    for name in ["renewed", "renewed.untried"] {
        fs::write(site.path("uplink").join(name), "garbage").unwrap();
    }
    let _receiver = site.start_receiver();
    delivers(&site);
}

/// The store's own key is made on the way.
#[test]
fn enrolling_makes_the_master_key_where_there_is_none() {
    let open = open("site-7", None);
    let token = open.token("site-7", &[]);
    // By standard input.
    let mut command = Command::new(HEADGATE);
    command.arg("--config").arg(open.site.config()).args(["enroll", "--token", "-"]).env_remove("CARGO");
    let output = command.stdin(fs::File::open(token).unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(open.has("master.key") && open.has("uplink.crt") && open.has("seal.pub"));
    let again = Command::new(STORE).args(["init", "--config"]).arg(open.site.config()).output().unwrap();
    assert!(!again.status.success());
}
