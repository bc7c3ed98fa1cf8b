//! What is fuzzed: for each decoder a function that takes any bytes and panics where a promise does not hold.
//!
//! The same targets are run with inputs that a plain mutator makes (`engine.rs`, in `cargo test`), and by libFuzzer, which
//! follows the code that an input reaches (`tests/fuzz/run`). A target's seeds are made by our own encoders and simulators; what
//! libFuzzer has found beside them is in `tests/fuzz/corpus/`.

mod asterisk;
mod cai3g;
mod configuration;
mod event_management;
mod kamailio;
mod masks;
mod opensips;
mod samples;
mod source;
mod streams;
mod words;
mod xml;
mod zeromq;

/// One thing that is fuzzed.
pub struct Target {
    /// Also of the folder of its corpus.
    pub name: &'static str,
    /// Panics where a promise does not hold.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What inputs are made of.
    pub words: &'static [&'static str],
    /// Bytes of an input, at most.
    pub longest: usize,
}

/// All of them.
pub fn targets() -> Vec<Target> {
    [
        xml::targets(),
        cai3g::targets(),
        masks::targets(),
        streams::targets(),
        kamailio::targets(),
        asterisk::targets(),
        zeromq::targets(),
        opensips::targets(),
        event_management::targets(),
        configuration::targets(),
        words::targets(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    targets().into_iter().find(|target| target.name == name)
}
