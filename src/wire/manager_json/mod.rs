//! The JSON of Asterisk's ZeroMQ manager module, and of the agents that stand beside Asterisks.
//!
//! ```text
//! ← {"Event":"DeviceStateChange","Privilege":"call,all","Device":"SIP/100","State":"INUSE"}
//! → {"Action":"Setvar","ActionID":"2","Variable":"DEVICE_STATE(Custom:SIP/100)","Value":"INUSE"}
//! ← [{"Response":"Success","ActionID":"2","Message":"Variable Set"}]
//! ```
//!
//! These are messages of one frame; all values are texts, and stand in the order of the headers that they were in AMI. Agents and their
//! server write two frames, the first of which is a topic:
//!
//! ```text
//! [*]    {"msg_type":"AsteriskEvent","uuid":"7","origin":"S0","x_data":{"Event":"DeviceStateChange","Device":"SIP/100","State":"INUSE"}}
//! [S1]   {"msg_type":"AgentPing","uuid":"8","origin":"S1"}
//! ```
//!
//! Frames are cut by [`zmtp`](super::zmtp). Whatever is no such JSON is one [`JsonError`].

pub mod action;
pub mod agent;
pub mod distances;
mod error;
mod event;
pub mod headers;
mod reply;

pub use action::{Action, ActionError};
pub use agent::{AgentMessage, Kind};
pub use distances::Distances;
pub use error::JsonError;
pub use event::Event;
pub use headers::Headers;
pub use reply::Reply;

/// Bytes of a frame, at most: the list of all devices is one reply.
const LARGEST: usize = 4 << 20;
