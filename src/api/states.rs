//! `GET /api/v1/states`: the states of devices and presence that are mirrored between Asterisks, and how it is with each server.

use super::events::Words;
use super::parameters::{Limit, Parameters};
use super::problem::{Problem, problem};
use super::{Sources, seconds};
use crate::managers::device_state::mesh::view::{CellView, Filter, KeyView, PeerView, Said};
use crate::managers::device_state::{DeviceStates, ListKeys, ListPeers};
use crate::states::{self, Key};
use actix::dev::ToEnvelope;
use actix::{Handler, Message};
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};
use utoipa::{IntoParams, ToSchema};

/// The manager answers within milliseconds, or its thread hangs.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Of which kind a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Device,
    Presence,
}

impl From<Kind> for states::Kind {
    fn from(kind: Kind) -> states::Kind {
        match kind {
            Kind::Device => states::Kind::Device,
            Kind::Presence => states::Kind::Presence,
        }
    }
}

/// Behind which key a page begins: a letter for its kind, and its name in hexadecimal digits, since it may have any bytes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Cursor(Key);

impl Cursor {
    fn of(key: &Key) -> String {
        let kind = if key.kind == states::Kind::Device { 'd' } else { 'p' };
        key.name.iter().fold(kind.to_string(), |text, byte| text + &format!("{byte:02x}"))
    }
}

impl TryFrom<String> for Cursor {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parse = || {
            let (kind, name) = match text.split_at_checked(1)? {
                ("d", name) => (states::Kind::Device, name),
                ("p", name) => (states::Kind::Presence, name),
                _ => return None,
            };
            let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let pairs = name.as_bytes().chunks(2);
            let bytes = pairs.map(|pair| match *pair {
                [high, low] => Some(digit(high)? << 4 | digit(low)?),
                _ => None,
            });
            let name: Vec<u8> = bytes.collect::<Option<_>>()?;
            Some(Cursor(Key { kind, name: name.into() }))
        };
        parse().ok_or_else(|| "no cursor that a page before has given as next".to_owned())
    }
}

/// Which keys, and which page of them.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Stands somewhere in the name.
    #[param(value_type = String, required = false, max_length = 255)]
    name: Option<Words>,
    /// This is the name.
    #[param(value_type = String, required = false, max_length = 255)]
    exact: Option<Words>,
    /// Name of an `[[asterisk]]` that has a say on it, or is told of it.
    #[param(value_type = String, required = false, max_length = 255)]
    peer: Option<Words>,
    #[param(value_type = String, required = false, pattern = "^(device|presence)$")]
    kind: Option<Kind>,
    /// Only those of which a server (`peer`, or any) was seen to have another value than it was told, or does not take one.
    #[param(required = false, default = false)]
    diverged: bool,
    /// Keys of a page, at most.
    #[param(value_type = u64, minimum = 1, maximum = 500, default = 50)]
    limit: Limit<50, 500>,
    /// `next` of the page before.
    #[param(value_type = String, required = false, pattern = "^[dp]([0-9a-f]{2}){0,255}$")]
    cursor: Option<Cursor>,
}

/// A page of keys, by kind and name.
#[derive(Serialize, ToSchema)]
struct States {
    states: Vec<State>,
    /// What `cursor` must be for the page behind it; null at the end. A page may be short, even empty, and have one.
    next: Option<String>,
}

/// A device or presentity.
#[derive(Serialize, ToSchema)]
struct State {
    /// `device` or `presence`.
    kind: &'static str,
    /// Bytes that are no UTF-8 stand as `\xff`.
    name: String,
    /// Why it is told to nobody; null where it is.
    unwritable: Option<&'static str>,
    /// Who says what. A presentity has one value, the latest that somebody has said.
    origins: Vec<Origin>,
    /// What all of them say together, which an Asterisk is told that says nothing of it itself; null where nobody says anything.
    aggregate: Option<Value>,
    peers: Vec<Peer>,
}

#[derive(Serialize, ToSchema)]
struct Origin {
    peer: String,
    value: Value,
    /// Seconds of the epoch.
    since: f64,
}

/// A state; texts are of presence alone.
#[derive(Serialize, ToSchema)]
#[schema(as = StateValue)]
struct Value {
    /// The word of AMI: `INUSE`, `away`.
    state: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    subtype: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
}

/// How it is with a key on a server.
#[derive(Serialize, ToSchema)]
#[schema(as = StateOfPeer)]
struct Peer {
    peer: String,
    /// What all others say together, which it should have; null where nothing is to be written.
    wanted: Option<Value>,
    /// What it has, as far as is known.
    has: Option<Value>,
    /// What it was told last and has confirmed, and when, in seconds of the epoch.
    told: Option<Value>,
    told_at: Option<f64>,
    /// It is being written, or about to be.
    pending: bool,
    /// Why it is not written again; null where there is no such reason.
    refused: Option<String>,
    /// It was seen to have another value than it was told.
    diverged: bool,
}

/// How it is with each server.
#[derive(Serialize, ToSchema)]
struct StatePeers {
    peers: Vec<StatePeer>,
}

/// An Asterisk in the mesh.
#[derive(Serialize, ToSchema)]
struct StatePeer {
    peer: String,
    /// Whether it is connected and has listed.
    up: bool,
    /// Keys that it has a say on.
    entries: usize,
    /// Writes that wait for it.
    queue: usize,
    /// Writes that it has not answered.
    in_flight: usize,
    /// Changes that a later one has replaced before they were written.
    coalesced: u64,
    resyncs: u64,
    /// By reason, where there are any.
    rejected: BTreeMap<&'static str, u64>,
    /// Keys of which it was seen to have another value than it was told.
    divergence: usize,
    /// Age of the oldest change that it has not confirmed.
    lag_seconds: f64,
    /// Why its devices cannot be listed.
    devices_missing: Option<String>,
    /// Why its presentities cannot be listed.
    presences_missing: Option<String>,
}

