//! What is wrong with the appliance, as its store and this machine say, and what to type.

use std::collections::BTreeMap;
use std::fmt;

use headgate_record::Field;
use serde_json::Value;

use crate::figures::{self, number, time_of};
use crate::show::cell;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What, and what it means.
    pub(crate) what: String,
    /// What to type, or where to look.
    pub(crate) do_this: String,
}

impl Finding {
    fn new(what: impl Into<String>, do_this: impl Into<String>) -> Finding {
        Finding { what: what.into(), do_this: do_this.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = if self.what.contains(':') { ";" } else { ":" };
        write!(f, "{}{between} {}", self.what, self.do_this)
    }
}

/// What is wrong, the most urgent first: seeing, keeping, sending, then what has happened.
pub(crate) fn findings(status: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    seeing(status, &mut found);
    keeping(status, &mut found);
    sending(status, &mut found);
    happened(status, &mut found);
    found
}

/// That the clock of this machine follows no other, where the kernel says so.
pub(crate) fn clock() -> Option<Finding> {
    let is_synchronised = headgate_sensor::clock_is_synchronised().ok()?;
    let what = "the clock is not synchronised, times of records may be wrong";
    (!is_synchronised).then(|| Finding::new(what, "timedatectl set-ntp true"))
}

fn seeing(status: &Value, found: &mut Vec<Finding>) {
    if status["sensor"]["connected"] != true {
        found.push(Finding::new("the sensor is not connected", "systemctl status headgate-sensor"));
        return;
    }
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for interface in status["sensor"]["interfaces"].as_array().into_iter().flatten() {
        names.entry(cell(&interface["state"])).or_default().push(cell(&interface["name"]));
    }
    for (state, names) in names.into_iter().filter(|(state, _)| state != "up") {
        let what = match names.as_slice() {
            [name] => format!("{name} is {state}, and is watched again when it is up"),
            names => format!("{} are {state}, and are watched again when they are up", some(names)),
        };
        found.push(Finding::new(what, "headgate doctor"));
    }
}

/// The first of many names.
fn some(names: &[String]) -> String {
    let first = names.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(MOST_NAMES) {
        Some(more @ 1..) => format!("{first} and {more} more"),
        _ => first,
    }
}

/// Most interfaces that a finding names.
const MOST_NAMES: usize = 4;

fn keeping(status: &Value, found: &mut Vec<Finding>) {
    for (at, what) in status["problems"].as_object().into_iter().flatten() {
        found
            .push(Finding::new(format!("the store fails at {at}: {}", cell(what)), "journalctl -u headgate"));
    }
    if status["room_on_disk"] == false {
        let what = "the disk of the buffer is full: the least valuable gives way early";
        found.push(Finding::new(what, "df, headgate buffer stats"));
    }
    if !status["rules_refused"].is_null() {
        let why = cell(&status["rules_refused"]);
        let what = format!("changed rules were refused, the last good ones hold: {why}");
        found.push(Finding::new(what, "headgate rules check"));
    }
}

fn sending(status: &Value, found: &mut Vec<Finding>) {
    let uplink = &status["uplink"];
    if status["receiver_configured"] == false {
        let what = "no receiver is configured, so nothing leaves";
        found.push(Finding::new(what, "[uplink] in headgate.toml"));
    } else if status["link_configured"] == false {
        // By carried media alone.
    } else if uplink.is_null() {
        found.push(Finding::new("the uplink is not connected", "systemctl status headgate-uplink"));
    } else if uplink["connected"] != true && uplink["problem"] != "" {
        let problem = cell(&uplink["problem"]);
        let seconds = number(&uplink["retry_ms"]).div_ceil(1000);
        let what = format!(
            "the receiver is not reached: {problem}; next attempt in {seconds} s, nothing is lost meanwhile"
        );
        found.push(Finding::new(what, "journalctl -u headgate-uplink"));
    }
}

fn happened(status: &Value, found: &mut Vec<Finding>) {
    for (key, what) in [
        ("quarantined", "damaged parts of the buffer are set aside"),
        ("missing", "parts of the buffer are missing"),
        ("values_unsound", "counts of the store are not what was written; these figures may be wrong"),
        ("databases_set_aside", "a buffer that could not be opened lies aside, and another was begun"),
    ] {
        let count = number(&status[key]);
        if count > 0 {
            found.push(Finding::new(format!("{count}: {what}"), "headgate ledger"));
        }
    }
    let malformed = status["malformed"].as_array().map_or_else(
        || number(&status["malformed"]),
        |rows| rows.iter().map(|row| number(&row["records"])).sum(),
    );
    if malformed > 0 {
        found.push(Finding::new(format!("{malformed}: malformed records were refused"), "headgate ledger"));
    }
}

/// One line on how what leaves does.
pub(crate) fn link(status: &Value) -> &'static str {
    let uplink = &status["uplink"];
    if status["receiver_configured"] == false {
        "no receiver"
    } else if status["link_configured"] == false {
        "by carried media"
    } else if uplink.is_null() {
        "uplink away"
    } else if uplink["connected"] == true {
        "receiver reached"
    } else if uplink["problem"] == "" {
        "nothing to send yet"
    } else {
        "receiver not reached"
    }
}

