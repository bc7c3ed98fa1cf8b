//! Topics: what can be registered for.

use super::answers::{Wrong, one, page};
use super::asked::Asked;
use super::query::{ONE, PAGE};
use super::schemas::{Count, Error, Topic};
use actix_web::HttpResponse;
use serde_json::{Map, Value};

/// The topics that can be registered for.
#[utoipa::path(
    get,
    path = "/psi-api/event/v2/topic",
    params(
        ("fields" = Option<String>, Query, description = "Names of members with commas between them; `id` and `href` always stay, and alone with `none`", pattern = "^[A-Za-z0-9@_-]+(,[A-Za-z0-9@_-]+)*$"),
        ("offset" = inline(Option<Count>), Query, description = "So many are passed over"),
        ("limit" = inline(Option<Count>), Query, description = "So many at most, and never more than 1000; 100 where it is left out"),
    ),
    responses(
        (status = 200, description = "A page of topics", body = [Topic], content_type = "application/json;charset=utf-8",
            headers(("X-Total-Count" = u64, description = "In all pages"), ("X-Result-Count" = u64, description = "In this page"))),
        (status = 400, description = "A parameter does not fit", body = Error, content_type = "application/json;charset=utf-8"),
    )
)]
pub async fn topics(asked: &Asked) -> Result<HttpResponse, Wrong> {
    let query = asked.query(PAGE)?;
    let (topics, total) = query.page(asked.settings().topics.iter().collect());
    let resources = topics.into_iter().map(|topic| query.fields.of(resource(asked, topic)));
    Ok(page(&resources.collect::<Vec<_>>(), total))
}

/// A topic.
#[utoipa::path(
    get,
    path = "/psi-api/event/v2/topic/{id}",
    params(
        ("id" = String, Path, description = "Its name"),
        ("fields" = Option<String>, Query, description = "As in lists", pattern = "^[A-Za-z0-9@_-]+(,[A-Za-z0-9@_-]+)*$"),
    ),
    responses(
        (status = 200, description = "The topic", body = Topic, content_type = "application/json;charset=utf-8"),
        (status = 400, description = "A parameter does not fit", body = Error, content_type = "application/json;charset=utf-8"),
        (status = 404, description = "There is none", body = Error, content_type = "application/json;charset=utf-8"),
    )
)]
pub async fn topic(asked: &Asked, topic: &str) -> Result<HttpResponse, Wrong> {
    asked.topic(topic)?;
    let query = asked.query(ONE)?;
    Ok(one(&query.fields.of(resource(asked, topic))))
}

fn resource(asked: &Asked, topic: &str) -> Map<String, Value> {
    let href = asked.href(&format!("/topic/{topic}"));
    let members = [("id", topic.to_owned()), ("href", href), ("name", topic.to_owned())];
    members.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}
