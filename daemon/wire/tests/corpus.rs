//! Every Ethernet frame of a folder of foreign captures is read without panic.
//!
//! The folder is `shared/corpus` beside the workspace. Where it is absent, the test says so and passes.

use headgate_wire::{Link, Network, parse};

#[path = "../../../tests/support/captures.rs"]
mod captures;

#[test]
fn every_frame_of_the_foreign_captures_is_read() {
    let Some(corpus) = captures::foreign() else { return };
    let (mut frames, mut understood, mut malformed, mut units) = (0, 0, 0, 0);
    for path in captures::within(&corpus) {
        let Ok(capture) = std::fs::read(&path) else { continue };
        captures::each_frame(&capture, |link, bytes, wire_len| {
            if Link::from_linktype(link) != Some(Link::Ethernet) {
                return;
            }
            frames += 1;
            if let Ok(packet) = parse(Link::Ethernet, bytes, None, wire_len) {
                understood += u32::from(packet.is_understood());
                malformed += u32::from(packet.malformed.is_some());
                units += u32::from(matches!(packet.network, Network::Lldp(_)));
            }
        });
    }
    println!("{frames} frames, {understood} understood, {malformed} with a malformed part, {units} LLDP");
    assert!(units > 0 && understood > frames / 2);
}
