//! Names (RFC 1035, 3.1 and 4.1.4), of which only a service type at their end is kept.

use super::{ServiceType, Transport};
use crate::{Kind, Malformed, Text, cursor::Cursor};

/// Most compression pointers that are followed in a name.
pub const MAX_JUMPS: usize = 16;
/// Most labels of a name (RFC 1035, 2.3.4).
pub const MAX_LABELS: usize = 127;

/// Steps over the name at the cursor. What it gives is the service type that the name ends in. A
/// compression pointer must point to before the part of the name that it ends; `start` is where the message
/// begins.
pub(super) fn parse<'a>(
    start: &Cursor<'a>,
    cursor: &mut Cursor<'a>,
) -> Result<Option<ServiceType<'a>>, Malformed> {
    let mut part = *cursor;
    let mut at = *cursor;
    let mut jumps = 0_usize;
    // The last three labels so far.
    let mut window: [&[u8]; 3] = [&[]; 3];
    for _ in 0..MAX_LABELS.saturating_add(MAX_JUMPS) {
        let before = at;
        let length = at.u8()?;
        match length {
            0 => {
                if jumps == 0 {
                    *cursor = at;
                }
                return Ok(service_type(window));
            }
            1..=0x3f => {
                let [_, second, last] = window;
                window = [second, last, at.take(length.into())?];
            }
            0xc0.. => {
                let target = usize::from(u16::from_be_bytes([length & 0x3f, at.u8()?]));
                if jumps == 0 {
                    *cursor = at;
                }
                jumps = jumps.saturating_add(1);
                let mut jumped = *start;
                jumped.take(target).map_err(|_| before.malformed(Kind::Value))?;
                if jumped.offset() >= part.offset() {
                    return Err(before.malformed(Kind::Order));
                }
                if jumps > MAX_JUMPS {
                    return Err(before.malformed(Kind::Limit));
                }
                part = jumped;
                at = jumped;
            }
            _ => return Err(before.malformed(Kind::Value)),
        }
    }
    Err(at.malformed(Kind::Limit))
}

/// The service type that the last three labels of a name are.
fn service_type([service, transport, domain]: [&[u8]; 3]) -> Option<ServiceType<'_>> {
    let transport = if transport.eq_ignore_ascii_case(b"_tcp") {
        Transport::Tcp
    } else if transport.eq_ignore_ascii_case(b"_udp") {
        Transport::Udp
    } else {
        return None;
    };
    let is_local = domain.eq_ignore_ascii_case(b"local");
    (is_local && is_registrable(service)).then_some(ServiceType { service: Text(service), transport })
}

/// Whether a label is an underscore and a service name: 1 to 15 letters, digits and hyphens, with a letter
/// among them, and no hyphen first, last or next to another (RFC 6335, 5.1).
fn is_registrable(label: &[u8]) -> bool {
    let Some((b'_', name)) = label.split_first() else { return false };
    let has_hyphens_apart = name.split(|octet| *octet == b'-').all(|part| !part.is_empty());
    name.len() <= MAX_SERVICE_NAME_LEN
        && name.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-')
        && name.iter().any(u8::is_ascii_alphabetic)
        && has_hyphens_apart
}

/// Most octets of a service name (RFC 6335, 5.1).
const MAX_SERVICE_NAME_LEN: usize = 15;
