//! Columns of a table: how wide they are, and which of them give way when there is little room.

use super::table::Table;

/// A column, and how it gives way when there is little room.
pub(super) struct Column {
    pub(super) title: &'static str,
    /// Its text stands at its right end.
    pub(super) right: bool,
    /// Characters that it can be cut down to, and that it grows to.
    least: usize,
    most: usize,
    /// Those with the highest go first; one with 0 stays.
    drop: u8,
}

impl Table {
    /// The columns that fit into so many characters, each with its width.
    pub(super) fn fit(&self, width: usize) -> Vec<(usize, usize)> {
        let wanted = |at: usize, column: &Column| {
            let cells = self.rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
            cells.max().unwrap_or(0).max(column.title.chars().count()).min(column.most)
        };
        let mut fitting: Vec<(usize, &Column, usize)> =
            self.columns.iter().enumerate().map(|(at, column)| (at, column, wanted(at, column))).collect();
        let least = |fitting: &[(usize, &Column, usize)]| -> usize {
            fitting
                .iter()
                .map(|(_, column, wanted)| column.least.min(*wanted) + GAP)
                .sum::<usize>()
                .saturating_sub(GAP)
        };
        // Columns that are nice to have go before those that matter are cut.
        let all = |fitting: &[(usize, &Column, usize)]| -> usize {
            fitting.iter().map(|(_, _, wanted)| wanted + GAP).sum::<usize>().saturating_sub(GAP)
        };
        let last =
            |fitting: &[(usize, &Column, usize)]| fitting.iter().map(|(_, column, _)| column.drop).max();
        while let Some(drop @ 1..) = last(&fitting)
            && (least(&fitting) > width || drop >= NICE && all(&fitting) > width)
        {
            fitting.retain(|(_, column, _)| column.drop != drop);
        }
        // What is left goes to the columns that matter most, and stands where it stood.
        let mut spare = width.saturating_sub(least(&fitting));
        fitting.sort_by_key(|(at, column, _)| (column.drop, *at));
        let mut widths: Vec<(usize, usize)> = Vec::new();
        for (at, column, wanted) in fitting {
            let least = column.least.min(wanted);
            let more = (wanted - least).min(spare);
            spare -= more;
            widths.push((at, least + more));
        }
        widths.sort_unstable();
        widths
    }
}

pub(super) const fn column(title: &'static str, least: usize, most: usize, drop: u8) -> Column {
    Column { title, right: false, least, most, drop }
}

pub(super) const fn figures(title: &'static str, most: usize, drop: u8) -> Column {
    Column { title, right: true, least: most, most, drop }
}

/// From where on a column is nice to have.
const NICE: u8 = 4;
/// Characters between columns.
pub(super) const GAP: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        column("MAC", 17, 17, 0),
        column("NAME", 10, 32, 2),
        figures("FRAMES", 9, 4),
        figures("NEW", 10, 7),
    ];

    fn table() -> Table {
        let row = ["00:1b:21:00:00:03", "laptop-anna", "123", "5 s"].map(str::to_owned).to_vec();
        Table { summary: String::new(), columns: COLUMNS, rows: vec![row] }
    }

    /// However narrow, columns do not overlap; the most important stay.
    #[test]
    fn columns_fit_every_width() {
        for width in 17..200 {
            let fit = table().fit(width);
            let taken: usize = fit.iter().map(|(_, width)| width + GAP).sum::<usize>() - GAP;
            assert!(taken <= width, "{taken} of {width}");
            assert!(fit.iter().any(|(at, _)| *at == 0), "{width}");
        }
        assert_eq!(table().fit(199).len(), COLUMNS.len());
    }

    /// A name is not cut for a column that is nice to have.
    #[test]
    fn what_matters_is_whole_before_what_is_nice_has_room() {
        assert_eq!(table().fit(37), [(0, 17), (1, 11)]);
        assert_eq!(table().fit(38), [(0, 17), (1, 11), (2, 6)]);
    }
}
