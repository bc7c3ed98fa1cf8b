//! What events and lists of the module say of states.

use crate::connections::asterisk::listing::List;
use crate::connections::asterisk::reading::{self, NoChange};
use crate::states::Change;
use crate::wire::ami::unescape;
use crate::wire::manager_json::{Event, Headers, JsonError, Reply};

/// Whether Asterisk, or its module, has begun anew and may have forgotten what it was told.
pub fn means_a_start(name: &str) -> bool {
    matches!(name, "LoadZmq" | "FullyBooted")
}

/// The change that an event tells; `None`: it is about something else.
pub fn change(event: &Event) -> Option<Result<Change, NoChange>> {
    let list = List::ALL.into_iter().find(|list| list.event() == event.name())?;
    Some(item(list, event.headers()))
}

/// The change that an item of a list tells.
pub fn item(list: List, headers: &Headers) -> Result<Change, NoChange> {
    match list {
        List::Devices => device(headers),
        List::Presences => presence(headers),
    }
}

/// The items of a list, and how many it says there are. They stand behind the response in the same reply; without any nobody knows whether
/// there are none: not every module has them.
pub fn items(reply: &Result<Reply, JsonError>, list: List) -> Result<(Vec<&Headers>, Option<usize>), String> {
    let reply = reply.as_ref().map_err(ToString::to_string)?;
    if !reply.is_success() {
        return Err(reply.message().unwrap_or("refused without a reason").chars().take(200).collect());
    }
    if reply.events().is_empty() {
        return Err("the module gives no lists".to_owned());
    }
    let is_item = |item: &&Headers| item.get("Event") == Some(list.event());
    let count = reply.events().iter().find_map(|end| end.get("ListItems")?.trim().parse().ok());
    Ok((reply.events().iter().filter(is_item).collect(), count))
}

fn device(headers: &Headers) -> Result<Change, NoChange> {
    reading::device(|name| headers.get(name).map(str::as_bytes))
}

fn presence(headers: &Headers) -> Result<Change, NoChange> {
    reading::presence(|name| headers.get(name).map(|value| unescape(value.as_bytes())))
}
