//! What people get: the tarball that `deploy/release` packs, unpacked and used.

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::daemon::{Daemon, Site};
use support::documents::add;
use support::peers::Peers;

const PROGRAM: &str = env!("CARGO_BIN_EXE_eventmanager");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What a command prints; it must succeed.
#[track_caller]
fn run(command: &mut Command) -> String {
    let done = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{command:?}: {said}{}", String::from_utf8_lossy(&done.stderr));
    said
}

/// Packs the program of the tests, and unpacks it as the recipe says, into `place`.
fn installed(place: &Path) -> PathBuf {
    let folder = Path::new(PROGRAM).parent().and_then(Path::file_name).expect("a profile").to_string_lossy();
    let profile = if folder == "debug" { "dev" } else { &folder };
    let mut release = Command::new(Path::new(ROOT).join("deploy/release"));
    // What is packed here is the tree as it is, of no commit.
    release
        .args(["--binary", PROGRAM, "--out"])
        .arg(place)
        .env("PROFILE", profile)
        .env("SOURCE_DATE_EPOCH", "1772366400");
    run(&mut release);
    let name = format!("eventmanager-{}-x86_64-linux", env!("CARGO_PKG_VERSION"));
    run(Command::new("sha256sum")
        .args(["--check", "--quiet", &format!("{name}.tar.gz.sha256")])
        .current_dir(place));
    run(Command::new("tar").args(["-xzf", &format!("{name}.tar.gz")]).current_dir(place));
    place.join(name)
}

/// Every file below, relative to it.
fn files(folder: &Path) -> BTreeSet<String> {
    let found = run(Command::new("find").args([".", "-type", "f", "-printf", "%P\n"]).current_dir(folder));
    found.lines().map(str::to_owned).collect()
}

#[test]
fn the_tarball_is_whole_and_its_program_provisions_an_event_with_the_shipped_configuration() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let there = installed(place.path());
    is_whole(&there);
    knows_its_parts(&there);
    provisions(&there);
    fits_the_debian_package();
}

fn is_whole(there: &Path) {
    run(Command::new("sha256sum").args(["--check", "--strict", "--quiet", "SHA256SUMS"]).current_dir(there));
    let files = files(there);
    let sums = std::fs::read_to_string(there.join("SHA256SUMS")).expect("checksums");
    assert_eq!(sums.lines().count() + 1, files.len(), "a checksum for everything else");
    for name in [
        "LICENSE",
        "THIRD-PARTY-LICENSES.txt",
        "sbom.cdx.json",
        "bin/eventmanager",
        "bin/eventmanager.debug",
        "config/eventmanager.toml",
        "deploy/eventmanager.service",
        "deploy/grafana/eventmanager.json",
        "deploy/prometheus/alerts.yml",
        "docs/runbook.md",
        "migrations/postgresql.sql",
        "migrations/sqlite.sql",
    ] {
        assert!(files.contains(name), "no {name} among {files:?}");
    }
    let program = there.join("bin/eventmanager");
    let version = run(Command::new(&program).arg("--version"));
    assert_eq!(version.trim(), format!("eventmanager {}", env!("CARGO_PKG_VERSION")));
    leads_to_what_is_there(there, &files);
    let unit = std::fs::read_to_string(there.join("deploy/eventmanager.service")).expect("a unit");
    assert!(unit.contains("ExecStart=/opt/eventmanager/bin/eventmanager run"), "{unit}");
    let sections = run(Command::new("objdump").arg("-h").arg(&program));
    assert!(sections.contains(".gnu_debuglink") && !sections.contains(".debug_info"), "{sections}");
}

/// What the README in the tarball points to is in the tarball.
fn leads_to_what_is_there(there: &Path, files: &BTreeSet<String>) {
    let readme = std::fs::read_to_string(there.join("README.md")).expect("a README");
    let targets = readme.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    for target in targets.filter(|target| !target.is_empty() && !target.contains("://")) {
        let is_there = files.contains(target) || there.join(target).is_dir();
        assert!(is_there, "README.md leads to {target}, which is not there");
    }
}

