//! Writing the topic log.

use super::TopicEvent;
use crate::failpoints;
use crate::store::{Store, StoreError};

/// Has rows of the topic log written, however long the database is away; they are in memory until then. One that the database
/// refuses is written once more in letters that every database has.
pub async fn hand_on(store: &Store, events: Vec<TopicEvent>) {
    if let Err(error) = store_all(store, &events).await {
        for event in &events {
            metrics::counter!("eventmanager_dropped_total", "connection" => event.source.to_string())
                .increment(1);
        }
        tracing::error!(%error, rows = events.len(), "events that were to be handed on are lost");
    }
}

/// The same for one who can bring them again: a store that is closed takes none.
pub(super) async fn store_all(store: &Store, events: &[TopicEvent]) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    failpoints::pass("topics.hand_on.before").await;
    let refused = write(store, events).await?;
    failpoints::pass("topics.hand_on.after").await;
    let plain: Vec<TopicEvent> = refused.into_iter().map(|(at, _)| in_ascii(&events[at])).collect();
    if plain.is_empty() {
        return Ok(());
    }
    for (at, reason) in write(store, &plain).await? {
        let TopicEvent { source, topic, name, .. } = &plain[at];
        metrics::counter!("eventmanager_events_refused_total", "source" => source.to_string()).increment(1);
        tracing::error!(%source, topic, %name, reason, "the database refused an event that was to be handed on");
    }
    Ok(())
}

/// The places of those that the database refuses, and why.
async fn write(store: &Store, events: &[TopicEvent]) -> Result<Vec<(usize, String)>, StoreError> {
    let answers = store.hand_on(events.to_vec()).await?.into_iter().enumerate();
    Ok(answers.filter_map(|(at, reason)| Some((at, reason?))).collect())
}

/// The same with its letters beyond ASCII as escapes of JSON.
fn in_ascii(event: &TopicEvent) -> TopicEvent {
    let name: String =
        event.name.chars().map(|letter| if letter.is_ascii() { letter } else { '?' }).collect();
    TopicEvent { name: name.into(), payload: json_in_ascii(&event.payload).into(), ..event.clone() }
}

/// Letters beyond ASCII stand in strings alone, where an escape means the same.
pub(super) fn json_in_ascii(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii() {
            escaped.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            escaped.push_str(&format!("\\u{unit:04x}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_beyond_ascii_mean_the_same_as_escapes() {
        let text = r#"{"é":"漢🐎 a\"é"}"#;
        let plain = json_in_ascii(text);
        assert!(plain.is_ascii());
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(value(&plain), value(text));
        assert_eq!(json_in_ascii(r#"{"a":"\u00e9"}"#), r#"{"a":"\u00e9"}"#);
    }
}
