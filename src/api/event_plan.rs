//! `GET /api/v1/events/{id}/plan`: what a run of a stored event would send now, step by step, and how it would begin.

use super::Sources;
use super::event::stored;
use super::problem::{Problem, problem, unreadable};
use crate::config::Config;
use crate::event::Event;
use crate::preview::{Begins, Foreseen, Preview};
use crate::processors::attributes::Rules;
use crate::router::course::{self, Course, Ground};
use crate::store::{ReadError, Store};
use crate::wire::ocir::Document;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, Responder};
use std::sync::Arc;

/// Why it cannot be told what an event would send.
#[derive(Debug, thiserror::Error)]
pub enum Unforeseen {
    #[error("the document of this event holds no such command")]
    NoCommand,
    /// The source is a Kamailio or an Asterisk.
    #[error("it is an event of {0}: nothing is provisioned for it")]
    Script(String),
    #[error("its document cannot be read: {0}")]
    Document(String),
    #[error(transparent)]
    Store(#[from] ReadError),
}

/// What the event would send if it were retried now, or, pending, when it goes on; nothing is sent.
#[utoipa::path(
    get,
    path = "/api/v1/events/{id}/plan",
    params(("id" = i64, Path, description = "`em_event.id`")),
    responses(
        (status = 200, description = "What would be sent", body = Foreseen),
        (status = 400, description = "The id is no number", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such event", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Its document holds no command, or nothing is provisioned for events of its source", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be read now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn plan(sources: Data<Sources>, id: Path<String>) -> impl Responder {
    let event = match stored(&sources, &id).await {
        Ok(event) => event,
        Err(answer) => return answer,
    };
    match foresee(sources.config.get(), &sources.store, &event).await {
        Ok(foreseen) => HttpResponse::Ok().json(foreseen),
        Err(Unforeseen::Store(error)) => unreadable(&error),
        Err(error) => problem(StatusCode::CONFLICT, error.to_string()),
    }
}

/// What a run of the event would send now: what is left of its plan where it would go on with that, as the executor decides
/// it, else a plan made anew.
pub async fn foresee(config: Arc<Config>, store: &Store, event: &Event) -> Result<Foreseen, Unforeseen> {
    if let Some(script) = script(&config, event) {
        return Err(Unforeseen::Script(script.to_owned()));
    }
    let document = Document::from_text(event.document.to_string());
    let command = match document.into_command(event.command_index) {
        Ok(Some(command)) => command,
        Ok(None) => return Err(Unforeseen::NoCommand),
        Err(error) => return Err(Unforeseen::Document(error.to_string())),
    };
    let mut preview = Preview::new(Arc::clone(&config), Some(store.clone()));
    if config.ema.is_none() {
        return Ok(preview.of(&command).await?);
    }
    let ground = Ground { store, rules: &Rules::of(&config), mode: config.processing.mode };
    match course::foreseen(ground, event).await? {
        Course::Resumes(begun) => Ok(preview.rest(&command, &begun.plan, &begun.left())),
        Course::Anew(why) => {
            let begins = Some(Begins::Anew(why.to_string()));
            Ok(Foreseen { begins, ..preview.of(&command).await? })
        }
    }
}

/// The Kamailio or Asterisk whose event this is; also one that is not configured any more, whose payload is no document.
fn script<'e>(config: &Config, event: &'e Event) -> Option<&'e str> {
    let source = event.source.as_deref()?;
    let is_configured = config.kamailio.iter().any(|server| server.name == source)
        || config.asterisk.iter().any(|server| server.name == source);
    (is_configured || event.document.trim_start().starts_with('{')).then_some(source)
}
