//! A wire to a receiver that changes an octet when it is told to.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Which way an octet is changed.
#[derive(Clone, Copy)]
pub enum Way {
    ToReceiver = 1,
    ToUplink = 2,
}

/// Carries for as long as its ends are there.
pub struct Wire {
    pub port: u16,
    armed: Arc<AtomicU8>,
}

impl Wire {
    pub fn to(port: u16) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (own, armed) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU8::new(0)));
        let shared = Arc::clone(&armed);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(uplink), Ok(receiver)) = (stream, TcpStream::connect(("127.0.0.1", port))) else {
                    return;
                };
                let ends = [(&uplink, &receiver, Way::ToReceiver), (&receiver, &uplink, Way::ToUplink)];
                for (from, to, way) in ends {
                    let (from, to, armed) =
                        (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(&shared));
                    std::thread::spawn(move || carry(from, to, way as u8, &armed));
                }
            }
        });
        Wire { port: own, armed }
    }

    /// The last octet of what comes next this way is another.
    pub fn damage(&self, way: Way) {
        self.armed.store(way as u8, Ordering::Release);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, way: u8, armed: &AtomicU8) {
    let mut part = [0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut part) {
        if armed.compare_exchange(way, 0, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            part[read - 1] ^= 1;
        }
        if to.write_all(&part[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
    let _ = from.shutdown(std::net::Shutdown::Both);
}
