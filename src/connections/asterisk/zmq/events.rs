//! What events and lists of the module say of states.

use super::count_bad;
use super::listing::Part;
use crate::connections::asterisk::connection::Around;
use crate::connections::asterisk::reading::{self, NoChange};
use crate::states::Change;
use crate::wire::ami::unescape;
use crate::wire::manager_json::{Event, Headers, JsonError, Reply};

/// Whether Asterisk, or its module, has begun anew and may have forgotten what it was told.
pub fn means_a_start(name: &str) -> bool {
    matches!(name, "LoadZmq" | "FullyBooted")
}

/// The change that an event tells.
pub fn change(event: &Event, around: &Around) -> Option<Change> {
    match event.name() {
        reading::DEVICE => counted(device(event.headers()), around),
        reading::PRESENCE => counted(presence(event.headers()), around),
        _ => None,
    }
}

/// The devices of a list.
pub fn devices(reply: Result<Reply, JsonError>, around: &Around) -> Part {
    items(reply, reading::DEVICE, |item| counted(device(item), around))
}

/// The presentities of a list.
pub fn presences(reply: Result<Reply, JsonError>, around: &Around) -> Part {
    items(reply, reading::PRESENCE, |item| counted(presence(item), around))
}

fn device(headers: &Headers) -> Result<Change, NoChange> {
    reading::device(|name| headers.get(name).map(str::as_bytes))
}

fn presence(headers: &Headers) -> Result<Change, NoChange> {
    reading::presence(|name| headers.get(name).map(|value| unescape(value.as_bytes())))
}

fn counted(change: Result<Change, NoChange>, around: &Around) -> Option<Change> {
    change.inspect_err(|why| count_bad(around, why.label())).ok()
}

/// Items stand behind the response in the same reply. Without any nobody knows whether there are none: not every module has them.
fn items(reply: Result<Reply, JsonError>, event: &str, read: impl Fn(&Headers) -> Option<Change>) -> Part {
    let reply = reply.map_err(|error| error.to_string())?;
    if !reply.is_success() {
        return Err(reply.message().unwrap_or("refused without a reason").chars().take(200).collect());
    }
    if reply.events().is_empty() {
        return Err("the module gives no lists".to_owned());
    }
    let is_item = |item: &&Headers| item.get("Event").is_some_and(|name| name == event);
    Ok(reply.events().iter().filter(is_item).filter_map(read).collect())
}
