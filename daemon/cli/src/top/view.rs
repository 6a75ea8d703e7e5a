//! The views: what the lower part of the screen shows.

/// A view, in the order of its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum View {
    /// Stations
    #[default]
    Devices,
    /// What neighbours announce
    Neighbors,
    /// Flows by service
    Traffic,
    /// Where frames and records ended
    Losses,
    /// What left, and other entries of the ledger
    Sent,
}

impl View {
    pub(super) const ALL: [View; VIEWS] =
        [View::Devices, View::Neighbors, View::Traffic, View::Losses, View::Sent];

    pub(super) fn title(self) -> &'static str {
        match self {
            View::Devices => "Devices",
            View::Neighbors => "Neighbours",
            View::Traffic => "Traffic",
            View::Losses => "Losses",
            View::Sent => "Sent",
        }
    }

    /// What its rows can be sorted by, as the screen says it; the first at the beginning.
    pub(super) fn sorts(self) -> &'static [&'static str] {
        match self {
            View::Devices => &["last seen", "newest", "most active", "kind", "name"],
            View::Neighbors => &["interface", "name", "last seen"],
            View::Traffic => &["octets", "packets", "flows", "service"],
            View::Losses => &["where", "count"],
            View::Sent => &["latest"],
        }
    }

    /// Its place in [`View::ALL`].
    pub(super) fn position(self) -> usize {
        View::ALL.iter().position(|view| *view == self).unwrap_or(0)
    }

    pub(super) fn next(self) -> View {
        View::ALL.into_iter().cycle().nth(self.position() + 1).unwrap_or_default()
    }

    pub(super) fn previous(self) -> View {
        View::ALL.into_iter().cycle().nth(self.position() + VIEWS - 1).unwrap_or_default()
    }

    /// The view of a key, `1` the first.
    pub(super) fn of_digit(digit: char) -> Option<View> {
        let place = usize::try_from(digit.to_digit(10)?).ok()?;
        View::ALL.get(place.checked_sub(1)?).copied()
    }
}

/// How many there are.
pub(super) const VIEWS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lead_round_all_views() {
        let mut view = View::Devices;
        for expected in [View::Neighbors, View::Traffic, View::Losses, View::Sent, View::Devices] {
            assert_eq!(view.next().previous(), view);
            view = view.next();
            assert_eq!(view, expected);
        }
        assert_eq!(View::of_digit('3'), Some(View::Traffic));
        assert_eq!((View::of_digit('0'), View::of_digit('6')), (None, None));
    }
}
