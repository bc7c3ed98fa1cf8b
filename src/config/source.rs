//! The text of a TOML file, its surroundings, and what was found wrong with it so far.

use super::problem::Problem;
use super::surroundings::Surroundings;
use std::cell::RefCell;
use std::ops::Range;

/// The file that the sections are of.
pub(super) struct Source<'a> {
    pub lines: Lines<'a>,
    pub surroundings: &'a Surroundings,
    /// The file is broken, and what seems to be missing may be there.
    pub broken: bool,
    pub problems: RefCell<Vec<Problem>>,
    /// What has no effect.
    pub warnings: RefCell<Vec<Problem>>,
}

impl Source<'_> {
    /// Reports a problem at a place of the text.
    pub fn report(&self, place: Range<usize>, key: impl Into<String>, message: impl Into<String>) {
        self.problems.borrow_mut().push(self.at(place, key.into(), message.into()));
    }

    /// Reports what has no effect.
    pub fn warn(&self, place: Range<usize>, key: impl Into<String>, message: impl Into<String>) {
        self.warnings.borrow_mut().push(self.at(place, key.into(), message.into()));
    }

    fn at(&self, place: Range<usize>, key: String, message: String) -> Problem {
        let (line, column) = self.lines.position(place.start);
        Problem { line: Some(line), column: Some(column), key, message }
    }
}

/// A text whose places are asked for: of a file that is none of ours each line may be wrong.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub fn of(text: &'a str) -> Self {
        let behind = text.match_indices('\n').map(|(at, _)| at + 1);
        Lines { text, starts: std::iter::once(0).chain(behind).collect() }
    }

    /// Line and column, both from 1, the column in characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|start| *start <= offset);
        (line, self.text[self.starts[line - 1]..offset].chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_lines_and_columns_of_characters() {
        let check = |text: &str, offset: usize, expected| {
            assert_eq!(Lines::of(text).position(offset), expected, "{text:?} {offset}")
        };
        check("", 0, (1, 1));
        check("abc", 2, (1, 3));
        check("abc\n", 3, (1, 4));
        check("abc\ndef", 4, (2, 1));
        check("a\r\n\r\nd", 5, (3, 1));
        check("æøå = 1", 6, (1, 4));
        check("a", 99, (1, 2));
    }
}