/// What an interface counted in a period.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Period {
    pub(crate) interface: String,
    /// Nanoseconds since 1970.
    pub(crate) from: u64,
    /// Nanoseconds since 1970.
    pub(crate) to: u64,
    pub(crate) frames: u64,
    pub(crate) octets: u64,
    pub(crate) lost: u64,
}

impl Period {
    /// Reads a counters record.
    pub(crate) fn of(counters: &Value) -> Option<Period> {
        Some(Period {
            interface: figures::shown(&counters["interface"], 64),
            from: time_of(&counters["from"])?,
            to: time_of(&counters["to"])?,
            frames: number(&counters["frames"]),
            octets: number(&counters["bytes"]),
            lost: number(&counters["frames_lost"]),
        })
    }

    /// Its length in seconds; never 0.
    pub(crate) fn seconds(&self) -> f64 {
        (self.to.saturating_sub(self.from) as f64 / 1e9).max(0.001)
    }

    pub(crate) fn frames_per_second(&self) -> f64 {
        self.frames as f64 / self.seconds()
    }

    pub(crate) fn octets_per_second(&self) -> f64 {
        self.octets as f64 / self.seconds()
    }
}

/// The latest period of each interface that the status has.
pub(crate) fn latest_periods(status: &Value) -> BTreeMap<String, Period> {
    let mut latest: BTreeMap<String, Period> = BTreeMap::new();
    for period in status["counters"].as_array().into_iter().flatten().filter_map(Period::of) {
        let is_newer = latest.get(&period.interface).is_none_or(|known| known.to < period.to);
        if is_newer {
            latest.insert(period.interface.clone(), period);
        }
    }
    latest
}

