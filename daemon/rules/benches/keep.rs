//! How long the filter's decision takes in Rust, and by the interpreter; and how long it takes to know that neither end of
//! a frame has opted out.
// A benchmark that cannot run fails by panicking.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use criterion::Criterion;
use headgate_record::Mac;
use headgate_rules::Rules;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for (rules, text) in RULES {
        let rules = (rules, Rules::parse(&[("rules.toml".into(), (*text).into())]).unwrap());
        for (name, frame) in frames() {
            let mut group = criterion.benchmark_group(format!("{name}, {}", rules.0));
            group.bench_function("keep", |b| b.iter(|| rules.1.keep().octets(black_box(&frame), None)));
            group.bench_function("program", |b| b.iter(|| rules.1.filter().run(black_box(&frame), None)));
            group.finish();
        }
    }
    for count in [10_000, 100_000] {
        let list: String = (0..count).map(|n| format!("{:012x}\n", 0x001b_2100_0000_u64 + 977 * n)).collect();
        let files = [("rules.toml".to_owned(), "[exclude]\nopt_out_lists = [\"x\"]".to_owned())];
        let rules = Rules::parse_with_lists(&files, &|name| Ok((name.into(), list.clone()))).unwrap().0;
        let mut n = 0_u32;
        let mut ends = move || {
            // As many as a network has.
            n = (n + 7) % 500;
            let [_, _, c, d] = n.to_be_bytes();
            [Mac([0, 0x1b, 0x22, 0, c, d]), Mac([0, 0x1c, 0x73, 0, 0, 1])]
        };
        let mut group = criterion.benchmark_group(format!("two ends, {count} opted out"));
        group.bench_function("made", |b| b.iter(|| black_box(ends())));
        let exclusions = rules.collect().exclusions();
        group.bench_function("made and looked up", |b| b.iter(|| exclusions.opts_out(black_box(ends()))));
        group.finish();
    }
    criterion.final_summary();
}

/// Frames of usual size: 1,514 octets of TCP, 214 of UDP, 60 of a BPDU.
fn frames() -> [(&'static str, Vec<u8>); 4] {
    let ethernet =
        |ethertype: [u8; 2]| [&[0, 0x1c, 0x73, 0, 0, 2, 0, 0x1b, 0x21, 0, 0, 1][..], &ethertype].concat();
    let ipv4 = |protocol| [0x45, 0, 0, 200, 0, 0, 0x40, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    let tcp = [0xc3, 0x50, 0x01, 0xbb, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x10, 0, 0, 0, 0, 0, 0];
    let udp = [0xc3, 0x50, 0x01, 0xbb, 0, 180, 0, 0];
    let mut ipv6 = [0; 40];
    (ipv6[0], ipv6[6]) = (0x60, 6);
    [
        ("ipv4 tcp", [&ethernet([8, 0])[..], &ipv4(6), &tcp, &[0; 1460]].concat()),
        ("ipv4 udp", [&ethernet([8, 0])[..], &ipv4(17), &udp, &[0; 172]].concat()),
        ("ipv6 tcp", [&ethernet([0x86, 0xdd])[..], &ipv6, &tcp, &[0; 1440]].concat()),
        ("bpdu", [&ethernet([0, 38])[..], &[0x42, 0x42, 3], &[0; 43]].concat()),
    ]
}

const RULES: [(&str, &str); 3] = [
    ("no exclusions", ""),
    (
        "some exclusions",
        "[exclude]\nvlans = [20]\nmacs = [\"00:40:8c\", \"locally-administered\"]\nprefixes = [\"10.0.0.0/8\"]\nprotocols = [\"tcp/22\", \"dhcp\"]\n",
    ),
    // As a hospital has them; no frame matches but by the last.
    (
        "ordered rules",
        "[[rule]]\nname = \"archive\"\nvlans = [30]\nprefixes = [\"10.20.0.0/16\"]\nprotocols = [\"tcp/104\", \"tcp/11112\"]\ncollect = \"counts\"\n\
         [[rule]]\nname = \"imaging\"\nvlans = [30]\ncollect = \"headers\"\n\
         [[rule]]\nname = \"guests\"\nmacs = [\"locally-administered\"]\nprefixes = [\"10.99.0.0/16\", \"2001:db8:99::/48\"]\ncollect = \"none\"\n\
         [[rule]]\nname = \"names\"\nprotocols = [\"arp\", \"lldp\", \"dhcp\"]\ncollect = \"control\"\n\
         [[rule]]\nname = \"others\"\ncollect = \"headers\"\n",
    ),
];
