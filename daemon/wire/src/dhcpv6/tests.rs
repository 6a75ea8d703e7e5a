//! Tests of whole messages.

use proptest::prelude::*;

use super::*;
use crate::{Layer, ethernet};

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap();
    [&code.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
}

fn message(kind: u8, options: &[Vec<u8>]) -> Vec<u8> {
    [&[kind, 0xab, 0xcd, 0xef][..], &options.concat()].concat()
}

fn relay(hop_count: u8, options: &[Vec<u8>]) -> Vec<u8> {
    [&[12, hop_count][..], &address(1), &address(2), &options.concat()].concat()
}

fn address(last: u8) -> [u8; 16] {
    [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]
}

fn read(bytes: &[u8]) -> Message<'_> {
    parse(Cursor::new(bytes, 0, Layer::Dhcpv6)).unwrap()
}

fn faults(bytes: &[u8]) -> Vec<(u32, Kind)> {
    read(bytes).malformed.iter().map(|m| (m.offset, m.kind)).collect()
}

/// Reads one option by itself, which begins at octet 4.
fn one<T>(code: u16, value: &[u8], get: impl Fn(Options<'_>) -> T) -> (T, Vec<(u32, Kind)>) {
    let bytes = message(1, &[option(code, value)]);
    (get(read(&bytes).options), faults(&bytes))
}

/// One option of every kind that is read.
fn all() -> Vec<(u16, Vec<u8>)> {
    let status = option(13, b"\0\x02none");
    let lease = [&address(9)[..], &[0, 0, 0, 5, 0, 0, 0, 6], &status].concat();
    let prefix = [&[0, 0, 0, 5, 0, 0, 0, 6, 56][..], &address(0), &option(67, &[60, 1])].concat();
    let sources = [option(1, &address(1)), option(2, &address(2)), option(3, b"\x03ntp\0"), option(9, b"x")];
    let mut bootp = vec![1, 1, 6, 0];
    bootp.resize(dhcpv4_len(), 0);
    bootp.extend([99, 130, 83, 99, 53, 1, 1, 255]);
    vec![
        (1, b"\0\x01\0\x01\0\0\0\x07\x02\0\0\0\0\x01".to_vec()),
        (2, b"\0\x03\0\x01\x02\0\0\0\0\x02".to_vec()),
        (3, [&[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3][..], &option(5, &lease), &option(99, b"x")].concat()),
        (4, [&[0, 0, 0, 4][..], &option(5, &lease)].concat()),
        (25, [&[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3][..], &option(26, &prefix), &status].concat()),
        (6, vec![0, 23, 0, 24]),
        (7, vec![255]),
        (8, vec![0, 100]),
        (11, vec![3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2]),
        (12, address(3).to_vec()),
        (13, b"\0\0done".to_vec()),
        (14, vec![]),
        (15, b"\0\x04iPXE\0\0".to_vec()),
        (16, b"\0\0\x01\x37\0\x08MSFT 5.0".to_vec()),
        (17, [&[0, 0, 0x11, 0x8b][..], &option(1, b"ab"), &option(2, b"")].concat()),
        (18, b"Gi1".to_vec()),
        (19, vec![5]),
        (20, vec![]),
        (21, b"\x03sip\0".to_vec()),
        (22, address(4).to_vec()),
        (23, [address(5), address(6)].concat()),
        (24, b"\x01a\x03lan\0\x01b\0".to_vec()),
        (31, address(7).to_vec()),
        (32, vec![0, 0, 2, 88]),
        (39, b"\x01\x02pc".to_vec()),
        (56, sources.concat()),
        (59, b"tftp://x".to_vec()),
        (60, b"\0\x01x".to_vec()),
        (61, vec![0, 7, 0, 16]),
        (62, vec![1, 3, 16]),
        (64, b"\x04aftr\x01x\0".to_vec()),
        (80, address(8).to_vec()),
        (82, vec![0, 0, 0, 60]),
        (83, vec![0, 0, 0, 61]),
        (87, bootp),
        (88, address(10).to_vec()),
        (103, b"https://p".to_vec()),
        (112, b"https://m".to_vec()),
        (148, vec![]),
        (200, vec![1, 2]),
    ]
}

fn dhcpv4_len() -> usize {
    crate::dhcpv4::HEADER_LEN
}

fn full() -> Vec<u8> {
    message(1, &all().iter().map(|(code, value)| option(*code, value)).collect::<Vec<_>>())
}

#[test]
fn every_option_is_read() {
    let bytes = full();
    let m = read(&bytes);
    assert_eq!(faults(&bytes), []);
    assert_eq!((m.message_type, m.transaction_id, m.flags), (MessageType::Solicit, Some(0x00ab_cdef), None));
    assert!(!m.is_relayed() && m.client_address().is_none() && m.omitted == 0);
    let o = m.options;
    assert_eq!(o.order[..], all().iter().map(|(code, _)| *code).collect::<Vec<_>>());
    let client = o.client_identifier.unwrap();
    assert_eq!((client.kind, client.time, client.octets.0.len()), (DuidKind::LinkLayerTime, Some(7), 14));
    assert_eq!(client.link_layer.unwrap().mac, Some(ethernet::Address([2, 0, 0, 0, 0, 1])));
    assert_eq!(o.server_identifier.unwrap().kind, DuidKind::LinkLayer);
    let [na, ta, pd] = &o.associations[..] else { panic!("{:?}", o.associations) };
    assert_eq!((na.kind, na.iaid, na.t1, na.t2), (AssociationKind::NonTemporary, 1, Some(2), Some(3)));
    let lease = na.addresses[0];
    assert_eq!((lease.address, lease.preferred_lifetime, lease.valid_lifetime), (address(9).into(), 5, 6));
    assert_eq!(lease.status.unwrap().code, StatusCode::NoAddrsAvail);
    assert_eq!(na.others[..], [OptionFact { code: 99, length: 1 }]);
    assert_eq!((ta.kind, ta.t1, ta.addresses.len()), (AssociationKind::Temporary, None, 1));
    assert_eq!((pd.prefixes[0].prefix, pd.prefixes[0].prefix_len), (address(0).into(), 56));
    assert_eq!(pd.others[..], [OptionFact { code: 67, length: 2 }]);
    assert_eq!(pd.status.unwrap().message.to_string(), "none");
    assert_eq!(o.request_list[..], [23, 24]);
    assert_eq!((o.preference, o.elapsed_time), (Some(255), Some(100)));
    assert_eq!(o.authentication.map(|a| (a.protocol, a.information_length)), Some((3, 2)));
    assert_eq!(o.server_unicast, Some(address(3).into()));
    assert_eq!(o.status.unwrap().code, StatusCode::Success);
    assert!(o.rapid_commit && o.reconfigure_accept && o.address_registration);
    assert_eq!(o.user_classes.iter().map(|c| c.to_string()).collect::<Vec<_>>(), ["iPXE", ""]);
    assert_eq!((o.vendor_classes[0].enterprise, o.vendor_classes[0].length), (311, 10));
    assert_eq!(o.vendor_classes[0].classes[0].to_string(), "MSFT 5.0");
    assert_eq!((o.vendor_options[0].enterprise, o.vendor_options[0].length), (4491, 10));
    assert_eq!(o.vendor_options[0].options[1], OptionFact { code: 2, length: 0 });
    assert_eq!(o.interface_id.unwrap().0, b"Gi1");
    assert_eq!(o.reconfigure_message, Some(MessageType::Renew));
    assert_eq!((o.sip_domains[0].as_str(), o.sip_servers[0]), ("sip", address(4).into()));
    assert_eq!(o.dns_servers[..], [5, 6].map(|last| Ipv6Addr::from(address(last))));
    assert_eq!(o.domain_search.iter().map(|n| n.as_str()).collect::<Vec<_>>(), ["a.lan", "b"]);
    assert_eq!((o.sntp_servers[0], o.information_refresh_time), (address(7).into(), Some(600)));
    let fqdn = o.client_fqdn.unwrap();
    assert_eq!((fqdn.name.as_str(), fqdn.is_partial, fqdn.server_updates()), ("pc", true, true));
    assert!(!fqdn.is_overridden() && !fqdn.no_updates());
    assert_eq!(o.ntp_servers[1], NtpServer::Multicast(address(2).into()));
    assert_eq!(o.ntp_servers[3], NtpServer::Other(OptionFact { code: 9, length: 1 }));
    assert_eq!((o.boot_file_url_length, o.boot_file_parameters_length), (Some(8), Some(3)));
    assert_eq!(o.architectures.iter().map(|a| a.code()).collect::<Vec<_>>(), [7, 16]);
    assert_eq!(o.network_interface.map(|n| n.minor), Some(16));
    assert_eq!((o.aftr_name.unwrap().as_str(), o.link_address), ("aftr.x", Some(address(8).into())));
    assert_eq!((o.sol_max_rt, o.inf_max_rt), (Some(60), Some(61)));
    assert_eq!(o.dhcpv4.unwrap().options.message_type, Some(crate::dhcpv4::MessageType::Discover));
    assert_eq!(o.dhcp4o6_servers[0], Ipv6Addr::from(address(10)));
    assert_eq!((o.captive_portal.unwrap().0, o.mud_url.unwrap().0), (&b"https://p"[..], &b"https://m"[..]));
    assert_eq!(o.others[..], [OptionFact { code: 200, length: 2 }]);
}

#[test]
fn relay_agents_are_read_outermost_first() {
    let inner = relay(
        0,
        &[
            option(18, b"Gi1"),
            option(37, b"\0\0\0\x09rem"),
            option(38, b"sub"),
            option(79, b"\0\x01\x02\0\0\0\0\x01"),
            option(17, b"\0\0\0\x09"),
            option(135, &[2, 3]),
            option(43, &[0, 79]),
            option(9, &message(3, &[option(7, &[1])])),
        ],
    );
    let bytes = relay(1, &[option(9, &inner)]);
    let m = read(&bytes);
    assert_eq!(faults(&bytes), []);
    assert_eq!((m.message_type, m.options.preference), (MessageType::Request, Some(1)));
    assert_eq!(m.relays.iter().map(|r| r.hop_count).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(m.client_address(), Some(address(2).into()));
    let nearest = &m.relays[1];
    assert_eq!((nearest.message_type, nearest.link_address), (MessageType::RelayForward, address(1).into()));
    assert_eq!((nearest.interface_id.unwrap().0, nearest.subscriber_id_length), (&b"Gi1"[..], Some(3)));
    assert_eq!(nearest.remote_id.map(|r| (r.enterprise, r.identifier.0)), Some((9, &b"rem"[..])));
    assert_eq!(nearest.client_link_layer.unwrap().mac, Some(ethernet::Address([2, 0, 0, 0, 0, 1])));
    assert_eq!((nearest.vendor_options.len(), nearest.source_port), (1, Some(0x0203)));
    assert_eq!(nearest.order[..], [18, 37, 38, 79, 17, 135, 43, 9]);
    assert_eq!(nearest.others[..], [OptionFact { code: 43, length: 2 }]);
}

fn nested(depth: usize) -> Vec<u8> {
    (0..depth).fold(message(1, &[]), |inner, _| relay(0, &[option(9, &inner)]))
}

#[test]
fn more_relay_agents_than_the_bound_are_named() {
    for depth in [1, MAX_RELAYS] {
        let bytes = nested(depth);
        assert_eq!((read(&bytes).relays.len(), read(&bytes).message_type), (depth, MessageType::Solicit));
        assert_eq!(faults(&bytes), []);
    }
    for depth in [MAX_RELAYS + 1, 500] {
        let bytes = nested(depth);
        let m = read(&bytes);
        assert_eq!((m.relays.len(), m.message_type), (MAX_RELAYS, MessageType::RelayForward));
        assert_eq!(faults(&bytes), [(8 * 38, Kind::Limit)]);
    }
}

#[test]
fn a_relay_agent_without_a_message_is_named() {
    let bytes = relay(0, &[option(18, b"x")]);
    assert_eq!(faults(&bytes), [(34, Kind::Missing)]);
    assert_eq!(read(&bytes).transaction_id, None);
    let bytes = relay(0, &[option(9, &[12, 0, 1])]);
    assert_eq!((faults(&bytes), read(&bytes).relays.len()), (vec![(40, Kind::Short)], 1));
    let bytes = relay(0, &[option(9, &message(1, &[])), option(9, &message(2, &[]))]);
    assert_eq!(
        (faults(&bytes), read(&bytes).message_type),
        (vec![(42, Kind::Duplicate)], MessageType::Solicit)
    );
}

#[test]
fn a_message_without_its_fixed_part_is_refused() {
    let error = |bytes: &[u8]| parse(Cursor::new(bytes, 0, Layer::Dhcpv6)).unwrap_err().kind;
    assert_eq!(error(&[1, 2, 3]), Kind::Short);
    assert_eq!(error(&relay(0, &[])[..33]), Kind::Short);
    assert_eq!(parse(Cursor::new(&[1, 2], 9, Layer::Dhcpv6)).unwrap_err().kind, Kind::NotCaptured);
}

#[test]
fn a_message_of_unknown_type_is_read_like_the_known_ones() {
    let bytes = message(99, &[option(7, &[1])]);
    assert_eq!(
        (read(&bytes).message_type, read(&bytes).options.preference),
        (MessageType::Unknown(99), Some(1))
    );
    let bytes = message(20, &[]);
    assert_eq!((read(&bytes).flags, read(&bytes).transaction_id), (Some(0x00ab_cdef), None));
}

#[test]
fn an_option_beyond_the_message_leaves_those_before_it() {
    let mut bytes = message(1, &[option(7, &[1]), option(6, &[0, 23, 0, 24])]);
    bytes.truncate(bytes.len() - 1);
    assert_eq!((faults(&bytes), read(&bytes).options.preference), (vec![(9, Kind::Length)], Some(1)));
    let bytes = message(1, &[vec![0, 7, 0]]);
    assert_eq!(faults(&bytes), [(6, Kind::Short)]);
}

#[test]
fn an_option_of_wrong_length_does_not_hide_the_next() {
    for (code, value) in all() {
        let kinds = |value: &[u8]| {
            let bytes = message(1, &[option(code, value), option(code ^ 0x4000, &[])]);
            let m = read(&bytes);
            assert_eq!(m.options.order.len(), 2);
            assert_eq!(m.options.others.last().unwrap().code, code ^ 0x4000);
            m.malformed.iter().map(|m| m.kind).collect::<Vec<_>>()
        };
        let takes_any = matches!(code, 18 | 59 | 60 | 103 | 112 | 200);
        let shorter = value.split_last().map_or(&[][..], |(_, rest)| rest);
        let is_sound_shorter = takes_any || matches!(code, 1 | 2 | 11 | 13 | 14 | 20 | 148);
        assert_eq!(kinds(shorter).is_empty(), is_sound_shorter, "{code}: {:?}", kinds(shorter));
        let longer = [&value[..], &[0]].concat();
        let is_sound_longer = takes_any || matches!(code, 1 | 2 | 11 | 13 | 21 | 24 | 39 | 87);
        assert_eq!(kinds(&longer).is_empty(), is_sound_longer, "{code}: {:?}", kinds(&longer));
    }
}

#[test]
fn the_first_of_two_options_counts() {
    for (code, value) in all() {
        let bytes = message(1, &[option(code, &value), option(code, &value)]);
        let may_repeat = matches!(code, 3 | 4 | 16 | 17 | 25 | 56 | 200);
        let second = u32::try_from(8 + value.len()).unwrap();
        let expected = if may_repeat { vec![] } else { vec![(second, Kind::Duplicate)] };
        assert_eq!(faults(&bytes), expected, "{code}");
    }
}

#[test]
fn a_duid_too_short_for_its_type_gives_what_it_has() {
    let duid =
        |o: Options<'_>| o.client_identifier.map(|d| (d.kind.code(), d.time, d.enterprise, d.octets.0.len()));
    assert_eq!(one(1, b"\0\x01\0\x01\0\0", duid), (Some((1, None, None, 6)), vec![(12, Kind::Short)]));
    assert_eq!(one(1, b"\0\x02\0\0\0\x09ab", duid), (Some((2, None, Some(9), 8)), vec![]));
    assert_eq!(one(1, b"\0\x04ab", duid), (Some((4, None, None, 4)), vec![(10, Kind::Length)]));
    assert_eq!(one(1, b"\0\x09ab", duid), (Some((9, None, None, 4)), vec![]));
    assert_eq!(one(1, b"\0", duid), (None, vec![(8, Kind::Short)]));
    assert_eq!(one(1, &[0; MAX_DUID_LEN], duid).1, []);
    assert_eq!(one(1, &[0; MAX_DUID_LEN + 1], duid).1, [(8, Kind::Length)]);
    let other = one(1, b"\0\x03\0\x20abcdef", |o| o.client_identifier.unwrap().link_layer.unwrap().mac);
    assert_eq!(other, (None, vec![]));
}

#[test]
fn an_association_cut_short_gives_what_it_has() {
    let association = |o: Options<'_>| o.associations.first().map(|a| (a.iaid, a.t1, a.t2));
    assert_eq!(
        one(3, &[0, 0, 0, 1, 0, 0, 0, 2, 0], association),
        (Some((1, Some(2), None)), vec![(16, Kind::Short)])
    );
    assert_eq!(one(3, &[0, 0, 1], association), (None, vec![(8, Kind::Short)]));
    let prefix = option(26, &[&[0; 8][..], &[129], &address(0)].concat());
    let value = [&[0; 12][..], &prefix].concat();
    let (prefixes, faults) = one(25, &value, |o| o.associations[0].prefixes[0].prefix_len);
    assert_eq!((prefixes, faults), (129, vec![(32, Kind::Value)]));
}

#[test]
fn a_compressed_name_is_refused() {
    assert_eq!(one(24, b"\x01a\0\xc0\0", |o| o.domain_search.len()), (1, vec![(11, Kind::Value)]));
    let (name, faults) = one(39, b"\0\x02pc\xc0\0", |o| o.client_fqdn.unwrap().name.to_string());
    assert_eq!((name.as_str(), faults), ("pc", vec![(12, Kind::Value)]));
}

#[test]
fn what_finds_no_room_is_counted() {
    let bytes = message(1, &vec![option(3, &[0; 12]); MAX_ASSOCIATIONS + 3]);
    assert_eq!((read(&bytes).options.associations.len(), read(&bytes).omitted), (MAX_ASSOCIATIONS, 3));
    let bytes = message(1, &[option(23, &[0; 16].repeat(MAX_ADDRESSES + 2))]);
    assert_eq!((read(&bytes).options.dns_servers.len(), read(&bytes).omitted), (MAX_ADDRESSES, 2));
    let bytes = message(1, &vec![option(300, &[]); MAX_OPTIONS + 1]);
    let m = read(&bytes);
    assert_eq!((m.options.order.len(), m.options.others.len()), (MAX_OPTIONS, MAX_OTHER_OPTIONS));
    assert_eq!(m.malformed.first().unwrap_err().kind, Kind::Limit);
    let bytes = message(1, &vec![option(300, &[]); MAX_OPTIONS]);
    assert_eq!(faults(&bytes), []);
}

#[test]
fn a_message_cut_anywhere_is_not_malformed() {
    let bytes = relay(0, &[option(18, b"x"), option(9, &full())]);
    assert_eq!(faults(&bytes), []);
    let whole = u32::try_from(bytes.len()).unwrap();
    let mut options = 0;
    for cut in 0..bytes.len() {
        match parse(Cursor::new(&bytes[..cut], whole, Layer::Dhcpv6)) {
            Ok(m) => {
                let found: Vec<_> = m.malformed.iter().map(|f| f.kind).collect();
                assert_eq!(found, [Kind::NotCaptured], "{cut}: {:?}", m.malformed);
                assert!(m.options.order.len() >= options);
                options = m.options.order.len();
            }
            Err(error) => assert!(cut < RELAY_HEADER_LEN && error.kind == Kind::NotCaptured),
        }
    }
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(
        kind in 1..=255_u8,
        duid in prop::collection::vec(any::<u8>(), 0..=128),
        asked in prop::collection::vec(any::<u16>(), 1..200),
        leases in prop::collection::vec(any::<(u128, u32, u32)>(), 0..12),
        prefixes in prop::collection::vec((0..=128_u8, any::<u128>()), 0..12),
        classes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..12),
        labels in prop::collection::vec("[a-z]{1,63}", 1..4),
        others in prop::collection::vec((400..=u16::MAX, 0..40_usize), 0..80),
        depth in 0..=MAX_RELAYS,
        swap in any::<prop::sample::Index>(),
    ) {
        prop_assume!(!matches!(kind, 12 | 13));
        let lease = |(address, preferred, valid): &(u128, u32, u32)| {
            option(5, &[&address.to_be_bytes()[..], &preferred.to_be_bytes(), &valid.to_be_bytes()].concat())
        };
        let prefix = |(length, prefix): &(u8, u128)| {
            option(26, &[&[0; 8][..], &[*length], &prefix.to_be_bytes()].concat())
        };
        let class = |class: &Vec<u8>| {
            [&u16::try_from(class.len()).unwrap().to_be_bytes()[..], class].concat()
        };
        let name: Vec<u8> = labels.iter()
            .flat_map(|l| [&[u8::try_from(l.len()).unwrap()], l.as_bytes()].concat()).chain([0]).collect();
        let mut options = vec![
            option(1, &[&[0, 99][..], &duid].concat()),
            option(6, &asked.iter().flat_map(|code| code.to_be_bytes()).collect::<Vec<_>>()),
            option(3, &[vec![0; 12], leases.iter().flat_map(lease).collect()].concat()),
            option(25, &[vec![0; 12], prefixes.iter().flat_map(prefix).collect()].concat()),
            option(15, &classes.iter().flat_map(class).collect::<Vec<_>>()),
            option(24, &name),
        ];
        options.extend(others.iter().map(|(code, length)| option(*code, &vec![7; *length])));
        let at = swap.index(options.len());
        options.rotate_left(at);
        let bytes = (0..depth).fold(message(kind, &options), |inner, _| relay(3, &[option(9, &inner)]));
        let m = read(&bytes);
        prop_assert!(m.malformed.is_empty(), "{:?}", m.malformed);
        prop_assert_eq!((m.message_type.code(), m.relays.len()), (kind, depth));
        let o = &m.options;
        prop_assert_eq!(o.order.len(), options.len());
        prop_assert_eq!(o.client_identifier.unwrap().identifier.unwrap().0, &duid[..]);
        prop_assert_eq!(&o.request_list[..], &asked[..asked.len().min(MAX_REQUESTED)]);
        let na = o.associations.iter().find(|a| a.kind == AssociationKind::NonTemporary).unwrap();
        prop_assert_eq!(na.addresses.len(), leases.len().min(MAX_LEASES));
        for (read, (address, preferred, valid)) in na.addresses.iter().zip(&leases) {
            prop_assert_eq!(u128::from(read.address), *address);
            prop_assert_eq!((read.preferred_lifetime, read.valid_lifetime), (*preferred, *valid));
        }
        let pd = o.associations.iter().find(|a| a.kind == AssociationKind::PrefixDelegation).unwrap();
        for (read, (length, prefix)) in pd.prefixes.iter().zip(&prefixes) {
            prop_assert_eq!((read.prefix_len, u128::from(read.prefix)), (*length, *prefix));
        }
        for (read, class) in o.user_classes.iter().zip(&classes) {
            prop_assert_eq!(read.0, &class[..]);
        }
        prop_assert_eq!(o.domain_search[0].as_str(), labels.join("."));
        for (read, (code, length)) in o.others.iter().zip(&others[..]) {
            if at < 6 {
                prop_assert_eq!((read.code, usize::from(read.length)), (*code, *length));
            }
        }
        let beyond = |length: usize, bound: usize| length.saturating_sub(bound);
        let omitted = beyond(asked.len(), MAX_REQUESTED) + beyond(leases.len(), MAX_LEASES)
            + beyond(prefixes.len(), MAX_LEASES) + beyond(classes.len(), MAX_CLASSES)
            + beyond(others.len(), MAX_OTHER_OPTIONS);
        prop_assert_eq!(m.omitted, u32::try_from(omitted).unwrap());
    }

    #[test]
    fn any_octets_are_read_without_panic(
        octets in prop::collection::vec(prop_oneof![3 => Just(0), 1 => any::<u8>(), 2 => 0..30_u8], 0..300),
        keep in 0..45_usize,
        depth in 0..4_usize,
        wire_len in 0..1500_u32,
    ) {
        let known: Vec<_> = all().into_iter().rev().take(keep).map(|(code, value)| option(code, &value)).collect();
        let inner = [message(1, &known), octets.clone()].concat();
        let bytes = (0..depth).fold(inner, |inner, _| relay(0, &[option(9, &inner)]));
        for bytes in [&bytes[..], &octets[..]] {
            if let Ok(m) = parse(Cursor::new(bytes, wire_len, Layer::Dhcpv6)) {
                for fault in m.malformed.iter() {
                    prop_assert!(usize::try_from(fault.offset).unwrap() <= bytes.len());
                }
                let _ = format!("{m:?}");
            }
        }
    }

    #[test]
    fn a_changed_octet_is_read_without_panic(at in any::<prop::sample::Index>(), value in any::<u8>()) {
        let mut bytes = relay(0, &[option(9, &full())]);
        let at = at.index(bytes.len());
        bytes[at] = value;
        let _ = parse(Cursor::new(&bytes, 0, Layer::Dhcpv6)).map(|m| format!("{m:?}"));
    }
}
