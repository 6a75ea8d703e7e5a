//! Any frames, often as they should be: with a grain of sense, cut anywhere and changed somewhere.
// Not every test needs all of it.
#![allow(dead_code)]

use headgate_rules::filter::VlanTag;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

#[path = "monitored.rs"]
// Another test may have it by the other one, too.
#[allow(clippy::duplicate_mod)]
mod monitored;

use monitored::{avs, prism};

/// Octets of which each is often one of some that mean something.
fn octets(often: &'static [u8], count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![select(often), any::<u8>()], count)
}

pub fn number(often: &'static [u16]) -> impl Strategy<Value = [u8; 2]> {
    prop_oneof![4 => select(often), 1 => any::<u16>()].prop_map(u16::to_be_bytes)
}

fn joined(parts: impl Strategy<Value = Vec<Vec<u8>>> + 'static) -> BoxedStrategy<Vec<u8>> {
    parts.prop_map(|parts| parts.concat()).boxed()
}

/// A port that leads to it, and a payload.
fn any_application() -> impl Strategy<Value = ([u8; 2], Vec<u8>)> {
    let cookie = prop_oneof![3 => Just([99u8, 130, 83, 99]), 1 => any::<[u8; 4]>()];
    let dhcpv4 = (octets(&[0, 1, 2, 3], 236..237), cookie, octets(&[53, 255], 0..20))
        .prop_map(|(fixed, cookie, options)| [fixed, cookie.into(), options].concat());
    let radius = (
        octets(&[0, 1, 5, 6, 11, 12, 13, 40, 46], 2..3),
        number(&[4, 19, 20, 4096, 4097]),
        octets(&[1], 0..60),
    )
        .prop_map(|(code, length, rest)| [code, length.into(), rest].concat());
    let mdns = (octets(&[0], 2..3), number(&[0, 0x8400, 0x0001, 0x0800]), octets(&[0], 0..40))
        .prop_map(|(id, flags, rest)| [id, flags.into(), rest].concat());
    prop_oneof![
        (number(&[67, 68]), dhcpv4),
        (number(&[546, 547]), octets(&[0, 1, 13, 14], 0..40)),
        (number(&[1645, 1646, 1700, 1812, 1813, 3799]), radius),
        (number(&[5353]), mdns),
        (number(&[22, 53, 69, 548, 5354]), octets(&[1], 0..40)),
    ]
}

