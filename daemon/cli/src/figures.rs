//! Figures as people read them; times of records as numbers, and names of what they are about.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::show::cell;

/// Octets in the largest unit of which there is at least one, with one digit behind the point below ten.
pub(crate) fn octets(octets: u64) -> String {
    scaled(octets as f64, 1024.0, ["B", "KiB", "MiB", "GiB", "TiB"])
}

/// Octets a second as bits a second, the way links are named.
pub(crate) fn bits(octets_per_second: f64) -> String {
    scaled(octets_per_second * 8.0, 1000.0, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"])
}

/// A count with a space between each three digits.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(NO_BREAK_SPACE);
        }
        text.push(digit);
    }
    text
}

/// A rate of a second: whole numbers from ten on.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second > 0.0 && per_second < 9.95 {
        return format!("{per_second:.1}");
    }
    count(whole(per_second))
}

/// Seconds in the two largest units.
pub(crate) fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min {} s", seconds % 60),
        3_600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// Nanoseconds, in the unit of which there is at least one.
pub(crate) fn nanoseconds(nanoseconds: u64) -> String {
    scaled(nanoseconds as f64, 1000.0, ["ns", "µs", "ms", "s", "ks"])
}

/// The time that a field of a record holds, nanoseconds since 1970.
pub(crate) fn time_of(value: &Value) -> Option<u64> {
    let time = OffsetDateTime::parse(value.as_str()?, &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp_nanos()).ok()
}

/// A time of a record without its fraction: `2026-11-24 06:49:11`, in UTC.
pub(crate) fn moment(nanoseconds: u64) -> String {
    let text = headgate_record::Value::Time(nanoseconds).to_string();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}

/// What a device is, as far as its DHCP request or its announcements say.
pub(crate) fn kind_of(device: &Value) -> String {
    if device["router"] == true {
        return "router".into();
    }
    match (&device["device_kind"], &device["os_class"]) {
        (Value::Null, Value::Null) => "unknown".into(),
        (Value::Null, os) => shown(os, 24),
        (kind, _) => shown(kind, 24),
    }
}

/// What a neighbour calls itself.
pub(crate) fn name_of(neighbor: &Value) -> String {
    let name = &neighbor["system_name"];
    shown(if name.is_null() { &neighbor["chassis_id"] } else { name }, 48)
}

/// A number of an answer; what is absent is 0.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// A value of a record on one line: nothing that moves a cursor, changes colours or turns text around, and no longer than this.
/// What the network says is cleaned where it is read as well; here it is not trusted again.
pub(crate) fn shown(value: &Value, most: usize) -> String {
    clean(&cell(value), most)
}

/// As [`shown`], of a text.
pub(crate) fn clean(text: &str, most: usize) -> String {
    let harmless = |c| if is_unsafe(c) { char::REPLACEMENT_CHARACTER } else { c };
    let mut kept: String = text.chars().take(most).map(harmless).collect();
    if text.chars().nth(most).is_some() {
        kept.pop();
        kept.push('…');
    }
    kept
}

/// Control characters, line and paragraph separators, and the marks that change the direction of text.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The whole number nearest to one that is not negative.
pub(crate) fn whole(number: f64) -> u64 {
    let number = number.round().clamp(0.0, MAX_WHOLE);
    // Between 0 and 2^53 every whole number is one of both types.
    #[allow(clippy::as_conversions, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = number as u64;
    whole
}

fn scaled(number: f64, step: f64, units: [&str; 5]) -> String {
    let mut number = number;
    let mut at = 0;
    // As it will be rounded: 1023.99 KiB are 1.0 MiB.
    while number >= step - 0.05 && at + 1 < units.len() {
        number /= step;
        at += 1;
    }
    let unit = units.get(at).copied().unwrap_or_default();
    if at == 0 || number >= 99.95 {
        format!("{number:.0}{NO_BREAK_SPACE}{unit}")
    } else {
        format!("{number:.1}{NO_BREAK_SPACE}{unit}")
    }
}

/// Largest whole number that a float holds with all smaller ones.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;
/// Between figures and their units.
const NO_BREAK_SPACE: char = '\u{a0}';

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plain(text: &str) -> String {
        text.replace(NO_BREAK_SPACE, " ")
    }

    #[test]
    fn figures_have_the_unit_that_fits() {
        assert_eq!(plain(&octets(0)), "0 B");
        assert_eq!(plain(&octets(1023)), "1023 B");
        assert_eq!(plain(&octets(1536)), "1.5 KiB");
        assert_eq!(plain(&octets((1 << 20) - 1)), "1.0 MiB");
        assert_eq!(plain(&octets(256 << 20)), "256 MiB");
        assert_eq!(plain(&octets(u64::MAX)), "16777216 TiB");
        assert_eq!(plain(&bits(125_000.0)), "1.0 Mbit/s");
        assert_eq!(plain(&nanoseconds(1_619_000)), "1.6 ms");
        assert_eq!(plain(&count(1_234_567)), "1 234 567");
        assert_eq!(plain(&count(999)), "999");
        assert_eq!((rate(0.0).as_str(), rate(0.4).as_str(), rate(12.4).as_str()), ("0", "0.4", "12"));
        assert_eq!((duration(59).as_str(), duration(90_061).as_str()), ("59 s", "1 d 1 h"));
    }

    #[test]
    fn times_of_records_are_read_and_said() {
        let time = time_of(&json!("2026-11-24T06:49:11.923137000Z")).unwrap();
        assert_eq!(time, 1_795_502_951_923_137_000);
        assert_eq!(moment(time), "2026-11-24 06:49:11");
        assert_eq!((time_of(&json!("yesterday")), time_of(&json!(7))), (None, None));
    }

    #[test]
    fn what_is_shown_stays_on_its_line_and_is_short() {
        assert_eq!(shown(&json!("sw\u{1b}[2J\n\u{202e}1"), 20), "sw\u{fffd}[2J\u{fffd}\u{fffd}1");
        assert_eq!(shown(&json!("abcdef"), 4), "abc…");
        assert_eq!(shown(&json!("abcd"), 4), "abcd");
        assert_eq!(shown(&json!(["a", "b"]), 9), "a,b");
        assert_eq!(shown(&Value::Null, 9), "");
    }
}
