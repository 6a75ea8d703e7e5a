//! Capture files frame by frame, as the readers see them.

use std::ops::ControlFlow;
use std::path::Path;

use headgate_capture::{self as capture, File, FileInterface, Frame, Whole};
use headgate_record::Value;
use headgate_rules::Rules;
use headgate_rules::filter::{VlanTag, exclusion};
use headgate_wire::{self as wire, Link, Malformed, Packet};
use serde::Serialize;

use crate::error::SensorError;

/// One frame of a file. It serialises as one object.
#[derive(Serialize)]
pub struct Dissection<'a> {
    /// Its number in the file, from 1.
    pub number: u64,
    /// When it was captured, RFC 3339; absent when the file does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The interface, as the file names it.
    pub interface: &'a str,
    /// LINKTYPE value.
    pub link_type: u32,
    /// The link type, where it is one that is read.
    pub link: Option<Link>,
    /// Octets on the wire, with all VLAN tags.
    pub wire_length: u64,
    /// Octets in the file.
    pub captured_length: u64,
    /// Octets that the kernel filter would keep, the tag that stands beside the frame included. The kernel's
    /// program is for Ethernet; absent for other links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_length: Option<u64>,
    /// Why the rules exclude the frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded: Option<&'static str>,
    /// Its layers, outermost first; absent when not even the first can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Packet<'a>>,
    /// The first part that is malformed, or that was not captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<Malformed>,
}

/// Reads a file and hands over each frame in full, with what `rules` would keep of it. It ends when `f` breaks.
///
/// # Errors
/// [`SensorError::Capture`] when the file cannot be read, or not to its end; what came before was handed over.
pub fn dissect(
    rules: &Rules,
    path: &Path,
    mut f: impl FnMut(&Dissection<'_>) -> ControlFlow<()>,
) -> Result<(), SensorError> {
    let mut file = File::open(path).map_err(SensorError::from)?;
    let mut number = 0;
    let result = file.read(Whole(|interface: FileInterface<'_>, frame: Frame<'_>| {
        number += 1;
        f(&Dissection::new(rules, number, interface.name, &frame))
    }));
    result.map(|_| ()).map_err(|e| SensorError::from(capture::Error::from(e)))
}

impl<'a> Dissection<'a> {
    fn new(rules: &Rules, number: u64, interface: &'a str, frame: &Frame<'a>) -> Self {
        let link = Link::from_linktype(frame.link);
        let beside = if frame.tag.is_some() { u64::from(TAG_LEN) } else { 0 };
        let length = |octets: usize| u64::try_from(octets).unwrap_or(u64::MAX).saturating_add(beside);
        let kept = (link == Some(Link::Ethernet))
            .then(|| rules.filter().run(frame.bytes, frame.tag.map(|tag| VlanTag(tag.control))));
        let wire_len = usize::try_from(frame.wire_len).unwrap_or(usize::MAX);
        let stripped = frame.tag.map(|tag| wire::vlan::Tag { tpid: tag.protocol, tci: tag.control });
        let packet = link.map(|link| wire::parse(link, frame.bytes, stripped, frame.wire_len));
        let (layers, malformed) = match packet {
            Some(Ok(packet)) => {
                let fault = packet.malformed;
                (Some(packet), fault)
            }
            Some(Err(fault)) => (None, Some(fault)),
            None => (None, None),
        };
        Dissection {
            number,
            time: (frame.time_ns > 0).then(|| Value::Time(frame.time_ns).to_string()),
            interface,
            link_type: frame.link,
            link,
            wire_length: u64::from(frame.wire_len).saturating_add(beside),
            captured_length: length(frame.bytes.len()),
            kept_length: kept.map(length),
            excluded: kept.and_then(|kept| exclusion(kept, wire_len)).map(|reason| reason.name()),
            layers,
            malformed,
        }
    }
}

/// Octets of a VLAN tag that stands beside its frame.
const TAG_LEN: u32 = 4;
