//! Between two processes: passes on what they say to each other, and remembers it.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use headgate_receiver::Keys;
use headgate_record::local::{FromSensor, Handover, MAX_MESSAGE_BYTES, ToUplink};
use headgate_record::sealed::Sealed;
use headgate_record::{Record, batch::Batch};
use headgate_service::frame;

/// A socket that leads to another one.
pub struct Relay {
    /// What was said, by connection: that of the client, that of the server.
    conversations: Arc<Mutex<Vec<[Said; 2]>>>,
}

type Said = Arc<Mutex<Vec<u8>>>;

impl Relay {
    /// Listens at `socket`, whose directory it makes, and leads to `server`.
    pub fn between(socket: &Path, server: PathBuf) -> Relay {
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(socket).unwrap();
        let conversations = Arc::<Mutex<Vec<[Said; 2]>>>::default();
        let shared = Arc::clone(&conversations);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                // Without a server the client is hung up on, as if it had not been there.
                let Ok(server) = UnixStream::connect(&server) else { continue };
                let said = [Said::default(), Said::default()];
                shared.lock().unwrap().push(said.clone());
                let [from_client, from_server] = said;
                pass(client.try_clone().unwrap(), server.try_clone().unwrap(), from_client);
                pass(server, client, from_server);
            }
        });
        Relay { conversations }
    }

    /// All octets, both ways.
    pub fn octets(&self) -> Vec<u8> {
        let said = self.conversations.lock().unwrap();
        said.iter().flatten().flat_map(|said| said.lock().unwrap().clone()).collect()
    }

    /// The records that a sensor handed over, in order.
    pub fn records(&self) -> Vec<Record> {
        let records =
            self.messages(0).into_iter().flat_map(|bytes| match FromSensor::decode(&bytes).unwrap() {
                Handover::Hello { .. } | Handover::Interfaces(_) => Vec::new(),
                Handover::Records { sets, .. } => sets.iter().flat_map(|set| set.decode().unwrap()).collect(),
            });
        records.collect()
    }

    /// The batches that an uplink took, opened with the receiver's key.
    pub fn batches(&self, seal_key: &Path) -> Vec<Batch> {
        let keys = Keys::load([seal_key]).unwrap();
        let messages = self.messages(1).into_iter().map(|bytes| ToUplink::decode(&bytes).unwrap());
        let batches = messages.filter_map(|message| match message {
            ToUplink::Batch(batch) => Some(keys.open(&Sealed::decode(&batch).unwrap()).unwrap().0),
            _ => None,
        });
        batches.collect()
    }

    fn messages(&self, side: usize) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        for said in &*self.conversations.lock().unwrap() {
            let said = said[side].lock().unwrap();
            let mut stream = said.as_slice();
            while let Some(message) = frame::read(&mut stream, MAX_MESSAGE_BYTES).unwrap() {
                messages.push(message);
            }
        }
        messages
    }
}

/// Passes on until one side has ended.
fn pass(mut from: UnixStream, mut to: UnixStream, said: Said) {
    std::thread::spawn(move || {
        let mut part = [0; 1 << 16];
        while let Ok(length) = from.read(&mut part)
            && length > 0
        {
            said.lock().unwrap().extend_from_slice(&part[..length]);
            if to.write_all(&part[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}
