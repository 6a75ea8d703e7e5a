//! Causes that no virtual interface has: switches and counters of cards, and the store's answers.

use serde_json::json;

use super::super::ethtool::Switches;
use super::*;

fn card() -> Facts {
    Facts {
        name: "eth1".into(),
        present: true,
        up: true,
        carrier: Some(true),
        promiscuous: true,
        mtu: Some(1_500),
        length_errors: 0,
        received: Some((1, 2)),
        seconds: 3,
        bridge: None,
        vlan_of: None,
        features: Ok(Switches::new()),
        private_flags: Ok(Switches::new()),
        timestamps: Ok(Switches::new()),
        look: Ok(Look { elsewhere: 50, ..Look::default() }),
    }
}

fn machine(promiscuous: bool) -> Machine {
    let status = json!({
        "sensor": { "connected": true, "interfaces": [{ "name": "eth1", "state": "up" }] },
        "counters": [{ "interface": "eth1", "frames_lost": 0 }],
    });
    Machine {
        clock: Ok(true),
        status: Ok(status),
        promiscuous,
        hardware_time: false,
        ring_mib: 8,
        interfaces: Vec::new(),
    }
}

fn switch(name: &str, is_on: bool) -> Result<Switches, String> {
    Ok(Switches::from([(name.to_owned(), is_on)]))
}

/// What is to be typed.
fn wrong(verdict: Verdict) -> String {
    match verdict {
        Verdict::Wrong(found) => found.commands.join("; "),
        _ => String::new(),
    }
}

#[test]
fn a_good_card_is_fine_in_every_check() {
    for (check, judge) in OF_SETTINGS.iter().chain(&OF_TRAFFIC) {
        assert!(matches!(judge(&machine(true), &card()), Verdict::Fine), "{check}");
    }
    assert!(matches!(presence(&card()), Verdict::Fine));
    assert!(
        matches!(clock(&machine(true)), Verdict::Fine) && matches!(processes(&machine(true)), Verdict::Fine)
    );
}

#[test]
fn firmware_that_takes_lldp_is_found_by_the_flags_of_either_driver() {
    let judge = |flags, lldp| {
        let look = Ok(Look { lldp, ..Look::default() });
        wrong(firmware_lldp(&machine(true), &Facts { private_flags: flags, look, ..card() }))
    };
    let i40e = "ethtool --set-priv-flags eth1 disable-fw-lldp on";
    assert_eq!(judge(switch("disable-fw-lldp", false), 0), i40e);
    assert_eq!(judge(switch("disable-fw-lldp", true), 0), "");
    assert_eq!(judge(switch("fw-lldp-agent", true), 0), "ethtool --set-priv-flags eth1 fw-lldp-agent off");
    assert_eq!(judge(switch("fw-lldp-agent", false), 0), "");
    assert_eq!(judge(switch("fw-lldp-agent", true), 1), "", "LLDP came through");
    let unknown = Facts { private_flags: Err("no".into()), ..card() };
    assert!(matches!(firmware_lldp(&machine(true), &unknown), Verdict::Unchecked(_)));
}

#[test]
fn a_card_that_filters_vlans_is_wrong_only_when_it_does_so() {
    let filter = Facts { features: switch("rx-vlan-filter", true), ..card() };
    assert_eq!(wrong(vlan_tags(&machine(false), &filter)), "ethtool -K eth1 rx-vlan-filter off");
    assert!(matches!(vlan_tags(&machine(true), &filter), Verdict::Fine), "promiscuous mode turns it off");
    let one_vlan = Facts { vlan_of: Some("eth0".into()), ..card() };
    assert!(matches!(vlan_tags(&machine(true), &one_vlan), Verdict::Note(_)));
}

#[test]
fn what_a_card_drops_for_its_length_is_found() {
    assert_eq!(
        wrong(mtu(&machine(true), &Facts { length_errors: 3, ..card() })),
        "ip link set dev eth1 mtu 9000"
    );
}

#[test]
fn frames_longer_than_the_wire_carries_are_found_without_a_setting() {
    let look = Ok(Look { elsewhere: 50, longest: 1_523, ..Look::default() });
    let found = wrong(merged_frames(&machine(true), &Facts { look, ..card() }));
    assert_eq!(found, "ethtool -K THE-OTHER-END tso off gso off");
    let large = Facts { features: switch("rx-lro", true), ..card() };
    assert_eq!(wrong(merged_frames(&machine(true), &large)), "ethtool -K eth1 lro off");
}

#[test]
fn what_the_kernel_lost_is_found_in_the_counters() {
    let mut lossy = machine(true);
    lossy.status = Ok(json!({ "counters": [{ "interface": "eth1", "frames_lost": 7 }] }));
    assert!(wrong(lost_frames(&lossy, &card())).contains("ring_mib = 32"));
    let other = Facts { name: "eth2".into(), ..card() };
    assert!(matches!(lost_frames(&lossy, &other), Verdict::Unchecked(_)));
}

#[test]
fn an_interface_that_the_sensor_does_not_watch_is_found() {
    let restart = "systemctl restart headgate-sensor";
    assert_eq!(wrong(watched(&machine(true), &Facts { promiscuous: false, ..card() })), restart);
    assert_eq!(wrong(watched(&machine(false), &Facts { promiscuous: false, ..card() })), "");
    assert_eq!(wrong(watched(&machine(true), &Facts { name: "eth2".into(), ..card() })), restart);
    let mut refused = machine(true);
    let interfaces = json!([{ "name": "eth1", "state": "unusable" }]);
    refused.status = Ok(json!({ "sensor": { "connected": true, "interfaces": interfaces } }));
    assert_eq!(wrong(watched(&refused, &card())), "ip -details link show eth1");
}

#[test]
fn a_card_without_a_clock_is_found_where_one_is_asked_for() {
    let asked = Machine { hardware_time: true, ..machine(true) };
    assert!(wrong(timestamps(&asked, &card())).starts_with("hardware_time = false"));
    let able = Facts { timestamps: switch("hardware-receive", true), ..card() };
    assert!(matches!(timestamps(&asked, &able), Verdict::Note(_)));
}

#[test]
fn a_clock_and_a_link_that_fail_are_found() {
    assert!(
        wrong(clock(&Machine { clock: Ok(false), ..machine(true) })).contains("timedatectl set-ntp true")
    );
    assert!(matches!(clock(&Machine { clock: Err("no".into()), ..machine(true) }), Verdict::Unchecked(_)));
    assert!(matches!(presence(&Facts { carrier: Some(false), ..card() }), Verdict::Wrong(_)));
}
