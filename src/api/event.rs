//! `GET /api/v1/events/{id}`: one event with everything that is known of it.

use super::problem::{Problem, bad, problem, unreadable};
use super::{Sources, seconds};
use crate::config::Config;
use crate::event::{Event, Status};
use crate::operators::Operators;
use crate::plan::Plan;
use crate::processors::attributes::Rules;
use crate::processors::command_type;
use crate::store::{EarlierStep, Journal, StepState, Verb};
use crate::wire::mask_secrets;
use crate::wire::ocir::Document;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, Responder};
use serde::Serialize;
use utoipa::ToSchema;

/// An event with everything that is known of it; no secrets.
#[derive(Serialize, ToSchema)]
struct EventDetail {
    id: i64,
    /// Null for rows that the Erlang release wrote.
    uuid: Option<String>,
    source: Option<String>,
    notification_id: Option<String>,
    command: String,
    /// Who has given the command.
    user: String,
    /// Whom it is about; null where the document does not say.
    subscriber: Option<String>,
    /// `pending`, `completed`, `failed`, `ignored`; `unknown` for any other word.
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
    /// The steps of the attempts before, oldest first.
    earlier: Vec<EarlierDetail>,
    /// Where a group is deleted: how far each member has come.
    members: Vec<MemberDetail>,
    /// As it was received, secrets as `***`.
    document: String,
    /// Null where there is no daemon that could do it.
    acts: Option<Possible>,
}

/// A step of the plan.
#[derive(Serialize, ToSchema)]
struct StepDetail {
    attempt: u32,
    position: usize,
    member: Option<String>,
    system: &'static str,
    request: String,
    /// `sent`, `done`, `failed`, `refused`, `unknown`, `not_taken`, `planned`; null before it is sent.
    state: Option<&'static str>,
    /// What the system said.
    answer: Option<String>,
    at: Option<f64>,
}

/// A step of an earlier attempt.
#[derive(Serialize, ToSchema)]
struct EarlierDetail {
    attempt: u32,
    position: usize,
    /// Null where the plan of that attempt is not known any more.
    system: Option<&'static str>,
    request: Option<String>,
    state: &'static str,
    answer: Option<String>,
    at: f64,
}

/// How far a member of a group has come.
#[derive(Serialize, ToSchema)]
struct MemberDetail {
    user: String,
    steps: usize,
    done: usize,
    failed: bool,
}

/// What can be done to it: null, or why not.
#[derive(Serialize, ToSchema)]
struct Possible {
    retry: Option<String>,
    resolve: Option<String>,
}

/// One event: its document, steps, warnings, and what can be done to it.
#[utoipa::path(
    get,
    path = "/api/v1/events/{id}",
    params(("id" = i64, Path, description = "`em_event.id`")),
    responses(
        (status = 200, description = "The event", body = EventDetail),
        (status = 400, description = "The id is no number", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such event", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be read now", body = Problem, content_type = "application/problem+json"),
    )
)]
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
            let possible = Possible::of(&event, &sources.operators);
            let subscriber = subscriber_of(&event, &Rules::of(&sources.config.get()));
            let detail = EventDetail::new(event, subscriber, journal.unwrap_or_default());
            HttpResponse::Ok().json(EventDetail { acts: Some(possible), ..detail })
        }
        Err(error) => unreadable(&error),
    }
}

/// An event as [`detail`] shows it, for whoever reads the store without a daemon, which alone knows what can be done to
/// it.
pub fn describe(event: Event, journal: Journal, config: &Config) -> impl Serialize + use<> {
    let subscriber = subscriber_of(&event, &Rules::of(config));
    EventDetail::new(event, subscriber, journal)
}

/// The number of an event in a path; the error says what is wrong with it.
pub fn number(id: &str) -> Result<i64, String> {
    id.parse().map_err(|_| format!("{id:?} is not the number of an event"))
}

/// The event of a path; the error is the answer.
pub async fn stored(sources: &Sources, id: &str) -> Result<Event, HttpResponse> {
    let number = number(id).map_err(bad)?;
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

impl EventDetail {
    fn new(event: Event, subscriber: Option<String>, journal: Journal) -> EventDetail {
        let plan = journal.plan.clone().unwrap_or_default();
        EventDetail {
            acts: None,
            document: mask_secrets(&event.document),
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
            earlier: journal.earlier.into_iter().map(earlier).collect(),
        }
    }
}

impl Possible {
    /// As the operators would be answered; what came later is looked at when they ask.
    fn of(event: &Event, operators: &Operators) -> Possible {
        let obstacle = |verb| operators.obstacle(event, verb).map(|refusal| refusal.to_string());
        Possible { retry: obstacle(Verb::Retry), resolve: obstacle(Verb::Resolve) }
    }
}

fn earlier(earlier: EarlierStep) -> EarlierDetail {
    let EarlierStep { attempt, request, step } = earlier;
    EarlierDetail {
        attempt,
        position: step.position as usize + 1,
        system: request.as_ref().map(|request| request.system().as_str()),
        request: request.as_ref().map(ToString::to_string),
        state: step.state.as_str(),
        answer: step.answer,
        at: seconds(step.at),
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
            attempt: journal.attempt,
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
