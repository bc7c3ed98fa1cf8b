//! What the program is made of, for its release: `deploy/release` runs it.
//!
//! ```text
//! inventory licences              every licence that its parts are under, with its text
//! inventory sbom YYYY-MM-DDThh:mm:ssZ   the bill of materials, CycloneDX 1.5 as JSON
//! ```
//!
//! Both tell of what `cargo tree` says is built for Linux, and of what is compiled in beside the crates. Runs in the root
//! of the repository and writes to standard output.

mod licences;
mod packages;
mod sbom;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let made = match words[..] {
        ["licences"] => packages::read().and_then(|packages| licences::write(&packages)),
        ["sbom", time] => packages::read().map(|packages| sbom::write(&packages, time)),
        _ => Err("usage: inventory licences | sbom TIME".to_owned()),
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
