//! What Kamailio's EVAPI carries: text that somebody's script has put together, most of it JSON.
//!
//! ```text
//! ← 98:{"event":"AUTH_REQUEST","method":"MESSAGE","tr_index":"491","tr_label":"1820328478","from":"anna"},
//! → 89:{"cmd":"reply","tr_index":"491","tr_label":"1820328478","code":"202","reason":"Accepted"},
//! ```
//!
//! No handshake, no acknowledgement, no answer to what is wrong. Scripts write variables between quotes as they are, so a
//! payload may be no JSON, have a key twice, or `<null>` for a variable that is not set. [`netstring`](super::netstring)
//! cuts frames; with `netstring_format=0` [`bare`] finds where one object ends; [`event`] reads it, most of them by way of [`flat`].

pub mod bare;
pub mod event;
pub mod flat;

pub use bare::{BareDecoder, BareError};
pub use event::{Event, NotAnEvent};

/// Bytes of a command to Kamailio, at most: of what does not fit one read of it, its parser loses frames without a word.
pub const LARGEST_COMMAND: usize = 8_000;
