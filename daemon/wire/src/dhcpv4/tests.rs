//! Tests of whole messages.

use super::*;
use crate::Layer;

fn header() -> Vec<u8> {
    let mut bytes = vec![1, 1, 6, 2, 0xde, 0xad, 0xbe, 0xef, 0, 3, 0x80, 0];
    bytes.extend([10, 0, 0, 1, 10, 0, 0, 2, 10, 0, 0, 3, 10, 0, 0, 4]);
    bytes.extend([2, 0, 0, 0, 0, 1]);
    bytes.resize(44, 0);
    bytes.extend(*b"server");
    bytes.resize(108, 0);
    bytes.extend(*b"boot.img");
    bytes.resize(HEADER_LEN, 0);
    bytes
}

fn message(options: &[u8]) -> Vec<u8> {
    [&header()[..], &COOKIE, options].concat()
}

fn read(bytes: &[u8]) -> Message<'_> {
    parse(Cursor::new(bytes, 0, Layer::Dhcpv4)).unwrap()
}

fn faults(bytes: &[u8]) -> Vec<(u32, Kind)> {
    read(bytes).malformed.iter().map(|m| (m.offset, m.kind)).collect()
}

#[test]
fn every_field_of_the_header_is_read() {
    let bytes = message(&[255]);
    let m = read(&bytes);
    assert_eq!((m.op, m.htype, m.hlen, m.hops), (Operation::Request, 1, 6, 2));
    assert_eq!((m.xid, m.secs, m.flags), (0xdead_beef, 3, 0x8000));
    assert_eq!([m.ciaddr, m.yiaddr, m.siaddr, m.giaddr].map(|a| a.octets()[3]), [1, 2, 3, 4]);
    assert_eq!(m.mac(), Some(ethernet::Address([2, 0, 0, 0, 0, 1])));
    assert_eq!(m.sname.unwrap().to_string(), "server");
    assert_eq!(m.file.unwrap().to_string(), "boot.img");
    assert!(m.has_cookie && m.is_broadcast() && m.is_relayed() && m.malformed.is_empty());
}

#[test]
fn a_name_ends_at_its_first_nul() {
    let mut bytes = message(&[255]);
    bytes[52] = b'x';
    assert_eq!(read(&bytes).sname.unwrap().to_string(), "server");
}

#[test]
fn every_option_is_read() {
    let mut options = vec![53, 1, 3, 0, 0, 12, 2, b'p', b'c', 50, 4, 10, 0, 0, 9, 51, 4, 0, 0, 0x0e, 0x10];
    options.extend([54, 4, 10, 0, 0, 254, 55, 3, 1, 3, 6, 57, 2, 5, 0xdc, 60, 4, b'M', b'S', b'F', b'T']);
    options.extend([
        61, 7, 1, 2, 0, 0, 0, 0, 1, 81, 5, 0, 0, 0, b'a', b'.', 82, 8, 1, 2, b'p', b'1', 2, 2, b's', b'w',
    ]);
    options.extend([16, 1, b'x', 255, 12, 9]);
    let bytes = message(&options);
    let o = read(&bytes).options;
    assert_eq!(o.message_type, Some(MessageType::Request));
    assert_eq!(Text(o.hostname.as_ref().unwrap()).to_string(), "pc");
    assert_eq!(o.requested_address, Some(Ipv4Addr::new(10, 0, 0, 9)));
    assert_eq!((o.lease_time, o.maximum_message_size), (Some(3600), Some(1500)));
    assert_eq!(o.server_identifier, Some(Ipv4Addr::new(10, 0, 0, 254)));
    assert_eq!(o.parameter_request_list.as_deref(), Some(&[1, 3, 6][..]));
    assert_eq!(o.vendor_class.as_deref(), Some(&b"MSFT"[..]));
    assert_eq!(o.client_identifier.as_ref().map(|c| &c.0[..]), Some(&[1, 2, 0, 0, 0, 0, 1][..]));
    assert_eq!(o.client_fqdn.unwrap().name.as_str(), "a");
    let agent = o.relay_agent.unwrap();
    assert_eq!((agent.circuit_id(), agent.remote_id()), (Some(&b"p1"[..]), Some(&b"sw"[..])));
    assert_eq!(o.others[..], [OptionFact { code: 16, length: 1 }]);
    assert_eq!(faults(&bytes), []);
}

#[test]
fn a_split_option_is_read_as_one() {
    let bytes = message(&[12, 2, b'l', b'o', 53, 1, 1, 12, 2, b'n', b'g', 44, 1, 0, 44, 2, 0, 0, 255]);
    let o = read(&bytes).options;
    assert_eq!(o.hostname.as_deref(), Some(&b"long"[..]));
    assert_eq!(o.order[..], [12, 53, 12, 44, 44]);
    assert_eq!(o.others[..], [OptionFact { code: 44, length: 3 }]);
}

