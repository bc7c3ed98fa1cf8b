//! The text of a TOML file, its surroundings, and what was found wrong with it so far.

use super::problem::Problem;
use super::surroundings::Surroundings;
use std::cell::RefCell;
use std::ops::Range;

/// The file that the sections are of.
pub(super) struct Source<'a> {
    pub text: &'a str,
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
        let (line, column) = position(self.text, place.start);
        Problem { line: Some(line), column: Some(column), key, message }
    }
}

/// Line and column, both from 1, the column in characters.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let start_of_line = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[start_of_line..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_lines_and_columns_of_characters() {
        let check = |text: &str, offset: usize, expected| {
            assert_eq!(position(text, offset), expected, "{text:?} {offset}")
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
