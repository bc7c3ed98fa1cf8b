//! Device states and presence of all Asterisks, the same everywhere.

pub mod messages;
