//! Connections: one supervised actor for every configured endpoint, and the intake that they feed.
//!
//! [`broadworks`] connects, `session` owns the socket; [`documents`] makes events of what it reads; [`intake`] has
//! them stored; [`prints`] is how a duplicate is recognised, and `repeats` remembers what has come. [`kamailio`] is the same for
//! events of scripts, which are answered too; [`asterisk`] for Asterisks, whose states are mirrored and which run actions.
//! `recorder` has stored and handed on what a route wants of either. [`endpoints`] is which of them there are, which a reload may change.

pub mod asterisk;
pub mod broadworks;
mod connect;
pub mod documents;
mod ending;
pub mod endpoints;
pub mod intake;
pub mod kamailio;
mod notification_ids;
mod opensips;
pub mod prints;
mod reconnect;
mod recorder;
mod repeats;
mod session;

use crate::telemetry::link;
pub use crate::telemetry::link::{Link, LinkState, Links};
pub use asterisk::AsteriskConnection;
pub use broadworks::BroadworksConnection;
pub use endpoints::Endpoints;
pub use intake::Intake;
pub use kamailio::KamailioConnection;
