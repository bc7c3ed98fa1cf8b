//! Whether everything that the workspace is built and tested with keeps the rules of `deny.toml`: licences, crates that are not
//! wanted, and where crates come from.
//!
//! These are the checks `licenses`, `bans` and `sources` of cargo-deny, of what cargo tells of packages; cargo-deny itself, which takes
//! longer to compile than all our tests, is asked by `./tests/run --long`. Advisories are neither's: they want the network.

use crate::licences::is_allowed;
use serde_json::Value;
use std::collections::BTreeSet;
use toml::Table;

/// What breaks a rule, a line for each; nothing where all are kept. `metadata` is what `cargo metadata` prints.
pub fn broken(deny: &str, metadata: &Value) -> Result<Vec<String>, String> {
    let deny: Table = deny.parse().map_err(|error| format!("deny.toml: {error}"))?;
    let used: BTreeSet<&str> =
        list(&metadata["resolve"]["nodes"]).iter().filter_map(|node| node["id"].as_str()).collect();
    let is_used = |package: &&Value| package["id"].as_str().is_some_and(|id| used.contains(id));
    let packages: Vec<&Value> = list(&metadata["packages"]).iter().filter(is_used).collect();
    if packages.is_empty() {
        return Err("cargo metadata tells of no packages".to_owned());
    }
    let built = built(metadata);
    let is_built = |package: &&&Value| package["id"].as_str().is_some_and(|id| built.contains(id));
    let mut broken = licences(&deny, &packages.iter().filter(is_built).copied().collect::<Vec<_>>());
    broken.extend(bans(&deny, &packages));
    broken.extend(sources(&packages));
    Ok(broken)
}

/// What goes into a program of ours or its building. What only tests use is given to nobody, and its licence is no matter of ours.
fn built(metadata: &Value) -> BTreeSet<&str> {
    let nodes = list(&metadata["resolve"]["nodes"]);
    let mut built: BTreeSet<&str> = BTreeSet::new();
    let mut next: Vec<&str> = list(&metadata["workspace_members"]).iter().filter_map(Value::as_str).collect();
    while let Some(id) = next.pop() {
        if built.insert(id) {
            let used = nodes.iter().filter(|node| node["id"] == id).flat_map(|node| list(&node["deps"]));
            let is_for_tests =
                |used: &&Value| list(&used["dep_kinds"]).iter().all(|kind| kind["kind"] == "dev");
            next.extend(used.filter(|used| !is_for_tests(used)).filter_map(|used| used["pkg"].as_str()));
        }
    }
    built
}

/// Each package may be had under a licence that is allowed.
fn licences(deny: &Table, packages: &[&Value]) -> Vec<String> {
    let allowed: Vec<&str> = texts(deny, "licenses", "allow").collect();
    let is_bad = |package: &&&Value| {
        let licence = package["license"].as_str().unwrap_or_default();
        !is_allowed(licence, &allowed)
    };
    let told =
        |package: &&Value| format!("{}: the licence {} is not allowed", named(package), package["license"]);
    packages.iter().filter(is_bad).map(told).collect()
}

/// No package is one of those that are refused, and none of ours takes any version of another.
fn bans(deny: &Table, packages: &[&Value]) -> Vec<String> {
    let refused = deny.get("bans").and_then(|bans| bans.get("deny")?.as_array()).into_iter().flatten();
    let refused: Vec<&str> = refused.filter_map(|entry| entry.get("crate")?.as_str()).collect();
    let mut broken = Vec::new();
    for package in packages {
        if refused.contains(&package["name"].as_str().unwrap_or_default()) {
            broken.push(format!("{}: it is refused", named(package)));
        }
        let dependencies = list(&package["dependencies"]).iter();
        let wild = dependencies.filter(|it| it["req"] == "*" && it["path"].is_null());
        let is_ours = package["source"].is_null();
        broken.extend(
            wild.filter(|_| is_ours).map(|it| format!("{}: any version of {}", named(package), it["name"])),
        );
    }
    broken
}

