//! What a file's values may refer to: the environment, other files, the host's name.
//!
//! `${NAME}` inside a string is a variable, `$${` the two characters themselves; a string `file:PATH` is the content
//! of that file. A value from outside is taken as it is, never expanded again.

use super::file::read_text;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Where the daemon keeps its files unless told: what `StateDirectory=` of the unit makes.
pub const STATE_DIRECTORY: &str = "/var/lib/eventmanager";

/// The outside as a configuration file sees it.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The environment.
    pub variables: BTreeMap<String, String>,
    /// Where relative paths start: the directory of the configuration file.
    pub directory: PathBuf,
    /// Default of `node.name`.
    pub host_name: String,
    /// Reads a `file:` value.
    pub read: fn(&Path) -> io::Result<String>,
}

impl Surroundings {
    /// The environment and files of this process, with relative paths starting at `directory`.
    pub fn of_process(directory: &Path) -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let variables = std::env::vars_os().filter_map(text).collect();
        Surroundings { variables, directory: directory.into(), host_name: host_name(), read: read_text }
    }

    /// The value meant by `raw`; the error says what is missing, never what a value is.
    pub(super) fn expand(&self, raw: &str) -> Result<String, String> {
        match raw.strip_prefix("file:") {
            Some(path) => self.content(path, &self.with_variables(path)?),
            None => self.with_variables(raw),
        }
    }

    /// `path` as seen from the configuration file.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    /// Where the daemon keeps its files unless told: systemd's `StateDirectory=`, else the usual place.
    pub(super) fn state_directory(&self) -> PathBuf {
        let given = self.variables.get("STATE_DIRECTORY").and_then(|list| list.split(':').next());
        given.filter(|path| !path.is_empty()).unwrap_or(STATE_DIRECTORY).into()
    }

    fn content(&self, written: &str, path: &str) -> Result<String, String> {
        if path.is_empty() {
            return Err("file: wants a path".into());
        }
        let path = self.resolve(path);
        // A variable in a path may be a secret that is no path.
        let shown = if written.contains("${") { written.to_owned() } else { path.display().to_string() };
        let mut content = (self.read)(&path).map_err(|error| format!("cannot read {shown}: {error}"))?;
        if content.ends_with('\n') {
            content.pop();
            if content.ends_with('\r') {
                content.pop();
            }
        }
        Ok(content)
    }

    fn with_variables(&self, raw: &str) -> Result<String, String> {
        let mut value = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some(at) = rest.find("${") {
            let (before, name_on) = (&rest[..at], &rest[at + 2..]);
            if let Some(before) = before.strip_suffix('$') {
                value.push_str(before);
                value.push_str("${");
                rest = name_on;
                continue;
            }
            let name = name_on.split('}').next().filter(|name| is_name(name) && name.len() < name_on.len());
            let name = name
                .ok_or("\"${\" wants the name of a variable and \"}\"; for the characters write \"$${\"")?;
            value.push_str(before);
            value.push_str(self.variables.get(name).ok_or_else(|| format!("the environment has no {name}"))?);
            rest = &name_on[name.len() + 1..];
        }
        value.push_str(rest);
        Ok(value)
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "eventmanager".into() } else { name.trim().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, expected: Result<&str, &str>) {
        let variables =
            [("A", "one"), ("EMPTY", ""), ("ODD", "${A} file:x"), ("CREDENTIALS_DIRECTORY", "/run/c")];
        let surroundings = Surroundings {
            variables: variables.map(|(name, value)| (name.into(), value.into())).into(),
            directory: "/etc/em".into(),
            host_name: "host".into(),
            read: |path| match path.to_str() {
                Some("/run/c/ema") => Ok("pass ${A}\r\n".into()),
                Some("/etc/em/two") => Ok("a\n\n".into()),
                _ => Err(io::Error::other("gone")),
            },
        };
        let expected = expected.map(String::from).map_err(String::from);
        assert_eq!(surroundings.expand(raw), expected, "{raw}");
    }

    #[test]
    fn variables_and_files_are_filled_in() {
        check("", Ok(""));
        check("plain $ {A} $A 5$", Ok("plain $ {A} $A 5$"));
        check("${A}", Ok("one"));
        check("x${A}${A}y", Ok("xoneoney"));
        check("[${EMPTY}]", Ok("[]"));
        check("$${A}", Ok("${A}"));
        check("$${A}${A}", Ok("${A}one"));
        check("${ODD}", Ok("${A} file:x"));
        check("file:${CREDENTIALS_DIRECTORY}/ema", Ok("pass ${A}"));
        check("file:/run/c/ema", Ok("pass ${A}"));
        check("file:two", Ok("a\n"));
        check("x file:two", Ok("x file:two"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let unclosed = "\"${\" wants the name of a variable and \"}\"; for the characters write \"$${\"";
        check("${B}", Err("the environment has no B"));
        check("${A", Err(unclosed));
        check("${}", Err(unclosed));
        check("${a-b}", Err(unclosed));
        check("file:", Err("file: wants a path"));
        check("file:three", Err("cannot read /etc/em/three: gone"));
        check("file:${A}", Err("cannot read ${A}: gone"));
        check("file:${B}/x", Err("the environment has no B"));
    }
}
