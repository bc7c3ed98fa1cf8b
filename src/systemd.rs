//! What systemd is told (sd_notify(3)): that the daemon is ready, reloads, stops or lives, and how it is, in a line.
//!
//! Without `NOTIFY_SOCKET` in the environment nobody is told anything.

use crate::config::Live;
use crate::connections::{LinkState, Links};
use crate::managers::Board;
use crate::plan::System;
use crate::store::{DatabaseHealth, Store, StoreHealth};
use crate::supervision::{GetTree, Shutdown, State, Supervisor, Tree};
use actix::prelude::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Supervised, WrapFuture,
};
use sd_notify::NotifyState;
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often the tree is looked at until it stands.
const START_TICK: Duration = Duration::from_millis(50);
/// How often the line of status is made anew.
const TICK: Duration = Duration::from_secs(1);
/// A transaction that takes longer hangs. The limits of the databases' own drivers are shorter.
const COMMIT_LIMIT: Duration = Duration::from_secs(60);
/// Characters of the line of status, at most: it is one line in `systemctl status`.
const LONGEST: usize = 300;

/// Whether a service manager listens.
pub fn is_there() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Whether READY has been said. The first one is the herald's and ends the start; each later one ends a reload.
#[derive(Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// The daemon runs, as `line` describes. A herald that starts anew does not say READY again: that would end a reload.
    fn ready(&self, line: &str) {
        let status = NotifyState::Status(line);
        if self.0.swap(true, Ordering::Relaxed) {
            tell(&[status]);
        } else {
            tell(&[NotifyState::Ready, status]);
        }
    }

    /// A reload begins, and has ended when what this returns is dropped. Nothing is said while the daemon starts: the READY
    /// at the end would be taken for that of the start. The line of status is the herald's alone.
    pub fn reloading(&self) -> ReloadTold {
        let is_told = self.0.load(Ordering::Relaxed);
        if is_told {
            let now = NotifyState::monotonic_usec_now().unwrap_or(NotifyState::MonotonicUsec(0));
            tell(&[NotifyState::Reloading, now]);
        }
        ReloadTold { is_told }
    }
}

/// A reload that systemd knows of, and waits for: it is told of the end also where a panic is the end.
#[must_use = "dropping it ends the reload"]
pub struct ReloadTold {
    is_told: bool,
}

impl Drop for ReloadTold {
    fn drop(&mut self) {
        if self.is_told {
            tell(&[NotifyState::Ready]);
        }
    }
}

/// The daemon is ready to take over, as `line` describes: for now it stands by.
pub fn standing_by(line: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(line)]);
}

/// How often the watchdog is to be told that a daemon that stands by lives; `None` where there is none.
pub fn watchdog_period() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|interval| interval / 4)
}

/// It lives.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// The daemon stops.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// A manager that cannot be told finds out by itself; it is said to those who look for the cause.
fn tell(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd cannot be told");
    }
}

/// Feeds systemd's watchdog while the store commits.
pub struct Feeder {
    store: Store,
    interval: Duration,
    fed: Cell<Option<Instant>>,
}

impl Feeder {
    /// `None` where no watchdog is asked for (`WatchdogSec=`).
    pub fn new(store: Store) -> Option<Feeder> {
        let interval = sd_notify::watchdog_enabled()?;
        Some(Feeder { store, interval, fed: Cell::default() })
    }

    /// Threads must be looked at so often.
    pub fn period(&self) -> Duration {
        self.interval / 4
    }

    /// To be called while all threads answer.
    pub fn feed(&self) {
        let is_due = self.fed.get().is_none_or(|fed| fed.elapsed() >= self.period());
        if is_due && self.store.gets_on(COMMIT_LIMIT.min(self.interval)) {
            self.fed.set(Some(Instant::now()));
            tell(&[NotifyState::Watchdog]);
        }
    }
}

/// What the line of status is made of.
#[derive(Clone)]
pub struct Sources {
    pub http: SocketAddr,
    pub store: Store,
    pub links: Live<Links>,
    pub board: Board,
    /// What came of the last reload, where it is worth a word.
    pub reload: Live<Option<String>>,
}

