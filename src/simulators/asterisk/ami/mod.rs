//! The manager interface (AMI): sessions, what they ask and what they are told.

mod actions;
mod classes;
mod events;
mod filter;
mod lists;
mod login;
pub(super) mod session;
pub(super) mod sessions;

pub use classes::Classes;
