//! From stored events to their end: conflict keys decide what may run, lanes run it.
//!
//! [`actor`] is the router; [`conflicts`] and [`outages`] are the pure tables it decides with; [`lane`] is the worker
//! that walks one event with the one [`executor`].

pub mod actor;
mod arrivals;
pub mod conflicts;
pub mod executor;
pub mod judge;
pub mod keys;
pub mod lane;
pub mod outages;

pub use actor::{Announce, Announced, Router};
