//! `headgate trial` at a terminal.

use std::os::unix::process::CommandExt;

use super::*;

/// Ctrl-C once reached all programs of a trial at once, which then ended in the wrong order, with an error.
#[test]
fn ctrl_c_ends_the_watching_and_the_trial_tells_what_it_saw() {
    if !alone_on_a_wire("trial::ctrl_c_ends_the_watching_and_the_trial_tells_what_it_saw") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let kept = directory.path().join("trial");
    let mut trial = Command::new(HEADGATE);
    trial.args(["trial", "--interface", "span0", "--seconds", "600", "--json", "--keep"]).arg(&kept);
    // As a shell starts what is typed: a process group, which Ctrl-C signals as a whole (termios(3), ISIG).
    let child = trial.process_group(0).env_remove("CARGO").stdin(Stdio::null());
    let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let group = child.id();
    let log = kept.join("log/headgate-sensor.log");
    wait_for("the sensor to watch", || fs::read_to_string(&log).is_ok_and(|said| said.contains("watching")));
    let send = "import socket\n\
                s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n\
                s.bind(('mirror', 0))\n\
                for n in range(100): s.send(bytes(6) + b'\\x00\\x1b\\x21\\0\\0' + bytes([n]) + b'\\x88\\xb5' + bytes(46))\n";
    run("python3", &["-c", send]);
    run("kill", &["-INT", "--", &format!("-{group}")]);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&page["seen"]["frames"], &page["seen"]["frames_lost"]), (&100.into(), &0.into()), "{page}");
    assert!(
        page["left"]["receipts_verified"].as_u64() > Some(0) && page["ledger_verified"] == true,
        "{page}"
    );
}
