//! How connections and hosts are, as alarms: raised and cleared as events of the topic `alarm`.
//!
//! [`conditions`] says which alarms they mean, purely; the [`actor`] has them stored, each together with its event, so that a start raises
//! nothing twice and clears what has ended meanwhile. The events themselves are written in [`crate::topics::alarms`], as those of others are.

mod actor;
mod conditions;

pub use actor::Alarms;
