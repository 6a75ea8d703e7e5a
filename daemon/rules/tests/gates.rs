//! What the gates let through.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::net::IpAddr;

use headgate_record::{Field, Kind, Mac, Person, Record, Treatment, Value, is_randomised};
use headgate_rules::{Groups, Pseudonymise, Purpose, Rules, Verdict};

/// Stands in for keys: readable, and different for each purpose.
struct Keys;

impl Pseudonymise for Keys {
    fn pseudonym(&self, purpose: Purpose, value: &[u8]) -> [u8; 16] {
        let seed = if purpose == Purpose::Collect { 1 } else { 2 };
        value.iter().enumerate().fold([seed; 16], |mut out, (i, b)| {
            out[i % 16] = out[i % 16].rotate_left(3) ^ b;
            out
        })
    }
}

fn rules(text: &str) -> Rules {
    Rules::parse(&[("rules.toml".into(), text.into())]).unwrap()
}

fn device(mac: [u8; 6]) -> Record {
    let mut r = Record::new(Kind::Device);
    r.set(Field::DeviceMac, Mac(mac)).unwrap();
    r.set(Field::DeviceHostname, "laptop-anna").unwrap();
    r.set(Field::DeviceVendorClass, "android-dhcp-13").unwrap();
    r.set(Field::DeviceVendor, "Example").unwrap();
    let addresses = ["10.1.2.3", "10.1.2.4", "2001:db8:1:2::5"].map(|a| a.parse::<IpAddr>().unwrap());
    r.set(Field::DeviceAddresses, addresses.into_iter().collect::<Value>()).unwrap();
    r
}

fn released(rules: &Rules, record: &Record) -> Record {
    match rules.release().release(record, &Keys) {
        Verdict::Release(record) => record,
        Verdict::Withhold(reason) => panic!("withheld: {reason}"),
    }
}

fn neighbor(infrastructure: bool) -> Record {
    let mut r = Record::new(Kind::Neighbor);
    r.set(Field::NeighborInfrastructure, infrastructure).unwrap();
    r.set(Field::NeighborChassisId, "00:1c:73:00:00:01").unwrap();
    r.set(Field::NeighborSystemName, "annas-notebook").unwrap();
    r
}

#[test]
fn by_default_nothing_that_identifies_a_person_leaves_as_it_is() {
    let out = released(&rules(""), &device([0, 0x1b, 0x21, 1, 2, 3]));
    assert!(matches!(out.get(Field::DeviceMac), Some(Value::Pseudonym(_))));
    assert_eq!(out.get(Field::DeviceHostname), None);
    assert_eq!(out.get(Field::DeviceVendorClass), Some(&Value::from("android")));
    assert_eq!(out.get(Field::DeviceVendor), Some(&Value::from("Example")));
    assert_eq!(out.get(Field::DeviceAddresses).unwrap().to_string(), "10.1.2.0/24, 2001:db8:1::/48");
}

#[test]
fn one_address_has_one_pseudonym_in_all_kinds_of_record() {
    let rules = rules("");
    let mac = Mac([0, 0x1b, 0x21, 1, 2, 3]);
    let in_device = released(&rules, &device(mac.0)).get(Field::DeviceMac).cloned();
    for (kind, field) in [
        (Kind::Lease, Field::LeaseMac),
        (Kind::Exchange, Field::ExchangeMac),
        (Kind::Flow, Field::FlowMac),
        (Kind::Authentication, Field::AuthenticationMac),
        (Kind::Bridge, Field::BridgeSourceMac),
    ] {
        let mut record = Record::new(kind);
        record.set(field, mac).unwrap();
        assert_eq!(released(&rules, &record).get(field).cloned(), in_device, "{}", kind.name());
    }
}

#[test]
fn a_user_is_dropped_at_both_gates_or_one_pseudonym() {
    let mut record = Record::new(Kind::Authentication);
    for field in [Field::AuthenticationUserName, Field::AuthenticationIdentity] {
        record.set(field, "anna").unwrap();
        assert_eq!(rules("").collect().treatment(field), Treatment::Drop);
        assert_eq!(rules("").release().treatment(field), Treatment::Drop);
    }
    assert_eq!(rules("").collect().admit(&record, &Keys).unwrap().fields().count(), 0);
    let table = "user_name = \"pseudonym\"\nidentity = \"pseudonym\"\n";
    let collect = format!("[collect.authentication]\n{table}");
    let stored = rules(&collect).collect().admit(&record, &Keys).unwrap();
    let user = stored.get(Field::AuthenticationUserName);
    assert!(matches!(user, Some(Value::Pseudonym(_))));
    assert_eq!(user, stored.get(Field::AuthenticationIdentity));
    assert_eq!(released(&rules(&collect), &stored).fields().count(), 0);
    let both = rules(&format!("{collect}[release.authentication]\n{table}"));
    assert!(matches!(released(&both, &stored).get(Field::AuthenticationUserName), Some(Value::Pseudonym(_))));
}

