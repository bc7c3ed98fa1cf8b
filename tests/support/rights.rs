//! Tests that need rights which not everybody has.

use std::io::Write;

/// Set where no test may be skipped: by the long form.
const LONG: &str = "EVENTMANAGER_TESTS_LONG";

/// Says that a test is skipped because it needs something that is not there; in the long form it fails.
///
/// Not by `println!`, which the harness keeps to itself where a test passes: `tests/run_tests.py` names them in the end.
#[track_caller]
pub fn skip(test: &str, needs: &str) {
    assert!(std::env::var_os(LONG).is_none(), "{test} needs {needs}");
    let _ = writeln!(std::io::stderr(), "skipped: {test} needs {needs}");
}
