//! What is wrong with a configuration file, and where.

use std::fmt;

/// One thing that is wrong. Its message never holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// From 1; absent where the file as a whole is meant.
    pub line: Option<usize>,
    /// From 1, in characters; absent where the whole line is meant.
    pub column: Option<usize>,
    /// The key or section, as `ema.timeout`; empty where there is none.
    pub key: String,
    pub message: String,
}

/// Everything that is wrong with one file, in the order of its lines.
///
/// `Display` prints a line for each: `FILE:LINE:COLUMN: KEY: MESSAGE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    pub file: String,
    pub list: Vec<Problem>,
}

impl Problems {
    /// One problem with the file as a whole.
    pub fn of_file(file: &str, message: String) -> Self {
        Problems {
            file: file.into(),
            list: vec![Problem { line: None, column: None, key: String::new(), message }],
        }
    }

    /// True where nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn sorted(file: &str, mut list: Vec<Problem>) -> Self {
        list.sort_by_key(|problem| (problem.line, problem.column));
        Problems { file: file.into(), list }
    }
}

impl Problem {
    /// The same, to stand among what is an error.
    pub fn into_warning(self) -> Self {
        Problem { message: format!("warning: {}", self.message), ..self }
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}:{problem}", self.file)?;
        }
        Ok(())
    }
}

/// `LINE:COLUMN: KEY: MESSAGE`, without what is absent.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        if let Some(column) = self.column {
            write!(f, "{column}:")?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.message)
    }
}

/// `did you mean "NAME"?` where one of `known` is close to `written`, else nothing.
pub(super) fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let allowed = (written.chars().count() / 3).clamp(1, 3);
    let distance = |name: &&str| strsim::damerau_levenshtein(&written.to_lowercase(), name);
    let closest = known.into_iter().min_by_key(distance)?;
    (distance(&closest) <= allowed).then(|| format!("did you mean \"{closest}\"?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let check = |written: &str, expected: Option<&str>| {
            let expected = expected.map(|name| format!("did you mean \"{name}\"?"));
            assert_eq!(did_you_mean(written, ["listen", "tls_cert", "tls_key", "to"]), expected, "{written}");
        };
        check("lisetn", Some("listen"));
        check("Listen", Some("listen"));
        check("tls_crt", Some("tls_cert"));
        check("tlskey", Some("tls_key"));
        check("ot", Some("to"));
        check("colour", None);
        check("", None);
    }

    #[test]
    fn every_problem_is_printed_on_its_line() {
        let at =
            |line, column, key: &str| Problem { line, column, key: key.into(), message: "is odd".into() };
        let list = vec![at(Some(3), Some(7), "ema.timeout"), at(Some(1), None, ""), at(None, None, "")];
        let expected = "a.toml: is odd\na.toml:1: is odd\na.toml:3:7: ema.timeout: is odd";
        assert_eq!(Problems::sorted("a.toml", list).to_string(), expected);
    }
}