/// Says that the daemon is ready once all its actors run, and from then on how it is.
pub struct Herald {
    tree: Addr<Supervisor>,
    sources: Sources,
    readiness: Readiness,
    told: String,
}

impl Herald {
    /// A herald of the tree below `tree`.
    pub fn new(tree: Addr<Supervisor>, sources: Sources, readiness: Readiness) -> Herald {
        Herald { tree, sources, readiness, told: String::new() }
    }

    /// Databases and peers that are away do not hold it back: to wait for them is what the daemon is ready for.
    fn await_start(&mut self, ctx: &mut Context<Self>) {
        let tree = self.tree.send(GetTree);
        ctx.spawn(tree.into_actor(self).map(|tree, this, ctx: &mut Context<Self>| {
            if !tree.is_ok_and(|tree| runs(&tree)) {
                ctx.run_later(START_TICK, Self::await_start);
                return;
            }
            let line = this.line();
            this.readiness.ready(&line);
            this.told = line;
            ctx.run_interval(TICK, |this, _| this.tell_line());
        }));
    }

    fn tell_line(&mut self) {
        let line = self.line();
        if line != self.told {
            tell(&[NotifyState::Status(&line)]);
            self.told = line;
        }
    }

    fn line(&self) -> String {
        let Sources { http, store, links, board, reload } = &self.sources;
        let links: Vec<LinkState> = links.get().iter().map(|link| link.borrow().clone()).collect();
        let paused = System::ALL
            .into_iter()
            .filter(|system| board.read().is_some_and(|paused| paused.get(*system).is_some()));
        let paused: Vec<String> = paused.map(|system| system.to_string()).collect();
        line(*http, &store.health().borrow(), &links, &paused, reload.get().as_deref())
    }
}

/// Whether an actor and all below it run.
fn runs(tree: &Tree) -> bool {
    tree.state == State::Running && tree.children.iter().all(runs)
}

/// How the daemon is, what is missing first.
fn line(
    http: SocketAddr,
    store: &StoreHealth,
    links: &[LinkState],
    paused: &[String],
    reload: Option<&str>,
) -> String {
    let mut parts = Vec::new();
    parts.extend(reload.map(str::to_owned));
    for (name, database) in [("events", &store.events), ("subscribers", &store.subscribers)] {
        if let DatabaseHealth::Down { reason } = database {
            parts.push(format!("database of the {name} away: {reason}"));
        }
    }
    for link in links.iter().filter(|link| !link.up) {
        parts.push(format!("{} away: {}", link.name, link.reason.as_deref().unwrap_or("not connected")));
    }
    if !paused.is_empty() {
        parts.push(format!("paused: {}", paused.join(", ")));
    }
    let up = links.iter().filter(|link| link.up).count();
    parts.push(format!("{up} of {} connections, http {http}", links.len()));
    let line: String = parts.join("; ").chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

impl Actor for Herald {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.await_start(ctx);
    }
}

impl Supervised for Herald {}

impl Handler<Shutdown> for Herald {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_status_begins_with_what_is_missing() {
        let http = "127.0.0.1:8080".parse().expect("an address");
        let up = StoreHealth { events: DatabaseHealth::Up, subscribers: DatabaseHealth::Up };
        let link = |name: &str, reason: Option<&str>| LinkState {
            name: name.to_owned(),
            address: "as:8025".to_owned(),
            up: reason.is_none(),
            since: 0,
            reason: reason.map(str::to_owned),
        };
        let links = [link("as1", None), link("as2", Some("refused\n"))];
        let away = StoreHealth { events: DatabaseHealth::Down { reason: "no route".into() }, ..up.clone() };
        let paused = ["hss".to_owned()];
        assert_eq!(line(http, &up, &links[..1], &[], None), "1 of 1 connections, http 127.0.0.1:8080");
        assert_eq!(
            line(http, &away, &links, &paused, Some("reload refused: a.toml:1: x")),
            "reload refused: a.toml:1: x; database of the events away: no route; as2 away: refused ; paused: hss; \
             1 of 2 connections, http 127.0.0.1:8080"
        );
        assert_eq!(line(http, &up, &[], &[], Some(&"æ".repeat(400))).chars().count(), LONGEST + 1);
    }
}
