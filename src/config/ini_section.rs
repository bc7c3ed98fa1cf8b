//! One section of an INI, read key by key, as `section` does for TOML: problems are collected, reading goes on.

use super::ini::{Entry, Ini, IniSection};
use super::problem::{Problem, did_you_mean};
use crate::wire::Secret;
use std::cell::RefCell;

/// An INI being read.
pub(super) struct IniFile {
    pub ini: Ini,
    pub problems: RefCell<Vec<Problem>>,
    /// What has no effect.
    pub warnings: RefCell<Vec<Problem>>,
    asked: RefCell<Vec<String>>,
}

impl IniFile {
    pub fn new(ini: Ini) -> Self {
        IniFile { ini, problems: RefCell::default(), warnings: RefCell::default(), asked: RefCell::default() }
    }

    /// Reports a problem.
    pub fn problem(&self, line: Option<usize>, key: impl Into<String>, message: impl Into<String>) {
        self.problems.borrow_mut().push(at(line, key, message));
    }

    /// Reports each of the sections `names` that is missing.
    pub fn require(&self, names: &[&str]) {
        for name in names.iter().filter(|name| !self.ini.sections.contains_key(**name)) {
            self.problem(None, "", format!("the section [{name}] is missing"));
        }
    }

    /// The section `name` read by `read`, with a warning for each key that was not asked for.
    pub fn section<T>(&self, name: &str, read: impl FnOnce(&Reader) -> T) -> Option<T> {
        self.asked.borrow_mut().push(name.to_owned());
        let section = self.ini.sections.get(name)?;
        let reader = Reader { file: self, name: name.to_owned(), section, asked: RefCell::default() };
        let value = read(&reader);
        reader.warn_of_unknown_keys();
        Some(value)
    }

    /// Warns of sections that were not asked for and of lines that mean nothing.
    pub fn warn_of_the_rest(&self) {
        let asked = self.asked.borrow();
        let unknown = self.ini.sections.iter().filter(|(name, _)| !asked.contains(*name));
        for (name, section) in
            unknown.filter(|(name, section)| !name.is_empty() || !section.entries.is_empty())
        {
            // What stands before all headers is in a section that has none.
            let first = || section.entries.values().map(|entry| entry.line).min();
            let line = Some(section.line).filter(|line| *line > 0).or_else(first);
            let hint = hint(name, asked.iter().map(String::as_str));
            self.warn(line, format!("[{name}]"), format!("unknown section, ignored{hint}"));
        }
        for line in &self.ini.strange {
            self.warn(Some(*line), "", "neither a section nor KEY=VALUE, ignored");
        }
    }

    /// Warns of what has no effect.
    pub fn warn(&self, line: Option<usize>, key: impl Into<String>, message: impl Into<String>) {
        self.warnings.borrow_mut().push(at(line, key, message));
    }
}

fn hint<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    did_you_mean(written, known).map_or(String::new(), |hint| format!("; {hint}"))
}

fn at(line: Option<usize>, key: impl Into<String>, message: impl Into<String>) -> Problem {
    Problem { line, column: None, key: key.into(), message: message.into() }
}

/// A section being read.
pub(super) struct Reader<'a> {
    file: &'a IniFile,
    pub name: String,
    section: &'a IniSection,
    asked: RefCell<Vec<String>>,
}

impl Reader<'_> {
    /// The text of `key`; an empty one counts as absent.
    pub fn text(&self, key: &str) -> Option<String> {
        self.entry(key).map(|entry| entry.value.clone())
    }

    /// The text of `key`, or a problem and an empty text.
    pub fn required(&self, key: &str) -> String {
        self.text(key).unwrap_or_else(|| {
            self.file.problem(Some(self.section.line), self.path(key), "is missing");
            String::new()
        })
    }

    /// The text of `key` under its name of today or an older one.
    pub fn required_or_older(&self, key: &str, older: &str) -> String {
        let by_older_name = self.text(older);
        self.text(key).or(by_older_name).unwrap_or_else(|| self.required(key))
    }

    /// As [`Reader::required`].
    pub fn secret(&self, key: &str) -> Secret {
        Secret::new(self.required(key))
    }

    /// What `parse` makes of the text of `key`; its error is told behind the text.
    pub fn value<T>(&self, key: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let entry = self.entry(key)?;
        let report =
            |error| self.file.problem(Some(entry.line), self.path(key), format!("{:?} {error}", entry.value));
        parse(&entry.value).map_err(report).ok()
    }

    /// Reports a problem with `key`.
    pub fn problem(&self, key: &str, message: &str) {
        let line = self.entry(key).map_or(self.section.line, |entry| entry.line);
        self.file.problem(Some(line), self.path(key), message);
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        self.asked.borrow_mut().push(key.into());
        self.section.entries.get(key).filter(|entry| !entry.value.is_empty())
    }

    fn path(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }

    fn warn_of_unknown_keys(&self) {
        let asked = self.asked.borrow();
        for (key, entry) in self.section.entries.iter().filter(|(key, _)| !asked.contains(*key)) {
            let hint = hint(key, asked.iter().map(String::as_str));
            self.file.warn(Some(entry.line), self.path(key), format!("unknown key, ignored{hint}"));
        }
    }
}
