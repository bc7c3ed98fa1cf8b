//! INI as the Erlang release reads it (its library is econfig), with line numbers.
//!
//! ```ini
//! ; a comment line; so is one with #
//! [ema]
//! password = ab;c#d    ; a comment starts at " ;", so the password is ab;c#d
//! ```
//!
//! There are no escapes and no quotes. Blanks around names and values are cut, an empty value is none, of a repeated
//! key the last counts, and a line that starts with one blank and has no "=" goes on the value before it.

use std::collections::BTreeMap;

/// Sections that no TOML file of ours has; `general` and `servers` are those of the broker's `config.ini`.
const TELLING: [&str; 5] = ["em_db", "srd_db", "em", "general", "servers"];

#[derive(Debug, Default, PartialEq)]
pub(super) struct Ini {
    pub sections: BTreeMap<String, IniSection>,
    /// Lines that mean nothing.
    pub strange: Vec<usize>,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct IniSection {
    /// Of its header.
    pub line: usize,
    pub entries: BTreeMap<String, Entry>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub line: usize,
    pub value: String,
}

/// Whether `text`, which is no TOML, is meant as an INI.
pub(super) fn looks_like(text: &str) -> bool {
    let name = |line| section_name(str::trim(line));
    text.lines().filter_map(name).any(|name| TELLING.contains(&name))
}

/// Reads what can be read; nothing is an error.
pub(super) fn parse(text: &str) -> Ini {
    let mut ini = Ini::default();
    let mut section = String::new();
    let mut last_key = None;
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let (number, trimmed) = (index + 1, line.trim());
        if trimmed.is_empty() || trimmed.starts_with([';', '#']) {
            continue;
        }
        if let Some(name) = section_name(trimmed) {
            section = name.to_string();
            ini.sections.entry(section.clone()).or_default().line = number;
            last_key = None;
            continue;
        }
        let entries = &mut ini.sections.entry(section.clone()).or_default().entries;
        let continued = last_key.as_ref().and_then(|key| entries.get_mut(key));
        match (trimmed.split_once('='), continued) {
            (Some((key, value)), _) if !key.trim().is_empty() => {
                let (key, value) = (key.trim().to_string(), without_comment(value).to_string());
                last_key = Some(key.clone());
                entries.insert(key, Entry { line: number, value });
            }
            (None, Some(entry)) if is_continuation(line) => {
                entry.value.push(' ');
                entry.value.push_str(without_comment(trimmed));
            }
            _ => ini.strange.push(number),
        }
    }
    ini
}

fn section_name(line: &str) -> Option<&str> {
    line.strip_prefix('[')?.strip_suffix(']').filter(|name| !name.contains(']'))
}

fn is_continuation(line: &str) -> bool {
    line.strip_prefix(' ').is_some_and(|rest| !rest.starts_with(char::is_whitespace))
}

/// A `;` behind a blank starts a comment, elsewhere it is part of the value.
fn without_comment(value: &str) -> &str {
    let end = value.find(" ;").into_iter().chain(value.find("\t;")).min();
    value[..end.unwrap_or(value.len())].trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(line: &str) -> Option<String> {
        let ini = parse(&format!("[s]\n{line}\n"));
        ini.sections["s"].entries.get("password").map(|entry| entry.value.clone())
    }

    #[test]
    fn a_value_is_what_the_release_takes_it_for() {
        let check =
            |line: &str, expected: &str| assert_eq!(value(line).as_deref(), Some(expected), "{line:?}");
        check("password=secret", "secret");
        check("  password \t=\t secret \t\r", "secret");
        check("password=ab;c#d", "ab;c#d");
        check("password=a=b==", "a=b==");
        check("password=\"quoted\"", "\"quoted\"");
        check("password='a\\n${X}%41'", "'a\\n${X}%41'");
        check("password=a:b", "a:b");
        check("password=secret ; of the EMA", "secret");
        check("password=secret\t;of the EMA", "secret");
        check("password=secret #1", "secret #1");
        check("password=#1", "#1");
        check("password=;1", ";1");
        check("password=", "");
        check("password= ;none", "");
        check("password=one\npassword=two", "two");
        check("password=one\n two ; three", "one two");
        check("password=one\n  two", "one");
        check("password=æøå", "æøå");
    }

    #[test]
    fn what_is_no_entry_is_skipped() {
        let check = |line: &str| assert_eq!(value(line), None, "{line:?}");
        check("");
        check(";password=x");
        check("# password=x");
        check("password");
        check("password: x");
        check("Password=x");
        check("=x");
        check("[other]\npassword=x");
    }

    #[test]
    fn lines_are_counted_from_one() {
        let ini = parse("; c\r\n[a]\r\nx=1\r\n\r\nodd\r\n[b]\ny=2\ny=3\n[broken\n");
        assert_eq!(ini.sections["a"].line, 2);
        assert_eq!(ini.sections["a"].entries["x"], Entry { line: 3, value: "1".into() });
        assert_eq!(ini.sections["b"].entries["y"], Entry { line: 8, value: "3".into() });
        assert_eq!(ini.strange, [5, 9]);
    }

    #[test]
    fn an_ini_is_told_from_other_text() {
        let check = |text: &str, expected: bool| assert_eq!(looks_like(text), expected, "{text:?}");
        check("[em_db]\nem_db_host=x", true);
        check("x\n [em] \n", true);
        check("[general]\n", true);
        check("[ema]\nprimary = 1", false);
        check("em_db", false);
        check("", false);
    }
}
