//! `GET /api/v1/events`: the events that match, a page at a time.

use super::parameters::{Limit, Parameters};
use super::problem::{Problem, unreadable};
use super::times::Moment;
use super::{Sources, seconds};
use crate::event::Status;
use crate::store::{EventFilter, EventSummary};
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Characters of a name or text to look for, at most.
const LONGEST: usize = 255;

/// Statuses with commas between them: `failed,pending`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Statuses(pub Vec<Status>);

impl TryFrom<String> for Statuses {
    type Error = String;

    fn try_from(words: String) -> Result<Self, String> {
        let status = |word: &str| {
            Status::parse(word).ok_or_else(|| {
                format!("no status {word:?}; there are pending, completed, failed and ignored")
            })
        };
        words.split(',').map(status).collect::<Result<_, _>>().map(Statuses)
    }
}

/// A name or text to look for, of some length.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Words(pub String);

impl TryFrom<String> for Words {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.chars().count() {
            length if length > LONGEST => Err(format!("{length} characters, allowed are {LONGEST}")),
            _ => Ok(Words(text)),
        }
    }
}

/// Which end of the list comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListOrder {
    #[default]
    Newest,
    Oldest,
}

/// Where a page begins: behind this event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Cursor(i64);

impl TryFrom<String> for Cursor {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let after = text.parse().ok().filter(|_| is_number);
        after.map(Cursor).ok_or_else(|| "no cursor that a page before has given as next".to_owned())
    }
}

/// Which events are meant; of each condition that is given all must hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    pub status: Option<Statuses>,
    pub command: Option<Words>,
    pub user: Option<Words>,
    pub since: Option<Moment>,
    pub until: Option<Moment>,
    pub text: Option<Words>,
    pub fault: Option<Words>,
}

impl Selection {
    /// The same for the store.
    pub fn filter(self) -> EventFilter {
        EventFilter {
            since: self.since.map(|moment| moment.0),
            until: self.until.map(|moment| moment.0),
            statuses: self.status.map(|statuses| statuses.0).unwrap_or_default(),
            command: self.command.map(|words| words.0),
            user_id: self.user.map(|words| words.0),
            text: self.text.map(|words| words.0),
            fault: self.fault.map(|words| words.0),
            ..EventFilter::default()
        }
    }
}

/// Which events, and which page of them.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Statuses with commas between them, of `pending`, `completed`, `failed`, `ignored`.
    #[param(value_type = String, required = false, pattern = "^(pending|completed|failed|ignored)(,(pending|completed|failed|ignored))*$")]
    status: Option<Statuses>,
    /// The type of the command; its version does not count.
    #[param(value_type = String, required = false, max_length = 255)]
    command: Option<Words>,
    /// Who has given the command.
    #[param(value_type = String, required = false, max_length = 255)]
    user: Option<Words>,
    /// Received then or later: seconds of the epoch, RFC 3339, or a span back from now (`90s`, `15m`, `72h`, `7d`).
    #[param(value_type = String, required = false, pattern = "^([0-9]{1,10}(\\.[0-9]{1,6})?|[0-9]{1,4}[smhd]|(20[0-9]{2}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|20([02468][048]|[13579][26])-02-29)T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9]))$")]
    since: Option<Moment>,
    /// Received then or earlier.
    #[param(value_type = String, required = false, pattern = "^([0-9]{1,10}(\\.[0-9]{1,6})?|[0-9]{1,4}[smhd]|(20[0-9]{2}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|20([02468][048]|[13579][26])-02-29)T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9]))$")]
    until: Option<Moment>,
    /// Somewhere in user, command, reason or document, in whatever case.
    #[param(value_type = String, required = false, max_length = 255)]
    text: Option<Words>,
    /// Failed events with this `fault` of `/api/v1/faults`.
    #[param(value_type = String, required = false, max_length = 255)]
    fault: Option<Words>,
    #[param(value_type = String, required = false, pattern = "^(newest|oldest)$", default = "newest")]
    order: ListOrder,
    /// Events of a page, at most.
    #[param(value_type = u64, minimum = 1, maximum = 500, default = 50)]
    limit: Limit<50, 500>,
    /// `next` of the page before.
    #[param(value_type = String, required = false, pattern = "^[0-9]{1,18}$")]
    cursor: Option<Cursor>,
}

/// A page of events.
#[derive(Serialize, ToSchema)]
struct Page {
    events: Vec<Summary>,
    /// What `cursor` must be for the page behind it; null at the end. A page may be short, even empty, and have one.
    next: Option<String>,
    /// How far was looked, where there may be more.
    searched_to: Option<SearchedTo>,
}

#[derive(Serialize, ToSchema)]
struct SearchedTo {
    id: i64,
    /// Seconds of the epoch.
    at: f64,
}

/// A line of a list of events.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Summary {
    pub id: i64,
    /// Null for rows that the Erlang release wrote.
    pub uuid: Option<String>,
    /// The endpoint that it came from.
    pub source: Option<String>,
    pub command: String,
    /// Who has given the command.
    pub user: String,
    /// `pending`, `completed`, `failed`, `ignored`; `unknown` for any other word.
    pub status: &'static str,
    /// Why it ended so, or what was noted when it was stored.
    pub reason: Option<String>,
    /// Seconds of the epoch.
    pub received: f64,
    /// The latest attempt; 0 where it was never run.
    pub attempt: u32,
    pub warnings: Vec<String>,
    /// The first subscriber that it is about, by name; null of commands that are not acted on, and of rows that the Erlang
    /// release wrote.
    pub about: Option<String>,
    /// How many more there are, where a whole group is deleted.
    pub about_more: u32,
}

impl From<EventSummary> for Summary {
    fn from(row: EventSummary) -> Summary {
        Summary {
            id: row.id,
            uuid: row.uuid.map(|uuid| uuid.to_string()),
            source: row.source,
            command: row.command,
            user: row.user_id,
            status: row.status.map_or("unknown", Status::as_str),
            reason: row.note,
            received: seconds(row.received),
            attempt: row.attempt,
            warnings: row.warnings,
            about: row.about,
            about_more: row.about_more,
        }
    }
}

impl Query {
    fn filter(self) -> EventFilter {
        let Query { status, command, user, since, until, text, fault, order, limit, cursor } = self;
        let selection = Selection { status, command, user, since, until, text, fault };
        EventFilter {
            after: cursor.map(|cursor| cursor.0),
            limit: limit.get(),
            newest_first: order == ListOrder::Newest,
            ..selection.filter()
        }
    }
}

/// The events that match.
///
/// A page looks at a bounded number of rows. Where few of them match it comes back short, or empty, with `next`: ask on.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    params(Query),
    responses(
        (status = 200, description = "A page of events", body = Page),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be read now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(sources: Data<Sources>, query: Parameters<Query>) -> impl Responder {
    match sources.store.page(query.0.filter()).await {
        Ok(page) => HttpResponse::Ok().json(Page {
            events: page.events.into_iter().map(Summary::from).collect(),
            next: page.next.map(|after| after.to_string()),
            searched_to: page
                .searched_to
                .map(|position| SearchedTo { id: position.id, at: seconds(position.at) }),
        }),
        Err(error) => unreadable(&error),
    }
}
