//! Who may ask what on the control socket: the store asks the kernel who is on the other end (SO_PEERCRED, unix(7)).

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use headgate_record::local::{self, ControlRequest};
use headgate_record::subject::{Action, Who};
use headgate_service::frame;
use serde_json::Value;

use crate::site::{Site, device};

/// Tells this binary to ask at this socket.
const SOCKET: &str = "HEADGATE_STORE_TEST_SOCKET";
/// What it asks, one request a line.
const REQUESTS: &str = "HEADGATE_STORE_TEST_REQUESTS";
/// Somebody who is not root, and not who runs the store: nobody.
const SOMEBODY: u32 = 65_534;

#[test]
fn what_only_root_may_do_is_refused_to_everybody_else_who_can_reach_the_socket() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can be somebody else");
        return;
    }
    let site = Site::new("");
    let running = site.start();
    running.sensor(1).hand_over(vec![device(1)]).unwrap();
    // As far as files go, anybody may speak to the store.
    let socket = site.path("run").join(local::CONTROL_SOCKET);
    for path in socket.ancestors().take_while(|path| path.starts_with(site.path(""))) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let who = Who::Mac("00:10:20:00:00:01".into());
    let subject = |action: Action| ControlRequest::Subject { who: who.clone(), action };
    let correct = Action::Correct { field: "device.hostname".into(), value: "x".into() };
    let for_root = [
        subject(Action::Export { after: 0, limit: 10 }),
        subject(correct),
        subject(Action::Erase),
        ControlRequest::RotateKeys { which: "all".into() },
        ControlRequest::RotateKeys { which: "master".into() },
        ControlRequest::BufferPurge { class: None, before_ms: u64::MAX, count_only: false },
        ControlRequest::BufferCompact,
        ControlRequest::BufferExport { kind: None, after: 0, taken: 0 },
    ];
    let for_all = [
        ControlRequest::Status,
        ControlRequest::Records { kind: "device".into(), limit: 1 },
        ControlRequest::Ledger { limit: 1 },
        subject(Action::Find),
    ];
    let before = running.ask(&ControlRequest::Ledger { limit: 1_000 });
    for (answer, request) in ask_as_somebody(&socket, &for_root).iter().zip(&for_root) {
        assert_eq!(answer["error"], "only root may do this", "{request:?}: {answer}");
    }
    for (answer, request) in ask_as_somebody(&socket, &for_all).iter().zip(&for_all) {
        assert!(answer.get("ok").is_some(), "{request:?}: {answer}");
    }
    assert_eq!(running.ask(&ControlRequest::Ledger { limit: 1_000 }), before, "nothing was done");
    assert_eq!(running.status()["records"]["device"], 1);
    // Root is not refused.
    assert_eq!(running.ask(&subject(Action::Erase))["rows"], 1);
}

fn ask_as_somebody(socket: &std::path::Path, requests: &[ControlRequest]) -> Vec<Value> {
    let lines: Vec<String> = requests.iter().map(|r| serde_json::to_string(r).unwrap()).collect();
    // By this name, whoever may not enter the directory that it lies in can run it.
    let mut command = Command::new("/proc/self/exe");
    command.args(["--exact", "rights::somebody_who_asks", "--nocapture"]).uid(SOMEBODY).gid(SOMEBODY);
    command.env(SOCKET, socket).env(REQUESTS, lines.join("\n")).current_dir("/");
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("answer: ")?).ok()).collect();
    assert_eq!(answers.len(), requests.len(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    answers
}

/// Not a test of its own: [`ask_as_somebody`] runs this binary again with this as its only test.
#[test]
fn somebody_who_asks() {
    let (Ok(socket), Ok(requests)) = (std::env::var(SOCKET), std::env::var(REQUESTS)) else { return };
    assert_eq!(rustix::process::geteuid().as_raw(), SOMEBODY);
    println!();
    for request in requests.lines() {
        let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
        frame::write(&mut stream, request.as_bytes()).unwrap();
        let answer = frame::read(&mut stream, local::MAX_MESSAGE_BYTES).unwrap().unwrap();
        println!("answer: {}", String::from_utf8(answer).unwrap());
    }
}
