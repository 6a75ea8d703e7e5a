//! Location Identification (ANSI/TIA-1057, 10.2.4).
//!
//! Where something stands is the site's secret. The content is checked against its bounds and stays out of
//! what is serialised.

use nom::{Parser, combinator::rest, multi::length_data, number::complete::be_u8};
use serde::Serialize;

use super::super::finish;
use crate::{Kind, Octets, registry::registry};

/// Octets of a coordinate-based location (RFC 6225).
pub const COORDINATE_LEN: usize = 16;
/// Fewest octets of an emergency call number (10.2.4.3.3).
pub const MIN_ELIN_LEN: usize = 10;
/// Most octets of an emergency call number (10.2.4.3.3).
pub const MAX_ELIN_LEN: usize = 25;
/// Most elements of a civic address that are counted: as many as a TLV has room for.
pub const MAX_CIVIC_ELEMENTS: usize = 256;

/// A Location Identification (10.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Location<'a> {
    /// How it is given.
    pub format: LocationFormat,
    /// Octets of the location, without its format.
    pub octets: usize,
    /// The shape of a civic address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub civic: Option<Civic>,
    /// The location, as it was sent.
    #[serde(skip)]
    pub value: Octets<'a>,
}

registry! {
    /// How a location is given (Table 13).
    pub enum LocationFormat: u8 {
        /// 1: coordinates (RFC 6225).
        Coordinate = 1, "coordinate";
        /// 2: civic address (RFC 4776).
        Civic = 2, "civic-address";
        /// 3: emergency call number.
        Elin = 3, "elin";
    }
}

/// The shape of a civic address (RFC 4776, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Civic {
    /// Of what: 0 of the DHCP server, 1 of the network element, 2 of the client.
    pub what: u8,
    /// Elements that lie within the address.
    pub elements: usize,
}

impl<'a> Location<'a> {
    /// Reads the TLV. The content may be malformed.
    pub(super) fn parse(value: &'a [u8]) -> Result<(Self, Result<(), Kind>), Kind> {
        let (format, value) = finish((be_u8, rest).parse(value))?;
        let mut location =
            Location { format: format.into(), octets: value.len(), civic: None, value: Octets(value) };
        let content = match location.format {
            LocationFormat::Coordinate if value.len() != COORDINATE_LEN => Err(Kind::Length),
            LocationFormat::Civic => location.read_civic(value),
            LocationFormat::Elin if !(MIN_ELIN_LEN..=MAX_ELIN_LEN).contains(&value.len()) => {
                Err(Kind::Length)
            }
            LocationFormat::Coordinate | LocationFormat::Elin | LocationFormat::Unknown(_) => Ok(()),
        };
        Ok((location, content))
    }

    fn read_civic(&mut self, value: &[u8]) -> Result<(), Kind> {
        let address = finish(length_data(be_u8).parse(value)).map_err(|_| Kind::Length)?;
        let (&[what, _, _], mut elements) = address.split_first_chunk().ok_or(Kind::Length)?;
        let civic = self.civic.insert(Civic { what, elements: 0 });
        for position in 0..MAX_CIVIC_ELEMENTS {
            if elements.is_empty() {
                break;
            }
            civic.elements = position;
            let parsed: super::super::Parsed<'_, _> = (be_u8, length_data(be_u8)).parse(elements);
            (elements, _) = parsed.map_err(|_| Kind::Length)?;
            civic.elements = position.saturating_add(1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn civic(address: &[u8]) -> (Option<usize>, Result<(), Kind>) {
        let bytes = [&[2][..], address].concat();
        let (location, content) = Location::parse(&bytes).unwrap();
        (location.civic.map(|c| c.elements), content)
    }

    #[test]
    fn a_civic_address_is_counted_and_not_shown() {
        let bytes = b"\x02\x0d\x02US\x01\x02CA\x03\x04City";
        let (location, content) = Location::parse(bytes).unwrap();
        assert_eq!(content, Ok(()));
        assert_eq!((location.format, location.octets), (LocationFormat::Civic, 14));
        assert_eq!(location.civic, Some(Civic { what: 2, elements: 2 }));
    }

    #[test]
    fn a_civic_address_beyond_its_tlv_is_named() {
        assert_eq!(civic(&[]), (None, Err(Kind::Length)));
        assert_eq!(civic(&[2, 0, 0]), (None, Err(Kind::Length)));
        assert_eq!(civic(&[200, 2, b'U', b'S']), (None, Err(Kind::Length)));
    }

    #[test]
    fn an_element_beyond_its_address_is_named_and_hides_no_other() {
        assert_eq!(civic(b"\x08\x02US\x01\x01x\x03\x09"), (Some(1), Err(Kind::Length)));
        assert_eq!(civic(b"\x04\x02US\x01"), (Some(0), Err(Kind::Length)));
    }

    #[test]
    fn empty_elements_are_bounded() {
        let mut address = vec![253, 2, b'U', b'S'];
        address.extend([0; 250]);
        assert_eq!(civic(&address), (Some(125), Ok(())));
    }

    #[test]
    fn other_formats_have_a_length_of_their_own() {
        let content =
            |format, length| Location::parse(&[&[format][..], &[b'1'; 26][..length]].concat()).unwrap().1;
        assert_eq!([content(1, 15), content(1, 16)], [Err(Kind::Length), Ok(())]);
        assert_eq!([content(3, 9), content(3, 10)], [Err(Kind::Length), Ok(())]);
        assert_eq!([content(3, 25), content(3, 26)], [Ok(()), Err(Kind::Length)]);
        assert_eq!(content(9, 4), Ok(()));
    }
}
