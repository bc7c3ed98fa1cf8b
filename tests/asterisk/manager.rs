//! Connections to Asterisks within the test's process, with a manager that writes down what it is told.

use crate::support::daemon::eventually;
use actix::prelude::*;
use eventmanager::config::{
    Ami, Asterisk, AsteriskTransport, EndpointConfig, Live, Route, Setting, Surroundings as Around,
    parse_toml,
};
use eventmanager::connections::asterisk::StatesManager;
use eventmanager::connections::endpoints::Surroundings;
use eventmanager::connections::{Endpoints, Intake};
use eventmanager::managers::device_state::messages::{
    AsteriskPeer, Heard, Inventory, List, Listed, Lost, Outcome, Session, Tell, Told, Write,
};
use eventmanager::states::{Change, DeviceState, Value};
use eventmanager::store;
use eventmanager::supervision::{Backoff, Intensity, Shutdown, Strategy, Supervisor, root};
use eventmanager::wire::Secret;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What the manager was told.
#[derive(Debug)]
pub enum Said {
    Listed(Listed),
    Heard(Heard),
    Told(Told),
    Lost(Lost),
}

impl Said {
    pub fn session(&self) -> Session {
        match self {
            Said::Listed(it) => it.session,
            Said::Heard(it) => it.session,
            Said::Told(it) => it.session,
            Said::Lost(it) => it.session.expect("what belongs to none is not kept"),
        }
    }
}

/// Session, devices, presences.
pub type Listing = (Session, Result<Inventory, String>, Result<Inventory, String>);

/// Shared with the thread of the connection.
#[derive(Default)]
struct Shared {
    said: Mutex<Vec<Said>>,
    /// Answers nothing as long as this is so.
    is_busy: AtomicBool,
}

struct Manager(Arc<Shared>);

impl Actor for Manager {
    type Context = Context<Self>;
}

impl Manager {
    fn take(&self, said: Said) -> ResponseFuture<()> {
        // A connection that begins says that whatever was before has ended.
        if matches!(said, Said::Lost(Lost { session: None, .. })) {
            return Box::pin(async {});
        }
        self.0.said.lock().expect("said").push(said);
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            while shared.is_busy.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
    }
}

macro_rules! takes {
    ($($message:ident),*) => {
        $(impl Handler<$message> for Manager {
            type Result = ResponseFuture<()>;

            fn handle(&mut self, it: $message, _: &mut Context<Self>) -> Self::Result {
                self.take(Said::$message(it))
            }
        })*
    };
}

takes!(Listed, Heard, Told, Lost);

/// One connection, `pbx-a`. Dropping it ends it.
pub struct Mirrored {
    shared: Arc<Shared>,
    peers: Live<Vec<AsteriskPeer>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// An Asterisk as the simulator expects it.
pub fn config(address: SocketAddr) -> Asterisk {
    let ami = Ami::new(address.to_string(), "eventmanager", Secret::new("amisecret"));
    Asterisk::new("pbx-a", AsteriskTransport::Ami(ami))
}

impl Mirrored {
    pub fn start(address: SocketAddr) -> Mirrored {
        Mirrored::of(config(address))
    }

    pub fn of(asterisk: Asterisk) -> Mirrored {
        let shared = Arc::<Shared>::default();
        let (peers, stop) = (Setting::new(Vec::new()), tokio::sync::oneshot::channel());
        let (live, of_thread) = (peers.live(), Arc::clone(&shared));
        let thread = std::thread::spawn(move || {
            System::new().block_on(run(asterisk, of_thread, peers, stop.1));
        });
        Mirrored { shared, peers: live, stop: Some(stop.0), thread: Some(thread) }
    }

    /// What was said so far.
    pub fn said<T>(&self, look: impl FnOnce(&[Said]) -> T) -> T {
        look(&self.shared.said.lock().expect("said"))
    }

    /// Waits until what was said so far has this.
    #[track_caller]
    pub fn wait<T>(&self, what: &str, mut look: impl FnMut(&[Said]) -> Option<T>) -> T {
        eventually(what, || self.said(&mut look))
    }

