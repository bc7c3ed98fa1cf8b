//! The alarm that a hub is halted: its rows of the topic log.

use crate::event::TopicEvent;
use crate::store::Hub;
use crate::topics::alarms::event::{HUB_HALTED, MAJOR, cleared, id, raised};
use std::time::SystemTime;

const OBJECT: &str = "HubSubscription";

/// It was halted then.
pub fn halted(hub: &Hub, since: SystemTime, reason: &str) -> TopicEvent {
    let object = hub.id.to_string();
    let alarm = id(HUB_HALTED, &object, since);
    raised(HUB_HALTED, &object, OBJECT, MAJOR, &problem(hub, reason), since, alarm)
}

/// It is resumed or gone; it was halted then, for this reason.
pub fn over(hub: &Hub, since: SystemTime, reason: &str) -> TopicEvent {
    let object = hub.id.to_string();
    let alarm = id(HUB_HALTED, &object, since);
    cleared(HUB_HALTED, &object, OBJECT, &problem(hub, reason), since, alarm, SystemTime::now())
}

fn problem(hub: &Hub, reason: &str) -> String {
    format!("the hub of the topic {} is halted: {reason}", hub.topic)
}
