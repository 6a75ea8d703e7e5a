//! Headers of frames for a time, for `headgate requests allow`: into a capture file of the administrator's.
//!
//! The kernel keeps of a frame what the site's own rules let, and of what ARP, LLDP, DHCP and the like say in it nothing: the same
//! program as the sensor's, with every protocol under `[headers_only]`. What the collect gate excludes beyond that is left out here.
//! A selection is asked besides, which can only leave out more.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use headgate_capture::{self as capture, Frame, Geometry, Ring};
use headgate_rules::filter::{self, Scope};
use headgate_rules::{Exclusion, Judgement, Rules};
use headgate_service::config::{self, Headgate, InterfaceName};
use headgate_wire as wire;

use crate::error::SensorError;
use crate::opener::instructions;
use crate::start::read_named;

/// What a capture of headers came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeaderCapture {
    /// Frames that were written.
    pub frames: u64,
    /// Frames that the rules or the selection left out.
    pub left_out: u64,
    /// Octets of the file.
    pub octets: u64,
    /// Whether it ended because the file had grown to [`MAX_CAPTURE_OCTETS`].
    pub is_full: bool,
}

/// What may be captured, by the site's rules and a selection.
pub struct HeaderRules {
    site: Rules,
    selection: Rules,
}

impl HeaderRules {
    /// The rules beside this configuration file, and a selection: the conditions of a rule (`vlans`, `macs`, `prefixes`,
    /// `protocols`), none for everything that the site's rules let.
    ///
    /// # Errors
    /// Those of the rule files; [`SensorError::Rules`] for a selection that is none, under the name `request`; and
    /// [`SensorError::NoRoomForHeaders`] where the rules are so large that the kernel cannot keep to headers.
    pub fn read(config: &Path, selection: &str) -> Result<HeaderRules, SensorError> {
        let file = config.with_file_name("rules.toml");
        let mut files = read_named(&file)?;
        files.push(("headers".into(), format!("[headers_only]\nprotocols = {PROTOCOLS:?}\n")));
        let (site, _) = Rules::parse_with_lists(&files, &|name| config::read_list(&file, name))?;
        let is_left =
            |left: &filter::Left| left.scope == Scope::HeadersOnly && left.exclusion == Exclusion::Protocol;
        if site.keep().left().iter().any(is_left) {
            return Err(SensorError::NoRoomForHeaders);
        }
        // Whatever it says, it is asked beside the site's rules, and never in their place.
        let text = format!(
            "[[rule]]\nname = \"request\"\ncollect = \"headers\"\n{selection}\n[[rule]]\nname = \"rest\"\ncollect = \"none\"\n"
        );
        let selection = Rules::parse(&[("request".into(), text)])?;
        Ok(HeaderRules { site, selection })
    }

    /// Whether a frame as the kernel cut it may be written.
    fn lets(&self, interface: &str, frame: &Frame<'_>) -> bool {
        let length = usize::try_from(frame.wire_len).unwrap_or(usize::MAX);
        if filter::end(frame.bytes.len(), length).is_some() {
            return false;
        }
        let Some(link) = wire::Link::from_linktype(frame.link) else { return false };
        let mut packet =
            wire::Packet::new(frame.tag.map(|tag| wire::vlan::Tag { tpid: tag.protocol, tci: tag.control }));
        packet.read(link, frame.bytes, frame.wire_len).is_ok()
            && [&self.site, &self.selection].into_iter().all(|rules| {
                let collect = rules.collect();
                matches!(collect.judge(&packet, collect.rules().on(interface)), Judgement::Read { .. })
            })
    }
}

