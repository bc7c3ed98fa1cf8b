//! Events as they come out of the topic log.

use super::{Logged, TopicEvent};

/// An event, once, with all its topics.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// Of the last of its rows.
    pub sequence: i64,
    pub topics: Vec<String>,
    pub event: TopicEvent,
}

/// The rows of the log as events: those of several topics stand behind each other.
pub fn happenings(rows: Vec<Logged>) -> Vec<Happening> {
    let mut happenings: Vec<Happening> = Vec::with_capacity(rows.len());
    for Logged { sequence, event } in rows {
        match happenings.last_mut() {
            Some(last) if last.event.uuid == event.uuid => {
                last.sequence = sequence;
                last.topics.push(event.topic);
            }
            _ => happenings.push(Happening { sequence, topics: vec![event.topic.clone()], event }),
        }
    }
    happenings
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;
    use uuid::Uuid;

    fn event(uuid: u128, topic: &str) -> TopicEvent {
        TopicEvent {
            uuid: Uuid::from_u128(uuid),
            topic: topic.to_owned(),
            source: "k1".into(),
            name: "call".into(),
            at: SystemTime::UNIX_EPOCH,
            payload: "{}".into(),
            form: crate::event::Form::Fields,
        }
    }

    #[test]
    fn the_rows_of_an_event_are_one() {
        let row = |sequence, uuid, topic: &str| Logged { sequence, event: event(uuid, topic) };
        let rows = vec![row(1, 7, "a"), row(2, 8, "a"), row(3, 8, "b"), row(5, 8, "c"), row(6, 9, "a")];
        let seen: Vec<(i64, String)> =
            happenings(rows).into_iter().map(|it| (it.sequence, it.topics.join(" "))).collect();
        assert_eq!(seen, [(1, "a".to_owned()), (5, "a b c".to_owned()), (6, "a".to_owned())]);
    }
}
