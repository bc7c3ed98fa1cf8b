//! Hubs: who has registered for a topic. A caller sees its own.

use super::answers::{Wrong, made, one, page};
use super::asked::Asked;
use super::query::{ONE, PAGE};
use super::schemas::{Count, Error, HubSubscription, HubSubscriptionCreate};
use crate::store::Hub;
use crate::topics::hubs::Hubs;
use crate::topics::hubs::messages::{HubStatus, List, Register, Remove, Show};
use crate::wire::event_management::{HubRequest, hub_request};
use actix::dev::ToEnvelope;
use actix::{Actor, Handler};
use actix_web::HttpResponse;
use actix_web::web::Payload;
use serde_json::{Map, Value};
use std::time::Duration;
use uuid::Uuid;

/// What is not done by then is answered.
const LIMIT: Duration = Duration::from_secs(5);

/// Who has registered for a topic: the caller's own hubs.
#[utoipa::path(
    get,
    path = "/psi-api/event/v2/topic/{topicId}/hub",
    params(
        ("topicId" = String, Path, description = "The name of the topic"),
        ("fields" = Option<String>, Query, description = "Names of members with commas between them; `id` and `href` always stay, and alone with `none`", pattern = "^[A-Za-z0-9@_-]+(,[A-Za-z0-9@_-]+)*$"),
        ("offset" = inline(Option<Count>), Query, description = "So many are passed over"),
        ("limit" = inline(Option<Count>), Query, description = "So many at most, and never more than 1000; 100 where it is left out"),
    ),
    responses(
        (status = 200, description = "A page of hubs", body = [HubSubscription], content_type = "application/json;charset=utf-8",
            headers(("X-Total-Count" = u64, description = "In all pages"), ("X-Result-Count" = u64, description = "In this page"))),
        (status = 400, description = "A parameter does not fit", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 404, description = "There is no such topic", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 503, description = "Not now", body = Error, content_type = "application/json;charset=utf-8"),
    )
)]
pub async fn hubs(asked: &Asked, topic: &str) -> Result<HttpResponse, Wrong> {
    asked.topic(topic)?;
    let query = asked.query(PAGE)?;
    let (all, owner) = (ask(asked, List).await?, asked.owner());
    let is_own = |status: &HubStatus| status.hub.topic == topic && status.hub.owner == owner;
    let (own, total) = query.page(all.into_iter().filter(is_own).collect());
    let resources = own.iter().map(|status| query.fields.of(resource(asked, &status.hub)));
    Ok(page(&resources.collect::<Vec<_>>(), total))
}

/// Registers a callback for the events of a topic. Registered once more by the same caller with the same query it is the same hub.
#[utoipa::path(
    post,
    path = "/psi-api/event/v2/topic/{topicId}/hub",
    params(("topicId" = String, Path, description = "The name of the topic")),
    request_body = HubSubscriptionCreate,
    responses(
        (status = 201, description = "It is registered", body = HubSubscription, content_type = "application/json;charset=utf-8", headers(("Location" = String, description = "Of the hub"))),
        (status = 400, description = "The body, its callback or its query does not fit", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 403, description = "The host of the callback is not configured, or not so", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 404, description = "There is no such topic", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 409, description = "There are as many hubs as may be", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 413, description = "The body is too large", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 415, description = "The body is not JSON", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 503, description = "It cannot be stored now", body = Error, content_type = "application/json;charset=utf-8"),
    )
)]
pub async fn register(asked: &Asked, topic: &str, payload: Payload) -> Result<HttpResponse, Wrong> {
    let (body, _room) = asked.body(payload).await?;
    asked.topic(topic)?;
    asked.query(&[])?;
    let HubRequest { callback, query } = hub_request(&body).map_err(|error| Wrong::Bad(error.to_string()))?;
    let register = Register { topic: topic.to_owned(), callback, query, owner: asked.owner() };
    let (hub, _) = ask(asked, register).await??;
    Ok(made(&resource(asked, &hub)))
}

/// A hub of the caller.
#[utoipa::path(
    get,
    path = "/psi-api/event/v2/hub/{id}",
    params(
        ("id" = String, Path, description = "Of the hub"),
        ("fields" = Option<String>, Query, description = "As in lists", pattern = "^[A-Za-z0-9@_-]+(,[A-Za-z0-9@_-]+)*$"),
    ),
    responses(
        (status = 200, description = "The hub", body = HubSubscription, content_type = "application/json;charset=utf-8"),
        (status = 400, description = "A parameter does not fit", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 404, description = "The caller has none of this id", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 503, description = "Not now", body = Error, content_type = "application/json;charset=utf-8"),
    )
)]
pub async fn hub(asked: &Asked, topic: Option<&str>, id: &str) -> Result<HttpResponse, Wrong> {
    let query = asked.query(ONE)?;
    let hub = found(asked, topic, id, false).await?;
    Ok(one(&query.fields.of(resource(asked, &hub))))
}

