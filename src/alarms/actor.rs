//! The actor: looks each second how connections and hosts are, and has raised and cleared what that means.

use super::conditions::{Changes, changes, of_host, of_link};
use crate::config::Live;
use crate::connections::Links;
use crate::managers::hosts::Hosts;
use crate::store::{Alarm, AlarmChange, Store};
use crate::supervision::{Backoff, Shutdown};
use actix::prelude::*;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, sleep};

/// How often it is looked.
const TICK: Duration = Duration::from_secs(1);
/// By then connections stand and hosts have been tried, or somebody waits for them.
const SETTLED: Duration = Duration::from_secs(60);
/// Distance of the attempts to read and write while the database is away.
const RETRY: Backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(5) };

/// Watches until it is shut down; what is raised stays raised then.
pub struct Alarms {
    store: Store,
    links: Live<Links>,
    hosts: Hosts,
}

impl Alarms {
    /// One that knows no alarm yet.
    pub fn new(store: Store, links: Live<Links>, hosts: Hosts) -> Self {
        Alarms { store, links, hosts }
    }
}

impl Actor for Alarms {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let (store, links, hosts) = (self.store.clone(), self.links.clone(), self.hosts.clone());
        ctx.spawn(async move { watch(&store, &links, &hosts).await }.into_actor(self));
    }
}

/// For ever; what another daemon has written meanwhile is read anew.
async fn watch(store: &Store, links: &Live<Links>, hosts: &Hosts) {
    let settled = Instant::now() + SETTLED;
    loop {
        let tenure = store.tenure();
        let mut raised = raised(store).await;
        let looking = async {
            loop {
                let (now, is_settled) = (SystemTime::now(), Instant::now() >= settled);
                let links = links.get();
                let mut watched: Vec<_> = links.iter().map(|link| of_link(&link.borrow(), now)).collect();
                watched.extend(hosts.read().iter().map(of_host));
                let changes = changes(&watched, &raised, now, is_settled);
                if !changes.alarms.is_empty() && write(store, &changes).await {
                    take(&mut raised, changes.alarms);
                }
                sleep(TICK).await;
            }
        };
        tokio::select! {
            () = looking => {}
            () = store.superseded(tenure) => {}
        }
    }
}

async fn raised(store: &Store) -> Vec<Alarm> {
    let mut failures = 0;
    loop {
        store.wait_until_events_up().await;
        match store.alarms().await {
            Ok(raised) => return raised,
            Err(error) => tracing::warn!(%error, "alarms cannot be read: trying again"),
        }
        sleep(RETRY.delay(failures)).await;
        failures += 1;
    }
}

/// Whether it is stored; however long the database is away.
async fn write(store: &Store, Changes { alarms, handed_on }: &Changes) -> bool {
    for change in alarms {
        let (kind, object) = change.key();
        match change {
            AlarmChange::Raise(_) => tracing::warn!(kind, object, "alarm raised"),
            AlarmChange::Clear { .. } => tracing::info!(kind, object, "alarm cleared"),
        }
    }
    match store.change_alarms(alarms.clone(), handed_on.clone()).await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "alarms cannot be stored: trying again");
            false
        }
    }
}

fn take(raised: &mut Vec<Alarm>, changes: Vec<AlarmChange>) {
    for change in changes {
        match change {
            AlarmChange::Raise(alarm) => raised.push(alarm),
            AlarmChange::Clear { kind, object } => {
                raised.retain(|alarm| alarm.kind != kind || alarm.object != object);
            }
        }
    }
}

impl Supervised for Alarms {}

impl Handler<Shutdown> for Alarms {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
