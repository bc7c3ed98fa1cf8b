//! The daemon inside the test's process, where its hubs can be asked without HTTP.

use crate::peer::{management, peer};
use crate::receiver::Receiver;
use crate::support::daemon::{Site, eventually};
use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, Message};
use eventmanager::app::App;
use eventmanager::config::{self, EventManagement};
use eventmanager::event::{Form, TopicEvent};
use eventmanager::store::{Hub, HubState, Store};
use eventmanager::supervision::{Crash, Exit, Shutdown, Supervisor};
use eventmanager::telemetry;
use eventmanager::topics::hubs::Hubs;
use eventmanager::topics::hubs::messages::{
    Halt, HubError, HubStatus, Register, Remove, Replay, Resume, Show,
};
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::SystemTime;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use uuid::Uuid;

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

fn prepare() -> PrometheusHandle {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload_as_str() != Some("crash was asked for") {
            usual(panic);
        }
    }));
    telemetry::start_metrics().expect("metrics")
}

/// See the module.
pub struct Daemon {
    pub store: Store,
    hubs: Addr<Hubs>,
    root: Addr<Supervisor>,
    runtime: Runtime,
    thread: Option<JoinHandle<Exit>>,
    _stop: oneshot::Sender<()>,
}

/// A directory for its database.
pub fn site() -> Site {
    Site::new("")
}

impl Daemon {
    /// One in this directory, with this Event Management.
    pub fn start(site: &Site, management: EventManagement) -> Daemon {
        let mut config = config::load(&site.config()).expect("a configuration").config;
        config.event_management = Some(management);
        let metrics = METRICS.get_or_init(prepare).clone();
        let (tell, told) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let app = App::start(&config, metrics).expect("the daemon starts");
                let hubs = app.hubs.clone().expect("hubs");
                tell.send((app.root.clone(), app.store.clone(), hubs)).expect("the test waits");
                let root = app.root.clone();
                let mut tree = Box::pin(app.ended());
                tokio::select! {
                    exit = &mut tree => exit,
                    _ = stopped => {
                        root.do_send(Shutdown);
                        tree.await
                    }
                }
            })
        });
        let (root, store, hubs) = told.recv().expect("the daemon starts");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let daemon = Daemon { store, hubs, root, runtime, thread: Some(thread), _stop: stop };
        eventually("it has read its hubs", || {
            let unknown = Remove { id: Uuid::nil(), owner: None, actor: String::new() };
            (daemon.ask(unknown) == Err(HubError::NoSuchHub)).then_some(())
        });
        daemon
    }

    /// One that delivers to these receivers without more ado.
    pub fn of(site: &Site, receivers: &[&Receiver]) -> Daemon {
        Daemon::start(site, management(receivers.iter().map(|it| peer(it.address)).collect()))
    }

    /// What the manager of hubs answers.
    pub fn ask<M>(&self, message: M) -> M::Result
    where
        M: Message + Send + 'static,
        M::Result: Send,
        Hubs: Handler<M>,
        <Hubs as Actor>::Context: ToEnvelope<Hubs, M>,
    {
        self.block(self.hubs.send(message)).expect("the manager answers")
    }

    pub fn block<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Registers, as nobody in particular.
    pub fn try_register(
        &self,
        topic: &str,
        callback: &str,
        query: Option<&str>,
    ) -> Result<(Hub, bool), HubError> {
        let (topic, callback) = (topic.to_owned(), callback.to_owned());
        self.ask(Register { topic, callback, query: query.map(str::to_owned), owner: String::new() })
    }

    /// The same, which succeeds.
    #[track_caller]
    pub fn register(&self, topic: &str, callback: &str, query: Option<&str>) -> Uuid {
        self.try_register(topic, callback, query).expect("registered").0.id
    }

    #[track_caller]
    pub fn remove(&self, id: Uuid) {
        self.ask(Remove { id, owner: None, actor: "anna".to_owned() }).expect("removed");
    }

    #[track_caller]
    pub fn status(&self, hub: Uuid) -> HubStatus {
        self.ask(Show(hub)).expect("a hub")
    }

    pub fn halt(&self, id: Uuid) -> Result<String, HubError> {
        let halted =
            self.ask(Halt { id, actor: "anna".to_owned(), reason: Some("it breaks them".to_owned()) });
        halted.map(|(_, reason)| reason)
    }

    pub fn resume(&self, id: Uuid, skip: bool) -> Result<bool, HubError> {
        self.ask(Resume { id, actor: "anna".to_owned(), skip, reason: Some("mended".to_owned()) })
    }

    pub fn replay(&self, id: Uuid, since: SystemTime, until: SystemTime) -> Result<u64, HubError> {
        let replaying = self.ask(Replay { id, since, until, actor: "anna".to_owned() })?;
        let halted = matches!(self.status(id).hub.state, HubState::Halted { .. });
        assert_eq!(replaying.is_halted, halted);
        Ok(replaying.events)
    }

    /// Waits until it is halted; the reason.
    #[track_caller]
    pub fn wait_halted(&self, hub: Uuid) -> String {
        eventually("the hub is halted", || match self.status(hub).hub.state {
            HubState::Halted { reason, .. } => Some(reason),
            HubState::Active => None,
        })
    }

    /// Hands events of this topic on, each with its number.
    pub fn hand_on(&self, topic: &str, numbers: impl IntoIterator<Item = i64>) -> Vec<TopicEvent> {
        let events: Vec<TopicEvent> = numbers.into_iter().map(|n| event(topic, n)).collect();
        self.hand_on_all(events.clone());
        events
    }

    pub fn hand_on_all(&self, events: Vec<TopicEvent>) {
        let refused = self.block(self.store.hand_on(events)).expect("stored");
        assert!(refused.iter().all(Option::is_none), "{refused:?}");
    }

    /// Has the actor at this path panic.
    pub fn crash(&self, path: &str) {
        let crash = self.root.send(Crash { path: path.to_owned() });
        self.block(crash).expect("the tree answers").expect("the actor is there");
    }

    /// Stops it in order.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.root.do_send(Shutdown);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.end();
    }
}

/// An event with this number.
pub fn event(topic: &str, n: i64) -> TopicEvent {
    TopicEvent {
        uuid: Uuid::now_v7(),
        topic: topic.to_owned(),
        source: "k1".into(),
        name: "call".into(),
        at: SystemTime::now(),
        payload: format!(r#"{{"n":{n},"kind":"{}"}}"#, if n % 2 == 0 { "even" } else { "odd" }).into(),
        form: Form::Fields,
    }
}
