//! The parts of the bench of the whole daemon.

mod allocator;
pub mod arrival;
pub mod bare;
pub mod large;
pub mod load;
pub mod pages;
pub mod peers;
pub mod plain;
pub mod processor;
pub mod row;
pub mod site;
pub mod stages;
