//! Opt-out lists: how they are read, and that nothing of a station on one is collected.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::fmt::Write;

use headgate_record::Mac;
use headgate_rules::{
    Exclusion, MAX_OPT_OUT_LINES, MAX_OPT_OUT_LISTS, MAX_OPT_OUTS, Places, RuleError, Rules,
};
use headgate_wire as wire;

const RULES: &str = "[exclude]\nopt_out_lists = [\"opt-out.txt\"]\n";
const STATION: [u8; 6] = [0, 0x1b, 0x21, 0, 0, 0x07];
const OTHER: [u8; 6] = [0, 0x1c, 0x73, 0, 0, 0x01];

fn read(rules: &str, list: &str) -> Result<(Rules, Places), RuleError> {
    let files = [("rules.toml".to_owned(), rules.to_owned())];
    Rules::parse_with_lists(&files, &|name| Ok((format!("/etc/{name}"), list.to_owned())))
}

fn opted_out(list: &str) -> Rules {
    read(RULES, list).unwrap().0
}

fn refusal(list: &str) -> String {
    read(RULES, list).unwrap_err().to_string()
}

fn ethernet(to: [u8; 6], from: [u8; 6], ethertype: u16, body: &[u8]) -> Vec<u8> {
    [&to[..], &from, &ethertype.to_be_bytes(), body].concat()
}

fn ipv6(next: u8, body: &[u8]) -> Vec<u8> {
    let [h, l] = (body.len() as u16).to_be_bytes();
    let address = |last| [&[0xfe, 0x80][..], &[0; 13], &[last]].concat();
    [&[0x60, 0, 0, 0, h, l, next, 255][..], &address(1), &address(2), body].concat()
}

fn udp(from: u16, to: u16, body: &[u8]) -> Vec<u8> {
    [&[from, to, 8 + body.len() as u16, 0].map(u16::to_be_bytes).concat()[..], body].concat()
}

/// Frames that tell of the station, each in its way.
fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let arp = |sender: [u8; 6], target: [u8; 6]| {
        [&[0, 1, 8, 0, 6, 4, 0, 2][..], &sender, &[10, 0, 0, 1], &target, &[10, 0, 0, 2]].concat()
    };
    let mut dhcp = vec![0; 240];
    dhcp[..3].copy_from_slice(&[2, 1, 6]);
    dhcp[28..34].copy_from_slice(&STATION);
    dhcp[236..].copy_from_slice(&[99, 130, 83, 99]);
    let dhcp = udp(67, 68, &dhcp);
    let mut ipv4 = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    ipv4[2..4].copy_from_slice(&(20 + dhcp.len() as u16).to_be_bytes());
    let solicit = [&[1, 0, 0, 1, 0, 1, 0, 10, 0, 3, 0, 1][..], &STATION].concat();
    let duid = udp(546, 547, &solicit);
    let relay = |options: &[u8], peer: [u8; 8]| {
        let head = [&[12, 0][..], &[0; 16], &[0xfe, 0x80, 0, 0, 0, 0, 0, 0], &peer].concat();
        udp(547, 547, &[&head[..], options, &[0, 9, 0, 4, 1, 0, 0, 1]].concat())
    };
    let by_agent = relay(&[&[0, 79, 0, 8, 0, 1][..], &STATION].concat(), [1; 8]);
    let by_address = relay(&[], [2, 0x1b, 0x21, 0xff, 0xfe, 0, 0, 7]);
    let advertisement = [&[136, 0, 0, 0, 0x20, 0, 0, 0][..], &[1; 16], &[2, 1], &STATION].concat();
    let solicitation = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &[1; 16], &[1, 1], &STATION].concat();
    let inner = ethernet(OTHER, STATION, 0x0800, &[&ipv4[..], &dhcp].concat());
    let vxlan = udp(50_000, 4789, &[&[8, 0, 0, 0, 0, 0, 1, 0][..], &inner].concat());
    let within = |ethertype, body: &[u8]| ethernet([0x33, 0x33, 0, 0, 0, 1], OTHER, ethertype, body);
    vec![
        ("source", ethernet(OTHER, STATION, 0x0800, &[])),
        ("destination", ethernet(STATION, OTHER, 0x88b5, &[])),
        ("ARP sender", within(0x0806, &arp(STATION, OTHER))),
        ("ARP target", within(0x0806, &arp(OTHER, STATION))),
        ("DHCP client", within(0x0800, &[&ipv4[..], &dhcp].concat())),
        ("DHCPv6 DUID", within(0x86dd, &ipv6(17, &duid))),
        ("DHCPv6 relay agent", within(0x86dd, &ipv6(17, &by_agent))),
        ("DHCPv6 client address", within(0x86dd, &ipv6(17, &by_address))),
        ("NDP target", within(0x86dd, &ipv6(58, &advertisement))),
        ("NDP source", within(0x86dd, &ipv6(58, &solicitation))),
        ("within a tunnel", within(0x86dd, &ipv6(17, &vxlan))),
    ]
}

