//! The parts of the bench of Kamailio.

pub mod answers;
pub mod bare;
pub mod calls;
pub mod events;
pub mod ours;
pub mod webhook;