/// How frames ended that were not wholly used, or were lost before.
pub(crate) const FRAMES: [(Field, &str); 12] = [
    (Field::CountersFramesLost, "no room in the ring"),
    (Field::CountersPartlyUsed, "a part is malformed, the rest was used"),
    (Field::CountersUnread, "a protocol that is not read"),
    (Field::CountersMalformed, "nothing could be read"),
    (Field::CountersExcludedInterface, "excluded by interface"),
    (Field::CountersExcludedVlan, "excluded by VLAN"),
    (Field::CountersExcludedMac, "excluded by MAC address"),
    (Field::CountersExcludedPrefix, "excluded by prefix"),
    (Field::CountersExcludedProtocol, "excluded by protocol"),
    (Field::CountersExcludedRule, "excluded by a rule that collects none"),
    (Field::CountersCounted, "only counted, by a rule"),
    (Field::CountersRecordsDroppedBulk, "flow records without room on their way"),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn well() -> Value {
        json!({
            "sensor": { "connected": true, "interfaces": [{ "name": "eth1", "state": "up" }] },
            "receiver_configured": true, "link_configured": true,
            "uplink": { "connected": true, "problem": "", "retry_ms": 0 },
            "problems": {}, "room_on_disk": true, "rules_refused": null,
            "quarantined": 0, "missing": 0, "values_unsound": 0, "databases_set_aside": 0, "malformed": [],
        })
    }

    #[test]
    fn what_is_well_is_not_found() {
        assert_eq!(findings(&well()), []);
    }

    /// Each broken state alone is one finding, which names it and says what to type.
    #[test]
    fn each_broken_state_is_one_finding_with_what_to_type() {
        for (pointer, value, what, do_this) in [
            (
                "/sensor/connected",
                json!(false),
                "sensor is not connected",
                "systemctl status headgate-sensor",
            ),
            ("/sensor/interfaces/0/state", json!("no-link"), "eth1 is no-link", "headgate doctor"),
            ("/receiver_configured", json!(false), "no receiver is configured", "[uplink] in headgate.toml"),
            ("/uplink", Value::Null, "uplink is not connected", "systemctl status headgate-uplink"),
            (
                "/uplink",
                json!({ "connected": false, "problem": "connection refused", "retry_ms": 1_001 }),
                "not reached: connection refused; next attempt in 2 s",
                "journalctl -u headgate-uplink",
            ),
            (
                "/problems",
                json!({ "commit": "read-only" }),
                "fails at commit: read-only",
                "journalctl -u headgate",
            ),
            ("/room_on_disk", json!(false), "disk of the buffer is full", "df, headgate buffer stats"),
            ("/rules_refused", json!("rules.toml:3:1: x"), "rules.toml:3:1: x", "headgate rules check"),
            ("/quarantined", json!(2), "2: damaged parts", "headgate ledger"),
            (
                "/malformed",
                json!([{ "reason": "x", "records": 3 }]),
                "3: malformed records",
                "headgate ledger",
            ),
        ] {
            let mut status = well();
            *status.pointer_mut(pointer).unwrap() = value;
            let found = findings(&status);
            assert_eq!(found.len(), 1, "{pointer}: {found:?}");
            assert!(found[0].what.contains(what), "{pointer}: {found:?}");
            assert_eq!(found[0].do_this, do_this);
            assert!(found[0].to_string().ends_with(&format!(" {do_this}")));
        }
    }

    #[test]
    fn many_interfaces_that_are_down_are_one_finding() {
        let mut status = well();
        let down = (0..7).map(|n| json!({ "name": format!("eth{n}"), "state": "down" }));
        status["sensor"]["interfaces"] = down.collect();
        let found = findings(&status);
        assert_eq!(found.len(), 1);
        assert!(found[0].what.starts_with("eth0, eth1, eth2, eth3 and 3 more are down"), "{found:?}");
    }

    #[test]
    fn carried_media_are_no_fault() {
        let mut status = well();
        status["link_configured"] = json!(false);
        status["uplink"] = Value::Null;
        assert_eq!((findings(&status), link(&status)), (Vec::new(), "by carried media"));
    }

    #[test]
    fn the_latest_period_of_an_interface_gives_its_rate() {
        let row = |interface: &str, to: u32, frames: u64| {
            json!({
                "interface": interface, "frames": frames, "bytes": frames * 100, "frames_lost": 0,
                "from": format!("2026-11-24T06:49:{:02}Z", to - 10), "to": format!("2026-11-24T06:49:{to:02}Z"),
            })
        };
        let status = json!({ "counters": [row("b", 20, 5), row("a", 20, 30), row("a", 30, 40)] });
        let latest = latest_periods(&status);
        assert_eq!(latest.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((latest["a"].frames_per_second(), latest["a"].octets_per_second()), (4.0, 400.0));
    }
}
