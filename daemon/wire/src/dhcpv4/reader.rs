//! From octets to options: finds their instances, puts split ones together, and reads each by its code.

use std::borrow::Cow;

use arrayvec::ArrayVec;

use super::{
    MAX_INSTANCES, Message, OptionFact, Options,
    options::{ClientFqdn, FQDN_HEADER_LEN, RelayAgent},
};
use crate::{Kind, cursor::Cursor};

/// Most octets of options that are looked at; no UDP datagram has more.
const MAX_OPTIONS_LEN: usize = 65_535;

/// Reads the options field, and `file` and `sname` where option 52 says that they hold options,
/// into `message`.
pub(super) fn read<'a>(message: &mut Message<'a>, options: Cursor<'a>, file: Cursor<'a>, sname: Cursor<'a>) {
    let mut instances = Instances::new();
    collect(message, &mut instances, options);
    let overload = Reader { message, instances: &instances }.fixed::<1>(OVERLOAD);
    let overloaded = match overload {
        None => 0,
        Some([value @ 1..=3]) => value,
        Some(_) => {
            note_at(message, &instances, OVERLOAD, Kind::Value);
            0
        }
    };
    if overloaded & 1 != 0 {
        message.file = None;
        collect(message, &mut instances, file);
    }
    if overloaded & 2 != 0 {
        message.sname = None;
        collect(message, &mut instances, sname);
    }
    interpret(message, &instances);
}

/// One instance of an option. Several of the same code are parts of one option (RFC 3396).
struct Instance<'a> {
    code: u8,
    start: Cursor<'a>,
    value: &'a [u8],
}

type Instances<'a> = ArrayVec<Instance<'a>, MAX_INSTANCES>;

/// Finds the instances of one field, up to its End option.
fn collect<'a>(message: &mut Message<'a>, instances: &mut Instances<'a>, mut cursor: Cursor<'a>) {
    for _ in 0..MAX_OPTIONS_LEN {
        let start = cursor;
        let code = match cursor.array() {
            Ok(&[END]) => return,
            Ok(&[PAD]) => continue,
            Ok(&[code]) => code,
            Err(malformed) if cursor.is_cut() => return message.note(malformed),
            Err(_) => return message.note(start.malformed(Kind::Missing)),
        };
        let value = match cursor.array().and_then(|&[length]| cursor.take(usize::from(length))) {
            Ok(value) => value,
            Err(malformed) if malformed.kind == Kind::NotCaptured => return message.note(malformed),
            Err(_) => return message.note(start.malformed(Kind::Length)),
        };
        if instances.try_push(Instance { code, start, value }).is_err() {
            return message.note(start.malformed(Kind::Limit));
        }
    }
}

fn interpret<'a>(message: &mut Message<'a>, instances: &Instances<'a>) {
    let mut reader = Reader { message, instances };
    let options = Options {
        hostname: reader.octets(HOST_NAME, 1),
        requested_address: reader.fixed(REQUESTED_ADDRESS).map(|v: [u8; 4]| v.into()),
        lease_time: reader.fixed(LEASE_TIME).map(u32::from_be_bytes),
        message_type: reader.fixed(MESSAGE_TYPE).map(|[v]| v.into()),
        server_identifier: reader.fixed(SERVER_IDENTIFIER).map(|v: [u8; 4]| v.into()),
        parameter_request_list: reader.octets(PARAMETER_REQUEST_LIST, 1),
        maximum_message_size: reader.fixed(MAXIMUM_MESSAGE_SIZE).map(u16::from_be_bytes),
        vendor_class: reader.octets(VENDOR_CLASS, 1),
        client_identifier: reader.octets(CLIENT_IDENTIFIER, 2),
        client_fqdn: reader.octets(CLIENT_FQDN, FQDN_HEADER_LEN).map(ClientFqdn),
        relay_agent: reader.octets(RELAY_AGENT, 2).map(RelayAgent),
        others: ArrayVec::new(),
    };
    if let Some(fault) = options.relay_agent.as_ref().and_then(|agent| agent.walk().find_map(Result::err)) {
        note_at(message, instances, RELAY_AGENT, fault);
    }
    message.options = options;
    for instance in instances.iter().filter(|i| !READ.contains(&i.code)) {
        keep_fact(message, instance);
    }
}