/// A hub of the caller, where its topic is named.
#[utoipa::path(
    get,
    path = "/psi-api/event/v2/topic/{topicId}/hub/{id}",
    params(
        ("topicId" = String, Path, description = "The name of the topic"),
        ("id" = String, Path, description = "Of the hub"),
        ("fields" = Option<String>, Query, description = "As in lists", pattern = "^[A-Za-z0-9@_-]+(,[A-Za-z0-9@_-]+)*$"),
    ),
    responses(
        (status = 200, description = "The hub", body = HubSubscription, content_type = "application/json;charset=utf-8"),
        (status = 400, description = "A parameter does not fit", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 404, description = "The caller has none of this id for this topic", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 503, description = "Not now", body = Error, content_type = "application/json;charset=utf-8"),
    )
)]
#[expect(dead_code, reason = "it describes the other path of `hub`")]
fn hub_of_topic() {}

/// Ends a hub of the caller, and whatever is being delivered to it; an operator ends anybody's.
#[utoipa::path(
    delete,
    path = "/psi-api/event/v2/topic/{topicId}/hub/{id}",
    params(
        ("topicId" = String, Path, description = "The name of the topic"),
        ("id" = String, Path, description = "Of the hub"),
    ),
    responses(
        (status = 204, description = "It is ended"),
        (status = 400, description = "There is a parameter", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 404, description = "The caller has none of this id for this topic", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 503, description = "It cannot be stored now", body = Error, content_type = "application/json;charset=utf-8"),
    )
)]
#[expect(dead_code, reason = "it describes the other path of `remove`")]
fn remove_of_topic() {}

/// Ends a hub of the caller, as where its topic is named.
#[utoipa::path(
    delete,
    path = "/psi-api/event/v2/hub/{id}",
    params(("id" = String, Path, description = "Of the hub")),
    responses(
        (status = 204, description = "It is ended"),
        (status = 400, description = "There is a parameter", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 404, description = "The caller has none of this id", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 503, description = "It cannot be stored now", body = Error, content_type = "application/json;charset=utf-8"),
    )
)]
pub async fn remove(asked: &Asked, topic: Option<&str>, id: &str) -> Result<HttpResponse, Wrong> {
    asked.act()?;
    asked.query(&[])?;
    let hub = found(asked, topic, id, asked.is_operator()).await?;
    ask(asked, Remove { id: hub.id, owner: Some(hub.owner), actor: asked.actor() }).await??;
    Ok(HttpResponse::NoContent().finish())
}

/// The hub of this id, where it is the caller's, or anybody's will do.
async fn found(asked: &Asked, topic: Option<&str>, id: &str, is_anybodys: bool) -> Result<Hub, Wrong> {
    let none = || Wrong::Missing("hub", id.to_owned());
    let uuid = Uuid::parse_str(id).map_err(|_| none())?;
    let hub = ask(asked, Show(uuid)).await?.map(|status| status.hub).ok_or_else(none)?;
    let is_meant = topic.is_none_or(|topic| topic == hub.topic);
    let is_allowed = is_anybodys || hub.owner == asked.owner();
    if is_meant && is_allowed { Ok(hub) } else { Err(none()) }
}

/// What the actor answers, as far as it does in time.
async fn ask<M>(asked: &Asked, message: M) -> Result<M::Result, Wrong>
where
    M: actix::Message + Send + 'static,
    M::Result: Send,
    Hubs: Handler<M>,
    <Hubs as Actor>::Context: ToEnvelope<Hubs, M>,
{
    let hubs = asked
        .sources
        .hubs
        .as_ref()
        .ok_or_else(|| Wrong::Away("hubs are served after a restart".to_owned()))?;
    match tokio::time::timeout(LIMIT, hubs.send(message)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Wrong::Away(format!("it may have been done or not: {error}"))),
        Err(_) => Err(Wrong::Away("the store does not answer: it may be done later".to_owned())),
    }
}

fn resource(asked: &Asked, hub: &Hub) -> Map<String, Value> {
    let mut resource = Map::new();
    let mut put = |name: &str, value: String| resource.insert(name.to_owned(), value.into());
    put("id", hub.id.to_string());
    put("href", asked.href(&format!("/topic/{}/hub/{}", hub.topic, hub.id)));
    put("callback", hub.callback.clone());
    if let Some(query) = &hub.query {
        put("query", query.clone());
    }
    resource
}
