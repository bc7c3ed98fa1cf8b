//! The parts of the bench of the whole daemon.

pub mod arrival;
pub mod bare;
pub mod load;
pub mod memory;
pub mod pages;
pub mod peers;
pub mod site;
pub mod stages;
