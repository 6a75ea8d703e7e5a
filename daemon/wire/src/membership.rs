//! What IGMPv3 (RFC 3376) and MLDv2 (RFC 3810) say in the same words for the two families of addresses.

use arrayvec::ArrayVec;
use serde::Serialize;

use crate::{
    Faults, Malformed,
    addresses::{Address, Addresses},
    cursor::Cursor,
    registry::registry,
};

/// Most groups of a report that are kept.
pub const MAX_GROUPS: usize = 64;

/// A query: who listens to what?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Query<'a, A: Address + Serialize> {
    /// The version of the protocol that the querier speaks.
    pub version: u8,
    /// Max Resp Code or Maximum Response Code, as it was sent.
    pub max_response_code: u16,
    /// What the code stands for: the longest delay before a report, in milliseconds.
    pub max_response_ms: u32,
    /// The group that is asked for; unspecified in a general query.
    pub group: A,
    /// What the latest version of the protocol adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<QueryExtension<'a, A>>,
}

/// The part of a query that IGMPv3 (RFC 3376, 4.1.4 to 4.1.8) and MLDv2 (RFC 3810, 5.1.7 to 5.1.10) add.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct QueryExtension<'a, A: Address + Serialize> {
    /// S: routers do not update their timers.
    pub suppress: bool,
    /// QRV: the querier's robustness variable; 0 where it exceeds 7.
    pub robustness: u8,
    /// QQIC, as it was sent.
    pub interval_code: u8,
    /// What QQIC stands for: the querier's interval between general queries, in seconds.
    pub interval: u32,
    /// How many sources there are, as the querier says.
    pub source_count: u16,
    /// The sources that are asked for.
    pub sources: Addresses<'a, A>,
}

/// A report of IGMPv3 (RFC 3376, 4.2) or MLDv2 (RFC 3810, 5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report<'a, A: Address + Serialize> {
    /// How many groups there are, as the sender says.
    pub group_count: u16,
    /// What the sender listens to.
    pub groups: ArrayVec<Group<'a, A>, MAX_GROUPS>,
    /// How many groups found no room in the list.
    pub omitted: u32,
}

/// A group record (RFC 3376, 4.2.4; RFC 3810, 5.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Group<'a, A: Address + Serialize> {
    /// What the record says about the sources.
    pub record_type: RecordType,
    /// Octets of auxiliary data behind the sources. They are not read.
    pub auxiliary_length: u16,
    /// The group.
    pub group: A,
    /// How many sources there are, as the sender says.
    pub source_count: u16,
    /// The sources.
    pub sources: Addresses<'a, A>,
}

registry! {
    /// What a group record says (RFC 3376, 4.2.12; RFC 3810, 5.2.12).
    pub enum RecordType: u8 {
        /// MODE_IS_INCLUDE: listens to the sources alone.
        ModeIsInclude = 1, "mode-is-include";
        /// MODE_IS_EXCLUDE: listens to all but the sources.
        ModeIsExclude = 2, "mode-is-exclude";
        /// CHANGE_TO_INCLUDE_MODE: from now on to the sources alone; without sources, leaves the group.
        ChangeToInclude = 3, "change-to-include-mode";
        /// CHANGE_TO_EXCLUDE_MODE: from now on to all but the sources; without sources, joins the group.
        ChangeToExclude = 4, "change-to-exclude-mode";
        /// ALLOW_NEW_SOURCES.
        AllowNewSources = 5, "allow-new-sources";
        /// BLOCK_OLD_SOURCES.
        BlockOldSources = 6, "block-old-sources";
    }
}

impl<'a, A: Address + Serialize> QueryExtension<'a, A> {
    /// Reads what is behind the group. Octets behind the sources are ignored (RFC 3376, 4.1.10).
    pub(crate) fn parse(cursor: &mut Cursor<'a>, faults: &mut Faults) -> Option<Self> {
        let [flags, interval_code, n0, n1] = *faults.note(cursor.array())?;
        let source_count = u16::from_be_bytes([n0, n1]);
        let (sources, result) = Addresses::parse(cursor, source_count.into());
        faults.note(result);
        Some(QueryExtension {
            suppress: flags & 0x08 != 0,
            robustness: flags & 0x07,
            interval_code,
            interval: code_of_8_bits(interval_code),
            source_count,
            sources,
        })
    }
}

impl<'a, A: Address + Serialize> Report<'a, A> {
    /// Reads `group_count` group records, of which those beyond [`MAX_GROUPS`] are counted.
    pub(crate) fn parse(cursor: &mut Cursor<'a>, group_count: u16, faults: &mut Faults) -> Self {
        let beyond = usize::from(group_count).saturating_sub(MAX_GROUPS);
        let mut report = Report {
            group_count,
            groups: ArrayVec::new(),
            omitted: u32::try_from(beyond).unwrap_or(u32::MAX),
        };
        for _ in 0..usize::from(group_count).min(MAX_GROUPS) {
            let Some((group, behind)) = faults.note(Group::parse(cursor)) else { break };
            report.groups.push(group);
            if faults.note(behind).is_none() {
                break;
            }
        }
        report
    }
}

impl<'a, A: Address + Serialize> Group<'a, A> {
    /// Reads a record; what is behind the group's address may be malformed while the address can be used.
    fn parse(cursor: &mut Cursor<'a>) -> Result<(Self, Result<(), Malformed>), Malformed> {
        let [record_type, words, n0, n1] = *cursor.array()?;
        let group = A::parse(cursor)?;
        let source_count = u16::from_be_bytes([n0, n1]);
        let auxiliary_length = u16::from(words).saturating_mul(4);
        let (sources, result) = Addresses::parse(cursor, source_count.into());
        let record_type = RecordType::from(record_type);
        let result = result.and_then(|()| cursor.take(auxiliary_length.into()).map(|_| ()));
        Ok((Group { record_type, auxiliary_length, group, source_count, sources }, result))
    }
}

/// The number that an octet stands for: itself below 128, else a mantissa of 4 bits and an exponent of 3
/// (RFC 3376, 4.1.1 and 4.1.7; RFC 3810, 5.1.9).
pub(crate) fn code_of_8_bits(code: u8) -> u32 {
    if code < 0x80 {
        return code.into();
    }
    let mantissa = u32::from(code & 0x0f | 0x10);
    mantissa.checked_shl(u32::from(code >> 4 & 0x07).saturating_add(3)).unwrap_or(u32::MAX)
}

/// The number that two octets stand for: itself below 32768, else a mantissa of 12 bits and an exponent of 3
/// (RFC 3810, 5.1.3).
pub(crate) fn code_of_16_bits(code: u16) -> u32 {
    if code < 0x8000 {
        return code.into();
    }
    let mantissa = u32::from(code & 0x0fff | 0x1000);
    mantissa.checked_shl(u32::from(code >> 12 & 0x0007).saturating_add(3)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_below_their_highest_bit_are_the_number_itself() {
        assert_eq!([0, 127, 128, 255].map(code_of_8_bits), [0, 127, 128, 31_744]);
        assert_eq!([0, 32_767, 32_768, 65_535].map(code_of_16_bits), [0, 32_767, 32_768, 8_387_584]);
    }
}
