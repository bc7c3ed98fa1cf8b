//! Events of topics: read, and posted.

use super::answers::{Wrong, made, one, page_of};
use super::asked::Asked;
use super::query::{ONE, PAGE_OF_EVENTS, Query};
use super::schemas::{Count, Error, Event, EventCreate};
use crate::config::{EVENT_MANAGEMENT_SOURCE, EventPeer};
use crate::event::Logged;
use crate::failpoints;
use crate::store::{DatabaseHealth, ReadError};
use crate::topics::hubs::resource;
use crate::topics::{KnownBy, Posted, TopicEvent};
use crate::wire::event_management::event_create;
use actix_web::HttpResponse;
use actix_web::web::{Payload, block};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// What an event without a type is called.
const NAMELESS: &str = "event";
/// What is not stored by then is answered.
const LIMIT: Duration = Duration::from_secs(5);
/// Bytes of the events of a page, about: it may be shorter than was asked for.
const LARGEST_PAGE: usize = 8 << 20;
/// Bytes that are read at once where all events are as large as they may be.
const AT_ONCE: usize = 32 << 20;
/// Events that are read at once, at most.
const MOST_AT_ONCE: usize = 200;

/// Events of a topic, the oldest first. A page may be shorter than was asked for where events are large: `X-Result-Count` says how
/// far the next `offset` is.
#[utoipa::path(
    get,
    path = "/psi-api/event/v2/topic/{topicId}/event",
    params(
        ("topicId" = String, Path, description = "The name of the topic"),
        ("raisedAfter" = Option<String>, Query, description = "Received then or later, RFC 3339", pattern = "^(20[0-9]{2}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|20([02468][048]|[13579][26])-02-29)T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$"),
        ("raisedBefore" = Option<String>, Query, description = "Received then or earlier, RFC 3339", pattern = "^(20[0-9]{2}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|20([02468][048]|[13579][26])-02-29)T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$"),
        ("fields" = Option<String>, Query, description = "Names of members with commas between them; `id` and `href` always stay, and alone with `none`", pattern = "^[A-Za-z0-9@_-]+(,[A-Za-z0-9@_-]+)*$"),
        ("offset" = inline(Option<Count>), Query, description = "So many are passed over"),
        ("limit" = inline(Option<Count>), Query, description = "So many at most, and never more than 1000; 100 where it is left out"),
    ),
    responses(
        (status = 200, description = "A page of events", body = [Event], content_type = "application/json;charset=utf-8",
            headers(("X-Total-Count" = u64, description = "In all pages"), ("X-Result-Count" = u64, description = "In this page"))),
        (status = 400, description = "A parameter does not fit", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 403, description = "Events of this topic are not for this peer", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 404, description = "There is no such topic", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 503, description = "The store cannot be read now", body = Error, content_type = "application/json;charset=utf-8"),
    )
)]
pub async fn events(asked: &Asked, topic: &str) -> Result<HttpResponse, Wrong> {
    asked.topic(topic)?;
    let query = asked.query(PAGE_OF_EVENTS)?;
    if !asked.may_see(topic) {
        return Err(Wrong::Forbidden(format!("events of the topic {topic} are not for this peer")));
    }
    let _room = asked.sources.rooms.page().await?;
    let (rows, total) = read(asked, topic, &query).await?;
    let (count, fields) = (rows.len(), query.fields.clone());
    let (node, base) = (asked.config.node.name.clone(), asked.below.base.clone());
    // Elsewhere: it takes the better part of a second where events are large, and other requests wait for this thread.
    let written = block(move || {
        let resource = |logged: &Logged| fields.of(resource(&logged.event, &node, &base));
        serde_json::to_vec(&rows.iter().map(resource).collect::<Vec<_>>())
    });
    let written = written.await.map_err(|error| Wrong::Away(error.to_string()))?;
    Ok(page_of(written.map_err(|error| Wrong::Broken(error.to_string()))?, count, total))
}

/// Read in parts, so that large events do not fill the memory.
async fn read(asked: &Asked, topic: &str, query: &Query) -> Result<(Vec<Logged>, u64), ReadError> {
    let store = &asked.sources.store;
    let part = (AT_ONCE / asked.settings().max_body.max(1)).clamp(1, MOST_AT_ONCE);
    let (mut events, mut bytes) = (Vec::new(), 0);
    loop {
        let limit = part.min(query.limit - events.len());
        let offset = query.offset.saturating_add(events.len() as u64);
        let (rows, total) = store.topic_page(topic, query.after, query.before, offset, limit).await?;
        let is_end = rows.len() < limit;
        for row in rows {
            bytes += row.event.payload.len();
            events.push(row);
            if bytes > LARGEST_PAGE {
                return Ok((events, total));
            }
        }
        if is_end || events.len() >= query.limit {
            return Ok((events, total));
        }
    }
}

