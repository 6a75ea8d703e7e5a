//! Sockets that share an interface's frames: each frame is kept by one, and what belongs together by the same.
// A test fails by panicking.
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

#[path = "support/frames.rs"]
mod frames;
mod support;

use std::sync::LazyLock;

use headgate_rules::Rules;
use headgate_rules::filter::{MAX_INSTRUCTIONS, Program, TooLarge, VlanTag};
use headgate_wire as wire;
use proptest::prelude::*;

use frames::any_frame;
use support::{captures, each_frame};

fn rules(text: &str) -> Rules {
    Rules::parse(&[("rules.toml".into(), text.into())]).unwrap()
}

fn shares(of: u32, whole: &Program) -> Vec<Program> {
    (0..of).map(|number| whole.share(number, of).unwrap()).collect()
}

/// The program without exclusions, and its shares of so many.
static SHARES: LazyLock<Vec<(Program, Vec<Program>)>> = LazyLock::new(|| {
    let whole = rules("").filter().clone();
    (0..=8).map(|of| (whole.clone(), shares(of, &whole))).collect()
});

/// The share that keeps a frame, which keeps what the whole program does. `None` where that keeps nothing.
fn keeper(shares: &[Program], whole: &Program, frame: &[u8], tag: Option<VlanTag>) -> Option<usize> {
    let kept: Vec<usize> = shares.iter().map(|program| program.run(frame, tag)).collect();
    let whole = whole.run(frame, tag);
    assert_eq!(kept.iter().sum::<usize>(), whole, "{kept:?}: {frame:02x?}");
    assert_eq!(kept.iter().filter(|octets| **octets > 0).count(), usize::from(whole > 0), "{frame:02x?}");
    kept.iter().position(|octets| *octets > 0)
}

/// Whether nothing is learnt from a frame but who talks with whom, as the sensor reads it.
fn says_nothing_else(frame: &[u8], kept: usize, tag: Option<VlanTag>) -> bool {
    let tag = tag.map(|VlanTag(tci)| wire::vlan::Tag { tpid: 0x8100, tci });
    let Ok(packet) =
        wire::parse(wire::Link::Ethernet, &frame[..kept], tag, u32::try_from(frame.len()).unwrap())
    else {
        return true;
    };
    let is_ip = matches!(packet.network, wire::Network::Ipv4(_) | wire::Network::Ipv6(_));
    (is_ip || packet.malformed.is_some() && matches!(packet.network, wire::Network::Other))
        && matches!(packet.application, wire::Application::None)
        && packet.tunnel.is_none()
}

/// The other direction of what has no tag in it.
fn answer(frame: &[u8]) -> Vec<u8> {
    let mut answer = frame.to_vec();
    let (address, at) = if frame[12..14] == [0x86, 0xdd] { (16, 22) } else { (4, 26) };
    answer[..12].rotate_left(6);
    answer[at..at + 2 * address].rotate_left(address);
    answer[at + 2 * address..at + 2 * address + 4].rotate_left(2);
    answer
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn each_frame_is_kept_once_and_what_says_more_than_its_ends_by_the_first(
        (frame, tag) in any_frame(),
        of in 2..=8_usize,
    ) {
        let (whole, shares) = &SHARES[of];
        let keeper = keeper(shares, whole, &frame, tag);
        if keeper.is_some_and(|share| share > 0) {
            prop_assert!(says_nothing_else(&frame, whole.run(&frame, tag), tag), "{:02x?}", frame);
        }
    }
}

#[test]
fn captured_frames_are_kept_once_however_they_are_cut() {
    let whole = rules("[collect.device]\nservice_types = \"keep\"\n").filter().clone();
    let shares = shares(3, &whole);
    let mut by_share = [0; 3];
    for path in captures() {
        each_frame(&std::fs::read(&path).unwrap(), |_, frame, _| {
            for cut in (0..frame.len().min(128)).chain([frame.len()]) {
                let Some(share) = keeper(&shares, &whole, &frame[..cut], None) else { continue };
                by_share[share] += 1;
                assert!(share == 0 || says_nothing_else(&frame[..cut], whole.run(&frame[..cut], None), None));
            }
        });
    }
    println!("{by_share:?}");
    assert!(by_share[0] > 0 && by_share[1] + by_share[2] > 0);
}

/// 256 stations in a row talk with one server, each from 64 ports in a row.
#[test]
fn conversations_are_spread_evenly_and_both_directions_go_the_same_way() {
    let whole = rules("").filter().clone();
    for (of, v6, protocol) in [(2, false, 6), (3, true, 17), (4, false, 17), (8, true, 6)] {
        let shares = shares(of, &whole);
        let mut by_share = vec![0_u32; of as usize];
        for (station, port) in (0..=255_u8).flat_map(|station| (0..64_u16).map(move |port| (station, port))) {
            let ports = [40_000 + port, 443].map(u16::to_be_bytes).concat();
            let mut frame = [&[0, 0x1b, 0x21, 0, 0, 1, 0, 0x1b, 0x21, 1, 0, station][..]].concat();
            if v6 {
                let address = |last| [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[last]].concat();
                frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, protocol, 64]);
                frame.extend([address(station), address(1)].concat());
            } else {
                frame.extend([8, 0, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, protocol, 0, 0]);
                frame.extend([10, 0, 0, station, 198, 18, 0, 1]);
            }
            frame.extend(ports);
            frame.extend([0, 20, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0]);
            let share = keeper(&shares, &whole, &frame, None).unwrap();
            assert_eq!(keeper(&shares, &whole, &answer(&frame), None), Some(share));
            let tagged = [&frame[..12], &[0x81, 0, 0, 20], &frame[12..]].concat();
            assert_eq!(
                keeper(&shares, &whole, &tagged, None),
                Some(share),
                "a tag may be beside it or in it"
            );
            by_share[share] += 1;
        }
        let fair = 256 * 64 / of;
        assert!(by_share.iter().all(|n| n.abs_diff(fair) < fair / 8), "{by_share:?}");
    }
}

/// Some rules leave no room, and then there are no shares; with one nothing is different.
#[test]
fn rules_that_leave_no_room_for_shares_are_refused_with_several() {
    let list =
        |entry: fn(u32) -> String| (0..64).map(|n| format!("{:?}", entry(n))).collect::<Vec<_>>().join(", ");
    let vlans = list(|n| format!("{}-{}", n * 3, n * 3 + 1));
    let prefixes = list(|n| format!("2001:{n:x}:{n:x}:{n:x}:{n:x}:{n:x}:{n:x}:{n:x}"));
    let full = rules(&format!("[exclude]\nvlans = [{vlans}]\nprefixes = [{prefixes}]\n"));
    let length = full.filter().instructions().len();
    assert!((MAX_INSTRUCTIONS - 150..=MAX_INSTRUCTIONS).contains(&length), "{length}");
    assert_eq!(full.filter().share(0, 2), Err(TooLarge));
    assert_eq!(full.filter().share(0, 1).unwrap(), *full.filter());
    let share = rules(&format!("[exclude]\nvlans = [{vlans}]\n")).filter().share(7, 8).unwrap();
    assert!(share.instructions().len() <= MAX_INSTRUCTIONS);
}
