//! Control protocols: how much the filter keeps of each, that what follows is not kept, and what excludes it.
//!
//! The frames are written by hand, with a secret behind what may be kept.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

use headgate_record::{Field, Treatment};
use headgate_rules::filter::{Depth, VlanTag, compile, exclusion};
use headgate_rules::{Exclusion, Exclusions, Gate, RuleList, Rules};
use headgate_wire as wire;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

#[path = "support/control.rs"]
mod frames;

use frames::{
    ABOVE_IP, AT_ETHERNET, Layer, SECRET, all, datagram_v4, datagram_v6, ethernet, headers, radius,
};

fn rules(text: &str) -> Rules {
    Rules::parse(&[("rules.toml".into(), text.into())]).unwrap()
}

#[test]
fn what_may_be_kept_is_kept_and_nothing_behind_it() {
    let rules = rules("");
    for control in all() {
        for tags in [&[][..], &[20], &[20, 30], &[1, 2, 3, 4, 5]] {
            let frame = control.frame(tags);
            let kept = rules.filter().run(&frame, None);
            assert_eq!(kept, control.tagged(tags).len(), "{} {tags:?}", control.what);
            for cut in 1..frame.len() {
                let of_cut = rules.filter().run(&frame[..cut], None);
                assert!(of_cut > 0 && of_cut <= kept, "{} cut to {cut} octets", control.what);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_excludes_a_control_frame_is_its_first_reason(
        control in select(all()),
        tags in prop::collection::vec(select(vec![10u16, 20]), 0..=5),
        words in subsequence([AT_ETHERNET, ABOVE_IP].concat(), 0..4),
        (by_vlan, by_mac, by_prefix) in any::<(bool, bool, bool)>(),
    ) {
        let text = format!(
            "[exclude]\nvlans = {}\nmacs = {}\nprefixes = {}\nprotocols = {words:?}\n",
            if by_vlan { "[20]" } else { "[]" },
            if by_mac { "[\"00:1b:21\"]" } else { "[]" },
            if by_prefix { "[\"10.9.0.0/16\", \"2001:db8:9::/48\"]" } else { "[]" },
        );
        let by_word = words.iter().any(|word| control.words.contains(word));
        let expected = if by_vlan && tags.contains(&20) {
            Some(Exclusion::Vlan)
        } else if by_mac {
            Some(Exclusion::Mac)
        } else if by_prefix && control.layer == Layer::Ip {
            Some(Exclusion::Prefix)
        } else {
            by_word.then_some(Exclusion::Protocol)
        };
        let rules = rules(&text);
        // The outermost tag lies beside the frame.
        let frame = control.frame(tags.get(1..).unwrap_or_default());
        let beside = tags.first().map(|vid| VlanTag(*vid));
        let kept = rules.filter().run(&frame, beside);
        prop_assert_eq!(exclusion(kept, frame.len()), expected, "{}", control.what);
        if expected.is_none() {
            prop_assert_eq!(kept, control.tagged(tags.get(1..).unwrap_or_default()).len(), "{}", control.what);
        }
        let stripped = beside.map(|t| wire::vlan::Tag { tpid: 0x8100, tci: t.0 });
        let packet = wire::parse(wire::Link::Ethernet, &frame, stripped, frame.len() as u32).unwrap();
        prop_assert_eq!(rules.collect().exclusions().judge(&packet), expected, "{}", control.what);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The program keeps the headers of what the rules choose, and of everything else what it keeps without rules.
    #[test]
    fn no_more_than_headers_is_kept_of_what_is_chosen(
        control in select(all()),
        tags in prop::collection::vec(select(vec![10u16, 20]), 0..=5),
        words in subsequence([AT_ETHERNET, ABOVE_IP].concat(), 0..4),
        (by_vlan, by_mac) in any::<(bool, bool)>(),
    ) {
        let text = format!(
            "[headers_only]\nvlans = {}\nmacs = {}\nprotocols = {words:?}\n",
            if by_vlan { "[20]" } else { "[]" },
            if by_mac { "[\"00:1b:21\"]" } else { "[]" },
        );
        let by_word = words.iter().any(|word| control.words.contains(word));
        let is_chosen = by_word || by_mac || by_vlan && tags.contains(&20);
        let rules = rules(&text);
        let (inner, beside) = (tags.get(1..).unwrap_or_default(), tags.first().map(|vid| VlanTag(*vid)));
        let frame = control.frame(inner);
        let kept = rules.filter().run(&frame, beside);
        let expected = if is_chosen { headers(&control) } else { control.kept.len() };
        prop_assert_eq!(kept, expected + 4 * inner.len(), "{}", control.what);
        prop_assert_eq!(rules.keep().octets(&frame, beside), kept, "{}", control.what);
        let stripped = beside.map(|t| wire::vlan::Tag { tpid: 0x8100, tci: t.0 });
        let packet = wire::parse(wire::Link::Ethernet, &frame, stripped, frame.len() as u32).unwrap();
        let found = rules.collect().headers_only().find(&packet);
        prop_assert_eq!(found.is_some(), is_chosen, "{}", control.what);
        prop_assert!(found.is_none_or(|found| rules.limits_in_kernel(&found)), "{}", control.what);
    }
}

fn octets(depth: Depth, frame: &[u8]) -> usize {
    compile(&Exclusions::default(), &Exclusions::default(), &RuleList::default(), depth)
        .unwrap()
        .0
        .run(frame, None)
}

#[test]
fn an_identity_is_kept_only_where_a_rule_keeps_it() {
    let depth = Depth { eap_identity: true, ..Depth::default() };
    let identity = [&[2, 0, 0, 9, 2, 1, 0, 9, 1][..], b"anna"].concat();
    let frame = [ethernet(0x888e, &identity), SECRET.to_vec()].concat();
    assert_eq!(octets(depth, &frame), 14 + 13);
    assert_eq!(octets(Depth::default(), &frame), 14 + 9);
    // The request, and the response of a method, are no identity.
    for (code, method) in [(1, 1), (2, 13)] {
        let frame = ethernet(0x888e, &[2, 0, 0, 9, code, 1, 0, 9, method, 0, 0, 0, 0]);
        assert_eq!(octets(depth, &frame), 14 + 9);
    }
}

#[test]
fn radius_attributes_are_kept_only_where_a_rule_keeps_one() {
    let depth = Depth { radius: true, ..Depth::default() };
    let message = [radius(1, 26), vec![0; 16], b"\x01\x06anna".to_vec()].concat();
    // Octets behind the message but within the datagram are padding (RFC 2865, 3).
    let datagram = [&message[..], SECRET].concat();
    let frame = datagram_v4(50_000, 1812, &datagram, datagram.len());
    assert_eq!(octets(depth, &frame), 14 + 20 + 8 + 26);
    assert_eq!(octets(Depth::default(), &frame), 14 + 20 + 8 + 4);
    // Status and dynamic authorization are nothing of which an attribute is read.
    for (code, kept) in [(5, 26), (11, 26), (12, 4), (13, 4), (40, 4), (45, 4)] {
        let datagram = [&[code][..], &message[1..]].concat();
        let frame = datagram_v4(50_000, 1812, &datagram, datagram.len());
        assert_eq!(octets(depth, &frame), 14 + 20 + 8 + kept, "code {code}");
    }
    for (code, length) in [(0, 26), (7, 26), (255, 26), (1, 19), (1, 4097), (1, 200)] {
        let datagram = [radius(code, length), vec![7; 40]].concat();
        let frame = datagram_v4(50_000, 1812, &datagram, datagram.len());
        assert_eq!(octets(depth, &frame), 14 + 20 + 8, "code {code}, length {length}");
    }
}

#[test]
fn multicast_dns_is_kept_only_where_a_rule_keeps_service_types() {
    let depth = Depth { service_types: true, ..Depth::default() };
    let message = [vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0], vec![5; 40]].concat();
    let frame = [datagram_v6(5353, 5353, &message, message.len()), SECRET.to_vec()].concat();
    assert_eq!(octets(depth, &frame), 14 + 40 + 8 + 52);
    assert_eq!(octets(Depth::default(), &frame), 14 + 40 + 8);
    // A dynamic update on a port that happens to be the same.
    let frame = datagram_v6(5353, 53, &[&[0, 0, 0x28, 0][..], SECRET].concat(), 4 + SECRET.len());
    assert_eq!(octets(depth, &frame), 14 + 40 + 8);
}

/// Whatever rules keep, in whatever form, without these: no identity and no attribute enters user space.
#[test]
fn a_field_deepens_the_filter_if_it_is_read_from_there_and_only_then() {
    let attributes = [
        Field::AuthenticationUserName,
        Field::AuthenticationNasIdentifier,
        Field::AuthenticationNasPort,
        Field::AuthenticationNasPortType,
        Field::AuthenticationNasPortId,
        Field::AuthenticationAssignedVlan,
        Field::AuthenticationFilterIds,
        Field::AuthenticationClass,
        Field::AuthenticationAcctStatusType,
        Field::AuthenticationSessionTime,
        Field::AuthenticationInputOctets,
        Field::AuthenticationOutputOctets,
        Field::AuthenticationInputPackets,
        Field::AuthenticationOutputPackets,
        Field::AuthenticationTerminateCause,
    ];
    for field in Field::ALL {
        let treatments =
            Treatment::ALL.into_iter().filter(|t| Gate::Collect.takes(*t, *field) && *t != Treatment::Drop);
        for treatment in treatments {
            let kind = field.kind().name();
            let rule = format!("[collect.{kind}]\n{} = \"{}\"\n", field.short_name(), treatment.name());
            let expected = Depth {
                radius: attributes.contains(field),
                service_types: *field == Field::DeviceServiceTypes,
                eap_identity: *field == Field::AuthenticationIdentity,
                ..Depth::default()
            };
            assert_eq!(rules(&rule).collect().depth(), expected, "{rule}");
            let without = format!("[collect]\nkinds = [\"counters\"]\n{rule}");
            assert_eq!(rules(&without).collect().depth(), Depth::default(), "{without}");
        }
    }
}

#[test]
fn nothing_is_deeper_by_default() {
    assert_eq!(rules("").collect().depth(), Depth::default());
    assert_eq!(
        &compile(&Exclusions::default(), &Exclusions::default(), &RuleList::default(), Depth::default())
            .unwrap()
            .0,
        rules("").filter()
    );
}
