//! Operators retry and resolve events, one or many, over HTTP, and the real program heeds them.

mod bulk;
mod foreseen;
mod given;
mod later;
mod one;
mod race;
#[path = "../support/mod.rs"]
mod support;
