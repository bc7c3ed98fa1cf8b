//! The handle of a running Asterisk: what it holds, and what it is made to do.

use super::ami::Classes;
use super::core::Shared;
use super::counts::{Counts, Setvar};
use super::misbehaviour::Misbehaviour;
use super::server::{Command, Ending};
use super::thread::AsteriskThread;
use super::zmq::{ZmqModule, ZmqOptions};
use crate::simulators::port::ReservedPort;
use crate::states::{DeviceState, Presence};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use tokio::sync::mpsc::UnboundedSender;

/// Devices set while nobody else gets at the states.
const AT_ONCE: usize = 500;

/// A running Asterisk. Dropping it ends it.
pub struct AsteriskHandle {
    pub(super) port: ReservedPort,
    pub(super) shared: Arc<Shared>,
    pub(super) commands: UnboundedSender<Command>,
    /// Behind all that runs on it.
    pub(super) _thread: AsteriskThread,
}

impl AsteriskHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.port.addr()
    }

    /// A device of its own (`SIP/100`), or one that its dialplan sets (`Custom:lamp`), is in this state from now on; says whether that is
    /// new, and so was told. One whose connections have ended takes it, and tells nobody.
    pub fn set_device(&self, name: impl AsRef<[u8]>, state: DeviceState) -> bool {
        self.shared.core().set_device(name.as_ref(), state)
    }

    /// The same for many, in their order; says how many of them were new.
    pub fn set_devices<N: AsRef<[u8]>>(&self, devices: impl IntoIterator<Item = (N, DeviceState)>) -> usize {
        let mut devices = devices.into_iter().peekable();
        let mut new = 0;
        while devices.peek().is_some() {
            let mut core = self.shared.core();
            let some = devices.by_ref().take(AT_ONCE);
            new += some.filter(|(name, state)| core.set_device(name.as_ref(), *state)).count();
        }
        new
    }

    /// Its dialplan sets the presence of `CustomPresence:…`; says whether it is new, and so was told.
    pub fn set_presence(&self, name: impl AsRef<[u8]>, presence: Presence) -> bool {
        self.shared.core().set_presence(name.as_ref(), presence)
    }

    /// The state of a device; `None` where it is not known, which Asterisk calls INVALID.
    pub fn device(&self, name: impl AsRef<[u8]>) -> Option<DeviceState> {
        self.shared.core().pbx.device(name.as_ref())
    }

    /// All devices, its own and those of `Custom:`. Names that are no text have U+FFFD in them.
    pub fn devices(&self) -> BTreeMap<String, DeviceState> {
        let devices = self.shared.core().pbx.devices();
        devices.into_iter().map(|(name, state)| (text(&name), state)).collect()
    }

    /// All presentities. Names that are no text have U+FFFD in them.
    pub fn presences(&self) -> BTreeMap<String, Presence> {
        let presences = self.shared.core().pbx.presences();
        presences.into_iter().map(|(name, presence)| (text(&name), presence)).collect()
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.shared.core().counts()
    }

    /// Sessions that are logged in now.
    pub fn logged_in(&self) -> u64 {
        self.shared.core().ami.logged_in()
    }

    /// How often a device of `Custom:` was asked to be set, by Setvar.
    pub fn setvars_of(&self, name: impl AsRef<[u8]>) -> u64 {
        self.shared.core().pbx.setvars_of(name.as_ref())
    }

    /// The last variables that were set or refused, oldest first; see [`AsteriskOptions::journal`](super::AsteriskOptions::journal).
    pub fn journal(&self) -> Vec<Setvar> {
        self.shared.core().pbx.journal.lines()
    }

    /// Misbehaves so from now on, until it is told otherwise.
    pub fn misbehave(&self, misbehaviour: Misbehaviour) {
        self.shared.misbehaviour.send_replace(misbehaviour);
    }

    /// Resets the next `count` connections before they are told anything.
    pub fn reset_next(&self, count: u32) {
        self.shared.core().resets = count;
    }

    /// Tells so many events of a name that nobody knows.
    pub fn flood(&self, count: u64) {
        self.shared.core().ami.tell_unknown(count);
    }

    /// Tells these bytes, whatever they are, to every session that wants events of `class` and whose filters let them through.
    pub fn tell_bytes(&self, class: Classes, bytes: &[u8]) {
        self.shared.core().ami.tell(class, |out, _| out.extend_from_slice(bytes));
    }

    /// It is fully booted from now on, and says so.
    pub fn fully_boot(&self) {
        self.shared.core().ami.boot();
    }

    /// Loads the ZeroMQ manager module.
    pub fn load_zmq(&self, options: ZmqOptions) -> io::Result<ZmqModule> {
        ZmqModule::load(Arc::clone(&self.shared), options)
    }

    /// Ends every connection; it goes on listening and forgets nothing.
    pub fn end_sessions(&self, ending: Ending) -> io::Result<()> {
        self.command(|done| Command::Drop(ending, done))
    }

    /// Ends every connection and refuses new ones, on the same port.
    pub fn stop(&self, ending: Ending) -> io::Result<()> {
        self.command(|done| Command::Stop(ending, done))
    }

    /// Listens again on the same port, having forgotten what Asterisk forgets: what was set of `Custom:` under names with `/`. One that
    /// listens already goes on.
    pub fn start(&self) -> io::Result<()> {
        self.command(Command::Start)
    }

    /// Stops and starts.
    pub fn restart(&self, ending: Ending) -> io::Result<()> {
        self.stop(ending)?;
        self.start()
    }

    fn command(&self, command: impl FnOnce(mpsc::Sender<io::Result<()>>) -> Command) -> io::Result<()> {
        let gone = || io::Error::other("the simulator has ended");
        let (done, finished) = mpsc::channel();
        self.commands.send(command(done)).map_err(|_| gone())?;
        finished.recv().map_err(|_| gone())?
    }
}

impl Drop for AsteriskHandle {
    fn drop(&mut self) {
        // Others may go on running on its thread. An error says that it has ended already.
        let _ = self.stop(Ending::Reset);
    }
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
