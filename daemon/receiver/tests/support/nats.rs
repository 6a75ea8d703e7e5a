//! Servers of NATS, as Debian 13 has them, on loopback and in a temporary directory.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// A cluster of its own for one test.
pub struct Nats {
    program: PathBuf,
    nodes: Vec<Node>,
    directory: tempfile::TempDir,
}

struct Node {
    child: Option<Child>,
    client: SocketAddr,
    monitor: SocketAddr,
    config: std::path::PathBuf,
}

impl Nats {
    /// So many servers, when they have found together. Without the program there is none, and a word of it.
    pub fn start(count: usize) -> Option<Nats> {
        Nats::with(count, "")
    }

    /// The same with more in the configuration of each.
    pub fn with(count: usize, more: &str) -> Option<Nats> {
        let found = programs().find(|program| version(program).is_some_and(|version| version >= LEAST));
        let Some(program) = found else {
            eprintln!("skipped: no nats-server that loses nothing (tests/nats-server fetches Debian 13's)");
            return None;
        };
        Some(Nats::of(program, count, more))
    }

    /// One server that a receiver must not trust with a part of what it has, where that is what is installed.
    pub fn outdated() -> Option<Nats> {
        let found = programs().find(|program| version(program).is_some_and(|version| version < LEAST));
        if found.is_none() {
            eprintln!("skipped: no nats-server before 2.10.23 is installed (Debian 12 has one)");
        }
        Some(Nats::of(found?, 1, ""))
    }

