//! Headgate's own store: the real process, spoken to over its socket as the sensor speaks to it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use headgate_record::local::{CONTROL_SOCKET, FromSensor, MAX_MESSAGE_BYTES, RECORDS_SOCKET, ToSensor};
use headgate_service::frame;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::messages::{Messages, handovers, handovers_file};
use crate::process::{on_disk, peak_kib, written};

/// Hands the records over, `commit` at a time, of which `in_flight` may wait for their answers; then has every segment read.
pub fn run(made: &Path, commit: usize, in_flight: usize, directory: &Path, program: &Path) -> Value {
    let store = Store::set_up(directory, program);
    let mut sensor = store.sensor();
    let mut messages = Messages::open(&handovers_file(made, commit));
    let (mut message, mut through, mut waiting) = (Vec::new(), 0, 0);
    let start = Instant::now();
    loop {
        if waiting < in_flight && messages.next(&mut message) {
            frame::write(&mut sensor, &message).unwrap();
            waiting += 1;
        } else if waiting > 0 {
            through = committed(&mut sensor);
            waiting -= 1;
        } else {
            break;
        }
    }
    let kept = start.elapsed();
    let process = store.child.id().to_string();
    let (written, peak_kib) = (written(&process), peak_kib(&process));
    let read_us = store.read_back(through);
    let files = store.files();
    store.stop();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let sealed = if cfg!(feature = "sqlcipher") {
        None
    } else {
        let db = Connection::open_with_flags(files.join("store.db"), flags).unwrap();
        Some(db.query_row("SELECT SUM(length(sealed)) FROM segment", [], |r| r.get::<_, i64>(0)).unwrap())
    };
    json!({
        "us": kept.as_micros(), "records": through, "disk": on_disk(&files), "written": written, "peak_kib": peak_kib,
        "read_us": read_us, "sealed": sealed,
    })
}

/// Makes a store of `count` records, as fast as it takes them.
pub fn fill(count: usize, directory: &Path, program: &Path) -> Value {
    let store = Store::set_up(directory, program);
    let mut sensor = store.sensor();
    let mut through = 0;
    for message in handovers(count, 1_000) {
        frame::write(&mut sensor, &message.encode()).unwrap();
        through = committed(&mut sensor);
    }
    let files = store.files();
    store.stop();
    json!({ "records": through, "disk": on_disk(&files) })
}

/// How long a store takes from its start to its first answer, the process itself included.
pub fn open(directory: &Path, program: &Path) -> Value {
    let start = Instant::now();
    let store = Store::start(directory, program);
    assert!(store.ask(&json!({ "ask": "ledger", "limit": 1 })).is_some());
    let opened = start.elapsed();
    let process = store.child.id().to_string();
    let peak_kib = peak_kib(&process);
    store.stop();
    json!({ "us": opened.as_micros(), "peak_kib": peak_kib })
}

struct Store {
    directory: PathBuf,
    child: Child,
}

impl Store {
    fn set_up(directory: &Path, program: &Path) -> Store {
        let root = directory.display();
        let config = format!(
            "[appliance]\nid = \"bench\"\n[store]\ndirectory = \"{root}/store\"\nmax_mib = 65536\n\
             [sockets]\ndirectory = \"{root}/run\"\n[credentials]\ndirectory = \"{root}/credentials\"\n"
        );
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join("headgate.toml"), config).unwrap();
        fs::write(directory.join("rules.toml"), "").unwrap();
        let made = command(directory, program, "init").stdout(Stdio::null()).status().unwrap();
        assert!(made.success());
        Store::start(directory, program)
    }

    fn start(directory: &Path, program: &Path) -> Store {
        let child = command(directory, program, "run").env("HEADGATE_LOG", "error").spawn().unwrap();
        let store = Store { directory: directory.into(), child };
        drop(store.connect(CONTROL_SOCKET));
        store
    }

    fn files(&self) -> PathBuf {
        self.directory.join("store")
    }

    fn connect(&self, socket: &str) -> UnixStream {
        let path = self.directory.join("run").join(socket);
        loop {
            match UnixStream::connect(&path) {
                Ok(stream) => return stream,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                    std::thread::sleep(Duration::from_micros(500));
                }
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }

    fn sensor(&self) -> UnixStream {
        let mut stream = self.connect(RECORDS_SOCKET);
        frame::write(&mut stream, &FromSensor::Hello { session: [7; 16] }.encode()).unwrap();
        assert_eq!(committed(&mut stream), 0);
        stream
    }

    /// How long `headgate buffer verify` takes of the store's time; `None` where it does not know it.
    fn read_back(&self, records: u64) -> Option<u128> {
        let start = Instant::now();
        let mut after = 0;
        let mut read = 0;
        loop {
            let answer = self.ask(&json!({ "ask": "buffer-verify", "after": after }))?;
            read += answer["records"].as_u64().unwrap();
            match answer["next"].as_u64() {
                Some(next) => after = next,
                None => break,
            }
        }
        assert_eq!(read, records);
        Some(start.elapsed().as_micros())
    }

    fn ask(&self, request: &Value) -> Option<Value> {
        let mut stream = self.connect(CONTROL_SOCKET);
        frame::write(&mut stream, request.to_string().as_bytes()).unwrap();
        let answer = frame::read(&mut stream, MAX_MESSAGE_BYTES).unwrap().unwrap();
        serde_json::from_slice::<Value>(&answer).unwrap().get_mut("ok").map(Value::take)
    }

    fn stop(mut self) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

fn command(directory: &Path, program: &Path, what: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(what).arg("--config").arg(directory.join("headgate.toml"));
    command.env_remove("NOTIFY_SOCKET").env_remove("CREDENTIALS_DIRECTORY");
    command
}

fn committed(stream: &mut UnixStream) -> u64 {
    let bytes = frame::read(stream, 64).unwrap().unwrap();
    let ToSensor::Committed { through } = ToSensor::decode(&bytes).unwrap();
    through
}
