//! Which events of its topic a hub gets: purely.

use crate::config::EventManagement;
use crate::event::{Form, TopicEvent};
use crate::wire::event_management::{Callback, Filter};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Whether a hub with this callback and filter gets the event; `envelope` is what it would get, which is not written where nobody
/// looks at it.
pub fn is_wanted(
    config: &EventManagement,
    callback: &Callback,
    filter: &Filter,
    event: &TopicEvent,
    envelope: impl FnOnce() -> Arc<Map<String, Value>>,
) -> bool {
    !goes_back(config, callback, event) && (filter.matches_all() || filter.matches(&envelope()))
}

/// Whether the host of the callback is the one that has posted it, and its topic is none that is echoed.
fn goes_back(config: &EventManagement, callback: &Callback, event: &TopicEvent) -> bool {
    let Form::Posted { origin: Some(origin) } = &event.form else { return false };
    let host = callback.authority();
    let is_origin = config.peers.iter().any(|peer| peer.host == host && peer.name() == &**origin);
    is_origin && !config.echo.iter().any(|pattern| pattern.means(Some(&event.topic)))
}
