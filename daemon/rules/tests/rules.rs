//! Rules: the kernel's program, the collect gate, and what rules mean.
//!
//! What they mean is said in `support/rules.rs` once more, of what was put into a frame: neither reader nor compiler has
//! a part in it.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

use headgate_rules::filter::{End, Left, Scope, VlanTag, end};
use headgate_rules::{Collect, Exclusion, Judgement, Rules};
use headgate_wire as wire;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

#[path = "support/control.rs"]
mod frames;
#[path = "support/rules.rs"]
mod meaning;
#[path = "support/tunnels.rs"]
mod shapes;

use frames::{ABOVE_IP, AT_ETHERNET, Control, Layer, all, headers};
use meaning::{Facts, Rule, any_rules, any_shape, first, text};
use shapes::{Shape, Within, build, closed, tunnels};

fn rules(text: &str) -> Rules {
    Rules::parse(&[("rules.toml".into(), text.into())]).unwrap()
}

/// How a frame ends by rules; `None` where it is read.
fn meant(list: &[Rule], parts: &[Facts<'_>], interface: &str) -> Option<End> {
    parts.iter().find_map(|facts| {
        let rule = first(list, *facts, interface)?;
        let number = list[..rule].iter().filter(|rule| rule.collect == "counts").count();
        match list[rule].collect {
            "none" => Some(End::Excluded(Exclusion::Rule)),
            "counts" => Some(End::Counted(number)),
            _ => None,
        }
    })
}

fn parse(frame: &[u8], tag: Option<VlanTag>, wire_length: usize) -> wire::Packet<'_> {
    let stripped = tag.map(|tag| wire::vlan::Tag { tpid: 0x8100, tci: tag.0 });
    wire::parse(wire::Link::Ethernet, frame, stripped, wire_length as u32).unwrap()
}

/// What the collect gate makes of a frame on an interface.
fn judged(rules: &Rules, packet: &wire::Packet<'_>, interface: &str) -> Option<End> {
    let list = rules.collect().rules();
    match rules.collect().judge(packet, list.on(interface)) {
        Judgement::Excluded(found) => Some(End::Excluded(found.exclusion)),
        Judgement::Ended(found) if found.collect == Collect::Counts => {
            Some(End::Counted(list.count_number(found.rule)))
        }
        Judgement::Ended(_) => Some(End::Excluded(Exclusion::Rule)),
        Judgement::Read { .. } => None,
    }
}

/// Kernel and collect gate one after the other.
fn together(rules: &Rules, frame: &[u8], tag: Option<VlanTag>, interface: &str) -> Option<End> {
    let kept = rules.filter().run(frame, tag);
    end(kept, frame.len()).or_else(|| judged(rules, &parse(&frame[..kept], tag, frame.len()), interface))
}

/// A frame as a shape or as a tunnel with another within: its parts, its octets, and the end of its headers.
fn frame<'a>(outer: &'a Shape, inner: &'a Shape, which: Option<Index>) -> (Vec<Facts<'a>>, Vec<u8>, usize) {
    let Some(which) = which else {
        let (frame, headers) = outer.framed(outer.ip());
        return (vec![Facts { shape: outer, within: Within::Ethernet, above: None }], frame, headers);
    };
    let tunnels: Vec<_> = tunnels(inner).into_iter().chain(closed()).collect();
    let tunnel = &tunnels[which.index(tunnels.len())];
    let (frame, headers) = build(outer, tunnel, inner);
    let outside = Facts { shape: outer, within: Within::Ethernet, above: Some(tunnel.above) };
    let within = Facts { shape: inner, within: tunnel.within, above: None };
    (vec![outside, within], frame, headers)
}

