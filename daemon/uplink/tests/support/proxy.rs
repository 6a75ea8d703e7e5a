//! An HTTP proxy that opens tunnels, or answers as a test wants.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What it does with who asks.
#[derive(Clone, Copy)]
pub enum Manner {
    /// Opens a tunnel to where it is asked, with this answer.
    Tunnel(&'static str),
    /// Says this, and opens none.
    Say(&'static str),
    /// Says nothing, until the other end gives up.
    Nothing,
}

/// Listens until it is dropped.
pub struct Proxy {
    pub port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    stop: AtomicBool,
    manner: Mutex<Manner>,
    /// What it was asked, word for word.
    asked: Mutex<Vec<String>>,
    /// What went through from who asked.
    through: Mutex<Vec<u8>>,
    /// How many gave up on it.
    given_up: Mutex<usize>,
}

impl Proxy {
    pub fn start(manner: Manner) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            manner: Mutex::new(manner),
            asked: Mutex::default(),
            through: Mutex::default(),
            given_up: Mutex::default(),
        });
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if served.stop.load(Ordering::Acquire) {
                    return;
                }
                let served = Arc::clone(&served);
                std::thread::spawn(move || served.serve(stream.unwrap()));
            }
        });
        Proxy { port, shared, thread: Some(thread) }
    }

    pub fn manner(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
    }

    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }

    pub fn through(&self) -> Vec<u8> {
        self.shared.through.lock().unwrap().clone()
    }

    pub fn given_up(&self) -> usize {
        *self.shared.given_up.lock().unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn serve(&self, mut client: TcpStream) {
        let mut head = Vec::new();
        let mut octet = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if client.read(&mut octet).unwrap() == 0 {
                return;
            }
            head.push(octet[0]);
        }
        let head = String::from_utf8(head).unwrap();
        self.asked.lock().unwrap().push(head.clone());
        let manner = *self.manner.lock().unwrap();
        match manner {
            Manner::Tunnel(answer) => {
                let target = head.split(' ').nth(1).unwrap();
                let server = TcpStream::connect(target).unwrap();
                client.write_all(answer.as_bytes()).unwrap();
                let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let back = std::thread::spawn(move || carry(from, to, |_| {}));
                carry(client, server, |octets| self.through.lock().unwrap().extend_from_slice(octets));
                back.join().unwrap();
            }
            Manner::Say(answer) => client.write_all(answer.as_bytes()).unwrap(),
            Manner::Nothing => {
                client.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
                assert_eq!(client.read(&mut octet).unwrap(), 0);
                *self.given_up.lock().unwrap() += 1;
            }
        }
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, mut see: impl FnMut(&[u8])) {
    let mut octets = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut octets) {
        see(&octets[..length]);
        if to.write_all(&octets[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
