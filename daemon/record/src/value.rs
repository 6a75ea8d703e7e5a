//! The values a field can hold.

use std::fmt::{self, Write};
use std::net::IpAddr;
use std::str::FromStr;

use arrayvec::ArrayString;
use smol_str::SmolStr;

use crate::Form;

/// Longest text or byte string in a field, in octets. Longer input is cut at a character boundary.
pub const MAX_TEXT: usize = 512;
/// Most elements in a list field.
pub const MAX_LIST: usize = 64;

/// Characters of a time: its year has four digits until 64 bits of nanoseconds end, in 2554.
const MAX_TIME: usize = "2554-07-21T23:34:33.709551615Z".len();

/// An IEEE 802 MAC address (EUI-48).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The U/L bit (IEEE 802-2014, 8.2.2): set by an administrator or at random, not by a vendor.
    #[must_use]
    pub fn is_locally_administered(self) -> bool {
        self.0[0] & 0x02 != 0
    }

    /// The I/G bit (IEEE 802-2014, 8.2.2): a group of stations, not one.
    #[must_use]
    pub fn is_group(self) -> bool {
        self.0[0] & 0x01 != 0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = ArrayString::<17>::new();
        for (at, octet) in self.0.iter().enumerate() {
            if at > 0 {
                text.push(':');
            }
            text.push(digit(octet >> 4));
            text.push(digit(octet & 0x0f));
        }
        f.write_str(&text)
    }
}

impl FromStr for Mac {
    type Err = NoMac;

    /// Digits in twos behind `:` or `-`, in fours behind `.`, `:` or `-`, in sixes behind `-`, or all together.
    fn from_str(text: &str) -> Result<Mac, NoMac> {
        let separator = text.chars().find(|c| !c.is_ascii_hexdigit());
        let group = match separator {
            None => MAC_DIGITS,
            Some(':' | '-' | '.') => text.split([':', '-', '.']).next().map_or(0, str::len),
            Some(_) => return Err(NoMac),
        };
        let digits = |part: &str| part.len() == group && part.chars().all(|c| c.is_ascii_hexdigit());
        let is_sound = match (separator, group) {
            (None, _) => digits(text),
            (Some(separator @ (':' | '-')), 2 | 4)
            | (Some(separator @ '.'), 4)
            | (Some(separator @ '-'), 6) => text.split(separator).all(digits),
            _ => false,
        };
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        if !is_sound || digits.len() != MAC_DIGITS {
            return Err(NoMac);
        }
        let [_, _, octets @ ..] = u64::from_str_radix(&digits, 16).map_err(|_| NoMac)?.to_be_bytes();
        Ok(Mac(octets))
    }
}

/// A text is no MAC address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a MAC address: write it as 00:1b:21:aa:bb:cc")]
pub struct NoMac;

/// Hexadecimal digits of a MAC address.
const MAC_DIGITS: usize = 12;

/// One value. What a value means is said by the field that holds it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A count, an identifier or a duration, in the unit of the field.
    Number(u64),
    /// Wall-clock time, nanoseconds since 1970-01-01T00:00:00Z.
    Time(u64),
    /// UTF-8 text, at most [`MAX_TEXT`] octets. Words are short: they need no memory of their own.
    Text(SmolStr),
    /// Opaque octets, at most [`MAX_TEXT`].
    Bytes(Vec<u8>),
    /// A MAC address.
    Mac(Mac),
    /// An IP address.
    Address(IpAddr),
    /// An IP network: address with host bits zero, and prefix length.
    Prefix(IpAddr, u8),
    /// A keyed pseudonym (HMAC-SHA-256, first 16 octets).
    Pseudonym([u8; 16]),
    /// Several values, at most [`MAX_LIST`], none of them a list.
    List(Vec<Value>),
}

/// The type that the dictionary declares for a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// [`Value::Bool`].
    Bool,
    /// [`Value::Number`].
    Number,
    /// [`Value::Time`].
    Time,
    /// [`Value::Text`].
    Text,
    /// [`Value::Bytes`].
    Bytes,
    /// [`Value::Mac`].
    Mac,
    /// [`Value::Address`].
    Address,
    /// A list of [`Value::Text`].
    Texts,
    /// A list of [`Value::Number`].
    Numbers,
    /// A list of [`Value::Address`].
    Addresses,
}

