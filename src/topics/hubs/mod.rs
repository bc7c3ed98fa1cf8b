//! Hubs: subscriptions of others to our topics over Event Management.
//!
//! [`envelope`] writes an event as they get it.

mod envelope;

pub use envelope::{envelope, resource};