#[test]
fn devices_with_a_randomised_address_are_counted_only() {
    let record = device([0x02, 0, 0, 1, 2, 3]);
    assert_eq!(rules("").release().release(&record, &Keys), Verdict::Withhold("randomised-mac"));
    let open = rules("[release]\nrandomised_macs = true\n");
    assert!(matches!(open.release().release(&record, &Keys), Verdict::Release(_)));
}

/// A computer that announces itself from a randomised address was once stored for good and released.
#[test]
fn a_neighbor_with_a_randomised_address_is_counted_only_unless_it_is_infrastructure() {
    for (infrastructure, randomised) in [(false, true), (true, false)] {
        let mut record = neighbor(infrastructure);
        record.set(Field::NeighborSourceMac, Mac([0x02, 0, 0, 0, 0, 1])).unwrap();
        assert_eq!(is_randomised(&record), randomised);
    }
}

/// A telephone that speaks spanning tree was once released with its address.
#[test]
fn a_bridge_leaves_with_a_pseudonym_and_a_randomised_one_not_at_all() {
    let bridge = |field, mac| {
        let mut record = Record::new(Kind::Bridge);
        record.set(Field::BridgeSourceMac, Mac([0, 0x1b, 0x21, 1, 2, 3])).unwrap();
        record.set(Field::BridgeFirstSeen, Value::Time(1)).unwrap();
        record.set(field, Mac(mac)).unwrap();
        record
    };
    let plain = bridge(Field::BridgeRoot, [0, 0x1c, 0x73, 0, 0, 1]);
    assert!(matches!(released(&rules(""), &plain).get(Field::BridgeSourceMac), Some(Value::Pseudonym(_))));
    for field in [Field::BridgeSourceMac, Field::BridgeBridge, Field::BridgeRoot] {
        let record = bridge(field, [0x06, 0x1b, 0x21, 1, 2, 3]);
        assert_eq!(rules("").release().release(&record, &Keys), Verdict::Withhold("randomised-mac"));
    }
}

/// What the server wants repeated is opaque, and often another for each user.
#[test]
fn a_class_is_dropped_or_a_pseudonym() {
    for treatment in Treatment::ALL {
        let fits = matches!(treatment, Treatment::Drop | Treatment::Pseudonym);
        assert_eq!(treatment.fits(Field::AuthenticationClass), fits, "{}", treatment.name());
    }
}

/// The store must still see a randomised address where the rules store nothing of it.
#[test]
fn the_sensor_leaves_the_subject_for_the_store_to_drop() {
    let rules = rules("[collect.lease]\nmac = \"drop\"\n");
    let mut record = Record::new(Kind::Lease);
    record.set(Field::LeaseMac, Mac([0x02, 0, 0, 0, 0, 1])).unwrap();
    let narrowed = rules.collect().narrow(record.clone()).unwrap();
    assert!(is_randomised(&narrowed));
    assert_eq!(rules.collect().admit(&narrowed, &Keys).unwrap().get(Field::LeaseMac), None);
}

#[test]
fn the_name_of_an_endpoint_stays_and_the_name_of_a_switch_leaves() {
    let rules = rules("");
    let endpoint = released(&rules, &neighbor(false));
    assert_eq!(endpoint.get(Field::NeighborSystemName), None);
    assert!(matches!(endpoint.get(Field::NeighborChassisId), Some(Value::Pseudonym(_))));
    let switch = released(&rules, &neighbor(true));
    assert_eq!(switch.get(Field::NeighborSystemName), Some(&Value::from("annas-notebook")));
    assert_eq!(switch.get(Field::NeighborChassisId), Some(&Value::from("00:1c:73:00:00:01")));
}

#[test]
fn the_sensor_narrows_all_but_pseudonyms_and_the_store_does_it_again() {
    let rules =
        rules("[collect.device]\nmac = \"pseudonym\"\nhostname = \"drop\"\naddresses = \"truncate\"\n");
    let narrowed = rules.collect().narrow(device([0, 0x1b, 0x21, 1, 2, 3])).unwrap();
    assert_eq!(narrowed.get(Field::DeviceMac), Some(&Value::Mac(Mac([0, 0x1b, 0x21, 1, 2, 3]))));
    assert_eq!(narrowed.get(Field::DeviceHostname), None);
    assert_eq!(narrowed.get(Field::DeviceAddresses).unwrap().to_string(), "10.1.2.0/24, 2001:db8:1::/48");
    let admitted = rules.collect().admit(&narrowed, &Keys).unwrap();
    assert!(matches!(admitted.get(Field::DeviceMac), Some(Value::Pseudonym(_))));
    let direct = rules.collect().admit(&device([0, 0x1b, 0x21, 1, 2, 3]), &Keys).unwrap();
    assert_eq!(direct, admitted);
}

