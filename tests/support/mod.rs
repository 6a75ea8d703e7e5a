//! A site for tests: the real programs in a temporary directory, each a process of its own.
// Each test program uses a part of this, and a test fails by panicking.
#![allow(dead_code, clippy::panic, clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub mod feeder;
pub mod patience;
pub mod pcap;
pub mod process;
#[path = "../../daemon/receiver/tests/support/proxy.rs"]
pub mod proxy;
pub mod random;
pub mod relay;
pub mod terminal;
pub mod wire;
pub mod wires;

/// How long a test waits for something that must come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The programs, as built for the test.
pub const HEADGATE: &str = env!("CARGO_BIN_EXE_headgate");
pub const SENSOR: &str = env!("CARGO_BIN_EXE_headgate-sensor");
pub const STORE: &str = env!("CARGO_BIN_EXE_headgate-store");
pub const UPLINK: &str = env!("CARGO_BIN_EXE_headgate-uplink");
pub const RECEIVER: &str = env!("CARGO_BIN_EXE_headgate-receiver");

/// An enrolled site. Processes that it started end with it.
pub struct Site {
    pub directory: TempDir,
    port: u16,
    interfaces: Vec<String>,
}

/// A port on which nobody listens.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running program; killed when dropped.
pub struct Running {
    pub child: Child,
    pub log: PathBuf,
}

impl Site {
    /// Keys, certificates, default rules and a configuration for a receiver on a free local port.
    pub fn new() -> Site {
        Site::watching(&[])
    }

    /// As [`Site::new`], with capture interfaces.
    pub fn watching(interfaces: &[&str]) -> Site {
        Site::made(interfaces, None)
    }

    /// As [`Site::new`], with a receiver whose certificate says this region, or none.
    pub fn in_region(region: Option<&str>) -> Site {
        Site::made(&[], region)
    }

