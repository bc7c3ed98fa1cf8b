//! What is wrong now, and where we are registered.

use crate::site::{Site, within};
use crate::topic_log::handed_on;
use eventmanager::event::{Form, TopicEvent};
use eventmanager::store::{Alarm, AlarmChange, Registration, RegistrationChange};
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// In milliseconds, as SQLite keeps it.
fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_772_366_400_000 + millis)
}

fn alarm(kind: &str, object: &str) -> Alarm {
    Alarm { kind: kind.to_owned(), object: object.to_owned(), uuid: Uuid::now_v7(), raised: at(1) }
}

fn clear(alarm: &Alarm) -> AlarmChange {
    AlarmChange::Clear { kind: alarm.kind.clone(), object: alarm.object.clone() }
}

pub async fn an_alarm_is_raised_once_until_it_is_cleared(site: Site) {
    let running = site.open().ready().await;
    let (lost, halted) = (alarm("connection_lost", "as1"), alarm("hub_halted", "as1"));
    let told = TopicEvent { form: Form::Change, ..handed_on("alarm", "connection_lost") };
    let raise = |alarm: &Alarm| AlarmChange::Raise(alarm.clone());
    let change = |changes, told| running.store.change_alarms(changes, told);
    within(change(vec![raise(&halted), raise(&lost)], vec![told.clone()])).await.unwrap();
    // Once more, and by somebody who does not know of it.
    within(change(vec![raise(&lost), raise(&alarm("connection_lost", "as1"))], vec![told.clone()]))
        .await
        .unwrap();
    running.close().await;
    let running = site.open().ready().await;
    assert_eq!(running.store.alarms().await.unwrap(), [lost.clone(), halted.clone()]);
    let rows = running.store.topic_log_after(0, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| &row.event).collect::<Vec<_>>(), [&told]);
    // Within one transaction the last word counts.
    let again = Alarm { raised: at(2), ..alarm("hub_halted", "as1") };
    let changes = vec![clear(&lost), clear(&lost), clear(&halted), raise(&again)];
    within(running.store.change_alarms(changes, Vec::new())).await.unwrap();
    assert_eq!(running.store.alarms().await.unwrap(), [again]);
    running.close().await;
}

pub async fn a_registration_is_known_by_its_peer_and_topic(site: Site) {
    let running = site.open().ready().await;
    let registration = |url: &str, topic: &str, hub: &str| Registration {
        peer: "pss.example.net:8443".to_owned(),
        url: url.to_owned(),
        topic: topic.to_owned(),
        callback: "https://em.example.net/psi-api/event/v2/topic/order/event".to_owned(),
        hub: hub.to_owned(),
        created: at(1),
    };
    let first = registration("https://a/event/v2", "order", "17");
    let other = registration("https://a/event/v2", "alarm", "18");
    let elsewhere = registration("https://b/event/v2", "order", "17");
    let keep = |it: &Registration| RegistrationChange::Keep(it.clone());
    let change = |changes| running.store.change_registrations(changes);
    within(change([&first, &elsewhere, &other].map(keep).to_vec())).await.unwrap();
    let anew = Registration {
        peer: "other:1".to_owned(),
        callback: "https://new".to_owned(),
        hub: "19".to_owned(),
        created: at(2),
        ..first
    };
    let forget = RegistrationChange::Forget { url: other.url.clone(), topic: other.topic.clone() };
    for _ in 0..2 {
        within(change(vec![keep(&anew), forget.clone()])).await.unwrap();
    }
    running.close().await;
    let running = site.open().ready().await;
    assert_eq!(running.store.registrations().await.unwrap(), [anew, elsewhere]);
    running.close().await;
}
