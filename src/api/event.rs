//! One event with everything that is known of it, and what it would send if it were planned now.

use super::problem::{problem, unreadable};
use super::{Sources, seconds};
use crate::event::{Event, Status};
use crate::plan::Plan;
use crate::preview::{Foreseen, Preview};
use crate::processors::attributes::Rules;
use crate::processors::command_type;
use crate::store::{Journal, StepState};
use crate::wire::ocir::Document;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, Responder};
use serde::Serialize;
use std::sync::Arc;

/// `GET /api/v1/events/{id}`.
#[derive(Serialize)]
struct Detail {
    id: i64,
    /// `null` for rows that the Erlang release wrote.
    uuid: Option<String>,
    source: Option<String>,
    notification_id: Option<String>,
    command: String,
    /// Who has clicked.
    user: String,
    /// Whom it is about; `null` where the document does not say.
    subscriber: Option<String>,
    status: &'static str,
    /// Why it ended so, or what was noted when it was stored.
    reason: Option<String>,
    /// Seconds of the epoch.
    received: f64,
    /// The latest attempt; 0 where it was never run.
    attempt: u32,
    warnings: Vec<String>,
    /// Of the latest attempt; empty before it is planned.
    steps: Vec<StepDetail>,
    /// Where a group is deleted: how far each member has come.
    members: Vec<MemberDetail>,
}

#[derive(Serialize)]
struct StepDetail {
    position: usize,
    member: Option<String>,
    system: &'static str,
    request: String,
    /// `null` before it is sent.
    state: Option<&'static str>,
    answer: Option<String>,
    at: Option<f64>,
}

#[derive(Serialize)]
struct MemberDetail {
    user: String,
    steps: usize,
    done: usize,
    failed: bool,
}

/// `GET /api/v1/events/{id}`: the event, its steps and warnings; no secrets, no document.
pub async fn detail(sources: Data<Sources>, id: Path<String>) -> impl Responder {
    let event = match stored(&sources, &id).await {
        Ok(event) => event,
        Err(answer) => return answer,
    };
    let journal = match event.uuid {
        Some(uuid) => sources.store.journal(uuid).await,
        None => Ok(None),
    };
    match journal {
        Ok(journal) => {
            let subscriber = subscriber_of(&event, &Rules::of(&sources.config));
            HttpResponse::Ok().json(Detail::new(event, subscriber, journal.unwrap_or_default()))
        }
        Err(error) => unreadable(&error),
    }
}

/// `GET /api/v1/events/{id}/plan`: what the event would send if it were planned now; nothing is sent.
pub async fn plan(sources: Data<Sources>, id: Path<String>) -> impl Responder {
    match foreseen(&sources, &id).await {
        Ok(foreseen) => HttpResponse::Ok().json(foreseen),
        Err(answer) => answer,
    }
}

/// What an event would send if it were planned now; the error is the answer.
pub async fn foreseen(sources: &Sources, id: &str) -> Result<Foreseen, HttpResponse> {
    let event = stored(sources, id).await?;
    let document = Document::from_text(event.document.to_string());
    let conflict = |detail: String| problem(StatusCode::CONFLICT, detail);
    let command = match document.into_command(event.command_index) {
        Ok(Some(command)) => command,
        Ok(None) => return Err(conflict("the document of this event holds no such command".into())),
        Err(error) => return Err(conflict(format!("its document cannot be read: {error}"))),
    };
    let mut preview = Preview::new(Arc::clone(&sources.config), Some(sources.store.clone()));
    preview.of(&command).await.map_err(|error| unreadable(&error))
}

/// The number of an event in a path; the error says what is wrong with it.
pub fn number(id: &str) -> Result<i64, String> {
    id.parse().map_err(|_| format!("{id:?} is not the number of an event"))
}

async fn stored(sources: &Sources, id: &str) -> Result<Event, HttpResponse> {
    let number = number(id).map_err(|detail| problem(StatusCode::BAD_REQUEST, detail))?;
    match sources.store.event(number).await {
        Ok(Some(event)) => Ok(event),
        Ok(None) => Err(problem(StatusCode::NOT_FOUND, format!("there is no event {number}"))),
        Err(error) => Err(unreadable(&error)),
    }
}

fn subscriber_of(event: &Event, rules: &Rules) -> Option<String> {
    let entry = command_type(&event.command)?;
    let document = Document::from_text(event.document.to_string());
    let command = document.into_command(event.command_index).ok()??;
    (entry.subject)(&command, rules).whose().map(str::to_owned)
}

impl Detail {
    fn new(event: Event, subscriber: Option<String>, journal: Journal) -> Detail {
        let plan = journal.plan.clone().unwrap_or_default();
        Detail {
            id: event.id,
            uuid: event.uuid.map(|uuid| uuid.to_string()),
            source: event.source,
            notification_id: event.notification_id,
            command: event.command,
            user: event.user_id,
            subscriber,
            status: event.status.map_or("unknown", Status::as_str),
            reason: journal.reason.clone().or(event.note),
            received: seconds(event.received),
            attempt: journal.attempt,
            steps: steps(&plan, &journal),
            members: members(&plan, &journal),
            warnings: journal.warnings,
        }
    }
}

fn steps(plan: &Plan, journal: &Journal) -> Vec<StepDetail> {
    let branches = plan.branches().into_iter();
    let positions =
        branches.flat_map(|(member, positions)| positions.map(move |position| (member, position)));
    let detail = |(member, position): (Option<&str>, usize)| {
        let request = &plan.steps[position].request;
        let mark = journal.step(position as u32);
        StepDetail {
            position: position + 1,
            member: member.map(str::to_owned),
            system: request.system().as_str(),
            request: request.to_string(),
            state: mark.map(|mark| mark.state.as_str()),
            answer: mark.and_then(|mark| mark.answer.clone()),
            at: mark.map(|mark| seconds(mark.at)),
        }
    };
    positions.map(detail).collect()
}

fn members(plan: &Plan, journal: &Journal) -> Vec<MemberDetail> {
    let branches = plan.branches().into_iter().filter_map(|(member, steps)| Some((member?, steps)));
    let detail = |(user, steps): (&str, std::ops::Range<usize>)| {
        let states =
            steps.clone().filter_map(|position| journal.step(position as u32)).map(|mark| mark.state);
        MemberDetail {
            user: user.to_owned(),
            steps: steps.len(),
            done: states.clone().filter(|state| state.is_done()).count(),
            failed: states.clone().any(StepState::is_refusal),
        }
    };
    branches.map(detail).collect()
}
