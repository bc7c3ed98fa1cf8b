//! OpenSIPS: its events are subscribed to over every transport of both eras, kept subscribed to, and read however fast they come.

mod answers;
mod bad_input;
mod ending;
mod floods;
mod renewal;
mod scripted;
#[path = "../support/mod.rs"]
mod support;
mod transports;
mod trial;