#[test]
fn nothing_that_tells_of_a_station_that_opted_out_is_used() {
    let rules = opted_out("# nobody\n00:1b:21:00:00:07\n");
    let nobody = opted_out("00:1b:21:00:00:08\n");
    for (what, frame) in frames() {
        let packet = wire::parse(wire::Link::Ethernet, &frame, None, frame.len() as u32).unwrap();
        assert_eq!(rules.collect().exclusions().judge(&packet), Some(Exclusion::Mac), "{what} {packet:?}");
        assert_eq!(nobody.collect().exclusions().judge(&packet), None, "{what}");
    }
    let closed = "[exclude]\nopt_out_lists = [\"opt-out.txt\"]\n[collect]\ntunnels = [\"erspan\"]\n";
    let closed = read(closed, "00:1b:21:00:00:07\n").unwrap().0;
    for (what, frame) in frames() {
        let packet = wire::parse(wire::Link::Ethernet, &frame, None, frame.len() as u32).unwrap();
        let found = closed.collect().exclusions().find(&packet);
        assert_eq!(found.is_none(), what == "within a tunnel", "{what}");
        let found = rules.collect().exclusions().find(&packet).unwrap();
        assert_eq!(found.within_tunnel, what == "within a tunnel", "{what}");
    }
    let ends = |from: [u8; 6], to: [u8; 6]| rules.collect().exclusions().opts_out([Mac(from), Mac(to)]);
    assert!(ends(STATION, OTHER) && ends(OTHER, STATION) && !ends(OTHER, OTHER));
}

/// What Neighbor Discovery and DHCPv6 say of a station was once judged by the ends of its frame alone.
#[test]
fn an_excluded_address_is_recognised_wherever_an_opted_out_one_is() {
    let rules = Rules::parse(&[("x".into(), "[exclude]\nmacs = [\"00:1b:21:00:00:07\"]\n".into())]).unwrap();
    for (what, frame) in frames() {
        let packet = wire::parse(wire::Link::Ethernet, &frame, None, frame.len() as u32).unwrap();
        assert_eq!(rules.collect().exclusions().judge(&packet), Some(Exclusion::Mac), "{what}");
    }
}

#[test]
fn a_station_is_found_in_its_list_at_its_line_and_column() {
    let (rules, places) =
        read(RULES, "\u{feff}# visitors\r\n\r\n  001b.2100.0007  # room 4\r\n001b21000007\n").unwrap();
    let (_, frame) = &frames()[0];
    let packet = wire::parse(wire::Link::Ethernet, frame, None, 0).unwrap();
    let found = rules.collect().exclusions().find(&packet).unwrap();
    assert_eq!(rules.collect().exclusions().show(&found), "opt-out.txt");
    assert_eq!(places.exclusion(&found).unwrap().to_string(), "/etc/opt-out.txt:3:3");
    assert_eq!(rules.collect().exclusions().opted_out(), 1);
}

