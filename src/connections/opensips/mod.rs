//! The subscriptions at one OpenSIPS, and the events that come of them.
//!
//! ```text
//! we subscribe, at its Management Interface          → {"jsonrpc":"2.0","method":"event_subscribe","id":1,"params":
//!                                                        {"event":"E_PIKE_BLOCKED","socket":"udp:192.0.2.1:9001","expire":1800}}
//!                                                    ← {"jsonrpc":"2.0","result":"OK","id":1}
//! it sends events to that socket                     ← {"jsonrpc":"2.0","method":"E_PIKE_BLOCKED","params":{"ip":"203.0.113.7"}}
//! ```
//!
//! Nothing of a subscription survives a restart of OpenSIPS, which tells nobody: we look whether it is there. There is no
//! acknowledgement and no replay. [`mi`] asks, [`subscriptions`] decides what is asked next, [`session`] does both; [`receiver`] takes
//! what is sent, through the bounded [`queue`]; [`routing`] has stored and handed on what a route wants.

mod connection;
mod mi;
mod queue;
mod receiver;
mod routing;
mod session;
mod subscriptions;

pub use connection::OpensipsConnection;
