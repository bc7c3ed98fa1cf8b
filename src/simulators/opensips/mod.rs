//! An OpenSIPS: its management interface (MI), in text or JSON, over datagrams, a FIFO and HTTP; who has subscribed to its events; and the
//! events, as datagrams and over TCP.
//!
//! ```no_run
//! use eventmanager::simulators::opensips::{OpensipsOptions, OpensipsSimulator, named};
//!
//! let opensips = OpensipsSimulator::start(OpensipsOptions::default())?;
//! let udp = opensips.udp();                                                  // where event_subscribe is asked for
//! let told = opensips.raise("E_UL_AOR_INSERT", named([("domain", "location"), ("aor", "anna")]));
//! assert_eq!(told.sent, 0);                                                  // nobody has subscribed
//! opensips.restart()?;                                                       // and nobody has after that
//! # std::io::Result::Ok(())
//! ```
//!
//! `subscriptions` holds who has subscribed, with a clock that may be put forward; `core` is what all share; `mi` answers requests, and
//! `delivery` brings events. What is assumed about a real one beyond what was observed is said in each of them.

mod clock;
mod core;
mod counts;
mod delivery;
mod destination;
mod flood;
mod handle;
mod mi;
mod misbehaviour;
mod options;
mod server;
mod subscriptions;
pub mod traffic;
mod udp_port;
mod version;

pub use counts::{Asked, Counts};
pub use delivery::Told;
pub use flood::Flood;
pub use handle::{OpensipsHandle, named, positional};
pub use misbehaviour::Misbehaviour;
pub use options::{EVENTS, OpensipsOptions};
pub use subscriptions::Alive;
pub use version::{Language, NoVersion, Payload, Version};

use self::core::Shared;
use self::server::Places;
use self::udp_port::ReservedUdpPort;
use super::port::ReservedPort;
use std::io;
use std::sync::{Arc, mpsc};
use tokio::sync::mpsc::unbounded_channel;

/// Starts simulated OpenSIPSes.
pub struct OpensipsSimulator;

impl OpensipsSimulator {
    /// Starts one on a thread of its own; it listens when this returns. One before 3.0 has no HTTP, whatever the options say.
    pub fn start(options: OpensipsOptions) -> io::Result<OpensipsHandle> {
        let http = options.http.filter(|_| options.version.language() == Language::Json);
        let places = Arc::new(Places {
            udp: options.udp.map(ReservedUdpPort::new).transpose()?,
            unix: options.unix.clone(),
            fifo: options.fifo.clone(),
            http: http.map(ReservedPort::new).transpose()?,
        });
        let shared = Arc::new(Shared::new(options)?);
        let (commands, receiver) = unbounded_channel();
        let (started, ready) = mpsc::channel();
        let server = server::run(shared.clone(), places.clone(), started, receiver);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let name = "simulated-opensips".to_owned();
        let thread = std::thread::Builder::new().name(name).spawn(move || runtime.block_on(server))?;
        let handle = OpensipsHandle { places, shared, commands, thread: Some(thread) };
        ready.recv().map_err(|_| io::Error::other("the simulator's thread ended at its start"))??;
        Ok(handle)
    }
}