/// Headers of tunnels over UDP, and what is within: often as they should be.
fn any_udp_tunnel(level: u8) -> BoxedStrategy<([u8; 2], Vec<u8>)> {
    let flags = || select(&[[0x08u8, 0], [0x88, 0x48], [0x0c, 0], [0x0a, 0], [0x00, 0], [0x38, 0], [8, 1]]);
    let next = select(&[[0u8, 0], [0, 1], [0, 2], [0, 3], [0, 4], [7, 9]]);
    let vxlan = (flags(), next, octets(&[0], 3..4), select(&[0u8, 0, 0, 1]))
        .prop_map(|(flags, next, vni, last)| [&flags[..], &next, &vni, &[last]].concat());
    let geneve = (
        select(&[0u8, 0, 2, 3, 63, 0x40]),
        select(&[0u8, 0x40, 0x80, 1]),
        any_protocol(),
        vec(any::<u8>(), 12),
    )
        .prop_map(|(first, flags, protocol, rest)| {
            let options = &rest[..4 * usize::from(first.min(3))];
            [&[first, flags][..], &protocol, &[0, 0, 7, 0], options].concat()
        });
    let tag = prop_oneof![
        2 => Just(vec![0u8]),
        2 => (select(&[10u8, 18, 60]), vec(any::<u8>(), 0..4))
            .prop_map(|(kind, value)| [&[kind, value.len() as u8][..], &value].concat()),
        1 => any::<[u8; 2]>().prop_map(Vec::from),
    ];
    let prism = select(&[[0x44u8, 0, 0, 0], [0, 0, 0, 0x41], [0x45, 0, 0, 0]]).prop_map(prism);
    let avs = (select(&[1u8, 2, 3]), select(&[8u8, 63, 64, 79, 80, 96]))
        .prop_map(|(version, length)| avs(version, length));
    let radio = prop_oneof![prism, avs];
    let tzsp = (
        octets(&[1], 1..2),
        select(&[0u8, 0, 1, 4]),
        select(&[1u8, 18, 18, 119, 127]),
        vec(tag, 0..13),
        radio,
    )
        .prop_map(|(version, kind, what, tags, radio)| {
            let radio = if what < 119 { &[] } else { &radio[..] };
            [&version[..], &[kind, 0, what], &tags.concat(), &[1], radio].concat()
        });
    let capwap =
        (octets(&[0], 1..2), select(&[0x10u8, 0x10, 0x20, 0xf8, 0x08]), select(&[2u8, 3, 3, 0x43, 5]))
            .prop_flat_map(|(first, length, kind)| {
                let flags = select(&[0u8, 0, 0x10, 0x08, 0x80, 0xc0, 0x01]);
                (flags, select(&[[0u8, 0], [0, 0], [0, 8], [0, 1]]), vec(any::<u8>(), 8)).prop_map(
                    move |(flags, offset, rest)| {
                        let rest = if length == 0x20 { &rest[..] } else { &[] };
                        [&[first[0], length, kind, flags, 0, 1], &offset[..], rest].concat()
                    },
                )
            });
    let header = prop_oneof![
        2 => (number(&[4789, 8472, 4790]), vxlan),
        1 => (number(&[6081]), geneve),
        1 => (number(&[37_008]), tzsp),
        1 => (number(&[5247]), capwap),
    ];
    let within = prop_oneof![2 => any_within(level + 1), 1 => any_ieee80211(level + 1)];
    (header, within).prop_map(|((port, header), rest)| (port, [header, rest].concat())).boxed()
}

/// A frame of IEEE 802.11: mostly data, with and without QoS, to and from an access point.
fn any_ieee80211(level: u8) -> BoxedStrategy<Vec<u8>> {
    let control = prop_oneof![
        8 => (select(&[0x08u8, 0x88, 0x48, 0xc8]), select(&[0u8, 1, 2, 3, 0x41, 0x82, 0x80, 0x0a, 0x83])),
        1 => any::<(u8, u8)>(),
    ];
    let mac = || select(&[[0u8, 0x1b, 0x21, 0, 0, 2], [1, 0x80, 0xc2, 0, 0, 0], [2, 0, 0, 0, 0, 1], [0; 6]]);
    let sequence = prop_oneof![4 => Just([0u8, 0x12]), 1 => any::<[u8; 2]>()];
    let qos = select(&[[0u8, 0], [0x05, 0x02], [0x85, 0], [0, 1]]);
    let snap = prop_oneof![
        4 => Just(vec![0xaa, 0xaa, 3, 0, 0, 0]),
        1 => Just(vec![0xaa, 0xaa, 3, 0, 0, 0xf8]),
        1 => any_llc(),
    ];
    let content = prop_oneof![
        2 => any_ipv4(level).prop_map(|packet| [&[0x08, 0x00][..], &packet].concat()),
        2 => any_ipv6(level).prop_map(|packet| [&[0x86, 0xdd][..], &packet].concat()),
        1 => (number(&[0x0806, 0x888e, 0x88cc, 1500, 1536]), octets(&[10, 0, 1], 0..60))
            .prop_map(|(ethertype, rest)| [ethertype.into(), rest].concat()),
    ];
    (control, any::<bool>(), vec(mac(), 4), sequence, qos, snap, content)
        .prop_map(|((kind, flags), is_swapped, macs, sequence, qos, snap, content)| {
            let control = if is_swapped { [flags, kind] } else { [kind, flags] };
            let fourth = if flags & 3 == 3 { &macs[3][..] } else { &[] };
            let qos = if kind & 0x80 != 0 { &qos[..] } else { &[] };
            let ht_control = if kind & 0x80 != 0 && flags & 0x80 != 0 { &[1, 2, 3, 4][..] } else { &[] };
            let addresses = macs[..3].concat();
            [&control[..], &[0, 0], &addresses, &sequence, fourth, qos, ht_control, &snap, &content].concat()
        })
        .boxed()
}

