//! Fields of a TLV's value, for the protocols that are built of TLVs.

use nom::IResult;

use crate::Kind;

/// What a parser of fields gives: the rest, and the fields.
pub(crate) type Parsed<'a, T> = IResult<&'a [u8], T>;

/// The fields of a value, whatever follows them.
pub(crate) fn finish<T>(parsed: Parsed<'_, T>) -> Result<T, Kind> {
    parsed.map(|(_, value)| value).map_err(short)
}

/// Nothing here fails but for want of octets.
pub(crate) fn short(_: nom::Err<nom::error::Error<&[u8]>>) -> Kind {
    Kind::Short
}

/// The next `N` octets.
pub(crate) fn array<const N: usize>(input: &[u8]) -> Parsed<'_, [u8; N]> {
    match input.split_first_chunk() {
        Some((array, rest)) => Ok((rest, *array)),
        None => Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Eof))),
    }
}

/// Fills a place that may be filled once.
pub(crate) fn once<T>(place: &mut Option<T>, value: T) -> Result<&mut T, Kind> {
    if place.is_some() {
        return Err(Kind::Duplicate);
    }
    Ok(place.insert(value))
}

/// Fills a place that may be filled once, with nothing more to say.
pub(crate) fn set<T>(place: &mut Option<T>, value: T) -> Result<(), Kind> {
    once(place, value).map(|_| ())
}
