//! The alarm of an event that was not carried out: raised with its verdict, and cleared by a later one or by an operator.

use super::event::{EVENT_FAILED, MINOR, cleared, raised};
use crate::event::{Event, TopicEvent};
use crate::topics::derived;
use std::time::SystemTime;
use uuid::Uuid;

const OBJECT: &str = "event";

/// It has failed. However often it fails, it is one alarm; its time is that of the event.
pub fn failed(event: &Event, uuid: Uuid, reason: &str) -> TopicEvent {
    let problem = format!("{} failed: {reason}", event.command);
    raised(EVENT_FAILED, &uuid.to_string(), OBJECT, MINOR, &problem, event.received, id(uuid))
}

/// It has been carried out after all, or nobody will.
pub fn over(event: &Event, uuid: Uuid, now: SystemTime) -> TopicEvent {
    let problem = format!("{} failed", event.command);
    cleared(EVENT_FAILED, &uuid.to_string(), OBJECT, &problem, event.received, id(uuid), now)
}

fn id(event: Uuid) -> Uuid {
    derived::uuid(&[EVENT_FAILED, &event.to_string()])
}
