//! A site's own collector, which says yes to all of one connection.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::crypto::aws_lc_rs;
use rustls::{NamedGroup, ServerConfig, ServerConnection, StreamOwned};

use super::Site;

pub struct Collector {
    pub port: u16,
    thread: JoinHandle<Option<NamedGroup>>,
}

impl Collector {
    /// Over TLS with a certificate that the site's collector credential recognises, or without TLS.
    pub fn start(site: &Site, is_tls: bool) -> Collector {
        site.write("credentials/collector.crt", &site.authority.pem());
        let (certificate, key) = site.authority.server("127.0.0.1", false);
        let tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            if !is_tls {
                say_yes(stream);
                return None;
            }
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::new(tls)).unwrap(), stream);
            say_yes(&mut stream);
            Some(stream.conn.negotiated_key_exchange_group().unwrap().name())
        });
        Collector { port, thread }
    }

    /// The key exchange of the connection, when that has ended.
    pub fn group(self) -> Option<NamedGroup> {
        self.thread.join().unwrap()
    }
}

/// Answers each request, for as long as the connection lasts.
fn say_yes(mut stream: impl Read + Write) {
    let mut seen = Vec::new();
    let mut octets = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut octets) {
        seen.extend_from_slice(&octets[..length]);
        let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(seen[..end].to_vec()).unwrap().to_lowercase();
        let body = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
        let whole = end + 4 + body.parse::<usize>().unwrap();
        if seen.len() >= whole {
            seen.drain(..whole);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            stream.flush().unwrap();
        }
    }
}
