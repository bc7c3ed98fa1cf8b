//! Tables for people: aligned columns, cut to the terminal's width, with colours where it has them.

use super::terminal;
use console::measure_text_width;

/// What stands between two columns.
const GAP: usize = 2;
/// A column that can be cut is not cut below this.
const NARROWEST: usize = 8;

/// The colours of the statuses, as the page has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Red,
    Green,
    Yellow,
    Grey,
}

/// A text of one line, and its colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    text: String,
    colour: Option<Colour>,
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell { text, colour: None }
    }
}

impl Cell {
    /// The word of a status in its colour.
    pub fn status(word: String) -> Cell {
        let colour = colour_of(&word);
        Cell { text: word, colour }
    }
}

/// The colour that people know a status, or the state of a step, by.
fn colour_of(word: &str) -> Option<Colour> {
    match word {
        "completed" | "done" => Some(Colour::Green),
        "pending" | "sent" | "unknown" => Some(Colour::Yellow),
        "failed" | "refused" => Some(Colour::Red),
        "ignored" => Some(Colour::Grey),
        _ => None,
    }
}

/// A word in the colour of its status, where standard output has colours.
pub fn coloured(word: &str) -> String {
    paint(word, colour_of(word).filter(|_| terminal::colours()))
}

fn paint(text: &str, colour: Option<Colour>) -> String {
    let code = match colour {
        None => return text.to_owned(),
        Some(Colour::Red) => 31,
        Some(Colour::Green) => 32,
        Some(Colour::Yellow) => 33,
        Some(Colour::Grey) => 90,
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// A table that may come in several parts: the first part decides how wide the columns are.
pub struct Table {
    titles: &'static [&'static str],
    /// The first of the columns that may be cut.
    flexible: usize,
    width: Option<usize>,
    colours: bool,
    widths: Vec<usize>,
}

impl Table {
    /// One of which nothing is cut, however narrow it is.
    pub fn whole(titles: &'static [&'static str]) -> Table {
        Table::with(titles, 0, None, terminal::colours())
    }

    /// As wide as this, with the colours of standard output; `None`: nothing is cut.
    /// Columns from `flexible` on, counted from 0, are cut where it is narrow.
    pub fn within(titles: &'static [&'static str], flexible: usize, width: Option<usize>) -> Table {
        Table::with(titles, flexible, width, terminal::colours())
    }

    fn with(titles: &'static [&'static str], flexible: usize, width: Option<usize>, colours: bool) -> Table {
        Table { titles, flexible, width, colours, widths: Vec::new() }
    }

    /// The lines of these rows, with the titles above the first; nothing where there are no rows.
    pub fn part(&mut self, rows: &[Vec<Cell>]) -> String {
        if rows.is_empty() {
            return String::new();
        }
        let mut text = String::new();
        if self.widths.is_empty() {
            self.widths = self.fitting(rows);
            let titles: Vec<Cell> = self.titles.iter().map(|title| (*title).to_owned().into()).collect();
            text += &self.line(&titles);
        }
        rows.iter().for_each(|row| text += &self.line(row));
        text
    }

    /// Widths that show these rows in full, or as much as there is room for: the widest columns are cut first.
    fn fitting(&self, rows: &[Vec<Cell>]) -> Vec<usize> {
        let column = |index: usize| {
            let cells =
                rows.iter().filter_map(|row| row.get(index)).map(|cell| measure_text_width(&cell.text));
            cells.max().unwrap_or_default().max(self.titles[index].len())
        };
        let mut widths: Vec<usize> = (0..self.titles.len()).map(column).collect();
        let Some(limit) = self.width else { return widths };
        let room = limit.saturating_sub(GAP * (widths.len() - 1));
        while widths.iter().sum::<usize>() > room {
            let over = widths.iter().sum::<usize>() - room;
            let Some(widest) = widths[self.flexible..].iter_mut().filter(|width| **width > NARROWEST).max()
            else {
                break;
            };
            // Large steps first, then one by one, so that the widest columns end up alike.
            *widest -= (over / 8).clamp(1, *widest - NARROWEST);
        }
        widths
    }

    fn line(&self, row: &[Cell]) -> String {
        let mut line = String::new();
        let last = row.len().saturating_sub(1);
        for (index, (cell, width)) in row.iter().zip(&self.widths).enumerate() {
            let text = if self.width.is_some() { cut(&cell.text, *width) } else { cell.text.clone() };
            let missing = width.saturating_sub(measure_text_width(&text));
            line += &paint(&text, cell.colour.filter(|_| self.colours));
            if index != last {
                line += &" ".repeat(missing + GAP);
            }
        }
        let line = line.trim_end();
        format!("{line}\n")
    }
}

/// The beginning of a text, with `…` where something is left out.
fn cut(text: &str, width: usize) -> String {
    if measure_text_width(text) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut taken = 1;
    for letter in text.chars() {
        taken += measure_text_width(letter.encode_utf8(&mut [0; 4]));
        if taken > width {
            break;
        }
        short.push(letter);
    }
    short + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[[&str; 3]]) -> Vec<Vec<Cell>> {
        rows.iter().map(|row| row.iter().map(|text| Cell::status((*text).to_owned())).collect()).collect()
    }

    const TITLES: &[&str] = &["ID", "STATUS", "REASON"];

    #[test]
    fn columns_are_aligned_and_nothing_is_cut_where_nobody_says_how_wide_it_is() {
        let mut table = Table::with(TITLES, 1, None, false);
        let long = "x".repeat(500);
        let text = table.part(&rows(&[["1", "failed", "æøå"], ["4711", "completed", &long]]));
        let expected = format!("ID    STATUS     REASON\n1     failed     æøå\n4711  completed  {long}\n");
        assert_eq!(text, expected);
        assert_eq!(table.part(&rows(&[["2", "failed", "-"]])), "2     failed     -\n");
        assert_eq!(table.part(&[]), "");
    }

    #[test]
    fn no_line_is_longer_than_the_terminal_unless_that_is_absurdly_narrow() {
        let long = ["1234", "completed", &"wide words ".repeat(30)];
        for width in 24..200 {
            let mut table = Table::with(TITLES, 1, Some(width), false);
            for line in table
                .part(&rows(&[long, ["1", "failed", "漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字"]]))
                .lines()
            {
                assert!(measure_text_width(line) <= width, "{width}: {line}");
            }
        }
        let mut narrow = Table::with(TITLES, 1, Some(1), false);
        assert!(narrow.part(&rows(&[long])).contains("1234"));
    }

    #[test]
    fn statuses_have_their_colours_and_colours_do_not_move_columns() {
        let mut table = Table::with(TITLES, 1, Some(80), true);
        let text = table.part(&rows(&[["1", "failed", "a"], ["2", "completed", "b"], ["3", "ignored", "c"]]));
        assert!(text.contains("1   \x1b[31mfailed\x1b[0m     a\n"), "{text:?}");
        assert!(text.contains("2   \x1b[32mcompleted\x1b[0m  b\n"), "{text:?}");
        assert!(text.contains("3   \x1b[90mignored\x1b[0m    c\n"), "{text:?}");
    }

    #[test]
    fn a_text_is_cut_between_letters() {
        let check = |text: &str, width, expected: &str| assert_eq!(cut(text, width), expected, "{text}");
        check("anna", 4, "anna");
        check("annas", 4, "ann…");
        check("漢字漢字", 5, "漢字…");
        check("漢字漢字", 4, "漢…");
        check("", 0, "");
    }
}
