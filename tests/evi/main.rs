//! Our own EVI: programs that know OpenSIPS' event interface, and nothing of us, subscribe and get what is handed on.

mod access;
mod answers;
mod cli;
mod commands;
mod delivery;
mod lasting;
mod program;
mod refusals;
mod slow;
#[path = "../support/mod.rs"]
mod support;