/// Captures on an interface of the configuration for `time`, or until `stop` says so; `out` gets a pcap file with times in
/// nanoseconds. Needs `CAP_NET_RAW`.
///
/// # Errors
/// [`SensorError::NotWatched`] for an interface that the configuration does not name or a rule excludes;
/// [`SensorError::Capture`]; [`SensorError::Written`].
pub fn capture_headers(
    config: &Headgate,
    rules: &HeaderRules,
    interface: &str,
    time: Duration,
    stop: &dyn Fn() -> bool,
    out: &mut dyn Write,
) -> Result<HeaderCapture, SensorError> {
    let is_named = config.capture.interfaces.iter().map(InterfaceName::as_str).any(|name| name == interface);
    if !is_named || rules.site.collect().exclusions().excludes_interface(interface) {
        return Err(SensorError::NotWatched(interface.to_owned()));
    }
    let geometry = Geometry::for_budget(RING_MIB);
    let program = instructions(rules.site.filter());
    let socket = capture::open(interface, &program, config.capture.promiscuous, geometry)?;
    let mut ring = Ring::map(socket, geometry)?;
    let mut file = Pcap::begin(out).map_err(SensorError::Written)?;
    let mut done = HeaderCapture::default();
    let until = Instant::now().checked_add(time);
    while until.is_some_and(|until| Instant::now() < until) && !stop() && !done.is_full {
        let mut failed = None;
        let polled = ring.poll(PAUSE, |frame| {
            if failed.is_some() || done.is_full || !rules.lets(interface, &frame) {
                done.left_out += 1;
            } else if let Err(error) = file.write(&frame) {
                failed = Some(error);
            } else {
                done.frames += 1;
                done.is_full = file.octets >= MAX_CAPTURE_OCTETS;
            }
        });
        if let Some(error) = failed {
            return Err(SensorError::Written(error));
        }
        match polled {
            Ok(_) | Err(capture::Error::InterfaceDown | capture::Error::Block { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    out_of(file, &mut done).map_err(SensorError::Written)?;
    Ok(done)
}

fn out_of(file: Pcap<'_>, done: &mut HeaderCapture) -> io::Result<()> {
    done.octets = file.octets;
    file.out.flush()
}

/// A capture file (the pcap format, draft-ietf-opsawg-pcap), times in nanoseconds.
struct Pcap<'a> {
    out: &'a mut dyn Write,
    octets: u64,
}

impl<'a> Pcap<'a> {
    fn begin(out: &'a mut dyn Write) -> io::Result<Pcap<'a>> {
        let mut file = Pcap { out, octets: 0 };
        let mut head = NANOSECONDS.to_le_bytes().to_vec();
        head.extend_from_slice(&2_u16.to_le_bytes());
        head.extend_from_slice(&4_u16.to_le_bytes());
        head.extend_from_slice(&[0; 8]);
        head.extend_from_slice(&SNAP.to_le_bytes());
        head.extend_from_slice(&Frame::ETHERNET.to_le_bytes());
        file.put(&head)?;
        Ok(file)
    }

    /// A tag that was taken out stands where it was on the wire.
    fn write(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        let (addresses, rest) = frame.bytes.split_at_checked(ADDRESSES).unwrap_or((frame.bytes, &[]));
        let tag = frame.tag.map(|tag| [tag.protocol.to_be_bytes(), tag.control.to_be_bytes()].concat());
        let tag = tag.unwrap_or_default();
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let kept = number(frame.bytes.len().saturating_add(tag.len()));
        let (seconds, rest_ns) = (frame.time_ns / SECOND, frame.time_ns % SECOND);
        for part in [
            u32::try_from(seconds).unwrap_or(u32::MAX),
            u32::try_from(rest_ns).unwrap_or(0),
            kept,
            frame.wire_len.saturating_add(number(tag.len())),
        ] {
            self.put(&part.to_le_bytes())?;
        }
        [addresses, &tag, rest].into_iter().try_for_each(|part| self.put(part))
    }

    fn put(&mut self, octets: &[u8]) -> io::Result<()> {
        self.octets = self.octets.saturating_add(u64::try_from(octets.len()).unwrap_or(u64::MAX));
        self.out.write_all(octets)
    }
}

/// All protocols of which more than headers is ever read.
const PROTOCOLS: [&str; 16] = [
    "arp", "cdp", "dhcp", "eapol", "edp", "fdp", "icmp", "icmpv6", "igmp", "lldp", "mdns", "radius", "sonmp",
    "stp", "tcp", "udp",
];
/// Most octets of a file.
pub const MAX_CAPTURE_OCTETS: u64 = 256 << 20;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const SNAP: u32 = 1 << 18;
const SECOND: u64 = 1_000_000_000;
/// Both addresses of an Ethernet header.
const ADDRESSES: usize = 12;
const RING_MIB: u32 = 8;
const PAUSE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests;
