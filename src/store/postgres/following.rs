//! Who follows the topic log, what is wrong, and where we are registered, in a transaction of the PostgreSQL writer.

use super::script::Script;
use super::statements::{
    CLEAR, FORGET_REGISTRATION, KEEP_REGISTRATION, PLACE, RAISE, SUBSCRIBE, UNSUBSCRIBE,
};
use crate::store::alarms::{Alarm, AlarmChange};
use crate::store::followers::{EviChange, EviSubscription};
use crate::store::hubs::hub_of;
use crate::store::limits::clean;
use crate::store::registrations::{Registration, RegistrationChange};
use crate::store::writes::micros;

/// A subscription that is made, renewed or ended.
pub(super) fn add_evi<'a>(script: &mut Script<'a>, change: &'a EviChange) -> usize {
    match change {
        EviChange::Subscribe(subscription) => {
            let EviSubscription { event, socket, address, format, expire, expires } = subscription;
            script.add(
                SUBSCRIBE,
                vec![
                    Box::new(clean(event)),
                    Box::new(clean(socket)),
                    Box::new(address.as_deref()),
                    Box::new(format.as_str()),
                    Box::new(i64::from(*expire)),
                    Box::new(micros(*expires)),
                ],
            )
        }
        EviChange::Unsubscribe { event, socket } => {
            script.add(UNSUBSCRIBE, vec![Box::new(clean(event)), Box::new(clean(socket))])
        }
    }
}

/// How far a reader has come.
pub(super) fn add_place<'a>(
    script: &mut Script<'a>,
    reader: &str,
    sequence: i64,
    number: Option<i64>,
) -> usize {
    let hub = hub_of(reader);
    let reader = reader.to_owned();
    script.add(PLACE, vec![Box::new(reader), Box::new(sequence), Box::new(number), Box::new(hub)])
}

/// What is wrong from now on, or not any more.
pub(super) fn add_alarm<'a>(script: &mut Script<'a>, change: &'a AlarmChange) -> usize {
    match change {
        AlarmChange::Raise(Alarm { kind, object, uuid, raised }) => script.add(
            RAISE,
            vec![Box::new(clean(kind)), Box::new(clean(object)), Box::new(*uuid), Box::new(micros(*raised))],
        ),
        AlarmChange::Clear { kind, object } => {
            script.add(CLEAR, vec![Box::new(clean(kind)), Box::new(clean(object))])
        }
    }
}

/// Where we are registered from now on, or not any more.
pub(super) fn add_registration<'a>(script: &mut Script<'a>, change: &'a RegistrationChange) -> usize {
    match change {
        RegistrationChange::Keep(Registration { peer, url, topic, callback, hub, created }) => script.add(
            KEEP_REGISTRATION,
            vec![
                Box::new(clean(peer)),
                Box::new(clean(url)),
                Box::new(clean(topic)),
                Box::new(clean(callback)),
                Box::new(clean(hub)),
                Box::new(micros(*created)),
            ],
        ),
        RegistrationChange::Forget { url, topic } => {
            script.add(FORGET_REGISTRATION, vec![Box::new(clean(url)), Box::new(clean(topic))])
        }
    }
}