fn any_protocol() -> impl Strategy<Value = [u8; 2]> {
    number(&[0x6558, 0x0800, 0x86dd, 0x88be, 0x22eb, 0x8847, 0x880b, 0x880b])
}

/// GRE, with ERSPAN or without.
fn any_gre(level: u8) -> BoxedStrategy<Vec<u8>> {
    let mirror =
        (select(&[0x10u8, 0x20, 0x00, 0x30]), select(&[0u8, 20, 150]), vec(any::<u8>(), 6), any_iii());
    let mirror = prop::option::of(mirror).prop_map(|mirror| {
        mirror.map_or(Vec::new(), |(version, vlan, rest, iii)| {
            let iii = if version == 0x20 { iii } else { Vec::new() };
            [&[version, vlan][..], &rest, &iii].concat()
        })
    });
    let flags = select(&[
        [0u8, 0],
        [0x80, 0],
        [0x10, 0],
        [0xb0, 0],
        [0x20, 0],
        [0x40, 0],
        [0x30, 0x81],
        [0x30, 0x01],
        [0x20, 0x81],
    ]);
    let label = select(&[[0x12u8, 0x34, 0x5a, 255], [0, 1, 1, 254], [0, 0, 0, 9]]);
    let within = (vec(label, 0..4), any_within(level + 1));
    let within = within.prop_map(|(labels, within)| [labels.as_flattened(), &within].concat());
    let ppp = select(PPP);
    let ppp = (ppp, any_within(level + 1)).prop_map(|(ppp, within)| [ppp, &within].concat());
    let within = prop_oneof![2 => any_within(level + 1), 1 => within, 1 => ppp];
    (flags, any_protocol(), mirror, within)
        .prop_map(|(flags, protocol, mirror, rest)| {
            let parts = (flags[0] >> 7) + (flags[0] >> 5 & 1) + (flags[0] >> 4 & 1) + (flags[1] >> 7);
            [&flags[..], &protocol, &vec![0; 4 * usize::from(parts)], &mirror, &rest].concat()
        })
        .boxed()
}

/// What type III has behind its first eight octets.
fn any_iii() -> impl Strategy<Value = Vec<u8>> {
    (select(&[0u8, 0, 0x08, 0x0c, 0x80]), select(&[0u8, 0, 1]), vec(any::<u8>(), 8)).prop_map(
        |(kind, platform, subheader)| {
            let subheader = if platform == 1 { &subheader[..] } else { &[] };
            [&[0, 9, kind, platform][..], subheader].concat()
        },
    )
}

/// What is within a tunnel.
fn any_within(level: u8) -> BoxedStrategy<Vec<u8>> {
    if level > MOST_LEVELS {
        return octets(&[0], 0..40).boxed();
    }
    prop_oneof![4 => any_ethernet(level), 2 => any_ipv4(level), 1 => any_ipv6(level)].boxed()
}

