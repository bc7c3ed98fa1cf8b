//! What the program is made of, for its release: `deploy/release` runs it.
//!
//! ```text
//! inventory licences              every licence that its parts are under, with its text
//! inventory sbom YYYY-MM-DDThh:mm:ssZ   the bill of materials, CycloneDX 1.5 as JSON
//! inventory rules                 fails where something breaks a rule of deny.toml
//! ```
//!
//! Both tell of what `cargo tree` says is built for Linux, and of what is compiled in beside the crates. Runs in the root
//! of the repository and writes to standard output.

mod licences;
mod packages;
mod rules;
mod sbom;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let made = match words[..] {
        ["licences"] => packages::read().and_then(|packages| licences::write(&packages)),
        ["rules"] => packages::metadata().and_then(|metadata| kept(&metadata)),
        ["sbom", time] => packages::read().map(|packages| sbom::write(&packages, time)),
        _ => Err("usage: inventory licences | sbom TIME | rules".to_owned()),
    };
    match made {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("inventory: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What to print where every rule is kept; else what breaks them.
fn kept(metadata: &serde_json::Value) -> Result<String, String> {
    let deny = std::fs::read_to_string("deny.toml").map_err(|error| format!("deny.toml: {error}"))?;
    match rules::broken(&deny, metadata)? {
        broken if broken.is_empty() => {
            Ok("licences, crates and sources keep the rules of deny.toml\n".to_owned())
        }
        broken => Err(broken.join("\n")),
    }
}