impl ValueType {
    /// The name used in documents and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ValueType::Bool => "bool",
            ValueType::Number => "number",
            ValueType::Time => "time",
            ValueType::Text => "text",
            ValueType::Bytes => "bytes",
            ValueType::Mac => "mac",
            ValueType::Address => "address",
            ValueType::Texts => "list of text",
            ValueType::Numbers => "list of number",
            ValueType::Addresses => "list of address",
        }
    }

    /// Whether a field of this type may hold `value`. Gates narrow values, so a pseudonym may stand
    /// for a MAC address or text, and a prefix for an address.
    #[inline]
    #[must_use]
    pub fn admits(self, value: &Value) -> bool {
        match value {
            Value::List(items) => self.admits_list(items),
            one => one.form().fits(self),
        }
    }

    fn admits_list(self, items: &[Value]) -> bool {
        self.item().is_some_and(|item| items.iter().all(|value| value.form().fits(item)))
    }

    /// The type of a list's items; `None` for what is no list.
    #[must_use]
    pub fn item(self) -> Option<ValueType> {
        match self {
            ValueType::Texts => Some(ValueType::Text),
            ValueType::Numbers => Some(ValueType::Number),
            ValueType::Addresses => Some(ValueType::Address),
            _ => None,
        }
    }
}

impl Value {
    /// Which of its variants it is.
    #[inline]
    #[must_use]
    pub fn form(&self) -> Form {
        match self {
            Value::Bool(_) => Form::Bool,
            Value::Number(_) => Form::Number,
            Value::Time(_) => Form::Time,
            Value::Text(_) => Form::Text,
            Value::Bytes(_) => Form::Bytes,
            Value::Mac(_) => Form::Mac,
            Value::Address(_) => Form::Address,
            Value::Prefix(..) => Form::Prefix,
            Value::Pseudonym(_) => Form::Pseudonym,
            Value::List(_) => Form::List,
        }
    }

    /// A word that is known beforehand. It is not copied and not cut.
    #[inline]
    #[must_use]
    pub const fn word(word: &'static str) -> Value {
        Value::Text(SmolStr::new_static(word))
    }

    /// The JSON form shown to people and tests: addresses and names as text, times as RFC 3339 in
    /// UTC, octets and pseudonyms in hexadecimal.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Bool(v) => (*v).into(),
            Value::Number(v) => (*v).into(),
            Value::List(items) => items.iter().map(Value::to_json).collect(),
            other => other.to_string().into(),
        }
    }
}

impl Value {
    /// Writes what [`Value::to_json`] gives, without spaces.
    pub(crate) fn write_json(&self, out: &mut String) {
        // Writing to a string does not fail.
        let _ = match self {
            Value::Bool(_) | Value::Number(_) => write!(out, "{self}"),
            Value::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                out.push(']');
                Ok(())
            }
            Value::Text(text) => {
                out.push_str(&serde_json::Value::from(text.as_str()).to_string());
                Ok(())
            }
            // Digits, letters and marks that need no escape.
            plain => write!(out, "\"{plain}\""),
        };
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(v) => write!(f, "{v}"),
            Value::Number(v) => write!(f, "{v}"),
            Value::Time(ns) => rfc3339(*ns, f),
            Value::Text(v) => f.write_str(v),
            Value::Bytes(v) => v.iter().try_for_each(|b| write!(f, "{b:02x}")),
            Value::Mac(v) => write!(f, "{v}"),
            Value::Address(v) => write!(f, "{v}"),
            Value::Prefix(v, length) => write!(f, "{v}/{length}"),
            Value::Pseudonym(v) => v.iter().try_for_each(|b| write!(f, "{b:02x}")),
            Value::List(items) => items.iter().enumerate().try_for_each(|(i, v)| {
                if i > 0 {
                    f.write_str(", ")?;
                }
                write!(f, "{v}")
            }),
        }
    }
}

/// A hexadecimal digit.
fn digit(value: u8) -> char {
    char::from_digit(value.into(), 16).unwrap_or('0')
}

/// RFC 3339 in UTC with nanoseconds. Civil date from day count: proleptic Gregorian calendar with
/// years that start in March, so that the leap day comes last.
fn rfc3339(ns: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (seconds, fraction) = (ns / 1_000_000_000, ns % 1_000_000_000);
    let (days, second_of_day) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second_of_day / 3_600, second_of_day / 60 % 60, second_of_day % 60);
    let mut text = ArrayString::<MAX_TIME>::new();
    let parts = [(year, 4, '-'), (month, 2, '-'), (day, 2, 'T'), (hour, 2, ':'), (minute, 2, ':')];
    for (number, digits, end) in parts.into_iter().chain([(second, 2, '.'), (fraction, 9, 'Z')]) {
        let mut power = 10u64.pow(digits - 1);
        for _ in 0..digits {
            text.push(
                char::from_digit(u32::try_from(number / power % 10).unwrap_or_default(), 10).unwrap_or('0'),
            );
            power /= 10;
        }
        text.push(end);
    }
    f.write_str(&text)
}

