//! What the rules do with each frame of a capture file, and where that was said.
//!
//! Nothing is decided here: the filter's decision, the engine and the gates decide, as for any frame, and are asked
//! what they decided.

use std::ops::ControlFlow;
use std::path::Path;

use headgate_capture::{self as capture, File, FileInterface, Frame, Whole};
use headgate_record::{Field, Record, Treatment, Value};
use headgate_rules::filter::end;
use headgate_rules::{Exclusion, Gate, Judgement, Origin, Places, RuleMatch, Rules};
use headgate_service::config::Headgate;
use headgate_wire::{self as wire, Link, Packet};
use serde::{Serialize, Serializer};

use crate::engine::{Contribution, Engine};
use crate::error::SensorError;
use crate::replay::{kept, name};
use crate::state::counters::Outcome;

/// What becomes of a frame. It serialises as one object, without a value that stands in the frame.
#[derive(Serialize)]
pub struct Explanation<'a> {
    /// Its number in the file, from 1.
    pub number: u64,
    /// When it was captured, RFC 3339; absent when the file does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The interface, as records name it.
    pub interface: &'a str,
    /// Octets on the wire, without a VLAN tag that stands beside the frame.
    pub wire_length: u32,
    /// Octets that the kernel hands over; absent where the frame is not read at all, and for links other than
    /// Ethernet, of which the kernel's program knows nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handed_over: Option<usize>,
    /// The layers in what is read of the frame, outermost first, the last of them perhaps in part.
    pub layers: Vec<String>,
    /// What excludes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded: Option<Excluded>,
    /// What leaves no more than its headers to be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers_only: Option<Excluded>,
    /// The rule that says how far it is read, or ends it; absent where none matches or what excludes it comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Ruled>,
    /// The field of the counters record that counts it; absent where the frame is not read at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted_as: Option<&'static str>,
    /// The records that would be others without it.
    pub records: Vec<Share>,
}

/// Why a frame becomes part of no record, or no more of one than its headers say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Excluded {
    /// The sort of exclusion: interface, vlan, mac, prefix or protocol.
    pub by: &'static str,
    /// The entry, as a rule file writes it; absent where what can be read of the frame does not tell which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// The part of the frame that the entry matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<&'static str>,
    /// Whether that part is within a tunnel.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub within_tunnel: bool,
    /// Where the entry stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Who decides it: nobody (the interface is not opened), the kernel or the collect gate.
    pub decided_in: &'static str,
}

/// The rule that decides about a frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ruled {
    /// Its name.
    pub name: String,
    /// What it says: none, counts, headers or control.
    pub collect: &'static str,
    /// Its conditions, by their keys; all hold.
    pub conditions: Vec<&'static str>,
    /// Whether they hold within a tunnel.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub within_tunnel: bool,
    /// Whether they hold for a station or address that the message names, and not for the frame itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub of_named: bool,
    /// Where it stands.
    pub at: String,
    /// Who decides it: the kernel or the collect gate.
    pub decided_in: &'static str,
}

/// A record that a frame is part of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Its kind.
    pub kind: &'static str,
    /// The group of stations that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stations: Option<String>,
    /// Whether it is kept on the appliance.
    pub collected: bool,
    /// Where that was said.
    #[serde(serialize_with = "text")]
    pub collected_by: Origin,
    /// Why nothing of it leaves, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<&'static str>,
    /// Where that was said.
    #[serde(serialize_with = "text")]
    pub released_by: Origin,
    /// The fields that the frame tells.
    pub fields: Vec<FieldFate>,
}

/// What the gates do with a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldFate {
    /// Its name.
    pub field: &'static str,
    /// What is kept of it on the appliance.
    pub collect: Fate,
    /// What of it leaves.
    pub release: Fate,
}

/// What a gate does with a field, and where that was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fate {
    /// The treatment.
    #[serde(serialize_with = "treatment")]
    pub treatment: Treatment,
    /// Where it was said.
    #[serde(serialize_with = "text")]
    pub by: Origin,
    /// The networks of IPv4 and of IPv6 that are left of an address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
}

/// A length of network, and where it was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Network {
    /// The length.
    pub length: u8,
    /// Where it was said.
    #[serde(serialize_with = "text")]
    pub by: Origin,
}

