//! What the transports of one Asterisk and its handle share.

use super::ami::sessions::Sessions;
use super::counts::{Counts, Outcome};
use super::misbehaviour::Misbehaviour;
use super::options::AsteriskOptions;
use super::pbx::{Change, Pbx};
use super::zmq::Publishing;
use crate::states::{DeviceState, Presence};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// One Asterisk, for whoever works on it.
pub(super) struct Shared {
    pub options: AsteriskOptions,
    pub misbehaviour: watch::Sender<Misbehaviour>,
    core: Mutex<Core>,
}

/// What is behind the lock, which is never held across an await.
pub(super) struct Core {
    pub pbx: Pbx,
    pub ami: Sessions,
    /// Where the module is loaded.
    pub zmq: Option<Publishing>,
    /// Connections to reset before they are told anything.
    pub resets: u32,
}

impl Shared {
    /// An Asterisk that holds nothing yet.
    pub fn new(options: AsteriskOptions) -> Shared {
        let core =
            Core { pbx: Pbx::new(options.journal), ami: Sessions::new(&options), zmq: None, resets: 0 };
        Shared { options, misbehaviour: watch::channel(Misbehaviour::None).0, core: Mutex::new(core) }
    }

    /// To work on it.
    pub fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    /// Sets a variable, and tells everybody what is different then.
    pub fn setvar(&mut self, variable: &[u8], value: &[u8]) -> Outcome {
        let (outcome, change) = self.pbx.setvar(variable, value);
        tell(&mut self.ami, &mut self.zmq, change);
        outcome
    }

    /// A device is in this state from now on; says whether that is new.
    pub fn set_device(&mut self, name: &[u8], state: DeviceState) -> bool {
        tell(&mut self.ami, &mut self.zmq, self.pbx.set_device(name, state))
    }

    /// A presentity has this presence from now on; says whether that is new.
    pub fn set_presence(&mut self, name: &[u8], presence: Presence) -> bool {
        tell(&mut self.ami, &mut self.zmq, self.pbx.set_presence(name, presence))
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        Counts { events: self.ami.events(), sessions: self.ami.open(), ..self.pbx.counts }
    }
}

/// The one place from which changes go out, to every transport.
fn tell(ami: &mut Sessions, zmq: &mut Option<Publishing>, change: Option<Change<'_>>) -> bool {
    if let Some(change) = &change {
        ami.tell_change(change);
        zmq.iter_mut().for_each(|zmq| zmq.tell(change));
    }
    change.is_some()
}
