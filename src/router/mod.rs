//! From stored events to their end: conflict keys decide what may run, lanes run it.
//!
//! [`actor`] is the router; [`conflicts`] and [`outages`] are the pure tables it decides with; [`lane`] is the worker
//! that runs one event with the one [`executor`], which plans
//! it (`deciding`) and walks its steps (`walk`).

pub mod actor;
mod arrivals;
pub mod conflicts;
mod deciding;
pub mod executor;
pub mod judge;
pub mod keys;
pub mod lane;
pub mod outages;
mod walk;

pub use actor::{Announce, Announced, Router};
