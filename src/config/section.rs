//! One table of a TOML file, read key by key.
//!
//! Every reading method reports what is wrong and gives `None`, so that a caller takes its default and reads on: all
//! problems of a file show at once. What a section was never asked for is unknown, and a problem when it ends.

use super::problem::did_you_mean;
use super::source::Source;
use super::surroundings::Surroundings;
use super::units;
use crate::wire::{Secret, mask};
use std::cell::{Cell, RefCell};
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A table being read.
pub(super) struct Section<'a> {
    source: &'a Source<'a>,
    /// As problems name it: `ema.faults`, empty for the whole file.
    name: String,
    table: &'a DeTable<'a>,
    place: Range<usize>,
    asked: RefCell<Vec<&'static str>>,
    /// Every key is known, whatever its name.
    open: Cell<bool>,
}

impl<'a> Section<'a> {
    /// Reads the whole file with `read`; keys that it does not ask for are problems.
    pub fn read<T>(
        source: &'a Source<'a>,
        table: &'a Spanned<DeTable<'a>>,
        read: impl FnOnce(&Section<'a>) -> T,
    ) -> T {
        Self::walk(source, String::new(), table.get_ref(), table.span(), read)
    }

    fn walk<T>(
        source: &'a Source<'a>,
        name: String,
        table: &'a DeTable<'a>,
        place: Range<usize>,
        read: impl FnOnce(&Section<'a>) -> T,
    ) -> T {
        let section =
            Section { source, name, table, place, asked: RefCell::default(), open: Cell::default() };
        let value = read(&section);
        section.refuse_unknown();
        value
    }

    pub fn surroundings(&self) -> &Surroundings {
        self.source.surroundings
    }

    /// Whether the file has `key`.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether `key` is missing for sure: a broken file may have it where it cannot be read.
    pub fn lacks(&self, key: &str) -> bool {
        !self.source.broken && !self.has(key)
    }

    /// Reports each of `keys` that is missing.
    pub fn require(&self, keys: &[&str]) {
        for key in keys.iter().filter(|key| self.lacks(key)) {
            self.source.report(self.place.clone(), self.path(key), "is missing");
        }
    }

    /// Reports a problem with the value of `key`, or with the section where it has none.
    pub fn problem(&self, key: &str, message: impl Into<String>) {
        self.source.report(self.place_of(key), self.path(key), message);
    }

    /// Reports `key`, where it is there, as one that other keys rule out.
    pub fn rule_out(&self, key: &'static str, why: &str) {
        if self.get(key).is_some() {
            self.problem(key, why);
        }
    }

    /// Warns that `key` has no effect.
    pub fn warn(&self, key: &str, message: impl Into<String>) {
        self.source.warn(self.place_of(key), self.path(key), message);
    }

    fn place_of(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or(self.place.clone(), Spanned::span)
    }

    /// A string that `parse` turns into a value; its error is told behind the string as written in the file.
    pub fn value<T>(&self, key: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let (path, value) = (self.path(key), self.get(key)?);
        self.parse(&path, value, Shown::Yes, parse)
    }

    /// As [`Section::value`], for what may hold a secret: problems do not show it.
    pub fn hidden<T>(&self, key: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let (path, value) = (self.path(key), self.get(key)?);
        self.parse(&path, value, Shown::No, parse)
    }

    pub fn text(&self, key: &'static str) -> Option<String> {
        self.value(key, units::text)
    }

    pub fn secret(&self, key: &'static str) -> Option<Secret> {
        self.hidden(key, units::text).map(Secret::new)
    }

    pub fn duration(&self, key: &'static str) -> Option<Duration> {
        self.value(key, units::duration)
    }

    /// A number of seconds, or a string such as `30m`.
    pub fn seconds(&self, key: &'static str, allowed: RangeInclusive<usize>) -> Option<Duration> {
        let value = self.get(key)?;
        if let DeValue::Integer(_) = value.get_ref() {
            return self.number(key, allowed).map(|seconds| Duration::from_secs(seconds as u64));
        }
        let time = self.duration(key)?;
        let is_whole = time.subsec_nanos() == 0 && allowed.contains(&(time.as_secs() as usize));
        if !is_whole {
            self.problem(key, format!("must be from {} to {} whole seconds", allowed.start(), allowed.end()));
        }
        is_whole.then_some(time)
    }

    /// A path, relative to the directory of the file. `file:` would put the content in its place.
    pub fn path_to(&self, key: &'static str) -> Option<PathBuf> {
        if let DeValue::String(raw) = self.get(key)?.get_ref()
            && raw.starts_with("file:")
        {
            self.problem(key, "is a path already, write it without \"file:\"");
            return None;
        }
        self.text(key).map(|path| self.surroundings().resolve(&path))
    }

    pub fn number(&self, key: &'static str, allowed: RangeInclusive<usize>) -> Option<usize> {
        let value = self.get(key)?;
        let DeValue::Integer(number) = value.get_ref() else {
            self.wrong_type(&self.path(key), value, "a whole number");
            return None;
        };
        let parsed = usize::from_str_radix(number.as_str(), number.radix()).ok();
        let number = parsed.filter(|number| allowed.contains(number));
        if number.is_none() {
            self.problem(key, format!("must be from {} to {}", allowed.start(), allowed.end()));
        }
        number
    }

    /// A number of bytes, or a string such as `1MiB`.
    pub fn size(&self, key: &'static str) -> Option<usize> {
        let value = self.get(key)?;
        let DeValue::Integer(number) = value.get_ref() else { return self.value(key, units::size) };
        let size = units::size(&number.to_string());
        size.map_err(|error| self.problem(key, format!("{number} {error}"))).ok()
    }

    pub fn flag(&self, key: &'static str) -> Option<bool> {
        let value = self.get(key)?;
        if let DeValue::Boolean(flag) = value.get_ref() {
            return Some(*flag);
        }
        self.wrong_type(&self.path(key), value, "true or false");
        None
    }

    /// A list of strings, each of which `parse` turns into a value.
    pub fn list<T>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        self.list_of(key, Shown::Yes, parse)
    }

    /// As [`Section::list`], for what may hold secrets: problems do not show it.
    pub fn hidden_list<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        self.list_of(key, Shown::No, parse)
    }

