//! `GET /api/v1/status`: how it is, on one page, for `eventmanager status`.

use super::{Sources, health, seconds, systems};
use crate::store::Counts;
use crate::supervision::{GetTree, Tree};
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};
use serde_json::{Value, json};
use std::time::Duration;

/// What has not answered by then is shown as null.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// Everything at once; 200 whatever is away.
pub async fn status(sources: Data<Sources>) -> impl Responder {
    let (backlog, events, tree) = tokio::join!(
        health::backlog(&sources),
        tokio::time::timeout(ANSWER_LIMIT, sources.store.counts()),
        tokio::time::timeout(ANSWER_LIMIT, sources.tree.send(GetTree)),
    );
    let store = sources.store.health().borrow().clone();
    let links: Vec<_> = sources.links.iter().map(|link| link.borrow().clone()).collect();
    let uptime = sources.started.elapsed().unwrap_or_default();
    HttpResponse::Ok().json(json!({
        "node": sources.config.node.name,
        "version": env!("CARGO_PKG_VERSION"),
        "started": seconds(sources.started),
        "uptime_seconds": uptime.as_secs(),
        "store": health::describe(&store),
        "intake": health::intake(&store),
        "disks": health::disks(&sources),
        "connections": links,
        "systems": systems::describe(&sources),
        "backlog": backlog,
        "events": events.ok().and_then(Result::ok).as_ref().map(describe),
        "restarts": tree.ok().and_then(Result::ok).as_ref().map(restarts),
    }))
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
