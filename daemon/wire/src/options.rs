//! Lists of options as both IPv4 (RFC 791, 3.1) and TCP (RFC 9293, 3.1) frame them.

/// End of the list; what follows is padding.
pub(crate) const END: u8 = 0;
/// No operation: one octet between options.
pub(crate) const NO_OPERATION: u8 = 1;

/// One option as it is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framed<'a> {
    /// Octets of the list before it.
    pub(crate) offset: usize,
    pub(crate) kind: u8,
    /// Octets of the whole option, as it says; 1 for the two kinds without a length.
    pub(crate) length: u8,
    /// The octets behind the length; `None` where the length is below 2 or leads out of the list.
    pub(crate) value: Option<&'a [u8]>,
}

/// Goes through a list, to its end or to the first option that cannot be stepped over. Each step takes
/// an octet or more off a list of at most 40.
#[derive(Clone)]
pub(crate) struct Walk<'a> {
    length: usize,
    rest: &'a [u8],
}

impl<'a> Walk<'a> {
    pub(crate) fn new(list: &'a [u8]) -> Self {
        Walk { length: list.len(), rest: list }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Framed<'a>;

    fn next(&mut self) -> Option<Framed<'a>> {
        let offset = self.length.saturating_sub(self.rest.len());
        let (kind, behind) = self.rest.split_first()?;
        let kind = *kind;
        if kind == END || kind == NO_OPERATION {
            self.rest = if kind == END { &[] } else { behind };
            return Some(Framed { offset, kind, length: 1, value: Some(&[]) });
        }
        let (length, behind) = behind.split_first().map_or((0, behind), |(length, behind)| (*length, behind));
        let parts = usize::from(length).checked_sub(2).and_then(|length| behind.split_at_checked(length));
        self.rest = parts.map_or(&[], |(_, rest)| rest);
        Some(Framed { offset, kind, length, value: parts.map(|(value, _)| value) })
    }
}

/// The whole options of a list that the capture cut.
#[cold]
pub(crate) fn whole(captured: &[u8]) -> &[u8] {
    let cut = Walk::new(captured).find(|option| option.value.is_none());
    cut.and_then(|option| captured.get(..option.offset)).unwrap_or(captured)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(list: &[u8]) -> Vec<(usize, u8, Option<usize>)> {
        Walk::new(list).map(|option| (option.offset, option.kind, option.value.map(<[u8]>::len))).collect()
    }

    #[test]
    fn a_list_ends_with_its_end_or_its_octets() {
        assert_eq!(kinds(&[1, 9, 3, 7, 0, 9, 9]), [(0, 1, Some(0)), (1, 9, Some(1)), (4, 0, Some(0))]);
        assert_eq!(kinds(&[9, 2]), [(0, 9, Some(0))]);
        assert_eq!(kinds(&[]), []);
    }

    #[test]
    fn a_length_that_leads_nowhere_ends_the_list() {
        for list in [&[9][..], &[9, 0, 1], &[9, 1, 1], &[9, 4, 1]] {
            assert_eq!(kinds(list), [(0, 9, None)], "{list:?}");
        }
    }

    #[test]
    fn a_cut_list_keeps_its_whole_options() {
        assert_eq!(whole(&[1, 9, 3, 7, 9, 4, 1]), [1, 9, 3, 7]);
        assert_eq!(whole(&[1, 9, 3, 7]), [1, 9, 3, 7]);
        assert!(whole(&[9]).is_empty());
    }
}