/// Licences and bill of materials tell of the same parts, and of those that everybody asks for.
fn knows_its_parts(there: &Path) {
    let text = std::fs::read_to_string(there.join("sbom.cdx.json")).expect("a bill of materials");
    let sbom: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&sbom["bomFormat"], &sbom["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    assert_eq!(sbom["metadata"]["component"]["version"], env!("CARGO_PKG_VERSION"));
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let components = list(&sbom["components"]);
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut known: BTreeSet<String> = components.iter().map(|it| word(&it["bom-ref"])).collect();
    assert_eq!(known.len(), components.len(), "each has a name of its own");
    known.insert(word(&sbom["metadata"]["component"]["bom-ref"]));
    for dependency in list(&sbom["dependencies"]) {
        for used in list(&dependency["dependsOn"]).iter().chain([&dependency["ref"]]) {
            assert!(known.contains(&word(used)), "{used} is no component");
        }
    }
    let licences = std::fs::read_to_string(there.join("THIRD-PARTY-LICENSES.txt")).expect("licences");
    for component in &components {
        let line = format!("{} {} ", word(&component["name"]), word(&component["version"]));
        assert!(licences.contains(&line), "no licence of {line}");
        assert!(!word(&component["licenses"][0]["expression"]).is_empty(), "{line}");
    }
    for name in ["actix", "tokio-postgres", "rustls", "sqlite", "rust-std"] {
        assert!(components.iter().any(|it| it["name"] == name), "{name}");
    }
    assert!(!components.iter().any(|it| it["name"] == "proptest"), "what only tests use is not in it");
    for path in [ROOT, &std::env::var("HOME").unwrap_or("/root".into())] {
        assert!(!text.contains(path) && !licences.contains(path), "a path of this machine");
    }
}

fn provisions(there: &Path) {
    let peers = Peers::start();
    // As an operator fills it in: everything that the shipped file says, and below it the keys of this place.
    let shipped = std::fs::read_to_string(there.join("config/eventmanager.toml")).expect("a configuration");
    let site = Site::new(&peers.config(""));
    let filled_in = std::fs::read_to_string(site.config()).expect("a configuration");
    std::fs::write(site.config(), format!("{shipped}\n{filled_in}")).expect("written");
    let mut program = Command::new(there.join("bin/eventmanager"));
    let daemon = Daemon::start_with(program.args(["run", "--config"]).arg(site.config()));
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    assert_eq!(site.events()[0].status, "completed", "{:?}", site.events());
    assert!(!peers.ema.state().associations.is_empty(), "the core holds the subscriber");
    assert_eq!(daemon.terminate(), Some(0));
}

/// `[package.metadata.deb]` names files that are there once the release is staged, with a unit that fits them.
fn fits_the_debian_package() {
    let manifest: toml::Table = std::fs::read_to_string(Path::new(ROOT).join("Cargo.toml"))
        .expect("a manifest")
        .parse()
        .expect("TOML");
    let deb = &manifest["package"]["metadata"]["deb"];
    for asset in deb["assets"].as_array().expect("assets") {
        let source = Path::new(ROOT).join(asset[0].as_str().expect("a path").trim_end_matches("/**/*"));
        assert!(source.exists(), "no {}", source.display());
    }
    let staged = Path::new(ROOT).join("target/dist/deb");
    let unit = std::fs::read_to_string(staged.join("eventmanager.service")).expect("a unit");
    assert!(unit.contains("ExecStart=/usr/bin/eventmanager run") && !unit.contains("/opt/"), "{unit}");
    let alerts =
        std::fs::read_to_string(staged.join("share/eventmanager/prometheus/alerts.yml")).expect("alerts");
    assert!(alerts.contains("file:///usr/share/doc/eventmanager/runbook.md#"));
    assert!(!alerts.contains("runbook_url: file:///opt/"));
}
