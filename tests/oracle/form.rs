//! How a value of Headgate and one of tshark are brought into one form.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::Value;

use super::pdml::Field;

/// The form in which values are compared.
#[derive(Clone, Copy)]
pub enum Form {
    /// A number, or a flag as 0 or 1, as tshark shows it.
    Number,
    /// As [`Form::Number`], times so much on the side of tshark.
    Times(u64),
    /// The number that the octets are, where tshark shows another unit or a relative value.
    Raw,
    /// The octet at this place, as a number.
    Octet(usize),
    /// An IP address.
    Ip,
    /// An IPv4 address, from the first octets.
    IpOctets,
    /// Octets, or a MAC address.
    Octets,
    /// Text, from its octets.
    Text,
    /// A domain name, without the dot at its end.
    Name,
    /// The service type in a domain name (RFC 6763, 7); nothing where there is none.
    Service,
    /// A date and time.
    Time,
    /// An identifier of one of several kinds: as shown, as text, or as octets.
    Any,
}

impl Form {
    pub fn ours(self, value: &Value) -> String {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(flag) => u8::from(*flag).to_string(),
            other => other.to_string(),
        };
        match self {
            Form::Ip => ip(&text),
            Form::Octets => octets(&text),
            _ => text,
        }
    }

    /// What tshark's value may read in this form: one reading, but for [`Form::Any`].
    pub fn theirs(self, field: &Field) -> Vec<String> {
        vec![match self {
            Form::Number => number(&field.show).map_or_else(|| field.show.clone(), |n| n.to_string()),
            Form::Times(factor) => {
                number(&field.show).map_or_else(|| field.show.clone(), |n| (n * factor).to_string())
            }
            Form::Raw => {
                u64::from_str_radix(&field.value, 16).map_or_else(|_| field.value.clone(), |n| n.to_string())
            }
            Form::Octet(at) => {
                let digits = field.value.get(2 * at..2 * at + 2);
                let octet = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                octet.map_or_else(|| field.value.clone(), |octet| octet.to_string())
            }
            Form::Ip => ip(&field.show),
            Form::IpOctets => {
                let digits = field.value.get(..8);
                let address = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                address.map_or_else(|| field.show.clone(), |address| Ipv4Addr::from(address).to_string())
            }
            Form::Octets => field.value.to_lowercase(),
            Form::Text => text(&field.value),
            Form::Name => field.show.strip_suffix('.').unwrap_or(&field.show).to_owned(),
            Form::Service => service(&field.show),
            Form::Time => time(&field.show).unwrap_or_else(|| field.show.clone()),
            Form::Any => {
                return vec![field.show.clone(), ip(&field.show), text(&field.value), spaced(&field.value)];
            }
        }]
    }
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn ip(text: &str) -> String {
    text.parse::<IpAddr>().map_or_else(|_| text.to_owned(), |address| address.to_string())
}

fn octets(text: &str) -> String {
    text.replace(':', "").to_lowercase()
}

/// Octets with colons between them.
fn spaced(digits: &str) -> String {
    let octets: Vec<_> = digits.as_bytes().chunks(2).map(String::from_utf8_lossy).collect();
    octets.join(":")
}

/// Text as Headgate shows it: without NULs at its end, and with escapes for what steers a terminal.
fn text(digits: &str) -> String {
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    let octets: Vec<u8> = pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
    let end = octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    let mut text = String::new();
    for c in String::from_utf8_lossy(&octets[..end]).chars() {
        if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }
    }
    text
}

fn service(name: &str) -> String {
    let labels: Vec<&str> = name.split('.').collect();
    let is_type = |pair: &&[&str]| pair[0].starts_with('_') && ["_tcp", "_udp"].contains(&pair[1]);
    labels.windows(2).find(is_type).map_or_else(String::new, |pair| pair.join("."))
}

/// `Nov 24, 2026 06:49:24.289586000 UTC` as RFC 3339 has it.
fn time(text: &str) -> Option<String> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_whitespace();
    let month = words.next().and_then(|name| MONTHS.iter().position(|month| *month == name))? + 1;
    let day: u8 = words.next()?.strip_suffix(',')?.parse().ok()?;
    let (year, clock) = (words.next()?, words.next()?);
    Some(format!("{year}-{month:02}-{day:02}T{clock}Z"))
}
