//! The server as a supervised actor, with events that a test makes.

use crate::support::daemon::eventually;
use actix::Addr;
use eventmanager::config::{EvapiServer as Config, Setting};
use eventmanager::supervision::{
    Backoff, Crash, Exit, GetTree, Intensity, Shutdown, Spec, State, Strategy, Supervisor, root,
};
use eventmanager::topics::evapi_server::{EvapiServer, Feed, bind};
use eventmanager::topics::{Logged, TopicEvent};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use tokio::sync::{Mutex, mpsc, oneshot};
use uuid::Uuid;

type Rows = mpsc::UnboundedReceiver<Vec<Logged>>;

/// What a test has logged; a restarted server goes on with it.
#[derive(Clone)]
struct Log(Arc<Mutex<Rows>>);

impl Feed for Log {
    async fn next(&mut self) -> Vec<Logged> {
        match self.0.lock().await.recv().await {
            Some(rows) => rows,
            None => std::future::pending().await,
        }
    }
}

/// A running server on a thread of its own. Dropping it stops it in order.
pub struct Served {
    pub address: SocketAddr,
    pub config: Setting<Config>,
    log: mpsc::UnboundedSender<Vec<Logged>>,
    sequence: AtomicI64,
    root: Addr<Supervisor>,
    thread: Option<JoinHandle<Exit>>,
}

impl Served {
    /// Of loopback with the defaults, changed by `change`.
    pub fn start(change: impl FnOnce(&mut Config)) -> Served {
        let bound = Arc::new(bind("127.0.0.1:0".parse().expect("an address")).expect("a free port"));
        let address = bound.address().expect("an address");
        let mut config = Config::new(address);
        change(&mut config);
        let setting = Setting::new(config);
        let live = setting.live();
        let (log, rows) = mpsc::unbounded_channel();
        let rows = Log(Arc::new(Mutex::new(rows)));
        let (tell, told) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let make = move || {
                    let rows = rows.clone();
                    EvapiServer::new(Arc::clone(&bound), live.clone(), move || rows.clone())
                };
                let (spec, _) = Spec::new("evapi_server", 16, None, make);
                let intensity = Intensity { max: 10, within: Duration::from_secs(60) };
                let backoff = Backoff { first: Duration::from_millis(1), max: Duration::from_millis(2) };
                let tree = root(Supervisor::new("root", Strategy::OneForOne, intensity, backoff, vec![spec]));
                tell.send(tree.addr.clone()).expect("the test waits");
                tree.exit.await.expect("an exit")
            })
        });
        let root = told.blocking_recv().expect("it starts");
        Served { address, config: setting, log, sequence: AtomicI64::new(1), root, thread: Some(thread) }
    }

    /// Logs an event under topics with blanks between them; its payload is this.
    pub fn log(&self, topics: &str, payload: &str) {
        self.log.send(self.rows(topics, payload)).expect("it runs");
    }

    /// Logs many at once.
    pub fn log_all(&self, topics: &str, payloads: impl IntoIterator<Item = String>) {
        let rows = payloads.into_iter().flat_map(|payload| self.rows(topics, &payload)).collect();
        self.log.send(rows).expect("it runs");
    }

    /// An event with this name.
    pub fn event(&self, topics: &str, name: &str) {
        self.log(topics, &format!(r#"{{"event":"{name}"}}"#));
    }

    /// The rows of an event, which are logged one after the other.
    pub fn rows(&self, topics: &str, payload: &str) -> Vec<Logged> {
        let uuid = Uuid::now_v7();
        let row = |topic: &str| Logged {
            sequence: self.sequence.fetch_add(1, Ordering::Relaxed),
            event: TopicEvent {
                uuid,
                topic: topic.to_owned(),
                source: "k1".into(),
                name: "x".into(),
                at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_366_400),
                payload: payload.into(),
                form: eventmanager::event::Form::Fields,
            },
        };
        topics.split(' ').map(row).collect()
    }

    /// Logs these rows as they are.
    pub fn log_rows(&self, rows: Vec<Logged>) {
        self.log.send(rows).expect("it runs");
    }

    /// Makes the actor panic, and waits until it runs again.
    pub fn crash(&self) {
        let crash = Crash { path: "evapi_server".to_owned() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(self.root.send(crash)).expect("it answers").expect("it is there");
        eventually("it runs again", || {
            let tree = runtime.block_on(self.root.send(GetTree)).expect("it answers");
            tree.children.iter().any(|it| it.restarts == 1 && it.state == State::Running).then_some(())
        });
    }

    /// Has it stop.
    pub fn shut_down(&self) {
        self.root.do_send(Shutdown);
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shut_down();
        if let Some(thread) = self.thread.take()
            && !std::thread::panicking()
        {
            assert_eq!(thread.join().expect("it ends"), Exit::Normal);
        }
    }
}
