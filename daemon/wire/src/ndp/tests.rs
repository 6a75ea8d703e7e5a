//! Tests of whole messages.

use arrayvec::ArrayVec;
use proptest::prelude::*;

use super::*;
use crate::{Layer, ethernet};

fn read(bytes: &[u8]) -> Message<'_> {
    parse(Cursor::new(bytes, 0, Layer::Ndp)).unwrap()
}

fn faults(bytes: &[u8]) -> Vec<(u32, Kind)> {
    read(bytes).malformed.iter().map(|m| (m.offset, m.kind)).collect()
}

fn option(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut option = [&[kind, 0][..], value].concat();
    option.resize(option.len().next_multiple_of(8), 0);
    option[1] = u8::try_from(option.len() / 8).unwrap();
    option
}

fn solicitation(options: &[u8]) -> Vec<u8> {
    [&[133, 0, 0, 0, 0, 0, 0, 0][..], options].concat()
}

fn address(last: u8) -> [u8; 16] {
    [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]
}

#[test]
fn a_router_advertisement_is_read_with_its_prefix_and_nat64_prefix() {
    let bytes = [
        0x86, 0x00, 0x15, 0xe8, 0x50, 0x40, 0x01, 0xf4, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0xe2, 0x15, 0x81, 0xb4,
        0xb9, 0x45, 3, 4, 0x40, 0x80, 0, 0, 0x0e, 0x10, 0, 0, 0x07, 0x08, 0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8,
        0, 0xcc, 0, 0xdd, 0, 0, 0, 0, 0, 0, 0, 0, 0x26, 2, 0, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0x64, 0xff,
        0x9b, 0, 0,
    ];
    let message = read(&bytes);
    assert!(message.malformed.is_empty());
    let Body::RouterAdvertisement(router) = message.body else { panic!("not a router advertisement") };
    assert_eq!((router.current_hop_limit, router.router_lifetime), (80, 500));
    assert!(router.other_configuration && !router.managed && !router.home_agent && !router.proxy);
    let options = message.options;
    let mac = ethernet::Address([0xe2, 0x15, 0x81, 0xb4, 0xb9, 0x45]);
    assert_eq!(options.source_link_layer_address.unwrap().mac(), Some(mac));
    let [prefix] = options.prefixes[..] else { panic!("not one prefix") };
    assert!(prefix.on_link && !prefix.autonomous && !prefix.router_address && !prefix.dhcpv6_pd_preferred);
    assert_eq!((prefix.valid_lifetime, prefix.preferred_lifetime), (3600, 1800));
    assert_eq!((prefix.prefix.to_string(), prefix.prefix_length), ("2001:db8:cc:dd::".into(), 64));
    let [pref64] = options.pref64[..] else { panic!("not one NAT64 prefix") };
    assert_eq!((pref64.lifetime, pref64.prefix_length), (0, Some(96)));
    assert_eq!(pref64.prefix.to_string(), "2001:db8:1:64:ff9b::");
}

#[test]
fn a_neighbor_solicitation_is_read_with_its_nonce() {
    let head = [0x87, 0, 0x56, 0x6e, 0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x54, 0x6f, 0xf7, 0xff];
    let bytes = [&head[..], &[0xfe, 0xe1, 0, 0x0f, 0x0e, 1, 0x60, 0x69, 0x60, 0x4c, 0x0a, 0xaa]].concat();
    let message = read(&bytes);
    assert_eq!(
        message.body,
        Body::NeighborSolicitation { target: "fe80::546f:f7ff:fee1:f".parse().unwrap() }
    );
    assert_eq!(message.options.nonce.unwrap().to_string(), "60:69:60:4c:0a:aa");
    assert!(message.malformed.is_empty());
}

