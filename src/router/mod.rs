//! From stored events to their end: conflict keys decide what may run, lanes run it.
//!
//! [`actor`] is the router, to which events come through `arrivals` (all of them once more where it begins `anew`); [`conflicts`] and [`outages`] are the pure tables it
//! decides with. [`lane`] is the worker ([`lanes`] of them) that runs one event with the one [`executor`], which goes on
//! with the plan that is there or makes one ([`course`], `deciding`) and walks its steps (`walk`) along the plan and its
//! journal (`journey`), with what is not committed yet in hand (`unsaved`), which may come too `late`. What is decided about
//! an event while it runs is kept until it has ended (`under_way`).

pub mod actor;
mod anew;
mod arrivals;
pub mod conflicts;
pub mod course;
mod deciding;
pub mod executor;
mod journey;
pub mod judge;
pub mod keys;
pub mod lane;
pub mod lanes;
mod late;
pub mod outages;
mod under_way;
mod unsaved;
mod walk;

pub use actor::{Announce, Announced, Router};
