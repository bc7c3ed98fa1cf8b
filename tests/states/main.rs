//! Device states and presence are the same everywhere: daemons between simulated Asterisks, over real sockets,
//! whether these are reached over AMI or through their ZeroMQ module.

mod convergence;
mod fleet;
mod losses;
mod modules;
#[path = "../support/mod.rs"]
mod support;
