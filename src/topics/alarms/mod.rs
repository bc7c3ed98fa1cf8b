//! What somebody should look at, as events of the topic `alarm`: raised, and cleared.
//!
//! [`event`] writes an alarm for all who raise one: hubs, connections and hosts ([`crate::alarms`]), and, in [`failures`], events, whose
//! alarms go with their verdicts.

pub mod event;
pub mod failures;
