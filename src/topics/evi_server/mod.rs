//! Our own EVI: programs that are written as subscribers of OpenSIPS get what is handed on.
//!
//! ```text
//! a program → :event_subscribe:\nE_CALL_START\nudp:127.0.0.1:9011\n60\n          UDP 8888, or a socket of the file system
//!           ← 200 OK\n\n
//! a program ← {"jsonrpc":"2.0","method":"E_CALL_START","params":{"from":"anna"}}   UDP 9011
//! ```
//!
//! Subscriptions are stored before they are answered, and so is the place in the topic log: what was handed on while we were away is
//! sent when we are back. [`server`] is what the actor runs; [`doors`] reads commands from the sockets of [`listeners`], [`dialogue`]
//! has their languages, [`answering`] carries them out with [`changing`] and [`raising`], whose refusals are [`failures`]. [`registry`]
//! and [`known`] are tables of who has subscribed and to what one can, [`naming`] and [`parameters`] say how an event looks: all four
//! purely. [`own`] knows where none may be sent. [`handing_out`] puts events into the [`lanes`], one for each [`target`], of bounded [`load`], which [`sending`],
//! [`unix`] and [`stream`] empty.

mod actor;
mod answering;
mod changing;
mod dialogue;
mod doors;
mod failures;
mod handing_out;
mod known;
mod lane;
mod lanes;
mod listeners;
mod load;
mod naming;
mod own;
mod parameters;
mod raising;
mod registry;
mod sending;
mod server;
mod stream;
pub mod target;
#[cfg(test)]
mod trial;
mod unix;

pub use actor::{Ask, EviServer};
pub use answering::{Answered, Detail};
pub use dialogue::Question;
pub use listeners::{Bound, bind};
