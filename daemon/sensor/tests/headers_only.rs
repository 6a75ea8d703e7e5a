//! Frames of which no more than headers is read: what is recorded of them, whoever decides it.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

use headgate_record::{Field, Kind, Record};

use support::{START, Sensor, text};

mod support;

const STATION: [u8; 6] = [0, 0x1b, 0x21, 0, 0, 7];

fn arp() -> Vec<u8> {
    let body = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &STATION, &[10, 1, 0, 7], &[0; 6], &[10, 1, 0, 1]].concat();
    [&[0xff; 6][..], &STATION, &[8, 6], &body, &[0; 18]].concat()
}

/// A request that names its client.
fn dhcp() -> Vec<u8> {
    let mut message = vec![0; 240];
    message[..3].copy_from_slice(&[1, 1, 6]);
    message[28..34].copy_from_slice(&STATION);
    message[236..].copy_from_slice(&[99, 130, 83, 99]);
    message.extend([53, 1, 1, 12, 6, b'l', b'a', b'p', b't', b'o', b'p', 255]);
    let [uh, ul] = (8 + message.len() as u16).to_be_bytes();
    let [ih, il] = (28 + message.len() as u16).to_be_bytes();
    let ip = [0x45, 0, ih, il, 0, 0, 0, 0, 64, 17, 0, 0, 10, 1, 0, 7, 255, 255, 255, 255];
    let udp = [0, 68, 0, 67, uh, ul, 0, 0];
    [&[0xff; 6][..], &STATION, &[8, 0], &ip, &udp, &message].concat()
}

/// Records of the station, under rules, of frames as the kernel cuts them or whole.
fn records(rules: &str, cut: bool) -> Vec<Record> {
    let mut sensor = Sensor::new(rules);
    for frame in [arp(), dhcp()] {
        match cut {
            true => sensor.see(&frame, START),
            false => sensor.see_so_much(&frame, frame.len(), START),
        }
    }
    sensor.0.finish();
    sensor.0.take()
}

#[test]
fn a_station_and_its_flows_are_recorded_and_nothing_that_it_says_of_itself() {
    for (choice, in_kernel) in [
        ("interfaces = [\"eth0\"]", false),
        ("macs = [\"00:1b:21\"]", true),
        ("prefixes = [\"10.1.0.0/16\"]", false),
        ("protocols = [\"arp\", \"dhcp\"]", true),
    ] {
        let rules = format!("[headers_only]\n{choice}\n");
        for cut in [true, false] {
            let records = records(&rules, cut);
            let of = |kind| records.iter().filter(move |r| r.kind() == kind).collect::<Vec<_>>();
            let [device] = of(Kind::Device)[..] else { panic!("{choice}: {records:?}") };
            assert_eq!(text(device, Field::DeviceFrames), "2", "{choice}");
            let says = [Field::DeviceHostname, Field::DeviceAddresses].map(|field| text(device, field));
            assert_eq!(says, ["", ""], "{choice}");
            assert_eq!((of(Kind::Flow).len(), of(Kind::Exchange).len()), (1, 0), "{choice}");
        }
        let kept = Sensor::new(&rules).0.rules().filter().run(&dhcp(), None);
        assert_eq!(kept < dhcp().len(), in_kernel, "{choice}");
        assert_eq!(kept, if in_kernel { 14 + 20 + 8 } else { dhcp().len() }, "{choice}");
    }
    let all = records("", true);
    assert!(all.iter().any(|r| text(r, Field::DeviceHostname) == "laptop"), "{all:?}");
}
