//! `GET /api/v1/faults` and `GET /api/v1/commands`: by what lists can be filtered.

use super::parameters::{Limit, Parameters};
use super::problem::{Problem, unreadable};
use super::times::Moment;
use super::{Sources, seconds};
use crate::processors::COMMANDS;
use crate::store::FaultGroup;
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which failures.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Received then or later: seconds of the epoch, RFC 3339, or a span back from now (`90s`, `15m`, `72h`, `7d`).
    #[param(value_type = String, required = false, pattern = "^([0-9]{1,10}(\\.[0-9]{1,6})?|[0-9]{1,4}[smhd]|(20[0-9]{2}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|20([02468][048]|[13579][26])-02-29)T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9]))$")]
    since: Option<Moment>,
    /// Faults, at most.
    #[param(value_type = u64, minimum = 1, maximum = 500, default = 50)]
    limit: Limit<50, 500>,
}

#[derive(Serialize, ToSchema)]
struct Faults {
    /// The most frequent first.
    faults: Vec<Fault>,
    /// Failed events that were looked at, the latest ones.
    looked_at: u64,
    /// Whether these were all.
    complete: bool,
}

/// Failed events that failed of the same.
#[derive(Serialize, ToSchema)]
struct Fault {
    /// For `fault` of `/api/v1/events`.
    fault: String,
    /// The reason, with numbers, names and the like taken out.
    reason: String,
    /// `hss`, `enum` or `mail`, where the failure was one of their requests.
    system: Option<&'static str>,
    count: u64,
    /// Seconds of the epoch.
    first: f64,
    latest: f64,
    commands: Vec<String>,
    /// Some of the events.
    sample: Vec<i64>,
}

impl From<FaultGroup> for Fault {
    fn from(group: FaultGroup) -> Fault {
        Fault {
            fault: group.fault.key,
            reason: group.fault.reason,
            system: group.fault.system.map(|system| system.as_str()),
            count: group.count,
            first: seconds(group.first),
            latest: seconds(group.latest),
            commands: group.commands,
            sample: group.sample,
        }
    }
}

/// What failed events failed of, the most frequent first.
#[utoipa::path(
    get,
    path = "/api/v1/faults",
    params(Query),
    responses(
        (status = 200, description = "Failed events by what went wrong", body = Faults),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store cannot be read now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(sources: Data<Sources>, query: Parameters<Query>) -> impl Responder {
    let Query { since, limit } = query.0;
    match sources.store.faults(since.map(|moment| moment.0)).await {
        Ok(found) => HttpResponse::Ok().json(Faults {
            faults: found.groups.into_iter().take(limit.get()).map(Fault::from).collect(),
            looked_at: found.looked_at,
            complete: found.complete,
        }),
        Err(error) => unreadable(&error),
    }
}

#[derive(Serialize, ToSchema)]
struct Commands {
    commands: Vec<Command>,
}

#[derive(Serialize, ToSchema)]
struct Command {
    /// The type, without a version.
    command: &'static str,
    /// How many events there are; null where that is not counted.
    count: Option<u64>,
}

/// The types of commands that are acted on. Events of others are there too, as ignored, and can be asked for.
#[utoipa::path(
    get,
    path = "/api/v1/commands",
    responses((status = 200, description = "Types of commands", body = Commands))
)]
pub async fn commands() -> impl Responder {
    let mut commands: Vec<Command> =
        COMMANDS.iter().map(|entry| Command { command: entry.command, count: None }).collect();
    commands.sort_unstable_by_key(|entry| entry.command);
    HttpResponse::Ok().json(Commands { commands })
}