fn keep_fact(message: &mut Message<'_>, instance: &Instance<'_>) {
    let length = u16::try_from(instance.value.len()).unwrap_or(u16::MAX);
    let others = &mut message.options.others;
    if let Some(known) = others.iter_mut().find(|o| o.code == instance.code) {
        known.length = known.length.saturating_add(length);
    } else if others.try_push(OptionFact { code: instance.code, length }).is_err() {
        message.omitted = message.omitted.saturating_add(1);
    }
}

fn note_at(message: &mut Message<'_>, instances: &Instances<'_>, code: u8, kind: Kind) {
    if let Some(instance) = instances.iter().find(|i| i.code == code) {
        message.note(instance.start.malformed(kind));
    }
}

/// Reads options by code, and notes those that are malformed.
struct Reader<'m, 'i, 'a> {
    message: &'m mut Message<'a>,
    instances: &'i Instances<'a>,
}

impl<'a> Reader<'_, '_, 'a> {
    /// The value of an option of at least `shortest` octets, over all instances.
    fn octets(&mut self, code: u8, shortest: usize) -> Option<Cow<'a, [u8]>> {
        let value = self.value(code)?;
        if value.len() < shortest {
            note_at(self.message, self.instances, code, Kind::Length);
            return None;
        }
        Some(value)
    }

    /// The value of an option of `N` octets. Where an instance of it follows that is whole by
    /// itself, the first one counts.
    fn fixed<const N: usize>(&mut self, code: u8) -> Option<[u8; N]> {
        let value = self.value(code)?;
        if let Ok(value) = <[u8; N]>::try_from(&*value) {
            return Some(value);
        }
        let first = self.instances.iter().find(|i| i.code == code).and_then(|i| i.value.try_into().ok());
        let kind = if first.is_some() { Kind::Duplicate } else { Kind::Length };
        note_at(self.message, self.instances, code, kind);
        first
    }

    fn value(&self, code: u8) -> Option<Cow<'a, [u8]>> {
        let mut parts = self.instances.iter().filter(|i| i.code == code).map(|i| i.value);
        let mut value = Cow::Borrowed(parts.next()?);
        for part in parts {
            value.to_mut().extend_from_slice(part);
        }
        Some(value)
    }
}

const PAD: u8 = 0;
const HOST_NAME: u8 = 12;
const REQUESTED_ADDRESS: u8 = 50;
const LEASE_TIME: u8 = 51;
const OVERLOAD: u8 = 52;
const MESSAGE_TYPE: u8 = 53;
const SERVER_IDENTIFIER: u8 = 54;
const PARAMETER_REQUEST_LIST: u8 = 55;
const MAXIMUM_MESSAGE_SIZE: u8 = 57;
const VENDOR_CLASS: u8 = 60;
const CLIENT_IDENTIFIER: u8 = 61;
const CLIENT_FQDN: u8 = 81;
const RELAY_AGENT: u8 = 82;
const END: u8 = 255;

/// The options that are read; of all others only the fact is kept.
const READ: [u8; 12] = [
    HOST_NAME,
    REQUESTED_ADDRESS,
    LEASE_TIME,
    OVERLOAD,
    MESSAGE_TYPE,
    SERVER_IDENTIFIER,
    PARAMETER_REQUEST_LIST,
    MAXIMUM_MESSAGE_SIZE,
    VENDOR_CLASS,
    CLIENT_IDENTIFIER,
    CLIENT_FQDN,
    RELAY_AGENT,
];