    /// The nth listing.
    #[track_caller]
    pub fn listing(&self, nth: usize) -> Listing {
        self.wait(&format!("listing {nth}"), |said| {
            let listings =
                said.iter().filter_map(|it| if let Said::Listed(it) = it { Some(it) } else { None });
            listings.map(|it| (it.session, it.devices.clone(), it.presences.clone())).nth(nth)
        })
    }

    /// Listings so far.
    pub fn listings(&self) -> usize {
        self.said(|said| said.iter().filter(|it| matches!(it, Said::Listed(_))).count())
    }

    /// All changes that were heard, in order, also those while lists came.
    pub fn heard(&self) -> Vec<Change> {
        let changes = |said: &Said| match said {
            Said::Heard(it) => it.changes.clone(),
            Said::Listed(it) => it.since.clone(),
            _ => Vec::new(),
        };
        self.said(|said| said.iter().flat_map(changes).collect())
    }

    /// All outcomes that were told, in order.
    pub fn outcomes(&self) -> Vec<(u32, Outcome)> {
        self.said(|said| {
            let told = said.iter().filter_map(|it| if let Said::Told(it) = it { Some(it) } else { None });
            told.flat_map(|it| it.outcomes.clone()).collect()
        })
    }

    /// The manager is busy with what it is told next, or is not any more.
    pub fn set_busy(&self, is_busy: bool) {
        self.shared.is_busy.store(is_busy, Ordering::SeqCst);
    }

    /// Has these written.
    pub fn tell(&self, session: Session, writes: Vec<Write>) {
        self.peers.get()[0].tell.do_send(Tell { session, writes });
    }

    pub fn list(&self) {
        self.peers.get()[0].list.do_send(List);
    }
}

/// `Custom:` of this device in this state.
pub fn write(entry: u32, device: &str, state: DeviceState) -> Write {
    let variable = format!("DEVICE_STATE(Custom:{device})").into_bytes();
    Write { entry, variable: variable.into(), value: Value::Device(state) }
}

async fn run(
    asterisk: Asterisk,
    shared: Arc<Shared>,
    peers: Setting<Vec<AsteriskPeer>>,
    stop: tokio::sync::oneshot::Receiver<()>,
) {
    let directory = tempfile::tempdir().expect("a directory");
    let text = format!("[node]\ndata_dir = {:?}\n", directory.path());
    let loaded = parse_toml(&text, "a.toml", &Around::of_process(Path::new("."))).expect("a configuration");
    let (store, _writers) = store::open(&loaded.config.store).expect("a store");
    let routes: Live<Vec<Route>> = Live::fixed(Vec::new());
    let intake = Intake::new(store.clone(), None, Live::fixed(Vec::new()), routes.clone()).start();
    let manager = Manager(shared).start();
    let here = Arbiter::current();
    let surroundings = Surroundings {
        rules: None,
        routes,
        intake,
        store,
        thread: here.clone(),
        scripts: here.clone(),
        states: here.clone(),
        opensips: here,
        states_manager: Some(StatesManager {
            listed: manager.clone().recipient(),
            heard: manager.clone().recipient(),
            told: manager.clone().recipient(),
            lost: manager.recipient(),
        }),
        device_state: None,
    };
    let (_endpoints, specs) = Endpoints::new(&[EndpointConfig::Asterisk(asterisk)], surroundings, peers);
    let intensity = Intensity { max: 1, within: Duration::from_secs(60) };
    let backoff = Backoff { first: Duration::from_millis(1), max: Duration::from_millis(1) };
    let root = root(Supervisor::new("root", Strategy::OneForOne, intensity, backoff, specs));
    let _ = stop.await;
    root.addr.do_send(Shutdown);
    let _ = root.exit.await;
}

impl Drop for Mirrored {
    fn drop(&mut self) {
        self.set_busy(false);
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || ended.is_none_or(|ended| ended.is_ok()));
    }
}
