//! `GET /api/v1/status`: how it is, on one page, for `eventmanager status`.

use super::{Sources, health, seconds, systems};
use crate::store::Counts;
use crate::supervision::{GetTree, Tree};
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// What has not answered by then is shown as null.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// Everything at once; 200 whatever is away.
pub async fn status(sources: Data<Sources>) -> impl Responder {
    let (backlog, events, tree) = tokio::join!(
        health::backlog(&sources),
        counts(&sources),
        tokio::time::timeout(ANSWER_LIMIT, sources.tree.send(GetTree)),
    );
    let uptime = sources.started.elapsed().unwrap_or_default();
    let Situation { store, connections, systems } = situation(&sources);
    HttpResponse::Ok().json(json!({
        "node": sources.config.node.name,
        "version": env!("CARGO_PKG_VERSION"),
        "started": seconds(sources.started),
        "uptime_seconds": uptime.as_secs(),
        "store": store,
        "intake": health::intake(&sources.store.health().borrow()),
        "connections": connections,
        "systems": systems,
        "backlog": backlog,
        "events": events.as_ref().map(describe),
        "restarts": tree.ok().and_then(Result::ok).as_ref().map(restarts),
    }))
}

/// What is around the daemon, and whether it is there. The stream tells it when it changes.
#[derive(PartialEq, Serialize)]
pub struct Situation {
    store: Value,
    connections: Vec<Value>,
    systems: Vec<Value>,
}

/// The situation at the moment.
pub fn situation(sources: &Sources) -> Situation {
    let links = sources.links.iter().map(|link| json!(*link.borrow()));
    Situation {
        store: health::describe(&sources.store.health().borrow()),
        connections: links.collect(),
        systems: systems::describe(sources),
    }
}

/// Events by status; `None` where the store does not answer.
pub async fn counts(sources: &Sources) -> Option<Counts> {
    tokio::time::timeout(ANSWER_LIMIT, sources.store.counts()).await.ok()?.ok()
}

/// Counts as the stream tells them, with the time of telling.
pub fn describe_now(counts: &Counts) -> Value {
    let mut described = describe(counts);
    described["at"] = json!(seconds(SystemTime::now()));
    described
}

fn describe(counts: &Counts) -> Value {
    let oldest = counts.oldest_pending.and_then(|since| since.elapsed().ok());
    json!({
        "pending": counts.pending,
        "left_pending": counts.left_pending,
        "completed": counts.completed,
        "failed": counts.failed,
        "ignored": counts.ignored,
        "other": counts.other,
        "oldest_pending_seconds": oldest.map(|age| age.as_secs()),
    })
}

/// Of the actor and all below it, since the process began.
fn restarts(tree: &Tree) -> u64 {
    tree.restarts + tree.children.iter().map(restarts).sum::<u64>()
}
