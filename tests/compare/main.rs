//! Running beside the old release: `seed` and `compare` as processes, over databases as both releases leave them.

mod differences;
mod given;
mod seeding;
#[path = "../support/mod.rs"]
mod support;
