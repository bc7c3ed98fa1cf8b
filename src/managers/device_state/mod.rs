//! Device states and presence of all Asterisks, the same everywhere.
//!
//! [`mesh`] decides what is written to whom, purely. [`messages`] are what connections and manager say to each other.

pub mod mesh;
pub mod messages;
