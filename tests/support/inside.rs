//! The daemon inside the test's process, where its supervision tree can be reached.

use super::daemon::{Site, eventually};
use super::http;
use actix::Addr;
use actix::dev::ToEnvelope;
use eventmanager::app::App;
use eventmanager::config;
use eventmanager::supervision::{Crash, Exit, GetTree, State, Supervisor, Tree};
use eventmanager::telemetry;
use metrics_exporter_prometheus::PrometheusHandle;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// The whole process has one collection of metrics: tests that compare them name their actors apart.
static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// What the program does once before it runs. The crashes that are asked for leave no backtraces: they are many.
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

/// A running [`App`] on a thread of its own. Dropping it stops it in order.
pub struct Inside {
    root: Addr<Supervisor>,
    pub http: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Exit>>,
}

impl Inside {
    /// Starts the daemon that `site` configures.
    pub fn start(site: &Site) -> Inside {
        let config = config::load(&site.config()).expect("a configuration").config;
        let metrics = METRICS.get_or_init(prepare).clone();
        let (tell, told) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let app = App::start(&config, metrics).expect("the daemon starts");
                tell.send((app.root.clone(), app.http)).expect("the test waits");
                let mut ended = Box::pin(stopped);
                let root = app.root.clone();
                let mut tree = Box::pin(app.ended());
                tokio::select! {
                    exit = &mut tree => exit,
                    _ = &mut ended => {
                        root.do_send(eventmanager::supervision::Shutdown);
                        tree.await
                    }
                }
            })
        });
        let (root, http) = told.recv().expect("the daemon starts");
        Inside { root, http, stop: Some(stop), thread: Some(thread) }
    }

    /// The supervision tree.
    pub fn tree(&self) -> Tree {
        self.ask(GetTree).expect("the supervisor answers")
    }

    /// The paths of all workers, and of all supervisors but the root.
    pub fn paths(&self) -> (Vec<String>, Vec<String>) {
        let (mut workers, mut supervisors) = (Vec::new(), Vec::new());
        fn walk(tree: &Tree, prefix: &str, workers: &mut Vec<String>, supervisors: &mut Vec<String>) {
            for child in &tree.children {
                let path = format!("{prefix}{}", child.name);
                match child.kind {
                    eventmanager::supervision::Kind::Worker => workers.push(path),
                    eventmanager::supervision::Kind::Supervisor => {
                        walk(child, &format!("{path}/"), workers, supervisors);
                        supervisors.push(path);
                    }
                }
            }
        }
        walk(&self.tree(), "", &mut workers, &mut supervisors);
        (workers, supervisors)
    }

    /// What the tree says of the actor at `path`.
    #[track_caller]
    pub fn actor(&self, path: &str) -> Option<Tree> {
        path.split('/')
            .try_fold(self.tree(), |tree, name| tree.children.into_iter().find(|child| child.name == name))
    }

    /// Makes the actor at `path` panic, and waits until it runs again.
    #[track_caller]
    pub fn crash(&self, path: &str) {
        let before = self.actor(path).unwrap_or_else(|| panic!("there is no {path}")).restarts;
        self.ask(Crash { path: path.to_owned() })
            .expect("the supervisor answers")
            .expect("the actor is there");
        let after = eventually(&format!("{path} runs again"), || {
            self.actor(path).filter(|actor| actor.restarts > before && actor.state == State::Running)
        });
        let exit = after.last_exit.expect("an exit");
        assert!(exit.reason.contains("crash was asked for"), "{path}: {exit:?}");
    }

    /// `GET path`.
    #[track_caller]
    pub fn get(&self, path: &str) -> http::Answer {
        http::get(self.http, path, "")
    }

    fn ask<M>(&self, message: M) -> Option<M::Result>
    where
        M: actix::Message + Send + 'static,
        M::Result: Send,
        Supervisor: actix::Handler<M>,
        <Supervisor as actix::Actor>::Context: ToEnvelope<Supervisor, M>,
    {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(self.root.send(message)).ok()
    }

    /// Stops it in order; says how it ended.
    pub fn stop(mut self) -> Exit {
        self.end().expect("it was running")
    }

    fn end(&mut self) -> Option<Exit> {
        // An error says that it has ended already.
        let _ = self.stop.take()?.send(());
        self.thread.take()?.join().ok()
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.end();
    }
}
