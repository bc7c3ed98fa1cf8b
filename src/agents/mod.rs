//! The server of agents: what one of them sends goes to all others that want it, unchanged.
//!
//! ```text
//! an agent connects to both sockets                  PUSH to tcp/55556, SUB at tcp/55555
//! → SUB: "[*]", "[S1]"                               the topics that it wants, as prefixes
//! → PUSH: [*] {"msg_type":"AsteriskEvent",…}         two frames: a topic, and an object
//! ← PUB: [*] {"msg_type":"AsteriskEvent",…}          to everybody who wants the topic, its sender too
//! ```
//!
//! There is no acknowledgement and no login, as with the server of the Asterisk broker, whose agents are served too. Better than there, who
//! subscribes is told at once the last state of each device, and who could not take what came is told it when it can again: a state is
//! never lost for good. [`server`] forwards; [`retained`] is what it remembers, and [`replay`] how that is told.

mod actor;
mod replay;
mod retained;
mod server;

pub use actor::{AgentServer, Bound, bind};