#[test]
fn a_kind_that_is_not_collected_goes_no_further() {
    let rules = rules("[collect]\nkinds = [\"flow\"]\n");
    let record = device([0, 0x1b, 0x21, 1, 2, 3]);
    assert_eq!(rules.collect().narrow(record.clone()), None);
    assert_eq!(rules.collect().admit(&record, &Keys), Err("kind"));
    assert_eq!(rules.release().release(&record, &Keys), Verdict::Withhold("kind"));
}

#[test]
fn stored_and_released_pseudonyms_cannot_be_matched() {
    let rules = rules("[collect.device]\nmac = \"pseudonym\"\n");
    let stored = rules.collect().admit(&device([0, 0x1b, 0x21, 1, 2, 3]), &Keys).unwrap();
    assert_ne!(released(&rules, &stored).get(Field::DeviceMac), stored.get(Field::DeviceMac));
}

/// The table of the privacy promises, read from the rules and not from the dictionary.
#[test]
fn no_default_releases_an_element_that_identifies_a_person() {
    let rules = rules("");
    for field in Field::ALL.iter().filter(|f| f.definition().person == Person::Yes) {
        let treatment = rules.release().treatment(*field).name();
        let allowed = match field.kind() {
            // What infrastructure says of itself is no person's.
            Kind::Neighbor => ["drop", "infrastructure", "infrastructure-or-pseudonym"].as_slice(),
            _ => ["drop", "pseudonym", "truncate"].as_slice(),
        };
        assert!(allowed.contains(&treatment), "{}: {treatment}", field.name());
    }
}

/// Rules are read by the store at once and by the sensor at its next start: what comes in between is not kept.
#[test]
fn a_record_of_a_station_that_has_opted_out_is_not_admitted() {
    let files = [("rules.toml".to_owned(), "[exclude]\nopt_out_lists = [\"x\"]".to_owned())];
    let list = |name: &str| Ok((name.to_owned(), "00:1b:21:01:02:03".to_owned()));
    let rules = Rules::parse_with_lists(&files, &list).unwrap().0;
    let admit = |mac| rules.collect().admit(&device(mac), &Keys);
    assert_eq!(admit([0, 0x1b, 0x21, 1, 2, 3]), Err("opted-out"));
    assert!(admit([0, 0x1b, 0x21, 1, 2, 4]).is_ok());
}

/// So many stations in every group whose name has so many characters.
struct Long;

impl Groups for Long {
    fn members(&self, _: Field, value: &Value) -> usize {
        value.to_string().len()
    }
}

#[test]
fn the_name_of_a_group_leaves_where_enough_stations_are_in_it() {
    let mut record = Record::new(Kind::Authentication);
    record.set(Field::AuthenticationMac, Mac([0, 0x1b, 0x21, 1, 2, 3])).unwrap();
    record.set(Field::AuthenticationAssignedVlan, "four").unwrap();
    record.set(Field::AuthenticationFilterIds, Value::List(vec!["seven".into(), "fou".into()])).unwrap();
    let table = "assigned_vlan = \"keep\"\nfilter_ids = \"keep\"\n";
    let text = |size: &str| {
        let groups = table.replace("keep", "group");
        format!("[collect.authentication]\n{table}[release]\n{size}\n[release.authentication]\n{groups}")
    };
    let left = |rules: &Rules, groups: &dyn Groups| {
        let Verdict::Release(out) = rules.release().release_among(&record, &Keys, groups) else { panic!() };
        [Field::AuthenticationAssignedVlan, Field::AuthenticationFilterIds]
            .map(|field| out.get(field).map(ToString::to_string).unwrap_or_default())
    };
    assert_eq!(left(&rules(&text("")), &Long), ["", "seven"]);
    assert_eq!(left(&rules(&text("group_size = 4")), &Long), ["four", "seven"]);
    assert_eq!(left(&rules(&text("group_size = 3")), &Long), ["four", "seven, fou"]);
    assert_eq!(left(&rules(&text("group_size = 6")), &Long), ["", ""]);
    // Who knows of no group lets none out.
    assert!(released(&rules(&text("group_size = 2")), &record).get(Field::AuthenticationFilterIds).is_none());
}

/// An address has no leading letters: the list was once kept with nothing in it, and was all that told whose the record was.
#[test]
fn of_a_list_that_has_nothing_left_nothing_is_kept() {
    let rules = rules("[collect.neighbor]\nmanagement_addresses = \"class\"\n");
    let mut neighbor = Record::new(Kind::Neighbor);
    let addresses = Value::List(vec!["192.0.2.1".into()]);
    neighbor.set(Field::NeighborManagementAddresses, addresses).unwrap();
    let kept = rules.collect().admit(&neighbor, &Keys).unwrap();
    assert_eq!(kept.get(Field::NeighborManagementAddresses), None);
}
