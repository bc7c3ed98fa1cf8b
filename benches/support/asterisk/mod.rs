//! The parts of the bench of states.

pub mod away;
mod bare;
pub mod latency;
mod python;
pub mod rate;
mod rounds;
pub mod zmq;
