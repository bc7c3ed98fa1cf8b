//! The licences of everything that is in the program, each text once.

use crate::packages::Package;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

/// What files with the text of a licence, or with what must go with it, begin with.
const NAMES: [&str; 6] = ["licen", "copying", "notice", "unlicense", "copyright", "authors"];
/// Of those: only useful beside a licence that refers to it.
const NO_LICENCE: &str = "authors";
/// Ours is the text for crates that offer Apache-2.0 and bring no text along.
const APACHE: &str = "LICENSE";

/// A list of packages with their licences, then each text with the packages that bring it.
pub fn write(packages: &[Package]) -> Result<String, String> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut out = String::from(
        "eventmanager is licensed under Apache-2.0 (LICENSE). What it is built from, and under which licences; the texts follow.\n\
         Where a licence says OR, any one of those it names may be taken.\n\n",
    );
    for package in packages.iter().skip(1) {
        let label = format!("{} {}", package.name, package.version);
        let _ = writeln!(out, "{label:<44} {}", package.licence);
        for text in texts_of(package)? {
            texts.entry(text).or_default().push(label.clone());
        }
    }
    let mut texts: Vec<_> = texts.into_iter().collect();
    texts.sort_by(|a, b| a.1.cmp(&b.1).then(a.0.cmp(&b.0)));
    for (text, users) in texts {
        let _ = write!(out, "\n{}\n{}\n{}\n\n{text}\n", "=".repeat(80), users.join(", "), "-".repeat(80));
    }
    Ok(out)
}

/// The texts that the package brings.
fn texts_of(package: &Package) -> Result<Vec<String>, String> {
    let mut files = Vec::new();
    if let Some(source) = &package.source {
        let entries = fs::read_dir(source).map_err(|error| format!("{}: {error}", source.display()))?;
        files = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()).collect();
        files.retain(|path| path.file_name().is_some_and(|name| is_licence(&name.to_string_lossy())));
        files.sort();
    }
    let is_text = |path: &&std::path::PathBuf| {
        path.file_name().is_some_and(|it| !it.to_string_lossy().to_lowercase().starts_with(NO_LICENCE))
    };
    if files.iter().any(|path| is_text(&path)) {
        let read = |path| fs::read(path).map(|bytes| clean(&String::from_utf8_lossy(&bytes)));
        return files
            .iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("{}: {error}", package.name));
    }
    if package.licence == "blessing" {
        return Ok(vec!["SQLite is in the public domain: its authors disclaim copyright. https://sqlite.org/copyright.html".into()]);
    }
    if package.licence.split([' ', '(', ')']).any(|it| it == "Apache-2.0") && !package.licence.contains("AND")
    {
        return Ok(vec![clean(&fs::read_to_string(APACHE).map_err(|error| format!("{APACHE}: {error}"))?)]);
    }
    Err(format!("{} {} ({}) brings no text of its licence", package.name, package.version, package.licence))
}

fn is_licence(name: &str) -> bool {
    let name = name.to_lowercase();
    // Some crates have a source file that is named like this.
    NAMES.iter().any(|start| name.starts_with(start)) && !name.ends_with(".rs") && !name.ends_with(".toml")
}

/// Whether an SPDX expression leaves a choice that is allowed. What is written with `WITH` is a licence of its own; `/` is an `OR` as it
/// was written once.
pub fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let is_allowed = one_of(&mut rest, allowed);
    is_allowed == Some(true) && rest.is_empty()
}

/// `A OR B`; `None` where it is none.
fn one_of(words: &mut &[&str], allowed: &[&str]) -> Option<bool> {
    let mut any = all_of(words, allowed)?;
    while let ["OR", rest @ ..] = *words {
        *words = rest;
        any |= all_of(words, allowed)?;
    }
    Some(any)
}

/// `A AND B`, which binds more than `OR`.
fn all_of(words: &mut &[&str], allowed: &[&str]) -> Option<bool> {
    let mut all = single(words, allowed)?;
    while let ["AND", rest @ ..] = *words {
        *words = rest;
        all &= single(words, allowed)?;
    }
    Some(all)
}

fn single(words: &mut &[&str], allowed: &[&str]) -> Option<bool> {
    match *words {
        ["(", rest @ ..] => {
            *words = rest;
            let inside = one_of(words, allowed)?;
            *words = words.strip_prefix(&[")"])?;
            Some(inside)
        }
        [licence, "WITH", exception, rest @ ..] => {
            *words = rest;
            Some(allowed.contains(&format!("{licence} WITH {exception}").as_str()))
        }
        [licence, rest @ ..] if !["OR", "AND", "WITH", ")"].contains(licence) => {
            *words = rest;
            Some(allowed.contains(licence))
        }
        _ => None,
    }
}

/// The same text with other line ends is the same text.
fn clean(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_is_allowed_where_one_of_its_choices_is() {
        let check = |expression: &str, expected: bool| {
            assert_eq!(
                is_allowed(expression, &["MIT", "Apache-2.0", "X WITH Y"]),
                expected,
                "{expression:?}"
            );
        };
        check("MIT", true);
        check("GPL-3.0-only", false);
        check("GPL-3.0-only OR MIT", true);
        check("GPL-3.0/MIT", true);
        check("MIT AND GPL-3.0-only", false);
        check("MIT AND Apache-2.0", true);
        check("GPL-3.0-only AND MIT OR MIT", true);
        check("(GPL-3.0-only OR MIT) AND (Apache-2.0 OR Z)", true);
        check("(MIT OR Apache-2.0) AND NCSA", false);
        check("X WITH Y", true);
        check("MIT WITH Y", false);
        for broken in ["", "MIT OR", "OR MIT", "(MIT", "MIT)", "MIT MIT", "()"] {
            check(broken, false);
        }
    }

    #[test]
    fn files_with_licences_are_known_by_their_names() {
        for name in [
            "LICENSE",
            "LICENSE-MIT",
            "license-apache-2.0",
            "LICENCE.txt",
            "COPYING",
            "NOTICE.md",
            "UNLICENSE",
        ] {
            assert!(is_licence(name), "{name}");
        }
        for name in ["README.md", "license.rs", "src", "notice.toml"] {
            assert!(!is_licence(name), "{name}");
        }
    }
}
