//! Patterns of texts: `MESSAGE|SUBSCRIBE`, `CGR_*`, `!*test*`.

use std::fmt;

/// Texts that are meant: some choices with `|` between them, where `*` stands for anything; with `!` in front all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    written: String,
    negated: bool,
    choices: Vec<String>,
}

impl Pattern {
    /// Reads a pattern; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Pattern, String> {
        let (negated, rest) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let choices: Vec<String> = rest.split('|').map(str::to_owned).collect();
        if choices.iter().any(String::is_empty) {
            return Err("is no pattern such as \"MESSAGE|SUBSCRIBE\", \"CGR_*\" or \"!*\"".to_owned());
        }
        Ok(Pattern { written: text.to_owned(), negated, choices })
    }

    /// Whatever there is.
    pub fn any() -> Pattern {
        Pattern { written: "*".to_owned(), negated: false, choices: vec!["*".to_owned()] }
    }

    /// What is meant, choice by choice; `None` where it is all but these.
    pub fn choices(&self) -> Option<&[String]> {
        (!self.negated).then_some(self.choices.as_slice())
    }

    /// Whether a text is meant. What is not there has no text: of all patterns only one with `!` means it.
    pub fn means(&self, text: Option<&str>) -> bool {
        let fits = |text| self.choices.iter().any(|choice| fits(choice, text));
        text.is_some_and(fits) != self.negated
    }
}

/// As it was written.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Whether `text` has the parts of `choice` in their order, the first at its beginning and the last at its end.
fn fits(choice: &str, text: &str) -> bool {
    let Some((first, others)) = choice.split_once('*') else { return choice == text };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = others.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, meant: &[&str], others: &[&str]) {
        let read = Pattern::parse(pattern).expect("a pattern");
        for text in meant {
            assert!(read.means(Some(text)), "{pattern} means {text}");
        }
        for text in others {
            assert!(!read.means(Some(text)), "{pattern} does not mean {text}");
        }
    }

    #[test]
    fn texts_are_meant_by_choices_and_stars() {
        check("MESSAGE", &["MESSAGE"], &["message", "MESSAGES", ""]);
        check("MESSAGE|SUBSCRIBE", &["MESSAGE", "SUBSCRIBE"], &["MESSAGE|SUBSCRIBE"]);
        check("CGR_*", &["CGR_", "CGR_CALL_END"], &["XCGR_", "CGR"]);
        check("*", &["", "x"], &[]);
        check("a*b*c", &["abc", "a-b-b-c"], &["acb", "ab", "abcd"]);
        check("*tele*", &["tele", "x.tele.gl"], &["tel"]);
        check("a*a", &["aa", "aba"], &["a"]);
        check("é*", &["éé"], &["e"]);
        check("!MESSAGE|INFO", &["BYE", ""], &["MESSAGE", "INFO"]);
    }

    #[test]
    fn what_is_not_there_is_meant_by_a_negation_alone() {
        let means_nothing = |pattern: &str| Pattern::parse(pattern).expect("a pattern").means(None);
        assert!(means_nothing("!*") && means_nothing("!x"));
        assert!(!means_nothing("*") && !means_nothing("x"));
        check("!*", &[], &["", "x"]);
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for text in ["", "!", "a||b", "|a"] {
            assert!(Pattern::parse(text).is_err_and(|error| error.contains("no pattern")), "{text}");
        }
        assert_eq!(Pattern::parse("!a*|b").expect("a pattern").to_string(), "!a*|b");
    }
}