/// Which IP protocol it is, and what that carries.
fn any_transport(level: u8) -> BoxedStrategy<(u8, Vec<u8>)> {
    const ENDS: &[u16] = &[22, 53, 67, 547, 1812, 4789, 5247, 5353, 50_000];
    let application = if level >= MOST_LEVELS {
        any_application().boxed()
    } else {
        prop_oneof![any_application(), any_udp_tunnel(level)].boxed()
    };
    let udp = (number(ENDS), number(&[0, 7, 8, 12, 27, 28, 40, 260, 4200]), application, any::<bool>())
        .prop_map(|(end, length, (port, payload), from)| {
            let ends = if from { [port, end] } else { [end, port] }.concat();
            (17, [ends, length.into(), vec![0, 0], payload].concat())
        });
    let tcp = (number(ENDS), number(ENDS), octets(&[0x50, 0x40, 0xf0, 0], 0..70))
        .prop_map(|(s, d, rest)| (6, [s.into(), d.into(), rest].concat()));
    let message = (select(&[1u8, 2, 58]), octets(&[8, 0x11, 0x13, 0x17, 129, 130, 137, 138, 143], 0..40));
    let other = (select(PROTOCOLS), octets(&[0], 0..40));
    let plain = prop_oneof![3 => udp, 1 => tcp, 2 => message, 1 => other].boxed();
    if level >= MOST_LEVELS {
        return plain;
    }
    prop_oneof![
        6 => plain,
        2 => any_gre(level).prop_map(|gre| (47, gre)),
        1 => (select(&[4u8, 41, 143]), any_within(level + 1)),
    ]
    .boxed()
}

const PPP: &[&[u8]] = &[&[0xff, 3, 0, 0x21], &[0x21], &[0, 0x57], &[0xff, 3, 0x57], &[0xc0, 0x21], &[0xff]];
pub const PROTOCOLS: &[u8] = &[0, 1, 2, 6, 17, 43, 44, 47, 51, 58, 59, 60];

fn any_ipv4(level: u8) -> BoxedStrategy<Vec<u8>> {
    let address =
        || prop_oneof![select(vec![[10, 0, 1, 1], [10, 0, 2, 1], [192, 0, 2, 1]]), any::<[u8; 4]>()];
    let first = prop_oneof![8 => Just(0x45u8), 2 => 0x40..0x50u8, 1 => any::<u8>()];
    let length = number(&[0, 20, 27, 28, 29, 40, 60, 1500]);
    let fragment = number(&[0, 0, 0, 0x2000, 0x4000, 1, 0x1000]);
    (first, length, fragment, any_transport(level), address(), address(), octets(&[1], 40..41))
        .prop_map(|(first, length, fragment, (protocol, rest), source, destination, options)| {
            let start = [first, 0, length[0], length[1], 0, 0, fragment[0], fragment[1], 64, protocol, 0, 0];
            let options = &options[..4 * usize::from(first & 0x0f).saturating_sub(5)];
            [&start[..], &source, &destination, options, &rest].concat()
        })
        .boxed()
}

fn any_ipv6(level: u8) -> BoxedStrategy<Vec<u8>> {
    let address = || {
        let known = [[0x20, 0x01, 0x0d, 0xb8, 0, 3], [0x20, 0x01, 0x0d, 0xb8, 0, 4], [0; 6]];
        (select(known.to_vec()), prop_oneof![Just([0u8; 10]), any::<[u8; 10]>()])
            .prop_map(|(network, rest)| [&network[..], &rest].concat())
    };
    let extension = (select(PROTOCOLS), 0..3u8, any::<[u8; 22]>());
    let first = prop_oneof![8 => Just(0x60u8), 1 => any::<u8>()];
    let length = number(&[0, 7, 8, 9, 15, 16, 17, 24, 32, 1500]);
    (first, length, address(), address(), vec(extension, 0..3), any_transport(level))
        .prop_map(|(first, length, source, destination, extensions, (protocol, rest))| {
            // From the last to the first: each names the one behind it.
            let (mut next, mut rest) = (protocol, rest);
            for (kind, length, octets) in extensions {
                let octets = &octets[..6 + 8 * usize::from(length)];
                rest = [&[next, length][..], octets, &rest].concat();
                next = kind;
            }
            [&[first, 0, 0, 0, length[0], length[1], next, 64][..], &source, &destination, &rest].concat()
        })
        .boxed()
}