impl From<bool> for Value {
    #[inline]
    fn from(v: bool) -> Self {
        Value::Bool(v)
    }
}
impl From<u64> for Value {
    #[inline]
    fn from(v: u64) -> Self {
        Value::Number(v)
    }
}
impl From<u32> for Value {
    #[inline]
    fn from(v: u32) -> Self {
        Value::Number(v.into())
    }
}
impl From<u16> for Value {
    #[inline]
    fn from(v: u16) -> Self {
        Value::Number(v.into())
    }
}
impl From<u8> for Value {
    #[inline]
    fn from(v: u8) -> Self {
        Value::Number(v.into())
    }
}
impl From<Mac> for Value {
    #[inline]
    fn from(v: Mac) -> Self {
        Value::Mac(v)
    }
}
impl From<IpAddr> for Value {
    #[inline]
    fn from(v: IpAddr) -> Self {
        Value::Address(v)
    }
}
impl From<&str> for Value {
    /// Cuts at [`MAX_TEXT`] octets, at a character boundary.
    fn from(v: &str) -> Self {
        Value::Text(v.get(..floor_boundary(v, MAX_TEXT)).unwrap_or_default().into())
    }
}
impl From<String> for Value {
    /// Cuts at [`MAX_TEXT`] octets, at a character boundary.
    fn from(mut v: String) -> Self {
        v.truncate(floor_boundary(&v, MAX_TEXT));
        Value::Text(v.into())
    }
}
impl From<&[u8]> for Value {
    /// Cuts at [`MAX_TEXT`] octets.
    fn from(v: &[u8]) -> Self {
        Value::Bytes(v.iter().copied().take(MAX_TEXT).collect())
    }
}
impl<T: Into<Value>> FromIterator<T> for Value {
    /// A list of the first [`MAX_LIST`] items.
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Value::List(items.into_iter().take(MAX_LIST).map(Into::into).collect())
    }
}

fn floor_boundary(text: &str, limit: usize) -> usize {
    if text.len() <= limit {
        return text.len();
    }
    (0..=limit).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Field, Kind, Record};

    #[test]
    fn time_is_rfc3339_in_utc_with_nanoseconds() {
        let at = |s: u64| Value::Time(s * 1_000_000_000 + 5).to_string();
        assert_eq!(at(0), "1970-01-01T00:00:00.000000005Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000000005Z");
        assert_eq!(at(1_709_164_799), "2024-02-28T23:59:59.000000005Z");
        assert_eq!(at(4_102_444_800), "2100-01-01T00:00:00.000000005Z");
        assert_eq!(Value::Time(u64::MAX).to_string(), "2554-07-21T23:34:33.709551615Z");
    }

    #[test]
    fn a_mac_address_is_written_with_all_its_digits() {
        let mac = Mac([0, 1, 0xa0, 0xff, 0x0f, 0x9c]);
        assert_eq!(mac.to_string(), "00:01:a0:ff:0f:9c");
        for text in
            ["00:01:a0:ff:0f:9c", "00-01-A0-FF-0F-9C", "0001.a0ff.0f9c", "0001a0-ff0f9c", "0001a0ff0f9c"]
        {
            assert_eq!(text.parse(), Ok(mac), "{text}");
        }
        for text in
            ["", "00:01:a0:ff:0f", "00:01:a0:ff:0f:9c:00", "0:01:a0:ff:0f:9cc", "00:01-a0:ff:0f:9c", "x"]
        {
            assert_eq!(text.parse::<Mac>(), Err(NoMac), "{text}");
        }
    }

    #[test]
    fn written_json_is_the_same_as_built_json() {
        let mut record = Record::new(Kind::Device);
        record.set(Field::DeviceMac, Mac([2; 6])).unwrap();
        record.set(Field::DeviceHostname, "a \"quoted\" \n\u{1b} né").unwrap();
        let addresses: Value =
            ["10.0.0.1", "2001:db8::1"].map(|a| a.parse::<IpAddr>().unwrap()).into_iter().collect();
        record.set(Field::DeviceAddresses, addresses).unwrap();
        record.set(Field::DeviceLocallyAdministered, true).unwrap();
        record.set(Field::DeviceFirstSeen, Value::Time(1)).unwrap();
        record.set(Field::DeviceFrames, u64::MAX).unwrap();
        record.set(Field::DeviceParameterList, Value::List(Vec::new())).unwrap();
        let mut text = String::new();
        record.write_json(&mut text);
        assert_eq!(text, record.to_json().to_string());
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let Value::Text(cut) = Value::from("é".repeat(400)) else { panic!("text") };
        assert_eq!(cut.len(), MAX_TEXT);
        let Value::Text(cut) = Value::from(format!("a{}", "é".repeat(400))) else { panic!("text") };
        assert_eq!(cut.len(), MAX_TEXT - 1);
    }
}
