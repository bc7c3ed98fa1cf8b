//! Configurations: values, or every problem with its line; and no secret in what is said of them.

use super::source::Source;
use super::{Target, samples};
use eventmanager::config::{
    Loaded, Problems, Surroundings, difference, load, load_for_reading, load_http_address, parse_ini,
    parse_toml,
};
use eventmanager::processors::attributes::Rules;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What a variable and a file of credentials hold.
const OUTSIDE: &str = "0utsideS3cret";
/// What stands behind the keys of passwords themselves.
const LITERAL: &str = "L1teralS3cret";
/// Lines in which [`LITERAL`] stands in the place of `hush`.
const SECRET_KEYS: [&str; 6] =
    ["password", "domain_password", "em_db_password", "srd_db_password", "secret", "token"];

pub fn targets() -> Vec<Target> {
    let target = |name, run, seeds, words| Target { name, run, seeds, words, longest: 24 << 10 };
    vec![
        target("config_toml", toml, samples::tomls, samples::TOML_WORDS),
        target("config_ini", ini, samples::inis, samples::INI_WORDS),
        target(
            "config_file",
            file,
            || samples::tomls().into_iter().chain(samples::inis()).collect(),
            samples::TOML_WORDS,
        ),
    ]
}

fn surroundings() -> Surroundings {
    let variables = [("SECRET", OUTSIDE), ("CREDENTIALS_DIRECTORY", "/run/credentials")];
    Surroundings {
        variables: variables.map(|(name, value)| (name.into(), value.into())).into(),
        directory: "/etc/em".into(),
        host_name: "host1".into(),
        read: |path| match path.to_str() {
            Some("/run/credentials/ema") => Ok(format!("{OUTSIDE}\n")),
            Some("/run/credentials/em.ini") => Ok(samples::EM_INI.replace("hush", OUTSIDE)),
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        },
    }
}

/// With the literal secret in lines that are those of secrets and nothing else.
fn with_secrets(text: &str) -> String {
    // Where a line may be a part of another value it is as it is.
    if text.contains("\"\"\"") || text.contains("'''") {
        return text.to_owned();
    }
    let line = |line: &str| {
        let is_secret = line.split_once('=').is_some_and(|(key, value)| {
            SECRET_KEYS.contains(&key.trim()) && ["hush", "\"hush\"", "'hush'"].contains(&value.trim())
        });
        if is_secret { line.replace("hush", LITERAL) } else { line.to_owned() }
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn judge(text: &str, loaded: Result<Loaded, Problems>) {
    let lines = text.split('\n').count().max(text.lines().count());
    let problems = match loaded {
        Ok(Loaded { config, warnings }) => {
            let _ = Rules::of(&config);
            assert!(difference(&config, &config).changes.is_empty(), "it differs from itself");
            warnings
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            problems
        }
    };
    let said = problems.to_string();
    for secret in [OUTSIDE, LITERAL] {
        assert!(!said.contains(secret), "a secret shows: {said}");
    }
    for problem in &problems.list {
        assert!(problem.line.is_none_or(|line| (1..=lines).contains(&line)), "{problem:?} of {lines} lines");
        assert!(problem.column.is_none_or(|column| column > 0));
        assert!(!problem.message.is_empty());
        let is_of_all =
            problem.message.contains("missing") || problem.message.contains("[") || problem.key.is_empty();
        assert!(problem.line.is_some() || is_of_all, "no line: {problem:?}");
    }
    assert!(problems.is_empty() || said.lines().all(|line| line.starts_with("a.conf:")), "{said}");
}

fn toml(data: &[u8]) {
    let text = with_secrets(&String::from_utf8_lossy(data));
    judge(&text, parse_toml(&text, "a.conf", &surroundings()));
}

fn ini(data: &[u8]) {
    let text = with_secrets(&String::from_utf8_lossy(data));
    judge(&text, parse_ini(&text, "a.conf", &surroundings()));
}

/// As a file, of whatever bytes and ending.
fn file(data: &[u8]) {
    let mut source = Source::new(data);
    let ending = source.one_of(&["toml", "ini", "conf"]);
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    let place = PLACE.get_or_init(|| {
        let place = std::env::temp_dir().join(format!("eventmanager-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&place).expect("a folder");
        place
    });
    let path = place.join(format!("a.{ending}"));
    std::fs::write(&path, source.rest()).expect("written");
    let name = path.display().to_string();
    let _ = (load_http_address(&path), load_for_reading(&path));
    if let Err(problems) = load(Path::new(&path)) {
        assert_eq!(problems.file, name);
        assert!(!problems.is_empty());
    }
}
