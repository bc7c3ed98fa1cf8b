//! The target that `FUZZ_TARGET` names, with libFuzzer. Where `FUZZ_SEEDS` names a folder, the target's seeds are written there first, and
//! its words beside it.

#![no_main]

#[path = "../bounds.rs"]
mod bounds;
#[path = "../memory.rs"]
mod memory;
#[path = "../targets/mod.rs"]
mod targets;

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::OnceLock;
use targets::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(
    init: {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let Some(target) = targets::target(&name) else {
            targets::targets().iter().for_each(|target| println!("{}", target.name));
            std::process::exit(2);
        };
        if let Some(folder) = std::env::var_os("FUZZ_SEEDS") {
            write_seeds(&target, Path::new(&folder)).expect("seeds are written");
        }
        let _ = TARGET.set(target);
    },
    |data: &[u8]| {
        if let Some(target) = TARGET.get() {
            bounds::check(target, &data[..data.len().min(target.longest)]);
        }
    }
);

fn write_seeds(target: &Target, folder: &Path) -> std::io::Result<()> {
    for (number, seed) in (target.seeds)().iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number}")), seed)?;
    }
    let word = |word: &&str| word.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    let words: Vec<String> = target.words.iter().map(|it| format!("\"{}\"\n", word(it))).collect();
    std::fs::write(folder.with_extension("words"), words.concat())
}
