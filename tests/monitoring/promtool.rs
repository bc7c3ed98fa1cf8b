//! Prometheus' own checker.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where `tests/run` puts it; else the one on the path.
fn program() -> PathBuf {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/promtool/usr/bin/promtool");
    if fetched.exists() { fetched } else { "promtool".into() }
}

/// Runs it from the root of the repository; fails with what it says.
#[track_caller]
pub fn run(arguments: &[&str]) {
    let done = Command::new(program())
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("promtool of Debian's package prometheus: ./tests/run fetches it");
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success(), "promtool {arguments:?}:\n{}", String::from_utf8_lossy(&said));
}
