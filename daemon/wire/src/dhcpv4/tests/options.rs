//! Tests of what single options hold.

use super::*;

/// Reads one option by itself.
fn one<T>(code: u8, value: &[u8], get: impl Fn(Options<'_>) -> T) -> (T, Vec<Kind>) {
    let bytes = message(&[option(code, value, 255), vec![255]].concat());
    let message = read(&bytes);
    let faults = message.malformed.iter().map(|m| m.kind).collect();
    (get(message.options), faults)
}

#[test]
fn a_client_identifier_of_rfc_4361_holds_a_duid() {
    let mut value = vec![255, 0, 0, 0, 7, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1];
    let (_, faults) = one(61, &value, |o| {
        let id = o.client_identifier.unwrap();
        let (iaid, duid) = id.iaid_and_duid().unwrap();
        assert_eq!((id.kind(), id.mac(), iaid, duid.kind), (255, None, 7, DuidKind::LinkLayer));
        assert_eq!(duid.link_layer.unwrap().mac, Some(ethernet::Address([2, 0, 0, 0, 0, 1])));
    });
    assert_eq!(faults, []);
    value.truncate(6);
    assert_eq!(
        one(61, &value, |o| o.client_identifier.unwrap().iaid_and_duid().is_some()),
        (false, vec![Kind::Length])
    );
    assert_eq!(one(61, &[1, 2, 0, 0, 0, 0, 1], |o| o.client_identifier.unwrap().mac()).0.unwrap().0[5], 1);
    assert_eq!(one(61, &[0, b'n'], |o| o.client_identifier.unwrap().mac()), (None, vec![]));
}

#[test]
fn a_user_class_is_a_list_or_one_plain_text() {
    let texts = |o: Options<'_>| {
        let class = o.user_class.unwrap();
        (class.is_plain, class.classes.iter().map(|c| c.text().to_string()).collect::<Vec<_>>())
    };
    assert_eq!(one(77, b"\x02ab\x03cde", texts), ((false, vec!["ab".into(), "cde".into()]), vec![]));
    assert_eq!(one(77, b"iPXE", texts), ((true, vec!["iPXE".into()]), vec![]));
    assert!(one(77, b"\x00", texts).0.0);
    let (classes, faults) = one(77, &b"\x01c".repeat(10), |o| o.user_class.unwrap().classes.len());
    assert_eq!((classes, faults), (MAX_USER_CLASSES, vec![]));
}

#[test]
fn routes_are_read_up_to_one_with_an_impossible_prefix() {
    let value = [0, 10, 0, 0, 1, 20, 172, 16, 16, 10, 0, 0, 2, 32, 1, 2, 3, 4, 0, 0, 0, 0];
    let (routes, faults) = one(121, &value, |o| o.routes);
    let shown = |r: &Route| format!("{}/{} {}", r.destination, r.prefix_len, r.router);
    let shown: Vec<_> = routes.iter().map(shown).collect();
    assert_eq!(shown, ["0.0.0.0/0 10.0.0.1", "172.16.16.0/20 10.0.0.2", "1.2.3.4/32 0.0.0.0"]);
    assert_eq!(faults, []);
    let value = [&value[..5], &[33, 1, 2, 3, 4, 5, 6, 7, 8, 9]].concat();
    assert_eq!(one(249, &value, |o| o.microsoft_routes.len()), (1, vec![Kind::Value]));
    assert_eq!(one(121, &value[..4], |o| o.routes.len()), (0, vec![Kind::Length]));
    let bytes = message(&[option(121, &[0, 1, 1, 1, 1].repeat(40), 255), vec![255]].concat());
    assert_eq!((read(&bytes).options.routes.len(), read(&bytes).omitted), (MAX_ROUTES, 8));
}

#[test]
fn a_domain_search_list_is_decompressed_over_its_instances() {
    let value = b"\x03eng\x05apple\x03com\0\x09marketing\xc0\x04";
    for longest in [255, 7, 1] {
        let bytes = message(&[option(119, value, longest), vec![255]].concat());
        let m = read(&bytes);
        let names: Vec<_> = m.options.domain_search.iter().map(|n| n.as_str()).collect();
        assert_eq!(names, ["eng.apple.com", "marketing.apple.com"]);
        assert!(m.malformed.is_empty());
    }
    let many = [&b"\x01a\0"[..], &[0xc0, 0].repeat(40)].concat();
    let bytes = message(&[option(119, &many, 255), vec![255]].concat());
    assert_eq!((read(&bytes).options.domain_search.len(), read(&bytes).omitted), (MAX_DOMAINS, 25));
    assert_eq!(one(119, b"\x01a\xc0\0", |o| o.domain_search.len()), (0, vec![Kind::Value]));
    assert_eq!(one(119, b"\x01a\0\x01b", |o| o.domain_search.len()), (1, vec![Kind::Length]));
}