/// Reads a file and explains those of its frames that `wanted` wants, by their number. It ends when `f` breaks.
/// What a frame is part of depends on those before it, which are read as well.
///
/// # Errors
/// [`SensorError::Capture`] when the file cannot be read, or not to its end; what came before was handed over.
pub fn explain(
    (rules, places): (&Rules, &Places),
    settings: &Headgate,
    path: &Path,
    wanted: impl Fn(u64) -> bool,
    mut f: impl FnMut(&Explanation<'_>) -> ControlFlow<()>,
) -> Result<(), SensorError> {
    let mut engine = Engine::new(rules.clone(), settings);
    let mut file = File::open(path).map_err(SensorError::from)?;
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let mut number = 0;
    let result = file.read(Whole(|given: FileInterface<'_>, frame: Frame<'_>| {
        number += 1;
        let interface = name(given.name, &stem);
        if wanted(number) {
            f(&Explanation::new((rules, places), &mut engine, number, interface, &frame))?;
        } else if let Some(cut) = cut(rules, &frame) {
            let interface = engine.interface(interface);
            engine.frame(interface, &cut);
            engine.take();
        }
        ControlFlow::Continue(())
    }));
    result.map(|_| ()).map_err(|e| SensorError::from(capture::Error::from(e)))
}

/// What becomes of a field of a record: of the record's kind at least, and more exactly where there is a record.
#[must_use]
pub fn fate((rules, places): (&Rules, &Places), field: Field, record: Option<&Record>) -> FieldFate {
    let (collect, release) = (rules.collect(), rules.release());
    let treatments = match record {
        Some(record) => (collect.treats(field, record), release.treats(field, record)),
        None => (collect.treatment(field), release.treatment(field)),
    };
    let fate = |gate, treatment, lengths: [u8; 2]| Fate {
        treatment,
        by: places.field(gate, field),
        networks: match treatment {
            Treatment::Truncate => {
                let of = |(length, by)| Network { length, by };
                lengths.into_iter().zip(places.lengths(gate)).map(of).collect()
            }
            _ => Vec::new(),
        },
    };
    let released = fate(Gate::Release, treatments.1, release.lengths());
    let narrowed_by = record.and_then(|record| release.narrowed_by(field, record));
    FieldFate {
        field: field.name(),
        collect: fate(Gate::Collect, treatments.0, collect.lengths()),
        release: Fate { by: narrowed_by.map_or(released.by, |group| places.stations(group)), ..released },
    }
}

impl<'a> Explanation<'a> {
    fn new(
        (rules, places): (&Rules, &Places),
        engine: &mut Engine,
        number: u64,
        interface: &'a str,
        frame: &Frame<'a>,
    ) -> Self {
        let cut = cut(rules, frame);
        let at = engine.interface(interface);
        let decided = cut.as_ref().map(|cut| engine.contribution(at, cut));
        let (outcome, contributions) =
            decided.map_or((None, Vec::new()), |(outcome, shares)| (Some(outcome), shares));
        let is_ethernet = frame.link == Frame::ETHERNET;
        let rule = cut.as_ref().and_then(|cut| Ruled::new((rules, places), interface, frame, cut));
        let is_ended = |outcome| matches!(outcome, Some(Outcome::Excluded(_) | Outcome::Counted));
        let excluded = match (outcome, &cut) {
            // The rule says it.
            (Some(Outcome::Excluded(Exclusion::Rule)), _) if rule.is_some() => None,
            (Some(Outcome::Excluded(reason)), Some(cut)) => {
                Some(Excluded::new((rules, places), reason, interface, frame, cut))
            }
            _ => None,
        };
        Explanation {
            number,
            time: (frame.time_ns > 0).then(|| Value::Time(frame.time_ns).to_string()),
            interface,
            wire_length: frame.wire_len,
            handed_over: cut.as_ref().filter(|_| is_ethernet).map(|cut| cut.bytes.len()),
            layers: cut.as_ref().filter(|_| !is_ended(outcome)).map(layers).unwrap_or_default(),
            headers_only: cut
                .as_ref()
                .filter(|_| !is_ended(outcome))
                .and_then(|_| Excluded::limit((rules, places), interface, frame)),
            rule: rule.filter(|_| excluded.is_none()),
            excluded,
            counted_as: outcome.map(|outcome| outcome.field().name()),
            records: contributions.iter().map(|c| Share::new((rules, places), c)).collect(),
        }
    }
}

impl Excluded {
    fn new(
        (rules, places): (&Rules, &Places),
        reason: Exclusion,
        interface: &str,
        whole: &Frame<'_>,
        cut: &Frame<'_>,
    ) -> Self {
        let exclusions = rules.collect().exclusions();
        let wire_length = usize::try_from(whole.wire_len).unwrap_or(usize::MAX);
        let by_kernel = end(cut.bytes.len(), wire_length).is_some();
        let found = match reason {
            Exclusion::Interface => exclusions.find_interface(interface),
            // What the kernel hands over of a frame that it excludes is no more than the reason.
            _ => packet(if by_kernel { whole } else { cut }).and_then(|packet| exclusions.find(&packet)),
        };
        let found = found.filter(|found| found.exclusion == reason);
        Excluded {
            by: reason.name(),
            entry: found.map(|found| exclusions.show(&found)),
            part: found.map(|found| found.part),
            within_tunnel: found.is_some_and(|found| found.within_tunnel),
            at: found.and_then(|found| places.exclusion(&found)).map(|place| place.to_string()),
            decided_in: match reason {
                Exclusion::Interface => "nobody",
                _ if by_kernel => KERNEL,
                _ => COLLECT_GATE,
            },
        }
    }
}

impl Excluded {
    fn limit((rules, places): (&Rules, &Places), interface: &str, whole: &Frame<'_>) -> Option<Self> {
        let limits = rules.collect().headers_only();
        let found = limits.find_interface(interface).or_else(|| limits.find(&packet(whole)?))?;
        Some(Excluded {
            by: found.exclusion.name(),
            entry: Some(limits.show(&found)),
            part: Some(found.part),
            within_tunnel: found.within_tunnel,
            at: places.headers_only(&found).map(|place| place.to_string()),
            decided_in: match whole.link == Frame::ETHERNET && rules.limits_in_kernel(&found) {
                true => KERNEL,
                false => COLLECT_GATE,
            },
        })
    }
}

impl Ruled {
    fn new(
        (rules, places): (&Rules, &Places),
        interface: &str,
        whole: &Frame<'_>,
        cut: &Frame<'_>,
    ) -> Option<Self> {
        let wire_length = usize::try_from(whole.wire_len).unwrap_or(usize::MAX);
        let by_kernel = end(cut.bytes.len(), wire_length).is_some();
        // What the kernel hands over of a frame that it ends is no more than the reason.
        let packet = packet(if by_kernel { whole } else { cut })?;
        let list = rules.collect().rules();
        let judged = match by_kernel {
            true => rules.collect().judge_headers(&packet, list.on(interface)),
            false => rules.collect().judge(&packet, list.on(interface)),
        };
        let found: RuleMatch = match judged {
            Judgement::Ended(found) => found,
            Judgement::Read { rule, .. } => rule?,
            Judgement::Excluded(_) => return None,
        };
        let rule = list.iter().nth(found.rule)?;
        // The kernel's program is for Ethernet.
        let may_limit = whole.link == Frame::ETHERNET && !found.collect.ends();
        let is_in_kernel = by_kernel || may_limit && rules.rules_in_kernel(&packet, &found);
        Some(Ruled {
            name: rule.name().to_owned(),
            collect: found.collect.name(),
            conditions: rule.conditions(),
            within_tunnel: found.within_tunnel,
            of_named: found.is_named,
            at: places.rule(found.rule)?.to_string(),
            decided_in: if is_in_kernel { KERNEL } else { COLLECT_GATE },
        })
    }
}

impl Share {
    fn new((rules, places): (&Rules, &Places), contribution: &Contribution) -> Self {
        let Contribution { record, fields } = contribution;
        let withheld = rules.release().withholds(record);
        let (collect, kind) = (rules.collect(), record.kind());
        let group = collect.stations().find(record);
        let refusing = group.filter(|(_, group)| collect.collects(kind) && !group.collects(kind));
        Share {
            kind: kind.name(),
            stations: group.map(|(_, group)| group.name().to_owned()),
            collected: collect.collects(kind) && refusing.is_none(),
            collected_by: refusing.map_or(places.kinds(Gate::Collect), |(at, _)| places.stations(at)),
            withheld,
            released_by: match withheld {
                Some(headgate_rules::RANDOMISED_MAC) => places.randomised_macs(),
                Some(headgate_rules::STATIONS) => {
                    group.map(|(at, _)| places.stations(at)).unwrap_or_default()
                }
                _ => places.kinds(Gate::Release),
            },
            fields: fields.iter().map(|field| fate((rules, places), *field, Some(record))).collect(),
        }
    }
}

/// The frame as it is read: cut as the kernel cuts it.
fn cut<'a>(rules: &Rules, frame: &Frame<'a>) -> Option<Frame<'a>> {
    let bytes = frame.bytes.get(..kept(rules.keep(), frame)?)?;
    Some(Frame { bytes, ..*frame })
}

/// The names of the layers in a frame, without its type field.
fn layers(frame: &Frame<'_>) -> Vec<String> {
    let layers = packet(frame).and_then(|packet| serde_json::to_value(packet).ok());
    let name = |layer: &serde_json::Value| Some(layer.get("layer")?.as_str()?.to_owned());
    let name = |layer| name(layer).filter(|name| name != "ethertype");
    layers.as_ref().and_then(serde_json::Value::as_array).into_iter().flatten().filter_map(name).collect()
}

fn packet<'a>(frame: &Frame<'a>) -> Option<Packet<'a>> {
    let stripped = frame.tag.map(|tag| wire::vlan::Tag { tpid: tag.protocol, tci: tag.control });
    wire::parse(Link::from_linktype(frame.link)?, frame.bytes, stripped, frame.wire_len).ok()
}

const KERNEL: &str = "the kernel";
const COLLECT_GATE: &str = "the collect gate";

fn text<S: Serializer>(origin: &Origin, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(origin)
}

fn treatment<S: Serializer>(treatment: &Treatment, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(treatment.name())
}
