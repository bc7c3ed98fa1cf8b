//! The parts of the program, as cargo knows them.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = "eventmanager";
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A part. The program itself is the first of them.
#[derive(Debug, Clone)]
pub struct Package {
    pub name: String,
    pub version: String,
    /// An SPDX expression.
    pub licence: String,
    pub description: Option<String>,
    pub repository: Option<String>,
    /// Of the archive that it came in.
    pub sha256: Option<String>,
    /// Where its source, with the texts of its licences, lies; none of what is no crate.
    pub source: Option<PathBuf>,
    /// Whether it is in the program, or took part in building it.
    pub linked: bool,
    /// What it uses, as `purl`s.
    pub uses: BTreeSet<String>,
    pub purl: String,
}

/// Everything that goes into the program or its building, sorted, the program first.
pub fn read() -> Result<Vec<Package>, String> {
    let linked = tree("normal")?;
    let built = tree("normal,build")?;
    let metadata = metadata()?;
    let checksums =
        checksums(&std::fs::read_to_string("Cargo.lock").map_err(|error| format!("Cargo.lock: {error}"))?);
    let mut packages: Vec<Package> = list(&metadata["packages"])
        .iter()
        .map(|package| describe(package, &linked, &checksums))
        .filter(|package| built.contains(&package.purl))
        .collect();
    connect(&mut packages, &metadata);
    packages.extend(beside_the_crates(&packages)?);
    packages.sort_by_key(|it| (it.name != PROGRAM, it.name.clone(), it.version.clone()));
    Ok(packages)
}

/// What cargo tells of all packages, those of tests too.
pub fn metadata() -> Result<Value, String> {
    let metadata =
        run("cargo", &["metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET])?;
    serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))
}

fn describe(package: &Value, linked: &BTreeSet<String>, checksums: &BTreeMap<String, String>) -> Package {
    let text = |key: &str| package[key].as_str().map(|text| text.trim().to_owned());
    let name = text("name").unwrap_or_default();
    let version = text("version").unwrap_or_default();
    let purl = purl(&name, &version);
    Package {
        licence: spdx(&text("license").unwrap_or_default()),
        description: text("description"),
        repository: text("repository"),
        sha256: checksums.get(&purl).cloned(),
        source: text("manifest_path").and_then(|path| Some(Path::new(&path).parent()?.to_owned())),
        linked: linked.contains(&purl),
        uses: BTreeSet::new(),
        name,
        version,
        purl,
    }
}

/// `MIT/Apache-2.0` is how it was written once.
fn spdx(licence: &str) -> String {
    licence.replace(" / ", " OR ").replace('/', " OR ")
}

pub fn purl(name: &str, version: &str) -> String {
    // A "+" of a version has a meaning in addresses.
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

/// Who uses whom, among these packages and not only in tests.
fn connect(packages: &mut [Package], metadata: &Value) {
    let known: BTreeSet<String> = packages.iter().map(|package| package.purl.clone()).collect();
    let names: BTreeMap<&str, String> = list(&metadata["packages"])
        .iter()
        .filter_map(|it| Some((it["id"].as_str()?, purl(it["name"].as_str()?, it["version"].as_str()?))))
        .collect();
    for node in list(&metadata["resolve"]["nodes"]) {
        let Some(user) = node["id"].as_str().and_then(|id| names.get(id)) else { continue };
        let Some(package) = packages.iter_mut().find(|package| package.purl == *user) else { continue };
        for used in list(&node["deps"]) {
            let for_tests_only = list(&used["dep_kinds"]).iter().all(|kind| kind["kind"] == "dev");
            let Some(used) = used["pkg"].as_str().and_then(|id| names.get(id)) else { continue };
            if !for_tests_only && known.contains(used) {
                package.uses.insert(used.clone());
            }
        }
    }
}

/// What is compiled in and is no crate: SQLite, whose source a crate brings along, and Rust's own library.
fn beside_the_crates(packages: &[Package]) -> Result<Vec<Package>, String> {
    let crate_of_sqlite =
        packages.iter().find(|it| it.name == "libsqlite3-sys").and_then(|it| it.source.as_ref());
    let header = crate_of_sqlite.ok_or("no libsqlite3-sys")?.join("sqlite3/sqlite3.h");
    let header =
        std::fs::read_to_string(&header).map_err(|error| format!("{}: {error}", header.display()))?;
    let sqlite = header.lines().find_map(|line| line.strip_prefix("#define SQLITE_VERSION ")).map(str::trim);
    let sqlite = sqlite.ok_or("sqlite3.h does not tell its version")?.trim_matches('"').to_owned();
    let rustc = run("rustc", &["-vV"])?;
    let rust = rustc
        .lines()
        .find_map(|line| line.strip_prefix("release: "))
        .ok_or("rustc does not tell its version")?;
    let part = |name: &str, version: &str, licence: &str, repository: &str, about: &str| Package {
        name: name.to_owned(),
        version: version.to_owned(),
        licence: licence.to_owned(),
        description: Some(about.to_owned()),
        repository: Some(repository.to_owned()),
        sha256: None,
        source: None,
        linked: true,
        uses: BTreeSet::new(),
        purl: format!("pkg:generic/{name}@{version}"),
    };
    Ok(vec![
        part(
            "sqlite",
            &sqlite,
            "blessing",
            "https://sqlite.org",
            "SQL database engine, compiled in by libsqlite3-sys",
        ),
        part(
            "rust-std",
            rust,
            "MIT OR Apache-2.0",
            "https://github.com/rust-lang/rust",
            "Rust's standard library",
        ),
    ])
}

/// The `purl`s of what `cargo tree` shows: its answer takes features into account that only tests turn on.
fn tree(edges: &str) -> Result<BTreeSet<String>, String> {
    let arguments =
        ["tree", "--locked", "-p", PROGRAM, "-e", edges, "--target", TARGET, "--prefix", "none", "-f", "{p}"];
    let shown = run("cargo", &arguments)?;
    let package = |line: &str| {
        let mut words = line.split(' ');
        Some(purl(words.next()?, words.next()?.strip_prefix('v')?))
    };
    Ok(shown.lines().filter_map(package).collect())
}

/// `purl` and checksum of each `[[package]]` of a lock file.
fn checksums(lock: &str) -> BTreeMap<String, String> {
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
        Some(line.trim_matches('"').to_owned())
    };
    let blocks = lock.split("[[package]]").skip(1);
    blocks
        .filter_map(|it| Some((purl(&value(it, "name")?, &value(it, "version")?), value(it, "checksum")?)))
        .collect()
}

fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let done =
        Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    if !done.status.success() {
        return Err(format!("{program} {}: {}", arguments[0], String::from_utf8_lossy(&done.stderr).trim()));
    }
    String::from_utf8(done.stdout).map_err(|_| format!("{program}: no text"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_tells_checksums() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0+x\"\nsource = \"s\"\nchecksum = \"ff\"\n\
                    \n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n";
        assert_eq!(checksums(lock), [("pkg:cargo/a@1.0.0%2Bx".to_owned(), "ff".to_owned())].into());
    }

    #[test]
    fn old_expressions_are_written_as_spdx() {
        for old in ["MIT/Apache-2.0", "MIT / Apache-2.0"] {
            assert_eq!(spdx(old), "MIT OR Apache-2.0");
        }
    }
}
