//! `eventmanager events`: reads and acts through the daemon, and reads of the store where the daemon is down.

#[path = "../support/mod.rs"]
mod support;

mod acting;
mod down;
mod fake;
mod given;
mod manual;
mod running;
mod told;
