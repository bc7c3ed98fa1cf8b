//! The metrics that `docs/operations.md` has, with their labels: what alerts and dashboards may rely on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const PAGE: &str = include_str!("../../docs/operations.md");
/// What a histogram puts behind its name.
const PARTS: [&str; 3] = ["_bucket", "_count", "_sum"];
pub struct Documented {
    labels: BTreeMap<String, BTreeSet<String>>,
}

impl Documented {
    /// The first cells of the table: `name` or `name{label,label}`.
    pub fn read() -> Documented {
        let section = PAGE.split("## Metrics\n").nth(1).and_then(|rest| rest.split("\n## ").next());
        let rows = section.expect("a section on metrics").lines().filter_map(|line| line.strip_prefix("| `"));
        let labels: BTreeMap<_, _> = rows.filter_map(|row| Some(entry(row.split_once('`')?.0))).collect();
        Documented { labels }
    }

    /// The labels of a metric, or of the histogram that it is a part of.
    pub fn labels(&self, name: &str) -> Option<&BTreeSet<String>> {
        self.labels.get(family(name))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.labels.keys().map(String::as_str)
    }
}

fn entry(cell: &str) -> (String, BTreeSet<String>) {
    let (name, labels) = cell.split_once('{').unwrap_or((cell, ""));
    let name = if name.starts_with("process_") { name.to_owned() } else { format!("eventmanager_{name}") };
    let labels = labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty());
    (name, labels.map(str::to_owned).collect())
}

/// The name without what a histogram puts behind it.
pub fn family(name: &str) -> &str {
    PARTS.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name)
}

/// Name and labels of `name{a="x",b="y"} 1`.
pub fn labels_of_series(line: &str) -> (String, BTreeSet<String>) {
    let (name, rest) = line.split_once(['{', ' ']).expect("a series");
    let inside = if line.contains('{') { rest.rsplit_once('}').expect("an end").0 } else { "" };
    let names = inside.split('"').step_by(2).map(|it| it.trim_matches([',', '=']).to_owned());
    (name.to_owned(), names.filter(|name| !name.is_empty()).collect())
}

/// Whether some file of the source has the name as a whole string; the descriptions alone make no metric.
pub fn in_source(name: &str) -> bool {
    let quoted = format!("\"{name}\"");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path != root.join("telemetry/mod.rs")
                && std::fs::read_to_string(&path).is_ok_and(|text| text.contains(&quoted))
            {
                return true;
            }
        }
    }
    false
}