    fn list_of<T>(
        &self,
        key: &'static str,
        shown: Shown,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let (path, value) = (self.path(key), self.get(key)?);
        let Some(list) = value.get_ref().as_array() else {
            self.wrong_type(&path, value, "a list of strings");
            return None;
        };
        // All that is wrong shows, not only the first.
        let parsed: Vec<Option<T>> = list.iter().map(|item| self.parse(&path, item, shown, &parse)).collect();
        parsed.into_iter().collect()
    }

    /// The section `[key]`, read by `read`.
    pub fn section<T>(&self, key: &'static str, read: impl FnOnce(&Section<'a>) -> T) -> Option<T> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Self::walk(self.source, self.path(key), table, value.span(), read)),
            _ => {
                self.problem(key, format!("is one section, written [{}]", self.path(key)));
                None
            }
        }
    }

    /// Every section `[[key]]`, read by `read`.
    pub fn sections<T>(&self, key: &'static str, mut read: impl FnMut(&Section<'a>) -> T) -> Vec<T> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let tables =
            value.get_ref().as_array().map(|list| list.iter().map(|item| (item.span(), item.get_ref())));
        let tables =
            tables.and_then(|list| list.map(|(place, item)| Some((place, item.as_table()?))).collect());
        let Some(tables): Option<Vec<_>> = tables else {
            self.problem(key, format!("is written [[{}]], once for each", self.path(key)));
            return Vec::new();
        };
        let walk = |(place, table)| Self::walk(self.source, self.path(key), table, place, &mut read);
        tables.into_iter().map(walk).collect()
    }

    /// Every key of the section `[key]`, whatever its name, with the value that `parse` makes of both.
    pub fn entries<K: Ord, V>(
        &self,
        key: &'static str,
        parse_key: impl Fn(&str) -> Result<K, String>,
        parse: impl Fn(&str) -> Result<V, String>,
    ) -> std::collections::BTreeMap<K, V> {
        let entries = self.section(key, |section| section.every_entry(&parse_key, &parse));
        entries.unwrap_or_default().into_iter().collect()
    }

    fn every_entry<K, V>(
        &self,
        parse_key: impl Fn(&str) -> Result<K, String>,
        parse: impl Fn(&str) -> Result<V, String>,
    ) -> Vec<(K, V)> {
        self.open.set(true);
        let mut entries = Vec::new();
        for (name, value) in self.table {
            let path = self.path(name.get_ref());
            match parse_key(name.get_ref()) {
                Ok(key) => {
                    // The same may be so where any name may stand.
                    let shown = if is_of_a_secret(name.get_ref()) { Shown::No } else { Shown::Yes };
                    entries.extend(self.parse(&path, value, shown, &parse).map(|value| (key, value)));
                }
                // Its value may be a secret that belongs to the section above.
                Err(error) => self.source.report(name.span(), path, error),
            }
        }
        entries
    }

    fn parse<T>(
        &self,
        path: &str,
        value: &Spanned<DeValue<'a>>,
        shown: Shown,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let DeValue::String(raw) = value.get_ref() else {
            self.wrong_type(path, value, "a string in quotes");
            return None;
        };
        let report = |message: String| self.source.report(value.span(), path, message);
        let expanded = self.surroundings().expand(raw).map_err(report).ok()?;
        let subject = match shown {
            Shown::Yes => format!("{raw:?} "),
            Shown::No => String::new(),
        };
        parse(&expanded).map_err(|error| report(format!("{subject}{error}"))).ok()
    }

    fn wrong_type(&self, path: &str, value: &Spanned<DeValue<'a>>, wanted: &str) {
        let found = value.get_ref().type_str();
        self.source.report(value.span(), path, format!("must be {wanted}, not of type {found}"));
    }

    fn get(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().push(key);
        self.table.get(key)
    }

    fn path(&self, key: &str) -> String {
        let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let key = if key.bytes().all(bare) { key.to_string() } else { format!("{key:?}") };
        if self.name.is_empty() { key } else { format!("{}.{key}", self.name) }
    }

    fn refuse_unknown(&self) {
        if self.open.get() {
            return;
        }
        let mut known = self.asked.borrow().clone();
        known.sort_unstable();
        known.dedup();
        for (name, value) in self.table.iter().filter(|(name, _)| !known.contains(&name.get_ref().as_ref())) {
            let first = value.get_ref().as_array().and_then(|list| list.iter().next());
            let is_section = first.map_or(value.get_ref(), Spanned::get_ref).is_table();
            let kind = if is_section { "section" } else { "key" };
            let hint = did_you_mean(name.get_ref(), known.iter().copied());
            let hint = hint.unwrap_or_else(|| format!("known here: {}", known.join(", ")));
            self.source.report(name.span(), self.path(name.get_ref()), format!("unknown {kind}; {hint}"));
        }
    }
}

/// Whether a key of this name holds a secret in some section: of what hides documents, and the keys that we sign with.
fn is_of_a_secret(name: &str) -> bool {
    mask::is_secret_member(name) || name.to_ascii_lowercase().contains("key")
}

/// Whether a problem may quote the value.
#[derive(Clone, Copy)]
enum Shown {
    Yes,
    No,
}