/// The states that are mirrored, and who was told what.
#[utoipa::path(
    get,
    path = "/api/v1/states",
    params(Query),
    responses(
        (status = 200, description = "A page of keys", body = States),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No states are mirrored: `[device_state]` is not configured", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The manager of states does not answer now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(sources: Data<Sources>, query: Parameters<Query>) -> impl Responder {
    let Query { name, exact, peer, kind, diverged, limit, cursor } = query.0;
    let bytes = |words: Words| words.0.into_bytes();
    let filter = Filter {
        name: name.map(bytes),
        exactly: exact.map(bytes),
        peer: peer.map(|words| words.0),
        kind: kind.map(Into::into),
        diverged,
    };
    let asked = ListKeys { filter, after: cursor.map(|cursor| cursor.0), limit: limit.get() };
    match ask(&sources, asked).await {
        Err(answer) => answer,
        Ok(shown) => HttpResponse::Ok().json(States {
            states: shown.what.keys.iter().map(|key| state(key, shown.began)).collect(),
            next: shown.what.next.as_ref().map(Cursor::of),
        }),
    }
}

/// How it is with each Asterisk whose states are mirrored.
#[utoipa::path(
    get,
    path = "/api/v1/states/peers",
    responses(
        (status = 200, description = "All Asterisks", body = StatePeers),
        (status = 404, description = "No states are mirrored: `[device_state]` is not configured", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The manager of states does not answer now", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn peers(sources: Data<Sources>) -> impl Responder {
    match ask(&sources, ListPeers).await {
        Err(answer) => answer,
        Ok(shown) => {
            HttpResponse::Ok().json(StatePeers { peers: shown.what.into_iter().map(peer).collect() })
        }
    }
}

async fn ask<M>(sources: &Sources, asked: M) -> Result<M::Result, HttpResponse>
where
    M: Message<Result: Send> + Send + 'static,
    DeviceStates: Handler<M, Context: ToEnvelope<DeviceStates, M>>,
{
    let Some(manager) = &sources.states else {
        let reason = "no states are mirrored: [device_state] is not configured";
        return Err(problem(StatusCode::NOT_FOUND, reason));
    };
    match tokio::time::timeout(ANSWER_LIMIT, manager.send(asked)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) | Err(_) => {
            let reason = "the manager of states does not answer: try again in a moment";
            Err(problem(StatusCode::SERVICE_UNAVAILABLE, reason))
        }
    }
}

fn state(view: &KeyView, began: SystemTime) -> State {
    let kind = if view.key.kind == states::Kind::Device { "device" } else { "presence" };
    let origin = |said: &Said| Origin {
        peer: said.peer.to_string(),
        value: value(&said.value),
        since: seconds(began + said.since),
    };
    State {
        kind,
        name: shown(&view.key.name),
        unwritable: view.unwritable.map(|reason| reason.as_str()),
        origins: view.origins.iter().map(origin).collect(),
        aggregate: view.aggregate.as_ref().map(value),
        peers: view.peers.iter().map(|cell| of_peer(cell, began)).collect(),
    }
}

fn of_peer(cell: &CellView, began: SystemTime) -> Peer {
    Peer {
        peer: cell.peer.to_string(),
        wanted: cell.wanted.as_ref().map(value),
        has: cell.known.as_ref().map(value),
        told: cell.told.as_ref().map(|(told, _)| value(told)),
        told_at: cell.told.as_ref().map(|&(_, at)| seconds(began + at)),
        pending: cell.pending,
        refused: cell.refused.clone(),
        diverged: cell.diverged,
    }
}

fn value(value: &states::Value) -> Value {
    match value {
        states::Value::Device(state) => {
            Value { state: state.as_str(), subtype: String::new(), message: String::new() }
        }
        states::Value::Presence(presence) => Value {
            state: presence.state.as_str(),
            subtype: shown(&presence.subtype),
            message: shown(&presence.message),
        },
    }
}

/// Bytes as text; those that are none as `\xff`.
fn shown(bytes: &[u8]) -> String {
    let part = |mut text: String, chunk: std::str::Utf8Chunk<'_>| {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
        text
    };
    bytes.utf8_chunks().fold(String::new(), part)
}

fn peer(view: PeerView) -> StatePeer {
    StatePeer {
        peer: view.peer.to_string(),
        up: view.up,
        entries: view.says,
        queue: view.queue,
        in_flight: view.in_flight,
        coalesced: view.coalesced,
        resyncs: view.resyncs,
        rejected: view.rejected.into_iter().map(|(reason, count)| (reason.as_str(), count)).collect(),
        divergence: view.diverged,
        lag_seconds: view.lag.as_secs_f64(),
        devices_missing: view.devices_missing,
        presences_missing: view.presences_missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_a_key_whatever_its_bytes_are() {
        for key in [Key::device("SIP/100"), Key::presence(b"a\xff\0"), Key::device("")] {
            assert_eq!(Cursor::try_from(Cursor::of(&key)), Ok(Cursor(key)));
        }
        for text in ["", "x00", "d0", "dzz", "d+1", "é"] {
            assert!(Cursor::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_all_the_same() {
        assert_eq!(shown(b"SIP/\xe6\xff-\xc3\xa6"), "SIP/\\xe6\\xff-æ");
    }
}