    fn made(interfaces: &[&str], region: Option<&str>) -> Site {
        let directory = tempfile::Builder::new().prefix("headgate-test-").tempdir().unwrap();
        let port = free_port();
        let interfaces = interfaces.iter().map(|i| (*i).to_owned()).collect();
        let site = Site { directory, port, interfaces };
        for name in ["credentials", "log"] {
            fs::create_dir(site.path(name)).unwrap();
        }
        fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/config/rules.toml"), site.path("rules.toml")).unwrap();
        site.write_config("");
        let [config, receiver] = [site.config(), site.path("receiver")];
        let mut arguments = vec!["init", "--name", "localhost"];
        arguments.extend(region.iter().flat_map(|region| ["--region", region]));
        arguments.push(receiver.to_str().unwrap());
        run(RECEIVER, &arguments);
        run(STORE, &["init", "--config", config.to_str().unwrap()]);
        run(UPLINK, &["request", "--config", config.to_str().unwrap()]);
        site.sign(&[]);
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn config(&self) -> PathBuf {
        self.path("headgate.toml")
    }

    pub fn receiver_config(&self) -> PathBuf {
        self.path("receiver/receiver.toml")
    }

    /// Where the receiver listens.
    pub fn receiver_address(&self) -> std::net::SocketAddr {
        (std::net::Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Writes headgate.toml; `more` is further TOML at its end.
    pub fn write_config(&self, more: &str) {
        let directory = self.directory.path().display();
        let text = format!(
            "[appliance]\nid = \"test\"\n[capture]\ninterfaces = {:?}\n\
             [store]\ndirectory = \"{directory}/store\"\nbatch_delay = 0\n\
             [sockets]\ndirectory = \"{directory}/run\"\n\
             [uplink]\ndirectory = \"{directory}/uplink\"\nreceiver = \"localhost:{}\"\nretry_max = 1\ntimeout = 5\n\
             [credentials]\ndirectory = \"{directory}/credentials\"\n{more}",
            self.interfaces, self.port,
        );
        fs::write(self.config(), text).unwrap();
    }

    /// Signs the appliance's request again, with further arguments of `headgate-receiver sign`.
    pub fn sign(&self, more: &[&str]) {
        let answer = self.path("answer.pem");
        let _ = fs::remove_file(&answer);
        let mut arguments = vec!["sign".to_owned(), self.path("receiver").display().to_string()];
        arguments.push(self.path("credentials/uplink.csr").display().to_string());
        arguments.extend(["-o".to_owned(), answer.display().to_string()]);
        arguments.extend(more.iter().map(|m| (*m).to_owned()));
        run(RECEIVER, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        run(UPLINK, &["accept", answer.to_str().unwrap(), "--config", self.config().to_str().unwrap()]);
    }

    pub fn start_receiver(&self) -> Running {
        let listen = format!("127.0.0.1:{}", self.port);
        let receiver = self.start(RECEIVER, "receiver", |command| {
            command.args(["run", "--listen", &listen, "--config"]).arg(self.receiver_config())
        });
        wait_for("the receiver to listen", || std::net::TcpStream::connect(&listen).is_ok());
        receiver
    }

    pub fn start_store(&self) -> Running {
        let store = self.launch_store();
        wait_for("the store to answer", || self.ask(&["status"]).is_some());
        store
    }

    /// Receiver, store and uplink, and what a capture of a site holds carried all the way.
    pub fn carry_a_capture(&self) -> [Running; 3] {
        let running = [self.start_receiver(), self.start_store(), self.start_uplink()];
        assert!(self.start_replay(&[&golden("site.pcap")]).wait().success());
        self.wait_until_receipted();
        running
    }

    /// As [`Site::start_store`], without waiting for it.
    pub fn launch_store(&self) -> Running {
        self.start(STORE, "store", |command| command.args(["run", "--config"]).arg(self.config()))
    }

    pub fn start_uplink(&self) -> Running {
        self.start(UPLINK, "uplink", |command| command.args(["run", "--config"]).arg(self.config()))
    }

    /// A sensor that reads files and ends.
    pub fn start_replay(&self, files: &[&Path]) -> Running {
        self.start(SENSOR, "sensor", |command| {
            command.args(["run", "--config"]).arg(self.config()).arg("--replay").args(files)
        })
    }

    /// Starts any program; what it says is added to its log.
    pub fn start(
        &self,
        program: &str,
        name: &str,
        arguments: impl for<'a> FnOnce(&'a mut Command) -> &'a mut Command,
    ) -> Running {
        let log = self.path("log").join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = Command::new(program);
        arguments(&mut command).stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        Running { child: command.spawn().unwrap(), log }
    }

    /// What `headgate --json ...` answers, or nothing while the store does not answer.
    pub fn ask(&self, arguments: &[&str]) -> Option<Value> {
        let mut command = headgate();
        let output =
            command.args(["--json", "--config"]).arg(self.config()).args(arguments).output().unwrap();
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    /// `headgate ...` as a person types it, however it ends.
    pub fn headgate(&self, arguments: &[&str]) -> Output {
        headgate().arg("--config").arg(self.config()).args(arguments).output().unwrap()
    }

    /// What `headgate status` tells a person.
    pub fn status_text(&self) -> String {
        let output = self.headgate(&["status"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits until everything that may leave has a receipt.
    pub fn wait_until_receipted(&self) {
        wait_for("all batches to be receipted", || {
            self.ask(&["status"]).is_some_and(|s| s["waiting"] == 0 && s["outbox"]["batches"] == 0)
        });
    }

    /// The records at the receiver, each with its appliance, epoch, sequence and position.
    pub fn received(&self) -> Vec<Value> {
        self.ask_receiver("records")
    }

    /// The batches at the receiver, in the order of their sequence.
    pub fn batches(&self) -> Vec<Value> {
        self.ask_receiver("batches")
    }

    fn ask_receiver(&self, what: &str) -> Vec<Value> {
        let mut command = Command::new(RECEIVER);
        let output = command.args([what, "--json", "--config"]).arg(self.receiver_config()).output().unwrap();
        // 1: there are none.
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 1)) && said.is_empty(), "{said}");
        let lines = BufReader::new(output.stdout.as_slice()).lines().map(|line| line.unwrap());
        lines.map(|line| serde_json::from_str(&line).unwrap()).collect()
    }

    /// Replaces single keys of headgate.toml.
    pub fn configure(&self, more: &str) {
        let directory = self.path("headgate.toml.d");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("test.toml"), more).unwrap();
    }

    /// Every file of the site, with its content.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut directories = vec![self.directory.path().to_path_buf()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
                let kind = entry.file_type().unwrap();
                if kind.is_dir() {
                    directories.push(entry.path());
                } else if kind.is_file() {
                    found.push((entry.path(), fs::read(entry.path()).unwrap()));
                }
            }
        }
        found
    }
}

impl Running {
    /// SIGKILL, and waits.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and waits for the end.
    pub fn terminate(&mut self) -> ExitStatus {
        run("kill", &["-TERM", &self.child.id().to_string()]);
        self.wait()
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("did not end; it said:\n{}", self.said());
    }

    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The administrator's command, with the other programs as they were built for the test: they lie beside it, and it builds none.
fn headgate() -> Command {
    let mut command = Command::new(HEADGATE);
    command.env_remove("CARGO");
    command
}

/// Runs a program to its end, which must be a good one.
pub fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Waits until `ready` says so.
pub fn wait_for(what: &str, ready: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !ready() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A capture of the project.
pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}
