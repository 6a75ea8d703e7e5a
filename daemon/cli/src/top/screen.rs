//! What whoever looks has chosen.

use super::view::{VIEWS, View};

/// The screen's state.
pub(super) struct Screen {
    pub(super) view: View,
    pub(super) is_paused: bool,
    pub(super) has_help: bool,
    /// Text for a file or a pipe: no keys are named.
    pub(super) is_plain: bool,
    choices: [Choice; VIEWS],
    /// Rows that the table has room for, and rows that there are; as last drawn.
    room: usize,
    rows: usize,
}

#[derive(Clone, Copy, Default)]
struct Choice {
    sort: usize,
    reversed: bool,
    first: usize,
}

impl Screen {
    pub(super) fn new(view: View) -> Screen {
        Screen {
            view,
            is_paused: false,
            has_help: false,
            is_plain: false,
            choices: [Choice::default(); VIEWS],
            room: 1,
            rows: 0,
        }
    }

    fn choice(&mut self) -> Option<&mut Choice> {
        self.choices.get_mut(self.view.position())
    }

    /// What the rows are sorted by, a place in [`View::sorts`], and whether the other way round.
    pub(super) fn sort(&self) -> (usize, bool) {
        self.choices.get(self.view.position()).map_or((0, false), |choice| (choice.sort, choice.reversed))
    }

    pub(super) fn sort_by_next(&mut self) {
        let sorts = self.view.sorts().len().max(1);
        if let Some(choice) = self.choice() {
            *choice = Choice { sort: (choice.sort + 1) % sorts, reversed: choice.reversed, first: 0 };
        }
    }

    pub(super) fn reverse(&mut self) {
        if let Some(choice) = self.choice() {
            choice.reversed = !choice.reversed;
            choice.first = 0;
        }
    }

    /// Moves the table by so many rows, as far as it goes.
    pub(super) fn scroll(&mut self, by: isize) {
        let last = self.rows.saturating_sub(self.room);
        if let Some(choice) = self.choice() {
            choice.first = choice.first.min(last).saturating_add_signed(by).min(last);
        }
    }

    /// Rows of a page.
    pub(super) fn page(&self) -> isize {
        isize::try_from(self.room).unwrap_or(isize::MAX).saturating_sub(1).max(1)
    }

    /// The first row to draw, of so many, with room for some.
    pub(super) fn first(&mut self, rows: usize, room: usize) -> usize {
        (self.rows, self.room) = (rows, room.max(1));
        let last = rows.saturating_sub(self.room);
        self.choice().map_or(0, |choice| {
            choice.first = choice.first.min(last);
            choice.first
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_scrolls_as_far_as_it_goes_and_each_view_on_its_own() {
        let mut screen = Screen::new(View::Devices);
        assert_eq!(screen.first(30, 10), 0);
        screen.scroll(screen.page());
        assert_eq!(screen.first(30, 10), 9);
        screen.scroll(isize::MAX);
        assert_eq!(screen.first(30, 10), 20);
        screen.scroll(-1);
        assert_eq!(screen.first(30, 10), 19);
        assert_eq!(screen.first(12, 10), 2, "rows have gone");
        screen.scroll(isize::MIN);
        assert_eq!(screen.first(12, 10), 0);
        screen.sort_by_next();
        screen.reverse();
        assert_eq!(screen.sort(), (1, true));
        screen.view = View::Neighbors;
        assert_eq!(screen.sort(), (0, false));
        screen.view = View::Sent;
        screen.sort_by_next();
        assert_eq!(screen.sort(), (0, false), "it has one order");
    }
}
