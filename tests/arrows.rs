//! The parts of the crate use no others than the code map of ARCHITECTURE.md says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const MAP: &str = include_str!("../ARCHITECTURE.md");

/// The Rust files of a part: a file, or a folder with everything in it.
fn files(part: &Path) -> Vec<PathBuf> {
    if part.is_file() {
        return vec![part.to_owned()];
    }
    let entries = std::fs::read_dir(part).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|entry| files(&entry))
        .filter(|file| file.extension().is_some_and(|it| it == "rs"))
        .collect()
}

/// The parts that a file imports; what stands in comments is no use.
fn used(file: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(file).expect("a file");
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let names = lines.flat_map(|line| line.split("crate::").skip(1).map(str::to_owned).collect::<Vec<_>>());
    names.map(|rest| rest.chars().take_while(|letter| letter.is_ascii_lowercase()).collect()).collect()
}

/// `part, what it may use` of each row of the code map.
fn rows() -> Vec<(String, BTreeSet<String>)> {
    let map =
        MAP.split("## Code map").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a code map");
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let part = cells.get(1)?.strip_prefix("`src/")?.strip_suffix('`')?.to_owned();
        if part.contains('`') {
            // Several at once: those that put everything together, and may use everything.
            return None;
        }
        let words = cells.get(3)?.split(|letter: char| !letter.is_ascii_lowercase());
        Some((part, words.map(str::to_owned).collect()))
    };
    map.lines().filter_map(row).collect()
}

#[test]
fn no_part_uses_another_than_the_code_map_says() {
    let rows = rows();
    assert!(rows.len() >= 12, "{rows:?}");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let parts = rows.iter().map(|(part, _)| part.trim_end_matches('/').trim_end_matches(".rs"));
    let mut parts: BTreeSet<String> = parts.map(str::to_owned).collect();
    parts.extend(["app", "cli", "threads"].map(str::to_owned));
    for (part, allowed) in rows {
        let own = part.trim_end_matches('/').trim_end_matches(".rs").to_owned();
        for file in files(&sources.join(&part)) {
            let others: Vec<_> =
                used(&file).into_iter().filter(|name| *name != own && parts.contains(name)).collect();
            let new: Vec<_> = others.iter().filter(|name| !allowed.contains(*name)).collect();
            assert!(new.is_empty(), "{} uses {new:?}, which the code map does not have", file.display());
        }
    }
}