    fn of(program: PathBuf, count: usize, more: &str) -> Nats {
        let directory = tempfile::tempdir().unwrap();
        let places: Vec<SocketAddr> = (0..3 * count).map(|_| place()).collect();
        let routes: Vec<String> =
            places.iter().skip(2).step_by(3).map(|at| format!("\"nats-route://{at}\"")).collect();
        let mut nodes = Vec::new();
        for (n, of) in places.chunks(3).enumerate() {
            let store = directory.path().join(format!("store-{n}"));
            let mut text = format!(
                "server_name: n{n}\nlisten: \"{}\"\nhttp: \"{}\"\nmax_payload: 8MB\n\
                 jetstream {{ store_dir: \"{}\", max_mem: 64MB, max_file: 8GB }}\n{more}\n",
                of[0],
                of[1],
                store.display()
            );
            if count > 1 {
                writeln!(
                    text,
                    "cluster {{ name: headgate, listen: \"{}\", routes: [{}] }}",
                    of[2],
                    routes.join(", ")
                )
                .unwrap();
            }
            let config = directory.path().join(format!("n{n}.conf"));
            std::fs::write(&config, text).unwrap();
            nodes.push(Node { child: None, client: of[0], monitor: of[1], config });
        }
        let mut nats = Nats { program, nodes, directory };
        // Servers of 2.10.27 that start in the same moment may not hear each other, and do not later: one start of twenty beside other load.
        for _ in 0..STARTS {
            (0..count).for_each(|n| nats.revive(n));
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(20) {
                if (0..count).all(|n| nats.is_ready(n)) && (count == 1 || nats.takes_a_stream(count)) {
                    return nats;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            (0..count).for_each(|n| nats.kill(n));
            (0..count).for_each(|n| {
                std::fs::remove_dir_all(nats.directory.path().join(format!("store-{n}"))).unwrap()
            });
        }
        let log = std::fs::read_to_string(nats.directory.path().join("n0.log")).unwrap_or_default();
        panic!("no cluster: {log}");
    }

    /// `host:port` of all.
    pub fn servers(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.client.to_string()).collect()
    }

    /// Kills a server as a power cut does.
    pub fn kill(&mut self, n: usize) {
        let mut child = self.nodes[n].child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts a server with what it has on disk.
    pub fn revive(&mut self, n: usize) {
        let log = std::fs::File::create(self.directory.path().join(format!("n{n}.log"))).unwrap();
        let child = Command::new(&self.program)
            .arg("--config")
            .arg(&self.nodes[n].config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.nodes[n].child = Some(child.unwrap());
    }

    /// Whether a server has JetStream, and where there are several, somebody to lead them all.
    fn is_ready(&self, n: usize) -> bool {
        let ask = |path: &str| -> std::io::Result<String> {
            let mut stream = TcpStream::connect(self.nodes[n].monitor)?;
            write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let is_well = ask("/healthz").is_ok_and(|answer| answer.starts_with("HTTP/1.0 200"));
        is_well
            && (self.nodes.len() == 1 || ask("/jsz").is_ok_and(|answer| answer.contains("\"leader\": \"n")))
    }

    /// Whether a stream can be had that is on so many servers; it is not kept.
    fn takes_a_stream(&self, replicas: usize) -> bool {
        let stream =
            format!("{{\"name\": \"READY\", \"subjects\": [\"READY\"], \"num_replicas\": {replicas}}}");
        let ask = |api: &str, body: &str| -> std::io::Result<String> {
            let mut connection = TcpStream::connect(self.nodes[0].client)?;
            connection.set_read_timeout(Some(Duration::from_secs(5)))?;
            let length = body.len();
            write!(connection, "CONNECT {{\"verbose\": false}}\r\nSUB answer 1\r\n")?;
            write!(connection, "PUB $JS.API.STREAM.{api}.READY answer {length}\r\n{body}\r\n")?;
            // The answer is one line of JSON behind a line that says how long it is.
            let mut lines = BufReader::new(connection).lines();
            let answer = lines.find(|line| !matches!(line, Ok(line) if !line.starts_with('{')));
            answer.unwrap_or_else(|| Err(std::io::ErrorKind::UnexpectedEof.into()))
        };
        ask("CREATE", &stream).is_ok_and(|answer| !answer.contains("\"error\"")) && ask("DELETE", "").is_ok()
    }

    /// Which server leads a stream.
    pub fn leader(&self, stream: &str) -> Option<usize> {
        let alive = self.nodes.iter().position(|node| node.child.is_some())?;
        self.detail(alive, stream)?["cluster"]["leader"].as_str()?.strip_prefix('n')?.parse().ok()
    }

    /// How many messages of a stream a server has itself, and the number of the last.
    pub fn held(&self, n: usize, stream: &str) -> Option<(u64, u64)> {
        let detail = self.detail(n, stream)?;
        let number = |name: &str| detail["state"][name].as_u64();
        Some((number("messages")?, number("last_seq")?))
    }

    /// What a server says of a stream.
    fn detail(&self, n: usize, stream: &str) -> Option<serde_json::Value> {
        let node = &self.nodes[n];
        let mut connection = TcpStream::connect(node.monitor).ok()?;
        write!(connection, "GET /jsz?streams=1&accounts=1 HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).ok()?;
        let body: serde_json::Value = answer.split_once("\r\n\r\n")?.1.parse().ok()?;
        let streams = body["account_details"][0]["stream_detail"].as_array()?.clone();
        streams.into_iter().find(|of| of["name"] == stream)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            if let Some(mut child) = node.child.take() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// A place on loopback where nobody listens, and where no connection begins meanwhile: below the ports that Linux gives out by itself.
pub fn place() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = std::process::id() * 61;
    for _ in 0..PORTS.len() {
        let turn = first + u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + u16::try_from(turn % u32::try_from(PORTS.len()).unwrap()).unwrap();
        if let Ok(held) = TcpListener::bind(("127.0.0.1", port)) {
            return held.local_addr().unwrap();
        }
    }
    panic!("all ports are taken");
}

/// Where there may be a server's program: what `tests/nats-server` fetched, and what is installed.
fn programs() -> impl Iterator<Item = PathBuf> {
    let tests = std::env::current_exe().unwrap();
    let target = tests.ancestors().nth(3).unwrap().to_owned();
    [target.join("tmp/nats-server"), "/usr/sbin/nats-server".into()].into_iter()
}

/// The version of a program; nothing where there is none.
fn version(program: &Path) -> Option<[u32; 3]> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let numbers: Vec<u32> = text.trim().rsplit_once('v')?.1.split('.').map(|n| n.parse().unwrap()).collect();
    numbers.try_into().ok()
}

const STARTS: usize = 4;
const LEAST: [u32; 3] = [2, 10, 23];
const PORTS: std::ops::Range<u16> = 20_000..32_000;