/// An event of whichever topic.
#[utoipa::path(
    get,
    path = "/psi-api/event/v2/event/{id}",
    params(
        ("id" = String, Path, description = "Of the event"),
        ("fields" = Option<String>, Query, description = "As in lists", pattern = "^[A-Za-z0-9@_-]+(,[A-Za-z0-9@_-]+)*$"),
    ),
    responses(
        (status = 200, description = "The event", body = Event, content_type = "application/json;charset=utf-8"),
        (status = 400, description = "A parameter does not fit", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 404, description = "There is none, or the log has it no longer", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 503, description = "The store cannot be read now", body = Error, content_type = "application/json;charset=utf-8"),
    )
)]
pub async fn event(asked: &Asked, id: &str) -> Result<HttpResponse, Wrong> {
    let query = asked.query(ONE)?;
    let none = || Wrong::Missing("event", id.to_owned());
    let uuid = Uuid::parse_str(id).map_err(|_| none())?;
    let Logged { event, .. } = asked.sources.store.topic_event(uuid, None).await?.ok_or_else(none)?;
    match is_offered(asked, &event.topic) {
        true => Ok(one(&query.fields.of(as_resource(asked, &event)))),
        false => Err(none()),
    }
}

/// The log has topics, too, that Event Management does not have any more.
fn is_offered(asked: &Asked, topic: &str) -> bool {
    asked.topic(topic).is_ok() && asked.may_see(topic)
}

/// Takes an event, which goes to whoever has registered for the topic but not to its origin. It is stored when it is answered. One that was
/// posted already, by its `eventId` or else its `correlationId`, is answered as it was stored.
#[utoipa::path(
    post,
    path = "/psi-api/event/v2/topic/{topicId}/event",
    params(("topicId" = String, Path, description = "The name of the topic")),
    request_body = EventCreate,
    responses(
        (status = 201, description = "It is stored", body = Event, content_type = "application/json;charset=utf-8", headers(("Location" = String, description = "Of the event"))),
        (status = 400, description = "The body does not fit", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 403, description = "A viewer may not act; a page of another site neither", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 404, description = "There is no such topic", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 408, description = "The body did not come", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 413, description = "The body is too large", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 415, description = "The body is not JSON", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 503, description = "It cannot be stored now", body = Error, content_type = "application/json;charset=utf-8"),
    )
)]
pub async fn post(asked: &Asked, topic: &str, payload: Payload) -> Result<HttpResponse, Wrong> {
    let (body, _room) = asked.body(payload).await?;
    asked.topic(topic)?;
    asked.query(&[])?;
    let members = event_create(&body).map_err(|error| Wrong::Bad(error.to_string()))?;
    let peer = asked.peer().map(EventPeer::name);
    let source = peer.unwrap_or(EVENT_MANAGEMENT_SOURCE);
    let (origin, sender) = (peer.map(Arc::from), asked.owner());
    let (known_by, at) = (KnownBy::Sender(&sender), SystemTime::now());
    let posted = Posted { topic, members, known_by, nameless: NAMELESS, source, origin, at };
    let (event, others) = posted.events(&asked.config.routes);
    let rows = [vec![event.clone()], others].concat();
    failpoints::pass("api.event.before").await;
    store(asked, rows).await?;
    failpoints::pass("api.event.after").await;
    // One that was posted before stands as it was then.
    let stored = asked.sources.store.topic_event(event.uuid, Some(topic)).await?;
    Ok(made(&as_resource(asked, &stored.map_or(event, |logged| logged.event))))
}

/// Durable, or the error is the answer. While the database is known to be away nothing is kept; whoever posts an event once more that was
/// on its way when it went away is answered what was stored.
async fn store(asked: &Asked, events: Vec<TopicEvent>) -> Result<(), Wrong> {
    let store = &asked.sources.store;
    if store.health().borrow().events != DatabaseHealth::Up {
        return Err(Wrong::Away("the database is away: nothing was kept".to_owned()));
    }
    let late = || Wrong::Away("the database does not answer: the event may be stored later".to_owned());
    let stored = tokio::time::timeout(LIMIT, store.hand_on(events)).await.map_err(|_| late())?;
    let refusals = stored.map_err(|error| Wrong::Away(error.to_string()))?;
    match refusals.into_iter().flatten().next() {
        None => Ok(()),
        Some(reason) => Err(Wrong::Bad(format!("the database refuses to store that: {reason}"))),
    }
}

fn as_resource(asked: &Asked, event: &TopicEvent) -> Map<String, Value> {
    resource(event, &asked.config.node.name, &asked.below.base)
}