#[test]
fn vendors_are_read_with_their_options() {
    let value = [0, 0, 0x11, 0x8b, 7, 1, 2, b'a', b'b', 5, 1, 0, 0, 0, 0, 9, 0];
    let (vendors, faults) = one(125, &value, |o| o.vendor_options);
    assert_eq!((vendors[0].enterprise, vendors[0].length, vendors[1].enterprise), (4491, 7, 9));
    assert_eq!(
        vendors[0].options[..],
        [OptionFact { code: 1, length: 2 }, OptionFact { code: 5, length: 1 }]
    );
    assert_eq!(faults, []);
    assert_eq!(one(125, &[0, 0, 0, 9, 2, 1, 9], |o| o.vendor_options.len()), (1, vec![Kind::Length]));
    let classes =
        |o: Options<'_>| o.vendor_classes.iter().map(|v| (v.enterprise, v.data.to_vec())).collect::<Vec<_>>();
    assert_eq!(one(124, &[0, 0, 0, 9, 1, b'x'], classes), (vec![(9, vec![b'x'])], vec![]));
    assert_eq!(one(124, &[0, 0, 0, 9, 2, b'x'], classes), (vec![], vec![Kind::Length]));
}

#[test]
fn every_sub_option_of_a_relay_agent_is_read() {
    let value = [
        &[1, 2, b'p', b'1', 2, 1, b's', 4, 4, 0, 0, 0, 1, 5, 4, 10, 0, 0, 1, 6, 3, b's', b'u', b'b'][..],
        &[10, 1, 0x80, 11, 4, 10, 0, 0, 2, 12, 4, 0, 2, 0, 9, 19, 0, 151, 2, 1, 7, 152, 0, 99, 1, 0],
    ];
    let (_, faults) = one(82, &value.concat(), |o| {
        let a = o.relay_agent.unwrap();
        assert_eq!((a.circuit_id(), a.remote_id()), (Some(&b"p1"[..]), Some(&b"s"[..])));
        assert_eq!((a.docsis_device_class, a.subscriber_id_length, a.flags), (Some(1), Some(3), Some(0x80)));
        assert_eq!(a.link_selection.unwrap().octets()[3], 1);
        assert_eq!(a.server_identifier_override.unwrap().octets()[3], 2);
        assert_eq!(a.relay_agent_identifier.as_deref(), Some(&[0, 2, 0, 9][..]));
        assert!(a.source_port && a.virtual_subnet_control);
        assert_eq!(
            (a.virtual_subnet.as_ref().unwrap().kind, &a.virtual_subnet.unwrap().identifier[..]),
            (1, &[7][..])
        );
        assert_eq!(
            a.sub_options.iter().map(|s| s.code).collect::<Vec<_>>(),
            [1, 2, 4, 5, 6, 10, 11, 12, 19, 151, 152, 99]
        );
    });
    assert_eq!(faults, []);
    assert_eq!(
        one(82, &[5, 3, 1, 2, 3, 1, 1, b'c'], |o| o.relay_agent.unwrap().circuit_id.is_some()),
        (true, vec![Kind::Length])
    );
    assert_eq!(
        one(82, &[1, 1, b'a', 1, 1, b'b'], |o| o.relay_agent.unwrap().circuit_id().unwrap()[0]),
        (b'a', vec![Kind::Duplicate])
    );
}

#[test]
fn what_a_booting_machine_says_is_read() {
    assert_eq!(
        one(93, &[0, 7, 0, 99], |o| o.architectures[..].to_vec()).0,
        [Architecture::X64Uefi, Architecture::Unknown(99)]
    );
    assert_eq!(
        one(94, &[1, 3, 16], |o| o.network_interface),
        (Some(NetworkInterface { kind: 1, major: 3, minor: 16 }), vec![])
    );
    let uuid = [&[0][..], &[9; 16]].concat();
    assert_eq!(
        one(97, &uuid, |o| o.client_machine.map(|m| (m.kind, m.identifier.len()))),
        (Some((0, 16)), vec![])
    );
    assert_eq!(
        one(97, &uuid[..9], |o| o.client_machine.map(|m| m.identifier.len())),
        (Some(8), vec![Kind::Length])
    );
}

#[test]
fn an_authentication_is_read_without_its_secret() {
    let value = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3, 4];
    let (authentication, faults) = one(90, &value, |o| o.authentication.unwrap());
    assert_eq!(
        (authentication.protocol, authentication.replay_detection, authentication.information_length),
        (1, 9, 4)
    );
    assert_eq!(faults, []);
    assert_eq!(one(90, &value[..10], |o| o.authentication), (None, vec![Kind::Length]));
}

#[test]
fn an_empty_option_is_named_where_it_may_not_be_empty() {
    for code in [
        1, 3, 6, 12, 26, 50, 51, 53, 55, 57, 60, 61, 77, 81, 82, 90, 93, 94, 97, 108, 114, 116, 119, 121,
        124, 125, 150, 161,
    ] {
        let bytes = message(&[code, 0, 54, 4, 1, 2, 3, 4, 255]);
        assert_eq!(faults(&bytes), [(240, Kind::Length)], "{code}");
        assert!(read(&bytes).options.server_identifier.is_some());
    }
}
