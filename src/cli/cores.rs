//! Core files: none, because one would hold the secrets of all peers and subscribers.

use rustix::process::{Resource, Rlimit, setrlimit};

/// What of the memory stands in a core (core(5)): nothing.
const FILTER: &str = "/proc/self/coredump_filter";

/// Has the kernel write no core of this process. A program that takes cores over a pipe (`core_pattern`) is asked whatever the limit is,
/// and finds none of our memory in what it gets. What cannot be had is told, and keeps nothing from being done.
pub fn forbid() {
    if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
        tracing::warn!(%error, "core files cannot be forbidden");
    }
    if let Err(error) = std::fs::write(FILTER, "0") {
        tracing::warn!(%error, "what stands in a core cannot be limited");
    }
}
