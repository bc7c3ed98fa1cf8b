//! The API is as it describes itself: schemathesis makes requests out of `/openapi.json`, good ones and bad ones, and
//! compares the answers.
//!
//! `./tests/run` installs it (`tests/schemathesis.txt`) and runs this; by itself: `SCHEMATHESIS=PROGRAM cargo test --test
//! openapi -- --ignored`.

mod support;

use std::path::PathBuf;
use std::process::Command;
use support::daemon::{Site, eventually};
use support::documents::{add, report, set_phone};
use support::http;
use support::peers::Peers;

/// Requests of each operation, in each phase.
const EXAMPLES: &str = "40";

/// Where `./tests/run` installs it, or what the environment says.
fn program() -> PathBuf {
    let installed = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/schemathesis/bin/schemathesis");
    let program = std::env::var_os("SCHEMATHESIS").map_or_else(installed, PathBuf::from);
    assert!(program.is_file(), "{} is not there: ./tests/run installs it", program.display());
    program
}

#[test]
#[ignore = "wants schemathesis, which ./tests/run installs"]
fn the_api_answers_as_it_describes_itself() {
    let peers = Peers::start();
    let events = "[event_management]\n[[event_management.peer]]\nhost = \"127.0.0.1:9\"\nallow_http = true\nallow_private = true\n";
    let site = Site::quiet(&format!("{}\n[evi]\n{events}", peers.config("")));
    let daemon = site.start();
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&set_phone(2, "nobody@tele.gl", "321044"));
    peers.broadworks.send(&report(3, "UserDoNotDisturbModifyRequest", "<isActive>true</isActive>"));
    site.wait_ended(3);
    let output = Command::new(program())
        .args(["run", &format!("http://{}/openapi.json", daemon.http)])
        .args(["--phases", "examples,coverage,fuzzing"])
        // It never ends.
        .args(["--exclude-path", "/api/v1/stream"])
        .args(["--checks", "all", "--max-examples", EXAMPLES, "--seed", "1", "--generation-database", "none"])
        .args(["--request-timeout", "30", "--continue-on-failure", "--no-color", "--workers", "1"])
        .current_dir(site.directory.path())
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(http::get(daemon.http, "/healthz", "").status, 200);
    let tree = http::get(daemon.http, "/api/v1/status", "").json();
    assert_eq!(tree["restarts"], 0, "{}", daemon.log());
}
