//! The bill of materials: CycloneDX 1.5, <https://cyclonedx.org/docs/1.5/json/>.

use crate::packages::Package;
use serde_json::{Map, Value, json};

/// The document. It has no serial number: two builds of one source give the same.
pub fn write(packages: &[Package], time: &str) -> String {
    let [program, parts @ ..] = packages else { return String::new() };
    let mut root = component(program);
    root.insert("type".into(), "application".into());
    root.remove("scope");
    let document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": time,
            "tools": {"components": [{"type": "application", "name": "inventory", "version": env!("CARGO_PKG_VERSION")}]},
            "component": root,
        },
        "components": parts.iter().map(component).collect::<Vec<_>>(),
        "dependencies": packages.iter().map(|it| dependency(it, packages)).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn component(package: &Package) -> Map<String, Value> {
    let value = json!({
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        // What only took part in building is not in the program.
        "scope": if package.linked { "required" } else { "excluded" },
        "licenses": [{"expression": package.licence}],
        "purl": package.purl,
    });
    let mut component = value.as_object().cloned().unwrap_or_default();
    if let Some(description) = &package.description {
        component.insert(
            "description".into(),
            description.split_whitespace().collect::<Vec<_>>().join(" ").into(),
        );
    }
    if let Some(sha256) = &package.sha256 {
        component.insert("hashes".into(), json!([{"alg": "SHA-256", "content": sha256}]));
    }
    if let Some(repository) = &package.repository {
        component.insert("externalReferences".into(), json!([{"type": "vcs", "url": repository}]));
    }
    if package.name == "sqlite" {
        // Advisories know it by this name.
        let cpe = format!("cpe:2.3:a:sqlite:sqlite:{}:*:*:*:*:*:*:*", package.version);
        component.insert("cpe".into(), cpe.into());
    }
    component
}

/// SQLite is used by the crate that brings it, Rust's library by everything: it stands with the program.
fn dependency(package: &Package, packages: &[Package]) -> Value {
    let mut uses: Vec<&str> = package.uses.iter().map(String::as_str).collect();
    let of = |name: &str| packages.iter().find(|it| it.name == name).map(|it| it.purl.as_str());
    match package.name.as_str() {
        "eventmanager" => uses.extend(of("rust-std")),
        "libsqlite3-sys" => uses.extend(of("sqlite")),
        _ => {}
    }
    json!({"ref": package.purl, "dependsOn": uses})
}
