//! Frames of EAPOL and RADIUS.

use headgate_record::{Field, Record};

use super::text;

pub const MS: u64 = 1_000_000;
pub const PAE: [u8; 6] = [0x01, 0x80, 0xc2, 0, 0, 3];
pub const LAPTOP: [u8; 6] = [0x00, 0x1b, 0x21, 0, 0, 1];
pub const PHONE: [u8; 6] = [0x00, 0x1b, 0x21, 0, 0, 2];

pub const REQUEST: u8 = 1;
pub const RESPONSE: u8 = 2;
pub const SUCCESS: u8 = 3;
pub const FAILURE: u8 = 4;
pub const IDENTITY: u8 = 1;
pub const NAK: u8 = 3;
pub const TLS: u8 = 13;
pub const PEAP: u8 = 25;

pub fn results(records: &[Record]) -> Vec<(String, String)> {
    records
        .iter()
        .map(|r| (text(r, Field::AuthenticationMac), text(r, Field::AuthenticationResult)))
        .collect()
}

pub fn eapol(from: [u8; 6], to: [u8; 6], kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&to[..], &from, &[0x88, 0x8e, 2, kind], &length, body].concat()
}

pub fn eap(from: [u8; 6], to: [u8; 6], code: u8, identifier: u8, data: &[u8]) -> Vec<u8> {
    eapol(from, to, 0, &packet(code, identifier, data))
}

pub fn packet(code: u8, identifier: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 4).unwrap().to_be_bytes();
    [&[code, identifier][..], &length, data].concat()
}

pub fn start(from: [u8; 6]) -> Vec<u8> {
    eapol(from, PAE, 1, &[])
}

/// `client` is the last octet of the NAS's address and its port, where it asks.
pub fn radius(
    client: (u8, u16),
    answers: bool,
    port: u16,
    code: u8,
    identifier: u8,
    attributes: &[u8],
) -> Vec<u8> {
    let (nas, server) = ([10, 9, 0, client.0], [10, 9, 1, 1]);
    let (from, to) = if answers { (server, nas) } else { (nas, server) };
    let (source, destination) = if answers { (port, client.1) } else { (client.1, port) };
    let length = u16::try_from(attributes.len() + 20).unwrap();
    let words = |words: &[u16]| words.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<u8>>();
    [
        &[0, 0x1c, 0x73, 0, 0, 9, 0, 0x1c, 0x73, 0, 0, 8, 8, 0, 0x45, 0][..],
        &words(&[length + 28, 0, 0]),
        &[64, 17, 0, 0],
        &from,
        &to,
        &words(&[source, destination, length + 8, 0]),
        &[code, identifier],
        &words(&[length]),
        &[7; 16],
        attributes,
    ]
    .concat()
}

pub fn attribute(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind, u8::try_from(value.len() + 2).unwrap()][..], value].concat()
}

pub fn about(station: &[u8], more: &[Vec<u8>]) -> Vec<u8> {
    [attribute(1, b"anna@example.org"), attribute(31, station), more.concat()].concat()
}

pub const NAS: (u8, u16) = (1, 50_000);
