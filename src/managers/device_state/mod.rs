//! Device states and presence of all Asterisks, the same everywhere.
//!
//! [`mesh`] decides what is written to whom, purely; [`actor`] is the manager around it. [`messages`] are what connections and manager
//! say to each other, [`figures`] what is counted.

pub mod actor;
#[cfg(test)]
mod actor_tests;
mod figures;
pub mod mesh;
pub mod messages;

pub use actor::{DeviceStates, ListKeys, ListPeers, Shown};
