//! Lists of options as IPv4 (RFC 791, 3.1) and TCP (RFC 9293, 3.1) frame them, and as IPv6 does (RFC 8200, 4.2).

/// How a list is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// A length counts the whole option. 0 ends the list, what follows is padding; 1 is an octet between options.
    Ipv4,
    /// A length counts what is behind it. 0 is an octet between options.
    Ipv6,
}

/// One option as it is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framed<'a> {
    /// Octets of the list before it.
    pub(crate) offset: usize,
    pub(crate) kind: u8,
    /// What the option says, as its layout counts; of an octet alone, what it would say.
    pub(crate) length: u8,
    /// The octets behind the length; `None` where the length is below the least or leads out of the list.
    pub(crate) value: Option<&'a [u8]>,
}

/// Goes through a list, to its end or to the first option that cannot be stepped over. Each step takes an octet or more
/// off it.
#[derive(Clone)]
pub(crate) struct Walk<'a> {
    layout: Layout,
    length: usize,
    rest: &'a [u8],
}

impl<'a> Walk<'a> {
    pub(crate) fn new(list: &'a [u8], layout: Layout) -> Self {
        Walk { layout, length: list.len(), rest: list }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Framed<'a>;

    fn next(&mut self) -> Option<Framed<'a>> {
        let offset = self.length.saturating_sub(self.rest.len());
        let (kind, behind) = self.rest.split_first()?;
        let kind = *kind;
        let (alone, before) = match self.layout {
            Layout::Ipv4 => (matches!(kind, 0 | 1).then_some(1), 2),
            Layout::Ipv6 => ((kind == 0).then_some(0), 0),
        };
        if let Some(length) = alone {
            self.rest = if self.layout == Layout::Ipv4 && kind == 0 { &[] } else { behind };
            return Some(Framed { offset, kind, length, value: Some(&[]) });
        }
        let said = behind.split_first();
        let length = said.map_or(0, |(length, _)| *length);
        let parts = said.and_then(|(length, behind)| {
            usize::from(*length).checked_sub(before).and_then(|length| behind.split_at_checked(length))
        });
        self.rest = parts.map_or(&[], |(_, rest)| rest);
        Some(Framed { offset, kind, length, value: parts.map(|(value, _)| value) })
    }
}

/// The whole options of a list that the capture cut.
#[cold]
pub(crate) fn whole(captured: &[u8]) -> &[u8] {
    let cut = Walk::new(captured, Layout::Ipv4).find(|option| option.value.is_none());
    cut.and_then(|option| captured.get(..option.offset)).unwrap_or(captured)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(list: &[u8]) -> Vec<(usize, u8, Option<usize>)> {
        Walk::new(list, Layout::Ipv4)
            .map(|option| (option.offset, option.kind, option.value.map(<[u8]>::len)))
            .collect()
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
