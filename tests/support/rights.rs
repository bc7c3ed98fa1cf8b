//! Tests that need rights which not everybody has.

/// Set where no test may be skipped: by the long form.
const LONG: &str = "EVENTMANAGER_TESTS_LONG";

/// Says that a test is skipped because it needs something that is not there; in the long form it fails.
#[track_caller]
pub fn skip(test: &str, needs: &str) {
    assert!(std::env::var_os(LONG).is_none(), "{test} needs {needs}");
    println!("skipped: {test} needs {needs}");
}