#[test]
fn a_mistake_in_a_list_is_named_with_its_place_and_without_its_text() {
    let error = refusal("00:1b:21:00:00:07\n\n  anna's laptop\n");
    assert!(
        error.starts_with("/etc/opt-out.txt:3:3: this is not a MAC address: write one a line, as "),
        "{error}"
    );
    assert!(!error.contains("anna"), "{error}");
    for address in ["ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "01:00:5e:00:00:01"] {
        let error = refusal(&format!("{address} # all\n"));
        assert!(error.starts_with("/etc/opt-out.txt:1:1: this is no station's address"), "{error}");
    }
}

#[test]
fn a_list_that_cannot_be_read_is_refused_where_it_is_named() {
    let files = [("rules.toml".to_owned(), RULES.to_owned())];
    let error = Rules::parse_with_lists(&files, &|_| Err("no such file".into())).unwrap_err();
    let expected = "rules.toml:2:18: the opt-out list \"opt-out.txt\" cannot be read: no such file";
    assert_eq!(error.to_string(), expected);
    let error = read("[exclude]\nopt_out_lists = [\"a\", \"../b\"]\n", "").unwrap_err().to_string();
    assert!(
        error.starts_with("rules.toml:2:23: \"../b\" is not the name of a file beside rules.toml"),
        "{error}"
    );
}

#[test]
fn the_digest_is_that_of_the_stations_whatever_list_they_stand_in() {
    let digest = |list| opted_out(list).digest();
    let one = digest("00:1b:21:00:00:07\n00:1b:21:00:00:08\n");
    assert_eq!(one, digest("# b\n001b21000008\n001b21000007\n001b21000007\n"));
    assert_ne!(one, digest("00:1b:21:00:00:07\n"));
    assert_eq!(digest("\n"), Rules::parse(&[]).unwrap().digest());
    let other = read("[exclude]\nopt_out_lists = [\"x\"]\n", "001b21000007\n001b21000008\n").unwrap().0;
    assert_eq!(one, other.digest());
}

#[test]
fn what_is_shown_names_the_lists_and_not_the_stations() {
    let (rules, _) = read(RULES, "00:1b:21:00:00:07\n").unwrap();
    let shown = rules.show();
    assert!(
        shown.contains("# Stations in these lists: 1. They are looked up in the collect gate")
            && !shown.contains("00:07"),
        "{shown}"
    );
    assert_eq!(read(&shown, "00:1b:21:00:00:07\n").unwrap().0, rules);
}

fn addresses(count: usize) -> String {
    (0..count).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "00:1b:{:02x}:{:02x}:{:02x}:01", n >> 16, n >> 8 & 0xff, n & 0xff);
        text
    })
}

#[test]
fn files_lines_and_addresses_are_bounded() {
    let most = addresses(MAX_OPT_OUTS);
    const { assert!(MAX_OPT_OUTS > 100_000) };
    assert_eq!(opted_out(&most).collect().exclusions().opted_out(), MAX_OPT_OUTS);
    let error = refusal(&format!("{most}00:1b:21:00:00:07\n"));
    let expected = format!("/etc/opt-out.txt:{}:1: there can be {MAX_OPT_OUTS} addresses", MAX_OPT_OUTS + 1);
    assert!(error.starts_with(&expected), "{error}");
    assert!(read(RULES, &"\n".repeat(MAX_OPT_OUT_LINES)).is_ok());
    assert!(refusal(&"\n".repeat(MAX_OPT_OUT_LINES + 1)).contains("divide it"));
    let lists = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("\"{n}\"")).collect();
        read(&format!("[exclude]\nopt_out_lists = [{}]\n", names.join(", ")), "")
    };
    assert!(lists(MAX_OPT_OUT_LISTS).is_ok());
    assert!(lists(MAX_OPT_OUT_LISTS + 1).unwrap_err().to_string().contains("there can be 16 opt-out lists"));
}