fn any_llc() -> BoxedStrategy<Vec<u8>> {
    let address =
        prop_oneof![select(vec![[0x42, 0x42], [0xaa, 0xaa], [0xaa, 0xab], [0xff, 0xff]]), any::<[u8; 2]>()];
    let control = prop_oneof![Just(0x03u8), Just(0x13), any::<u8>()];
    let snap = prop_oneof![
        select(vec![
            [0x00, 0x00, 0x0c, 0x20, 0x00],
            [0x00, 0x00, 0x0c, 0x01, 0x0b],
            [0x00, 0xe0, 0x2b, 0x00, 0xbb],
            [0x00, 0xe0, 0x52, 0x20, 0x00],
            [0x00, 0x00, 0x81, 0x01, 0xa2],
            [0x00, 0x00, 0x00, 0x08, 0x00],
        ]),
        any::<[u8; 5]>(),
    ];
    joined(
        (address, control, snap, octets(&[0], 0..60)).prop_map(|(address, control, snap, rest)| {
            vec![address.into(), vec![control], snap.into(), rest]
        }),
    )
}

fn any_eapol() -> BoxedStrategy<Vec<u8>> {
    joined(
        (octets(&[0, 1, 2, 3], 2..3), number(&[0, 1, 4, 5, 40]), octets(&[1, 2], 0..60))
            .prop_map(|(start, length, rest)| vec![start, length.into(), rest]),
    )
}

/// A frame, with tags; tunnels in it to two levels.
fn any_ethernet(level: u8) -> BoxedStrategy<Vec<u8>> {
    let mac = || {
        let known = vec![[0, 0x1b, 0x21, 0, 0, 2], [1, 0x80, 0xc2, 0, 0, 0], [2, 0, 0, 0, 0, 1], [0xff; 6]];
        prop_oneof![select(known), any::<[u8; 6]>()]
    };
    let tags = vec((number(&[0x8100, 0x88a8, 0x9100]), number(&[0, 20, 150])), 0..4)
        .prop_map(|tags| tags.into_iter().flat_map(|(tpid, tci)| [tpid, tci].concat()).collect::<Vec<u8>>());
    let typed = |ethertype: u16, body: BoxedStrategy<Vec<u8>>| {
        body.prop_map(move |body| [&ethertype.to_be_bytes()[..], &body].concat()).boxed()
    };
    let content = prop_oneof![
        4 => typed(0x0800, any_ipv4(level)),
        4 => typed(0x86dd, any_ipv6(level)),
        1 => typed(0x888e, any_eapol()),
        1 => typed(0x0806, octets(&[10, 0, 1], 0..60).boxed()),
        2 => joined((number(&[0, 2, 3, 4, 7, 8, 38, 1500, 1501, 1536]), any_llc()).prop_map(|(length, llc)| vec![length.into(), llc])),
        1 => joined((number(&[0x88cc, 0x8100, 0x0806]), octets(&[0], 0..60)).prop_map(|(t, rest)| vec![t.into(), rest])),
    ];
    (mac(), mac(), tags, content)
        .prop_map(|(destination, source, tags, content)| {
            [&destination[..], &source, &tags, &content].concat()
        })
        .boxed()
}

/// Frames with a grain of sense, cut anywhere and changed somewhere, and their tag.
pub fn any_frame() -> impl Strategy<Value = (Vec<u8>, Option<VlanTag>)> {
    let changes = vec((any::<Index>(), any::<u8>()), 0..3);
    let cut = prop_oneof![2 => Just(None), 1 => any::<Index>().prop_map(Some)];
    let beside =
        prop::option::of(prop_oneof![select(vec![0u16, 20, 0xa014, 150]), any::<u16>()].prop_map(VlanTag));
    (any_ethernet(0), changes, cut, beside).prop_map(|(mut frame, changes, cut, beside)| {
        for (at, value) in changes {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        if let Some(cut) = cut {
            frame.truncate(cut.index(frame.len() + 1));
        }
        (frame, beside)
    })
}

/// Most tunnels within each other.
const MOST_LEVELS: u8 = 2;