/// All come from the one registry that cargo has by default, or are ours.
fn sources(packages: &[&Value]) -> Vec<String> {
    let source = |package: &Value| package["source"].as_str().map(str::to_owned);
    let known = packages.iter().find(|it| it["name"] == "serde").and_then(|package| source(package));
    let is_known = |package: &&&Value| {
        source(package).is_none_or(|it| Some(&it) == known.as_ref() && it.starts_with("registry+"))
    };
    let others = packages.iter().filter(|package| !is_known(package));
    others.map(|package| format!("{}: it comes from {}", named(package), package["source"])).collect()
}

fn named(package: &Value) -> String {
    format!(
        "{} {}",
        package["name"].as_str().unwrap_or_default(),
        package["version"].as_str().unwrap_or_default()
    )
}

fn texts<'t>(deny: &'t Table, section: &str, key: &str) -> impl Iterator<Item = &'t str> {
    let list = deny.get(section).and_then(|section| section.get(key)?.as_array());
    list.into_iter().flatten().filter_map(toml::Value::as_str)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::process::Command;

    const DENY: &str = include_str!("../../../deny.toml");

    #[test]
    fn everything_that_is_built_and_tested_with_keeps_the_rules() {
        let deny: Table = DENY.parse().expect("TOML");
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let targets: Vec<&str> = texts(&deny, "graph", "targets").collect();
        assert!(!targets.is_empty());
        for target in targets {
            let arguments = ["metadata", "--locked", "--format-version", "1", "--filter-platform", target];
            let done = Command::new(env!("CARGO")).args(arguments).current_dir(root).output().expect("cargo");
            let metadata = serde_json::from_slice(&done.stdout).expect("JSON");
            assert_eq!(broken(DENY, &metadata).expect("rules"), Vec::<String>::new(), "for {target}");
        }
    }

    /// A program, and one crate that it uses.
    fn check(of_crate: Value, dependency: Value, expected: &str) {
        let registry = "registry+https://registry.invalid/index";
        let serde = json!({"id": "s", "name": "serde", "version": "1.0.0", "license": "MIT OR Apache-2.0", "source": registry});
        let mut other =
            json!({"id": "o", "name": "other", "version": "2.0.0", "license": "MIT", "source": registry});
        of_crate.as_object().expect("members").iter().for_each(|(name, value)| other[name] = value.clone());
        let ours = json!({"id": "e", "name": "eventmanager", "version": "0.1.0", "license": "Apache-2.0", "source": null, "dependencies": [dependency]});
        let unused = json!({"id": "u", "name": "openssl", "version": "1.0.0", "license": "GPL-3.0", "source": registry});
        let deps = json!([{"pkg": "o", "dep_kinds": [{"kind": "dev"}, {"kind": null}]}, {"pkg": "t", "dep_kinds": [{"kind": "dev"}]}]);
        let nodes = json!([{"id": "s"}, {"id": "o"}, {"id": "t"}, {"id": "e", "deps": deps}]);
        let of_tests = json!({"id": "t", "name": "of_tests", "version": "1.0.0", "license": "MPL-2.0", "source": registry});
        let metadata = json!({
            "packages": [serde, other, ours, unused, of_tests],
            "resolve": {"nodes": nodes},
            "workspace_members": ["e"],
        });
        assert_eq!(broken(DENY, &metadata).expect("rules").join("\n"), expected);
    }

    #[test]
    fn what_breaks_a_rule_is_told() {
        let fine = || json!({"name": "other", "req": "^2"});
        check(json!({}), fine(), "");
        check(
            json!({"license": "GPL-3.0-only"}),
            fine(),
            "other 2.0.0: the licence \"GPL-3.0-only\" is not allowed",
        );
        check(json!({"license": null}), fine(), "other 2.0.0: the licence null is not allowed");
        check(json!({"name": "openssl-sys"}), fine(), "openssl-sys 2.0.0: it is refused");
        let git = json!({"source": "git+https://git.invalid/x#1"});
        check(git, fine(), "other 2.0.0: it comes from \"git+https://git.invalid/x#1\"");
        let elsewhere = json!({"source": "registry+https://else.invalid/index"});
        check(elsewhere, fine(), "other 2.0.0: it comes from \"registry+https://else.invalid/index\"");
        check(
            json!({}),
            json!({"name": "other", "req": "*"}),
            "eventmanager 0.1.0: any version of \"other\"",
        );
        check(json!({}), json!({"name": "own", "req": "*", "path": "/own"}), "");
    }
}
