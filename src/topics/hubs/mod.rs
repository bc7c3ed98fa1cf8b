//! Hubs: subscriptions of others to our topics over Event Management.
//!
//! [`envelope`] writes an event as they get it; [`outbound`] is how a host is asked.

mod envelope;
pub mod outbound;

pub(in crate::topics) use envelope::rfc3339;
pub use envelope::{envelope, resource};