/// The outermost tag beside the frame, as a wire delivers it.
fn strip(frame: &[u8]) -> (Vec<u8>, Option<VlanTag>) {
    match frame[12..16] {
        [0x81, 0x00, t0, t1] => {
            ([&frame[..12], &frame[16..]].concat(), Some(VlanTag(u16::from_be_bytes([t0, t1]))))
        }
        _ => (frame.to_vec(), None),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Without rules of interfaces, which one program cannot tell apart, the kernel alone ends what is to end, and of
    /// all else keeps the headers.
    #[test]
    fn the_program_means_what_the_rules_say(
        list in any_rules(false),
        (outer, inner) in (any_shape(), any_shape()),
        which in prop::option::of(any::<Index>()),
        is_beside in any::<bool>(),
        cut in any::<Index>(),
    ) {
        let rules = rules(&text(&list));
        prop_assert!(rules.keep().left().is_empty());
        let (parts, frame, headers) = frame(&outer, &inner, which);
        let (bytes, tag) = if is_beside { strip(&frame) } else { (frame.clone(), None) };
        let expected = meant(&list, &parts, "eth0");
        let kept = rules.filter().run(&bytes, tag);
        prop_assert_eq!(end(kept, bytes.len()), expected, "{}", text(&list));
        if expected.is_none() {
            prop_assert_eq!(kept, headers - (frame.len() - bytes.len()));
        }
        prop_assert_eq!(rules.keep().octets(&bytes, tag), kept);
        prop_assert_eq!(judged(&rules, &parse(&bytes, tag, bytes.len()), "eth0"), expected);
        let cut = &bytes[..1 + cut.index(bytes.len())];
        let kept = rules.filter().run(cut, tag);
        prop_assert!(kept > 0 && kept <= headers, "{} of {}", kept, headers);
        prop_assert_eq!(rules.keep().octets(cut, tag), kept);
    }

    /// What is not for the kernel is decided in the collect gate: together they do what the rules mean.
    #[test]
    fn kernel_and_collect_gate_together_mean_what_the_rules_say(
        list in any_rules(true),
        (outer, inner) in (any_shape(), any_shape()),
        which in prop::option::of(any::<Index>()),
        interface in select(vec!["eth0", "eth1", "eth2"]),
    ) {
        let rules = rules(&text(&list));
        let (parts, frame, _) = frame(&outer, &inner, which);
        let expected = meant(&list, &parts, interface);
        prop_assert_eq!(judged(&rules, &parse(&frame, None, frame.len()), interface), expected);
        let ended = together(&rules, &frame, None, interface);
        // Where a rule of interfaces is undecided for the frame, the kernel ends it for what is within its tunnel.
        let by_interface = list.iter().any(|rule| !rule.interfaces.is_empty());
        if parts.len() == 1 || !by_interface {
            prop_assert_eq!(ended, expected, "{}", text(&list));
        } else {
            prop_assert_eq!(ended.is_some(), expected.is_some(), "{}", text(&list));
        }
    }

}

proptest! {
    // Each is compiled many times, until it fits.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Long lists among the rules: what finds no room in the program is decided in the collect gate.
    #[test]
    fn what_finds_no_room_is_decided_all_the_same(
        list in any_rules(false),
        (outer, inner) in (any_shape(), any_shape()),
        which in prop::option::of(any::<Index>()),
        at in any::<Index>(),
    ) {
        // It takes much room, and no frame matches it.
        let large = "\n[[rule]]\nname = \"large\"\ncollect = \"none\"\nprefixes = ".to_owned();
        let prefixes = |n: u32| (0..64).map(|m| format!("fd{n:02x}:{m:x}:{n:x}:{m:x}:{n:x}:{m:x}:{n:x}:{m:x}")).collect::<Vec<_>>();
        let at = at.index(list.len() + 1);
        let before = text(&list[..at]);
        let behind: String = text(&list).split_off(before.len());
        let large: String = (0..3).map(|n| large.replace("large", &format!("large{n}")) + &format!("{:?}\n", prefixes(n))).collect();
        let rules = rules(&[before, large, behind].concat());
        let left = Left { exclusion: Exclusion::Rule, scope: Scope::WithinTunnels };
        prop_assert!(rules.keep().left().contains(&left), "{:?}", rules.keep().left());
        prop_assert!(rules.filter().instructions().len() <= 4_096);
        let (parts, frame, _) = frame(&outer, &inner, which);
        let expected = meant(&list, &parts, "eth0");
        prop_assert_eq!(together(&rules, &frame, None, "eth0"), expected);
    }
}

/// A rule for control frames: whether all its conditions hold is said by the frame's own words.
#[derive(Clone, Debug)]
struct ControlRule {
    vlan: bool,
    mac: bool,
    words: Vec<&'static str>,
    collect: &'static str,
}

impl ControlRule {
    fn text(&self, name: usize) -> String {
        let vlan = if self.vlan { "vlans = [20]\n" } else { "" };
        let mac = if self.mac { "macs = [\"00:1b:21\"]\n" } else { "" };
        let words = &self.words;
        let words = if words.is_empty() { String::new() } else { format!("protocols = {words:?}\n") };
        format!("[[rule]]\nname = \"r{name}\"\n{vlan}{mac}{words}collect = \"{}\"\n", self.collect)
    }

    /// All frames are from a station with that OUI.
    fn matches(&self, control: &Control, tags: &[u16]) -> bool {
        // What cannot be read may be any protocol, where that is to end, and is none otherwise.
        let is_unread = control.words == ABOVE_IP && matches!(self.collect, "headers" | "control");
        let has_word = || !is_unread && self.words.iter().any(|word| control.words.contains(word));
        (!self.vlan || tags.contains(&20)) && (self.words.is_empty() || has_word())
    }
}

fn any_control_rules() -> impl Strategy<Value = Vec<ControlRule>> {
    let words = prop_oneof![
        1 => Just(Vec::new()),
        3 => subsequence([AT_ETHERNET, ABOVE_IP].concat(), 1..5),
    ];
    let rule = (any::<bool>(), any::<bool>(), words, select(vec!["none", "counts", "headers", "control"]));
    let rule = rule.prop_map(|(vlan, mac, words, collect)| ControlRule { vlan, mac, words, collect });
    prop::collection::vec(rule, 0..=6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Of what a rule with "headers" decides about headers are kept, of what one with "control" does, or none, the whole.
    #[test]
    fn a_control_frame_is_kept_as_far_as_its_rule_says(
        control in select(all()),
        tags in prop::collection::vec(select(vec![10u16, 20]), 0..=5),
        list in any_control_rules(),
    ) {
        let text: String = list.iter().enumerate().map(|(at, rule)| rule.text(at)).collect();
        let rules = rules(&text);
        prop_assert!(rules.keep().left().is_empty());
        let (inner, beside) = (tags.get(1..).unwrap_or_default(), tags.first().map(|vid| VlanTag(*vid)));
        let frame = control.frame(inner);
        let rule = list.iter().position(|rule| rule.matches(&control, &tags));
        let number = |rule: usize| list[..rule].iter().filter(|rule| rule.collect == "counts").count();
        let expected = match rule.map(|rule| (rule, list[rule].collect)) {
            Some((_, "none")) => Err(End::Excluded(Exclusion::Rule)),
            Some((rule, "counts")) => Err(End::Counted(number(rule))),
            Some((_, "headers")) => Ok(headers(&control) + 4 * inner.len()),
            _ => Ok(control.kept.len() + 4 * inner.len()),
        };
        let kept = rules.filter().run(&frame, beside);
        // What the program does not tell apart is the collect gate's where a rule names what it may be.
        let is_unknown = control.layer == Layer::Llc && control.words.is_empty();
        let ended = match is_unknown {
            true => together(&rules, &frame, beside, "eth0"),
            false => end(kept, frame.len()),
        };
        prop_assert_eq!(ended.map_or(Ok(kept), Err), expected, "{} {}", control.what, text);
        prop_assert_eq!(rules.keep().octets(&frame, beside), kept, "{}", control.what);
        // As it is read: what is no tunnel, where its bits are looked at, is not one behind its header either.
        let read = if end(kept, frame.len()).is_some() { frame.len() } else { kept };
        let packet = parse(&frame[..read], beside, frame.len());
        let list = rules.collect().rules();
        let by_headers = rules.collect().judge_headers(&packet, list.on("eth0"));
        let found = match by_headers {
            Judgement::Ended(found) => Some(found),
            Judgement::Read { rule, .. } => rule,
            Judgement::Excluded(_) => None,
        };
        prop_assert_eq!(found.map(|found| found.rule), rule, "{} {}", control.what, text);
        prop_assert!(
            is_unknown || found.is_none_or(|found| rules.rules_in_kernel(&packet, &found)),
            "{}", control.what
        );
    }
}
