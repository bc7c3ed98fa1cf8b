//! A TOML file: syntax first, then the sections.

use super::problem::{Problem, Problems};
use super::section::Section;
use super::sections;
use super::source::{Lines, Source};
use super::surroundings::Surroundings;
use super::{Config, Loaded};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use toml::de::DeTable;

/// The parser stops at some errors. So often it is started anew, with the broken lines blank.
const ATTEMPTS: usize = 50;

/// Reads the TOML `text` of a file called `name`. Fails with every problem found.
pub fn parse_toml(text: &str, name: &str, surroundings: &Surroundings) -> Result<Loaded, Problems> {
    let (config, problems, warnings) = read(text, surroundings);
    if !problems.is_empty() {
        return Err(Problems::sorted(name, problems));
    }
    Ok(Loaded { config, warnings: Problems::sorted(name, warnings) })
}

/// What can be understood of `text`, what is wrong with it, and what is worth a warning.
pub(super) fn read(text: &str, surroundings: &Surroundings) -> (Config, Vec<Problem>, Vec<Problem>) {
    let (readable, broken) = without_broken_lines(text);
    let (table, _) = DeTable::parse_recoverable(&readable);
    let source = Source {
        lines: Lines::of(text),
        surroundings,
        broken: !broken.is_empty(),
        problems: Default::default(),
        warnings: Default::default(),
    };
    let config = Section::read(&source, &table, sections::config);

    // What follows from a broken line is no news.
    source
        .problems
        .borrow_mut()
        .retain(|problem| problem.line.is_none_or(|line| !broken.contains_key(&line)));
    for (place, message) in broken.into_values() {
        source.report(place, "", message);
    }
    (config, source.problems.take(), source.warnings.take())
}

/// `text` with its broken lines blank, and what is wrong with each of them, by line.
fn without_broken_lines(text: &str) -> (String, BTreeMap<usize, (Range<usize>, String)>) {
    let (mut readable, lines) = (text.to_string(), Lines::of(text));
    let mut broken = BTreeMap::new();
    for _ in 0..ATTEMPTS {
        let mut again = false;
        for error in DeTable::parse_recoverable(&readable).1 {
            let place = error.span().unwrap_or_default();
            let (line, _) = lines.position(place.start);
            if let Entry::Vacant(entry) = broken.entry(line) {
                readable = with_blank_line(readable, place.start);
                entry.insert((place, error.message().to_string()));
                again = true;
            }
        }
        if !again {
            break;
        }
    }
    (readable, broken)
}

/// The line around `offset` made blank. A header stays: the parser knows what was meant, and its keys belong to it.
fn with_blank_line(mut text: String, offset: usize) -> String {
    let offset = text.floor_char_boundary(offset);
    let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    let end = text[offset..].find('\n').map_or(text.len(), |at| offset + at);
    if !text[start..end].trim_start().starts_with('[') {
        text.replace_range(start..end, &" ".repeat(end - start));
    }
    text
}