#[test]
fn every_flag_of_an_advertisement_is_read_from_its_bit() {
    for (bit, expected) in
        [(0x80, [true, false, false]), (0x40, [false, true, false]), (0x20, [false, false, true])]
    {
        let bytes = [&[136, 0, 0, 0, bit, 0, 0, 0][..], &address(1)].concat();
        let Body::NeighborAdvertisement(n) = read(&bytes).body else { panic!("not an advertisement") };
        assert_eq!([n.router, n.solicited, n.r#override], expected);
    }
    for (flags, expected) in [(0x08, Preference::High), (0x18, Preference::Low), (0x10, Preference::Reserved)]
    {
        let bytes = [&[134, 0, 0, 0, 64, flags][..], &[0; 10]].concat();
        let Body::RouterAdvertisement(r) = read(&bytes).body else { panic!("not a router advertisement") };
        assert_eq!((r.preference, r.managed, r.proxy), (expected, false, false));
    }
}

#[test]
fn a_redirect_is_read_with_its_header_as_a_length() {
    let bytes = [&[137, 0, 0, 0, 0, 0, 0, 0][..], &address(1), &address(2), &option(4, &[7; 46])].concat();
    let message = read(&bytes);
    assert_eq!(message.body, Body::Redirect { target: address(1).into(), destination: address(2).into() });
    assert_eq!(message.options.redirected_header, Some(40));
}

#[test]
fn options_that_are_not_read_are_kept_by_type_and_length() {
    let bytes = solicitation(&[option(11, &[1; 20]), option(12, &[2; 6]), option(33, &[3; 14])].concat());
    let options = read(&bytes).options;
    let kept = options.others.iter().map(|o| (o.option_type.name(), o.length)).collect::<Vec<_>>();
    assert_eq!(kept, [("cga", 24), ("rsa-signature", 8), ("address-registration", 16)]);
    assert!(options.has(OptionType::Cga) && !options.has(OptionType::LowpanContext));
}

#[test]
fn an_option_of_length_zero_does_not_loop() {
    let bytes = solicitation(&[&option(5, &[0, 0, 0, 0, 5, 220])[..], &[9, 0, 1, 2, 3, 4, 5, 6]].concat());
    assert_eq!(faults(&bytes), [(16, Kind::Length)]);
    assert_eq!(read(&bytes).options.mtu, Some(1500));
}

#[test]
fn an_option_beyond_the_message_ends_it() {
    assert_eq!(faults(&solicitation(&[1, 2, 1, 2, 3, 4, 5, 6])), [(8, Kind::Length)]);
    assert_eq!(faults(&solicitation(&[1])), [(8, Kind::Short)]);
}

#[test]
fn a_cut_capture_is_not_malformed() {
    let bytes = solicitation(&option(3, &[64; 30]));
    for length in 0..bytes.len() {
        match parse(Cursor::new(&bytes[..length], 40, Layer::Ndp)) {
            Ok(m) => assert_eq!(m.malformed.iter().map(|m| m.kind).collect::<Vec<_>>(), [Kind::NotCaptured]),
            Err(fault) => assert_eq!(fault.kind, Kind::NotCaptured),
        }
    }
}

#[test]
fn a_malformed_option_does_not_hide_the_next() {
    let short = [3, 1, 64, 0xc0, 0, 0, 0, 0];
    let long = option(5, &[0, 0, 0, 0, 5, 220, 0, 0, 0]);
    let bytes = solicitation(&[&short[..], &long, &option(14, &[9; 6])].concat());
    assert_eq!(faults(&bytes), [(8, Kind::Length), (16, Kind::Length)]);
    let options = read(&bytes).options;
    assert_eq!((options.prefixes.len(), options.mtu), (0, Some(1500)));
    assert!(options.nonce.is_some());
}

#[test]
fn the_first_of_two_counts() {
    let bytes = solicitation(&[option(5, &[0, 0, 0, 0, 5, 0]), option(5, &[0, 0, 0, 0, 6, 0])].concat());
    assert_eq!(faults(&bytes), [(16, Kind::Duplicate)]);
    assert_eq!(read(&bytes).options.mtu, Some(1280));
}

#[test]
fn values_that_a_standard_does_not_allow_are_named_and_kept() {
    let mut prefix = option(3, &[0; 30]);
    prefix[2] = 129;
    assert_eq!(faults(&solicitation(&prefix)), [(8, Kind::Value)]);
    assert_eq!(read(&solicitation(&prefix)).options.prefixes[0].prefix_length, 129);
    let pref64 = option(38, &[0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert_eq!(faults(&solicitation(&pref64)), [(8, Kind::Value)]);
    assert_eq!(read(&solicitation(&pref64)).options.pref64[0].prefix_length, None);
    let mut coded = solicitation(&[]);
    coded[1] = 1;
    assert_eq!(faults(&coded), [(0, Kind::Value)]);
    let multicast = [&[135, 0, 0, 0, 0, 0, 0, 0, 0xff, 2][..], &[0; 14]].concat();
    assert_eq!(faults(&multicast), [(0, Kind::Value)]);
}

#[test]
fn a_route_has_as_many_octets_as_its_prefix_needs() {
    let route = |value: &[u8]| {
        let bytes = solicitation(&option(24, value));
        let options = read(&bytes).options;
        (options.routes[0], faults(&bytes))
    };
    let (default, none) = route(&[0, 0x08, 0, 0, 0, 9]);
    assert_eq!((default.prefix_length, default.preference, default.lifetime), (0, Preference::High, 9));
    assert_eq!((default.prefix.is_unspecified(), none), (true, vec![]));
    let (half, none) = route(&[64, 0, 0, 0, 0, 9, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1]);
    assert_eq!((half.prefix.to_string(), none), ("2001:db8:0:1::".into(), vec![]));
    assert_eq!(route(&[65, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0]).1, [(8, Kind::Length)]);
    assert_eq!(route(&[129, 0, 0, 0, 0, 9]).1, [(8, Kind::Value)]);
    assert_eq!(route(&[0; 30]).1, [(8, Kind::Length)]);
}

#[test]
fn a_list_of_servers_that_is_empty_or_ends_within_an_address_is_named() {
    assert_eq!(faults(&solicitation(&option(25, &[0; 6]))), [(8, Kind::Length)]);
    let bytes = solicitation(&option(25, &[0; 30]));
    assert_eq!(faults(&bytes), [(8, Kind::Length)]);
    assert_eq!(read(&bytes).options.dns_servers[0].servers.len(), 1);
}

#[test]
fn search_domains_are_read_to_their_padding() {
    let bytes = solicitation(&option(31, b"\0\0\0\0\0\x09\x02ab\x03lan\0\x01c\0"));
    assert_eq!(faults(&bytes), []);
    let list = &read(&bytes).options.search_lists[0];
    assert_eq!(list.lifetime, 9);
    assert_eq!(list.domains.iter().map(Name::to_string).collect::<Vec<_>>(), ["ab.lan", "c"]);
    assert_eq!(list.domains[0].labels().last().unwrap().to_string(), "lan");
}

#[test]
fn a_search_domain_that_is_malformed_leaves_those_before_it() {
    let pointer = solicitation(&option(31, b"\0\0\0\0\0\x09\x01a\0\xc0\x06"));
    assert_eq!(faults(&pointer), [(19, Kind::Value)]);
    assert_eq!(read(&pointer).options.search_lists[0].domains.len(), 1);
    let open = solicitation(&option(31, b"\0\0\0\0\0\x09\x07abcdefg"));
    assert_eq!(faults(&open), [(24, Kind::Short)]);
    let padding = solicitation(&option(31, b"\0\0\0\0\0\x09\x01a\0\0\0\x01"));
    assert_eq!(faults(&padding), [(20, Kind::Value)]);
    let long = [&b"\0\0\0\0\0\x09"[..], &[&[63][..], &[b'x'; 63]].concat().repeat(4)].concat();
    assert_eq!(faults(&solicitation(&option(31, &long))), [(16, Kind::Length)]);
}

#[test]
fn what_finds_no_room_is_counted() {
    let unknown = option(200, &[0; 6]).repeat(MAX_OTHER_OPTIONS + 3);
    let bytes = solicitation(&unknown);
    let options = read(&bytes).options;
    assert_eq!((options.others.len(), options.omitted), (MAX_OTHER_OPTIONS, 3));
    let bytes = solicitation(&option(200, &[0; 6]).repeat(MAX_OPTIONS + 1));
    assert_eq!(read(&bytes).malformed.first().unwrap_err().kind, Kind::Limit);
    let domains = [&[0; 6][..], &b"\x01a\0".repeat(MAX_DOMAINS + 2)].concat();
    let bytes = solicitation(&option(31, &domains));
    assert_eq!(read(&bytes).options.omitted, 2);
}

#[test]
fn other_types_and_messages_without_their_fields_are_refused() {
    assert_eq!(parse(Cursor::new(&[128; 24], 0, Layer::Ndp)).unwrap_err().kind, Kind::Value);
    for (kind, length) in [(133, 8), (134, 16), (135, 24), (136, 24), (137, 40)] {
        let mut bytes = vec![0; length];
        bytes[0] = kind;
        assert!(is_type(kind) && parse(Cursor::new(&bytes, 0, Layer::Ndp)).is_ok());
        bytes.pop();
        assert_eq!(parse(Cursor::new(&bytes, 0, Layer::Ndp)).unwrap_err().kind, Kind::Short);
    }
    assert!(!is_type(132) && !is_type(138));
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(
        router in any::<(u8, u8, u16, u32, u32)>(),
        link in prop::collection::vec(any::<u8>(), 0..40),
        prefixes in prop::collection::vec((0..=128_u8, any::<u8>(), any::<(u32, u32, u128)>()), 0..20),
        routes in prop::collection::vec((0..=128_u8, 0..4_u8, any::<u32>(), any::<u128>()), 0..20),
        servers in prop::collection::vec(prop::collection::vec(any::<u128>(), 1..=127), 0..4),
        names in prop::collection::vec(prop::collection::vec("[a-z]{1,63}", 1..4), 1..12),
        pref64 in prop::collection::vec((0..8192_u16, 0..6_u16, any::<[u8; 12]>()), 0..10),
        portal in "[!-~]{1,200}",
        numbers in any::<(u32, u32, u16, u16, u64)>(),
        nonce in prop::collection::vec(any::<u8>(), 6..7),
    ) {
        let (hops, flags, lifetime, reachable, retrans) = router;
        let mut bytes = [&[134, 0, 1, 2, hops, flags][..], &lifetime.to_be_bytes(), &reachable.to_be_bytes(), &retrans.to_be_bytes()].concat();
        bytes.extend(option(2, &link));
        for (length, flags, (valid, preferred, prefix)) in &prefixes {
            let lifetimes = [valid.to_be_bytes(), preferred.to_be_bytes(), [0; 4]].concat();
            bytes.extend(option(3, &[&[*length, *flags][..], &lifetimes, &prefix.to_be_bytes()].concat()));
        }
        for (length, preference, lifetime, prefix) in &routes {
            let kept = usize::from(*length).div_ceil(64) * 8;
            bytes.extend(option(24, &[&[*length, preference << 3][..], &lifetime.to_be_bytes(), &prefix.to_be_bytes()[..kept]].concat()));
        }
        for list in &servers {
            let octets: Vec<u8> = list.iter().flat_map(|s| s.to_be_bytes()).collect();
            bytes.extend(option(25, &[&[0, 0, 0, 0, 0, 7][..], &octets].concat()));
        }
        let mut search = vec![0, 0, 0, 0, 0, 8];
        for name in &names {
            search.extend(name.iter().flat_map(|l| [&[u8::try_from(l.len()).unwrap()], l.as_bytes()].concat()));
            search.push(0);
        }
        let has_room = search.len() + 2 <= 255 * 8;
        if has_room {
            bytes.extend(option(31, &search));
        }
        for (scaled, code, prefix) in &pref64 {
            bytes.extend(option(38, &[&(scaled << 3 | code).to_be_bytes()[..], prefix].concat()));
        }
        bytes.extend(option(37, portal.as_bytes()));
        bytes.extend(option(5, &[&[0, 0][..], &numbers.0.to_be_bytes()].concat()));
        bytes.extend(option(7, &[&[0, 0][..], &numbers.1.to_be_bytes()].concat()));
        bytes.extend(option(8, &[&[0, 0][..], &numbers.2.to_be_bytes(), &numbers.3.to_be_bytes()].concat()));
        bytes.extend(option(26, &numbers.4.to_be_bytes()[2..]));
        bytes.extend(option(14, &nonce));

        let message = read(&bytes);
        prop_assert!(message.malformed.is_empty(), "{:?}", message.malformed);
        let Body::RouterAdvertisement(r) = message.body else { panic!("not a router advertisement") };
        prop_assert_eq!((r.current_hop_limit, r.router_lifetime, r.reachable_time, r.retrans_timer), (hops, lifetime, reachable, retrans));
        prop_assert_eq!([r.managed, r.other_configuration, r.home_agent, r.proxy], [0x80, 0x40, 0x20, 4].map(|b| flags & b != 0));
        prop_assert_eq!(r.preference.code(), flags >> 3 & 3);
        let o = message.options;
        let padded = option(2, &link)[2..].to_vec();
        match o.target_link_layer_address.unwrap() {
            LinkLayerAddress::Mac(mac) => prop_assert_eq!(&mac.0[..], &padded),
            LinkLayerAddress::Other(octets) => prop_assert_eq!(octets.0, &padded),
        }
        let read_prefixes: ArrayVec<_, MAX_PREFIXES> = prefixes.iter().take(MAX_PREFIXES).map(|(length, flags, (valid, preferred, prefix))| PrefixInformation {
            prefix_length: *length,
            on_link: flags & 0x80 != 0,
            autonomous: flags & 0x40 != 0,
            router_address: flags & 0x20 != 0,
            dhcpv6_pd_preferred: flags & 0x10 != 0,
            valid_lifetime: *valid,
            preferred_lifetime: *preferred,
            prefix: (*prefix).into(),
        }).collect();
        prop_assert_eq!(o.prefixes, read_prefixes);
        prop_assert_eq!(o.routes.len(), routes.len().min(MAX_ROUTES));
        for (route, (length, preference, lifetime, prefix)) in o.routes.iter().zip(&routes) {
            let bits = u32::from(*length).div_ceil(64) * 64;
            let kept = prefix & u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            prop_assert_eq!((route.prefix_length, route.preference.code(), route.lifetime, route.prefix), (*length, *preference, *lifetime, kept.into()));
        }
        prop_assert_eq!(o.dns_servers.len(), servers.len());
        for (read, built) in o.dns_servers.iter().zip(&servers) {
            prop_assert!(read.lifetime == 7 && read.servers.iter().eq(built.iter().map(|s| Ipv6Addr::from(*s))));
        }
        if has_room {
            let read: Vec<_> = o.search_lists[0].domains.iter().map(Name::to_string).collect();
            prop_assert_eq!(read, names.iter().take(MAX_DOMAINS).map(|n| n.join(".")).collect::<Vec<_>>());
        }
        for (read, (scaled, code, prefix)) in o.pref64.iter().zip(&pref64) {
            prop_assert_eq!((read.lifetime, &read.prefix.octets()[..12]), (scaled * 8, &prefix[..]));
            prop_assert_eq!(read.prefix_length, Some([96, 64, 56, 48, 40, 32][usize::from(*code)]));
        }
        prop_assert_eq!(o.captive_portal.unwrap().to_string(), portal);
        prop_assert_eq!((o.mtu, o.advertisement_interval), (Some(numbers.0), Some(numbers.1)));
        let agent = o.home_agent_information.unwrap();
        prop_assert_eq!((agent.preference, agent.lifetime), (numbers.2, numbers.3));
        prop_assert_eq!(o.flags_extension, Some(numbers.4 & 0xffff_ffff_ffff));
        prop_assert_eq!(o.nonce.unwrap().0, &nonce);
        let too_many = |built: usize, room: usize| built.saturating_sub(room);
        let omitted = too_many(prefixes.len(), MAX_PREFIXES) + too_many(routes.len(), MAX_ROUTES)
            + too_many(pref64.len(), MAX_PREF64) + if has_room { too_many(names.len(), MAX_DOMAINS) } else { 0 };
        prop_assert_eq!(o.omitted, u32::try_from(omitted).unwrap());
    }

    #[test]
    fn arbitrary_octets_are_read_to_an_end(
        kind in 133..=137_u8,
        bytes in prop::collection::vec(prop_oneof![Just(0_u8), 1..40_u8, any::<u8>()], 0..600),
        wire_len in 0..2000_u32,
    ) {
        let bytes = [&[kind, 0][..], &bytes].concat();
        if let Ok(message) = parse(Cursor::new(&bytes, wire_len, Layer::Ndp)) {
            prop_assert!(message.malformed.iter().all(|m| m.layer == Layer::Ndp));
        }
    }
}
