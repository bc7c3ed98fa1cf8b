//! Hubs: subscriptions of others to our topics over Event Management.
//!
//! [`envelope`] writes an event as they get it, [`outbound`] brings it to their hosts; [`messages`] is what is asked of the actor that
//! keeps them.

mod envelope;
pub mod messages;
pub mod outbound;

pub(in crate::topics) use envelope::rfc3339;
pub use envelope::{envelope, resource};
