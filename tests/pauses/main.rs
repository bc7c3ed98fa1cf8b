//! Operators pause and resume systems, over HTTP and on the command line, and the real program heeds them.

mod acts;
mod commands;
mod given;
#[path = "../support/mod.rs"]
mod support;
mod waiting;
