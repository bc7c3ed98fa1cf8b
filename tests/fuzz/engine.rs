//! Inputs for `cargo test`: everything that is kept, and then what a mutator makes of it for a while.
//!
//! It does not see which code an input reaches; `tests/fuzz/run` does, and keeps what it finds where this begins.

use crate::bounds;
use crate::targets::Target;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How much is tried.
#[derive(Clone, Copy)]
pub struct Effort {
    pub seed: u64,
    /// Inputs or requests, at most.
    pub most: usize,
    pub time: Duration,
}

impl Effort {
    /// So many, the same ones on every machine. `EVENTMANAGER_SEED` tries others; with `EVENTMANAGER_FUZZ_MS`, or in the long form for
    /// `long`, they are others each time, and as many as go into that time.
    pub fn usual(most: usize, long: Duration) -> Effort {
        let is_long = std::env::var_os("EVENTMANAGER_TESTS_LONG").is_some();
        let time = number("EVENTMANAGER_FUZZ_MS").map(Duration::from_millis).or(is_long.then_some(long));
        let seed = number("EVENTMANAGER_SEED");
        match time {
            Some(time) => Effort { seed: seed.unwrap_or_else(|| fastrand::u64(..)), most: usize::MAX, time },
            None => Effort { seed: seed.unwrap_or(SAME), most, time: Duration::MAX },
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| number_in(variable, &text))
}

/// One that is no number is not passed over: who replays a run would try another one.
#[track_caller]
pub fn number_in(variable: &str, text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, which is no number"))
}

/// Inputs that each target gets, and how long it goes on in the long form.
const USUAL: usize = 4_000;
const LONG: Duration = Duration::from_secs(10);
/// The seed of every short run.
const SAME: u64 = 1;

/// Runs a target; panics with the first input that breaks it, which is kept in `target/fuzz/found`.
pub fn run(target: &Target) {
    let Effort { seed, most, time } = Effort::usual(USUAL, LONG);
    let mut inputs = (target.seeds)();
    assert!(!inputs.is_empty(), "{} has no seeds", target.name);
    inputs.extend(kept(target.name));
    inputs.iter().for_each(|input| judge(target, input, seed));
    let mut mutator = Mutator { rng: fastrand::Rng::with_seed(seed), target, inputs: &inputs };
    let (began, mut made) = (Instant::now(), 0);
    while made < most && began.elapsed() < time {
        judge(target, &mutator.next(), seed);
        made += 1;
    }
    println!("{}: {} inputs, EVENTMANAGER_SEED={seed}", target.name, inputs.len() + made);
}

/// What libFuzzer has found worth keeping.
fn kept(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

fn judge(target: &Target, input: &[u8], seed: u64) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| bounds::check(target, input))) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz/found");
        let path = folder.join(format!("{}-{seed}", target.name));
        let _ = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, input));
        eprintln!(
            "{} breaks over an input that is in {} now; EVENTMANAGER_SEED={seed} finds it again:\n{}",
            target.name,
            path.display(),
            input.escape_ascii()
        );
        resume_unwind(panic);
    }
}

/// Makes inputs of others.
struct Mutator<'t> {
    rng: fastrand::Rng,
    target: &'t Target,
    inputs: &'t [Vec<u8>],
}

impl Mutator<'_> {
    fn next(&mut self) -> Vec<u8> {
        let mut input = self.one().to_vec();
        for _ in 0..self.rng.usize(1..6) {
            self.change(&mut input);
        }
        input.truncate(self.target.longest);
        input
    }

    fn one(&mut self) -> &[u8] {
        &self.inputs[self.rng.usize(..self.inputs.len())]
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.rng.usize(..=input.len());
        let part = at..at + self.rng.usize(..=(input.len() - at).min(32));
        match self.rng.u8(..12) {
            0 => _ = input.drain(part),
            1 => input.truncate(at),
            2 => _ = input.get_mut(at).map(|byte| *byte ^= 1 << self.rng.u8(..8)),
            3 => _ = input.get_mut(at).map(|byte| *byte = self.rng.u8(..)),
            4 => insert(input, at, &[self.rng.u8(..), self.rng.u8(..)]),
            5 | 6 if !self.target.words.is_empty() => {
                let word = self.target.words[self.rng.usize(..self.target.words.len())];
                insert(input, at, word.as_bytes());
            }
            7 => {
                let copy = input[part].to_vec();
                let to = self.rng.usize(..=input.len());
                insert(input, to, &copy);
            }
            8 => {
                let times = self.rng.usize(2..20);
                let repeated = input[part].repeat(times);
                insert(input, at, &repeated);
            }
            // The end of another one behind the beginning of this one.
            9 => {
                let other = self.one().to_vec();
                input.truncate(at);
                input.extend_from_slice(&other[self.rng.usize(..=other.len())..]);
            }
            // One thing over and over: what is looked at again for each of them takes too long.
            10 if self.rng.u8(..32) == 0 && !part.is_empty() => {
                let repeated = input[part.clone()].repeat(self.target.longest / part.len());
                insert(input, at, &repeated);
            }
            _ => {
                let numbers =
                    ["0", "-1", "255", "65536", "4294967296", "18446744073709551615", "1e999", "00"];
                insert(input, at, numbers[self.rng.usize(..numbers.len())].as_bytes());
            }
        }
    }
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}
