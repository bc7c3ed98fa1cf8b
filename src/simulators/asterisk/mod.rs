//! An Asterisk: devices and presentities with their states, and the manager interface (AMI) through which they are told and set.
//!
//! ```no_run
//! use eventmanager::simulators::asterisk::{AsteriskOptions, AsteriskSimulator, Ending};
//! use eventmanager::states::DeviceState;
//!
//! let asterisk = AsteriskSimulator::start(AsteriskOptions::default())?;
//! asterisk.set_device("SIP/100", DeviceState::InUse);     // tells whoever is logged in
//! asterisk.restart(Ending::Shutdown)?;                    // and forgets what Asterisk forgets
//! assert_eq!(asterisk.device("Custom:SIP/200"), None);
//! # std::io::Result::Ok(())
//! ```
//!
//! `pbx` holds the states and knows nothing of who asks for them; `core` is what transports and handle share, and the one place from
//! which a change is told; `ami` and `zmq` are transports. What is assumed about a real one beyond what was observed is said in each of them.

mod ami;
mod core;
mod counts;
mod handle;
mod misbehaviour;
mod options;
mod pbx;
mod server;
mod thread;
mod zmq;

pub use ami::Classes;
pub use counts::{Counts, Outcome, Setvar};
pub use handle::AsteriskHandle;
pub use misbehaviour::{Lie, Misbehaviour};
pub use options::{AsteriskOptions, FullyBooted};
pub use server::Ending;
pub use thread::AsteriskThread;
pub use zmq::{ZmqModule, ZmqOptions};

use self::core::Shared;
use super::port::ReservedPort;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use tokio::sync::mpsc::unbounded_channel;

/// Starts simulated Asterisks.
pub struct AsteriskSimulator;

impl AsteriskSimulator {
    /// Starts one on a thread of its own; it listens when this returns.
    pub fn start(options: AsteriskOptions) -> io::Result<AsteriskHandle> {
        AsteriskSimulator::start_on(&AsteriskThread::start()?, options)
    }

    /// Starts one on a thread that it shares with others; it listens when this returns.
    pub fn start_on(thread: &AsteriskThread, options: AsteriskOptions) -> io::Result<AsteriskHandle> {
        let port = ReservedPort::new(options.addr)?;
        let listener = TcpListener::bind(port.addr())?;
        listener.set_nonblocking(true)?;
        let (commands, receiver) = unbounded_channel();
        let shared = Arc::new(Shared::new(options));
        thread.run(server::run(listener, port.addr(), shared.clone(), receiver));
        Ok(AsteriskHandle { port, shared, commands, _thread: thread.clone() })
    }
}
