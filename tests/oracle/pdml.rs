//! What tshark reads: its dissection of a capture, one frame after another.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// A frame: its protocols, outermost first.
#[derive(Default)]
pub struct Frame {
    pub protocols: Vec<Protocol>,
    /// Which protocols are malformed for tshark, or cut by the capture.
    pub faults: Vec<usize>,
    /// What is being read is an error to an expert of tshark.
    is_error: bool,
}

pub struct Protocol {
    pub name: String,
    pub fields: Vec<Field>,
}

pub struct Field {
    pub name: String,
    /// As tshark shows it.
    pub show: String,
    /// Its octets, or its bits as a number, in hexadecimal digits.
    pub value: String,
}

/// The names of all protocols and fields.
pub fn names() -> HashSet<String> {
    let output = Command::new("tshark").args(["-G", "fields"]).output().expect("tshark (package tshark)");
    let text = String::from_utf8_lossy(&output.stdout);
    // A protocol or field, its name for people, its name.
    text.lines().filter_map(|line| line.split('\t').nth(2)).map(str::to_owned).collect()
}

/// Dissects each frame by itself: nothing is put together from several, and no name is looked up.
pub fn dissect(capture: &Path, wanted: &HashSet<String>, mut each: impl FnMut(Frame)) {
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "pdml", "-r"]).arg(capture).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
    for preference in [
        "ip.defragment:FALSE",
        "ipv6.defragment:FALSE",
        "tcp.desegment_tcp_streams:FALSE",
        "tcp.analyze_sequence_numbers:FALSE",
        // Octets in the order of the standard.
        "capwap.swap_fc:FALSE",
    ] {
        command.args(["-o", preference]);
    }
    let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut tshark = started.expect("tshark (package tshark)");
    let mut lines = BufReader::with_capacity(1 << 20, tshark.stdout.take().unwrap());
    let (mut tag, mut frame) = (Vec::new(), Frame::default());
    while lines.read_until(b'\n', &mut tag).unwrap() > 0 {
        // A value may hold line ends; what closes a tag is escaped there.
        if !tag.ends_with(b">\n") {
            continue;
        }
        let text = String::from_utf8_lossy(&tag);
        if text.starts_with("</packet>") {
            each(std::mem::take(&mut frame));
        } else {
            frame.read(&text, wanted);
        }
        tag.clear();
    }
    assert!(tshark.wait().unwrap().success(), "tshark cannot read {}", capture.display());
}

impl Frame {
    /// It is what was read last that is malformed.
    fn fault(&mut self) {
        let last = self.protocols.len().saturating_sub(1);
        if self.faults.last() != Some(&last) {
            self.faults.push(last);
        }
    }

    fn read(&mut self, tag: &str, wanted: &HashSet<String>) {
        let content = tag.trim_start();
        let depth = (tag.len() - content.len()) / 2;
        if content.starts_with("<proto ") {
            let name = attribute(content, "name").unwrap_or_default();
            if name == "_ws.malformed" || name == "_ws.short" {
                self.fault();
            } else if depth == 1 {
                self.protocols.push(Protocol { name, fields: Vec::new() });
            }
        } else if content.starts_with("<field name=\"_ws.expert.severity\"") {
            self.is_error = content.contains(ERROR);
        } else if content.starts_with("<field name=\"_ws.expert.group\"") {
            if content.contains(MALFORMED) || (self.is_error && content.contains(PROTOCOL)) {
                self.fault();
            }
        } else if let Some(rest) = content.strip_prefix("<field name=\"")
            && let Some((name, rest)) = rest.split_once('"')
            && wanted.contains(name)
            && let Some(protocol) = self.protocols.last_mut()
        {
            let [show, value] = ["show", "value"].map(|key| attribute(rest, key).unwrap_or_default());
            protocol.fields.push(Field { name: name.to_owned(), show, value });
        }
    }
}

/// How tshark shows what an expert says: the severity (`PI_ERROR`), then the group (`PI_MALFORMED`, `PI_PROTOCOL`).
const ERROR: &str = "show=\"8388608\"";
const MALFORMED: &str = "show=\"117440512\"";
const PROTOCOL: &str = "show=\"150994944\"";

fn attribute(tag: &str, key: &str) -> Option<String> {
    let mut rest = tag;
    loop {
        let (_, found) = rest.split_once(key)?;
        if let Some(value) = found.strip_prefix("=\"") {
            // Not the end of a longer name.
            if tag[..tag.len() - found.len() - key.len()].ends_with(' ') {
                return value.split_once('"').map(|(value, _)| unescape(value));
            }
        }
        rest = found;
    }
}

fn unescape(text: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&amp;", "&")];
    match text.contains('&') {
        true => entities.iter().fold(text.to_owned(), |text, (entity, c)| text.replace(entity, c)),
        false => text.to_owned(),
    }
}
