//! The actor: a registrar for each peer, anew where the configuration has changed.

use super::registrar;
use super::wanted::{Job, jobs};
use crate::config::{EventManagement, Live};
use crate::store::{Registration, RegistrationChange, Store};
use crate::supervision::Shutdown;
use crate::telemetry::link::{self, LinkBoard};
use actix::prelude::*;
use std::collections::BTreeMap;

/// Registers at peers until it is shut down; what is registered stays then.
pub struct Consumer {
    config: Live<EventManagement>,
    store: Store,
    links: LinkBoard,
    /// By their hosts.
    running: BTreeMap<String, Running>,
}

struct Running {
    job: Job,
    handle: SpawnHandle,
}

impl Consumer {
    /// One that looks after nobody yet.
    pub fn new(config: Live<EventManagement>, store: Store, links: LinkBoard) -> Self {
        Consumer { config, store, links, running: BTreeMap::new() }
    }

    /// Has the peers looked after that are configured now. Those that are as before do not notice.
    fn configure(&mut self, ctx: &mut Context<Self>) {
        let jobs = jobs(&self.config.get());
        let is_gone = |job: &&Job| jobs.iter().all(|other| other.peer.host != job.peer.host);
        let gone: Vec<Job> = self.running.values().map(|it| &it.job).filter(is_gone).cloned().collect();
        // With what was known of them: nobody else can end what is there.
        let gone = gone.into_iter().map(|job| Job { wanted: Vec::new(), ..job });
        gone.chain(jobs.clone()).for_each(|job| self.look_after(job, ctx));
    }

    fn look_after(&mut self, job: Job, ctx: &mut Context<Self>) {
        let host = job.peer.host.clone();
        if let Some(Running { job: before, handle }) = self.running.get(&host) {
            if *before == job {
                return;
            }
            ctx.cancel_future(*handle);
            if before.peer.name() != job.peer.name() || job.wanted.is_empty() {
                link::forget(before.peer.name());
            }
        }
        let work = registrar::run(job.clone(), self.store.clone(), self.links.clone()).into_actor(self);
        let key = host.clone();
        let handle = ctx.spawn(work.map(move |(), consumer, _| {
            consumer.running.remove(&key);
        }));
        self.running.insert(host, Running { job, handle });
    }

    fn watch(&self, live: Live<EventManagement>, ctx: &mut Context<Self>) {
        ctx.spawn(live.changed().into_actor(self).map(|live, consumer, ctx| {
            if let Some(live) = live {
                consumer.configure(ctx);
                consumer.watch(live, ctx);
            }
        }));
    }
}

impl Actor for Consumer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.running.clear();
        let hosts: Vec<String> = self.config.get().peers.iter().map(|peer| peer.host.clone()).collect();
        ctx.spawn(forget_strangers(self.store.clone(), hosts).into_actor(self));
        self.configure(ctx);
        self.watch(self.config.clone(), ctx);
    }
}

/// What an earlier run has left at hosts that are not configured any more. Nothing is sent there: the configuration says where we go.
async fn forget_strangers(store: Store, hosts: Vec<String>) {
    let stored = registrar::stored(&store).await.into_iter();
    let left: Vec<Registration> = stored.filter(|it| !hosts.contains(&it.peer)).collect();
    for Registration { peer, topic, hub, .. } in &left {
        tracing::warn!(
            peer,
            topic,
            hub,
            "we are still registered at a peer that is not configured any more: its hub has to be deleted there"
        );
    }
    let forget = |it: Registration| RegistrationChange::Forget { url: it.url, topic: it.topic };
    let changes: Vec<_> = left.into_iter().map(forget).collect();
    if !changes.is_empty()
        && let Err(error) = store.change_registrations(changes).await
    {
        tracing::warn!(%error, "registrations are not forgotten");
    }
}

impl Supervised for Consumer {}

impl Handler<Shutdown> for Consumer {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}