#[test]
fn overloaded_fields_are_read_after_the_options_file_first() {
    let mut bytes = message(&[52, 1, 3, 12, 1, b'a', 255]);
    bytes[108..112].copy_from_slice(&[12, 1, b'b', 255]);
    bytes[44..48].copy_from_slice(&[12, 1, b'c', 255]);
    let m = read(&bytes);
    assert_eq!(m.options.hostname.as_deref(), Some(&b"abc"[..]));
    assert_eq!((m.sname, m.file), (None, None));
    assert_eq!(faults(&bytes), []);
}

#[test]
fn an_overload_that_means_nothing_is_named() {
    let bytes = message(&[52, 1, 4, 255]);
    assert_eq!(faults(&bytes), [(240, Kind::Value)]);
    assert!(read(&bytes).file.is_some());
}

#[test]
fn a_missing_end_is_named_and_the_options_are_read() {
    let bytes = message(&[53, 1, 1, 0]);
    assert_eq!(faults(&bytes), [(244, Kind::Missing)]);
    assert_eq!(read(&bytes).options.message_type, Some(MessageType::Discover));
}

#[test]
fn a_message_without_cookie_is_bootp() {
    let mut bytes = header();
    bytes.extend([0; 64]);
    let m = read(&bytes);
    assert!(!m.has_cookie && m.malformed.is_empty());
    assert_eq!(m.options, Options::default());
}

#[test]
fn an_option_beyond_the_message_ends_it() {
    let bytes = message(&[53, 1, 1, 12, 200, b'x']);
    assert_eq!(faults(&bytes), [(243, Kind::Length)]);
    assert_eq!(read(&bytes).options.message_type, Some(MessageType::Discover));
}

#[test]
fn a_cut_capture_is_not_a_malformed_option() {
    let bytes = message(&[53, 1, 1, 12, 200, b'x']);
    let m = parse(Cursor::new(&bytes, 500, Layer::Dhcpv4)).unwrap();
    assert_eq!(m.malformed.first().unwrap_err().kind, Kind::NotCaptured);
}

#[test]
fn an_option_of_wrong_length_does_not_hide_the_next() {
    let bytes = message(&[50, 3, 1, 2, 3, 12, 0, 61, 1, 9, 53, 1, 2, 255]);
    let mut found = faults(&bytes);
    found.sort_unstable();
    assert_eq!(found, [(240, Kind::Length), (245, Kind::Length), (247, Kind::Length)]);
    let o = read(&bytes).options;
    assert_eq!((o.message_type, o.requested_address), (Some(MessageType::Offer), None));
}

#[test]
fn the_first_of_two_message_types_counts() {
    let bytes = message(&[53, 1, 1, 53, 1, 5, 255]);
    assert_eq!(faults(&bytes), [(240, Kind::Duplicate)]);
    assert_eq!(read(&bytes).options.message_type, Some(MessageType::Discover));
}

#[test]
fn a_domain_name_in_dns_encoding_is_read_to_its_first_bad_label() {
    let bytes = message(&[81, 11, 4, 0, 0, 2, b'p', b'c', 3, b'l', b'a', b'n', 0, 255]);
    assert_eq!(read(&bytes).options.client_fqdn.unwrap().name.as_str(), "pc.lan");
    let bytes = message(&[81, 8, 4, 0, 0, 2, b'p', b'c', 0xc0, 0, 255]);
    assert_eq!(read(&bytes).options.client_fqdn.unwrap().name.as_str(), "pc");
}

#[test]
fn a_malformed_sub_option_leaves_the_ones_before_it() {
    let bytes = message(&[82, 5, 1, 1, b'p', 2, 9, 255]);
    assert_eq!(faults(&bytes), [(240, Kind::Length)]);
    let agent = read(&bytes).options.relay_agent.unwrap();
    assert_eq!((agent.circuit_id(), agent.remote_id()), (Some(&b"p"[..]), None));
}

#[test]
fn what_is_neither_request_nor_reply_is_refused() {
    let mut bytes = header();
    bytes[0] = 3;
    assert_eq!(parse(Cursor::new(&bytes, 0, Layer::Dhcpv4)).unwrap_err().kind, Kind::Value);
    assert_eq!(parse(Cursor::new(&header()[..235], 0, Layer::Dhcpv4)).unwrap_err().kind, Kind::Short);
}

#[test]
fn a_hardware_address_of_another_kind_is_no_mac() {
    let mut bytes = message(&[255]);
    bytes[2] = 8;
    assert_eq!(read(&bytes).mac(), None);
    bytes[2] = 17;
    assert_eq!(faults(&bytes), [(0, Kind::Length)]);
}

#[test]
fn more_instances_than_the_bound_are_named() {
    let mut options = [224, 0].repeat(MAX_INSTANCES + 1);
    options.push(255);
    let bytes = message(&options);
    assert_eq!(read(&bytes).malformed.first().unwrap_err().kind, Kind::Limit);
}
