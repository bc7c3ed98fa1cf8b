//! The agent of an Asterisk: what happens there is told to the agents of others through their server, and what happens at theirs is
//! mirrored here.
//!
//! ```text
//! → [*]   {"msg_type":"AsteriskEvent","uuid":"…","origin":"S1","x_data":{"Event":"DeviceStateChange","Device":"SIP/100","State":"INUSE"}}
//! ← [*]   {"msg_type":"AsteriskEvent","uuid":"…","origin":"S0","x_data":{"Event":"DeviceStateChange","Device":"SIP/200","State":"BUSY"}}
//! ← [S1]  {"msg_type":"AsteriskAction","uuid":"7","origin":"S0","x_data":{"Action":"CoreStatus"}}
//! → [S0]  {"msg_type":"AsteriskActionStatus","uuid":"7","origin":"S1","x_data":{"Action":"CoreStatus","Response":"Success",…}}
//! ```
//!
//! [`bus`] is its connection to the server, which comes and goes apart from that to Asterisk. [`published`] is what the others are to know
//! of this one; [`origins`] is what they say; [`remote`] runs their actions.

mod bus;
mod origins;
mod published;
mod remote;

pub use bus::Bus;
pub use published::Published;
