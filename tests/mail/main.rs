//! The mail server as its manager meets it: what it is asked, and what becomes of hosts that are away.

mod given;
mod hosts;
mod requests;
#[path = "../support/mod.rs"]
mod support;
