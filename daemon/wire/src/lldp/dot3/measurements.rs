//! Power Via MDI Measurements (IEEE 802.3-2022, 79.3.8).

use nom::{Parser, bytes::complete::take, number::complete::be_u16};
use serde::Serialize;

use super::super::finish;
use crate::{Kind, Octets};

/// Octets of the measurements (79.3.8.1).
pub const MEASUREMENTS_LEN: usize = 20;

/// Power Via MDI Measurements (79.3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Measurements<'a> {
    /// Measurements (79.3.8.1), as they were sent, [`MEASUREMENTS_LEN`] octets: what of voltage, current, power and
    /// energy the sender supports, asks for and knows, where it is measured, with what uncertainty, and the values.
    /// Their bits are not told apart, until two sources agree on the place of each.
    pub measurements: Octets<'a>,
    /// PSE power price index (79.3.8.2): the price of power beside what the PSE takes for the nominal one; of no
    /// meaning from a PD.
    pub price_index: u16,
}

impl<'a> Measurements<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, Kind> {
        let (measurements, price_index) = finish((take(MEASUREMENTS_LEN), be_u16).parse(value))?;
        Ok(Measurements { measurements: Octets(measurements), price_index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_are_kept_as_they_are_beside_the_price_of_power() {
        let bytes: Vec<u8> = (1..=24).collect();
        for length in 0..=bytes.len() {
            let read = Measurements::parse(&bytes[..length]);
            let expected = Measurements { measurements: Octets(&bytes[..20]), price_index: 0x1516 };
            assert_eq!(read, if length < 22 { Err(Kind::Short) } else { Ok(expected) }, "{length}");
        }
    }
}
