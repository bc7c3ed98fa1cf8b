//! Event Management over REST: topics, who has registered for them, and their events, for other programs.
//!
//! All of it lies below a base path that is configured, and below the others that are in use. [`Below`] says whether a request is meant
//! for it, once: who may ask, how it is routed and in whose words it is answered follows from that. A file for each resource; [`place`] says
//! which path is which.

mod answers;
mod asked;
mod errors;
mod events;
mod hubs;
mod place;
mod query;
mod rooms;
mod schemas;
mod topics;

pub use errors::in_its_words;
pub use events::{__path_event, __path_events, __path_post};
pub use hubs::{
    __path_hub, __path_hub_of_topic, __path_hubs, __path_register, __path_remove, __path_remove_of_topic,
};
pub use place::Below;
pub use rooms::Rooms;
pub use topics::{__path_topic, __path_topics};

use super::Sources;
use super::problem::{not_allowed, not_found};
use actix_web::dev::HttpServiceFactory;
use actix_web::http::Method;
use actix_web::web::{self, Data, Payload};
use actix_web::{HttpRequest, HttpResponse, guard};
use answers::Wrong;
use asked::Asked;
use place::Place;

/// The paths behind a base path.
#[cfg(test)]
pub const PATHS: [&str; 7] = [
    "/topic",
    "/topic/{id}",
    "/topic/{topicId}/hub",
    "/topic/{topicId}/hub/{id}",
    "/topic/{topicId}/event",
    "/hub/{id}",
    "/event/{id}",
];

/// Everything that is [`Below`] a base path.
pub fn service() -> impl HttpServiceFactory {
    let is_below = guard::fn_guard(|context| context.req_data().contains::<Below>());
    web::resource("/{path:.*}").guard(is_below).default_service(web::to(answer))
}

async fn answer(sources: Data<Sources>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let Some(asked) = Asked::of(&sources, &request) else { return not_found(request).await };
    let Some(place) = Place::of(&asked.below.rest) else { return not_found(request).await };
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_post = *request.method() == Method::POST;
    let is_delete = *request.method() == Method::DELETE;
    let answer = match place {
        Place::Topics if is_read => topics::topics(&asked).await,
        Place::Topic(topic) if is_read => topics::topic(&asked, &topic).await,
        Place::Hubs(topic) if is_read => hubs::hubs(&asked, &topic).await,
        Place::Hubs(topic) if is_post => hubs::register(&asked, &topic, payload).await,
        Place::Hub(topic, id) if is_read => hubs::hub(&asked, topic.as_deref(), &id).await,
        Place::Hub(topic, id) if is_delete => hubs::remove(&asked, topic.as_deref(), &id).await,
        Place::Events(topic) if is_read => events::events(&asked, &topic).await,
        Place::Events(topic) if is_post => events::post(&asked, &topic, payload).await,
        Place::Event(id) if is_read => events::event(&asked, &id).await,
        place => {
            let (path, allowed) = (request.path(), place.allowed());
            Ok(not_allowed(format!("{path} is asked with {allowed}, not {}", request.method()), allowed))
        }
    };
    answer.unwrap_or_else(Wrong::answer)
}
