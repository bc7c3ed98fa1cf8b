//! The configuration: [`load`] reads a file and gives checked values, or every problem of the file with its line.
//!
//! A file is TOML (`config/eventmanager.toml` shows every key), the `em.ini` of the Erlang release or the Asterisk broker's
//! `config.ini`, both as they are.
//! `toml_file` walks TOML with the help of `section`; one function per section lives in `sections`;
//! `em_ini` and `broker_ini` give the INIs their meaning; `units` and `addresses` turn single texts into values.
//! `difference` says what a new configuration changes, and `live` is how it reaches those who work with it.
//!
//! Adding a key: a field in its file of `values`, a line in its function in `sections`, one in that of its section in
//! `difference`, one in the shipped file.

mod addresses;
mod broker_ini;
mod defaults;
mod difference;
mod em_ini;
mod file;
mod ini;
mod ini_section;
mod live;
mod problem;
mod section;
mod sections;
mod source;
mod surroundings;
mod toml_file;
mod units;
mod values;

pub use addresses::ssl_mode;
pub use difference::{Change, Difference, difference};
pub use em_ini::parse_ini;
pub use file::read_file;
pub use live::{Live, Setting};
pub use problem::{Problem, Problems};
pub use surroundings::{STATE_DIRECTORY, Surroundings};
pub use toml_file::parse_toml;
pub use values::*;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::Path;

/// Warning about a `[surgemail]` without `[ema]`.
const MAIL_ALONE: &str = "has no effect without [ema]: nothing is provisioned";

/// Warning about an `[ema]` that does not say which codes mean "not there".
const NO_ABSENT: &str = "no code has the class \"absent\": a deletion that has to be repeated after a lost answer or a \
                         crash fails its event; name your core's codes for \"not there\", and all for \"exists\"";

/// A configuration, and what its file says that has no effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    pub config: Config,
    /// What an `em.ini` says that nobody knows (in TOML the same is an error), and what fits together badly.
    pub warnings: Problems,
}

/// Reads the file at `path`, with the environment of this process. Fails with every problem found.
pub fn load(path: &Path) -> Result<Loaded, Problems> {
    let name = path.display().to_string();
    let surroundings = Surroundings::of_process(path.parent().unwrap_or(Path::new("")));
    let bytes =
        read_file(path).map_err(|reason| Problems::of_file(&name, format!("cannot be read: {reason}")))?;
    if is_ini(path, &bytes) {
        return parse_ini(&ini_text(&bytes), &name, &surroundings);
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| not_utf8(&name, &bytes[..error.valid_up_to()]))?;
    parse_toml(text, &name, &surroundings)
}

/// Where the daemon serves HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpAddress {
    pub listen: SocketAddr,
    pub tls: bool,
}

/// What the file at `path` says of the daemon's address, for commands that ask the daemon. The rest of the file does not
/// matter: who asks may not be allowed to read the secrets that it refers to.
pub fn load_http_address(path: &Path) -> Result<HttpAddress, Problems> {
    let (config, problems) = load_what_is_there(path)?;
    let tls = config.http.tls_cert.is_some() || problems.iter().any(|problem| problem.key == "http.tls_cert");
    let counts =
        |problem: &Problem| problem.key == "http.listen" && !problem.message.contains("[[http.token]]");
    without(problems, counts, path)?;
    Ok(HttpAddress { listen: config.http.listen, tls })
}

/// What the file at `path` says as far as it can be read, for commands that read the store while the daemon is down. Only what
/// it says of the databases must be right.
pub fn load_for_reading(path: &Path) -> Result<Config, Problems> {
    let (config, problems) = load_what_is_there(path)?;
    let sections = ["node", "store", "em_db", "srd_db"];
    let counts = |problem: &Problem| sections.contains(&problem.key.split('.').next().unwrap_or_default());
    without(problems, counts, path)?;
    Ok(config)
}

fn load_what_is_there(path: &Path) -> Result<(Config, Vec<Problem>), Problems> {
    let name = path.display().to_string();
    let surroundings = Surroundings::of_process(path.parent().unwrap_or(Path::new("")));
    let bytes =
        read_file(path).map_err(|reason| Problems::of_file(&name, format!("cannot be read: {reason}")))?;
    let text = ini_text(&bytes);
    if is_ini(path, &bytes) {
        return Ok(em_ini::read(&text, &surroundings));
    }
    let (config, problems, _) = toml_file::read(&text, &surroundings);
    Ok((config, problems))
}

/// Fails where one of the problems counts, or a line is broken: it has no key, and may be the one that counts.
fn without(problems: Vec<Problem>, counts: impl Fn(&Problem) -> bool, path: &Path) -> Result<(), Problems> {
    let is_broken = |problem: &Problem| problem.key.is_empty() && problem.line.is_some();
    let problems: Vec<Problem> =
        problems.into_iter().filter(|problem| counts(problem) || is_broken(problem)).collect();
    if problems.is_empty() { Ok(()) } else { Err(Problems::sorted(&path.display().to_string(), problems)) }
}

/// The text of another program's INI that a configuration names.
fn read_ini(path: &Path, surroundings: &Surroundings) -> Result<String, String> {
    match (surroundings.read)(path) {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            read_file(path).map(|bytes| ini_text(&bytes).into_owned())
        }
        text => text,
    }
    .map_err(|error| error.to_string())
}

/// By its ending; without one, what is no TOML and has a section of an `em.ini` or of the broker's `config.ini`.
fn is_ini(path: &Path, bytes: &[u8]) -> bool {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("ini") => true,
        Some("toml") => false,
        _ => {
            let text = ini_text(bytes);
            ini::looks_like(&text) && toml::de::DeTable::parse(&text).is_err()
        }
    }
}

/// The release reads bytes, so that a comment in Latin-1 must not make its file unreadable.
fn ini_text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::mem::decode_latin1(bytes),
    }
}

fn not_utf8(name: &str, before: &[u8]) -> Problems {
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let problem =
        Problem { line: Some(line), column: None, key: String::new(), message: "is not UTF-8 text".into() };
    Problems { file: name.into(), list: vec![problem] }
}
