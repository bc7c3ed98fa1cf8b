//! What is handed on, and those who follow it.

use crate::site::{Kind, Running, Site, event, progress, verdict, within};
use eventmanager::event::Status;
use eventmanager::event::TopicEvent;
use eventmanager::store::Spared;
use eventmanager::topics::{Tail, hand_on};
use std::time::{Duration, SystemTime};
use uuid::Uuid;

pub fn handed_on(topic: &str, name: &str) -> TopicEvent {
    TopicEvent {
        uuid: Uuid::now_v7(),
        topic: topic.to_owned(),
        source: "k1".into(),
        name: name.into(),
        // In milliseconds, as SQLite keeps it.
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
        payload: r#"{"event":"é"}"#.into(),
        form: eventmanager::event::Form::Fields,
    }
}

async fn names(running: &Running, after: i64, limit: usize) -> Vec<String> {
    let rows = running.store.topic_log_after(after, limit).await.unwrap();
    assert!(rows.is_sorted_by_key(|row| row.sequence) && rows.iter().all(|row| row.sequence > after));
    rows.into_iter().map(|row| row.event.name.to_string()).collect()
}

pub async fn what_is_handed_on_is_read_in_its_order_and_stands_once(site: Site) {
    let running = site.open().ready().await;
    assert_eq!(running.store.topic_log_end().await.unwrap(), 0);
    let first = handed_on("calls", "one");
    let other_topic = TopicEvent { topic: "audit".to_owned(), ..first.clone() };
    let answers = running.store.hand_on(vec![first.clone(), other_topic.clone(), handed_on("calls", "two")]);
    assert_eq!(within(answers).await.unwrap(), [None, None, None]);
    // Beside other writes, and once more.
    let events = running.store.append(vec![event("anna")]);
    let again = running.store.hand_on(vec![first.clone(), handed_on("calls", "three"), other_topic]);
    within(events).await.unwrap();
    within(again).await.unwrap();
    assert_eq!(names(&running, 0, 10).await, ["one", "one", "two", "three"]);
    let rows = running.store.topic_log_after(0, 2).await.unwrap();
    assert_eq!((&rows[0].event, rows[1].event.topic.as_str()), (&first, "audit"));
    assert_eq!(names(&running, rows[1].sequence, 1).await, ["two"]);
    let end = running.store.topic_log_end().await.unwrap();
    assert_eq!(names(&running, end - 1, 10).await, ["three"]);
    running.close().await;
}

pub async fn the_topic_log_is_shortened_from_its_old_end(site: Site) {
    let running = site.open().ready().await;
    let old = (0..2_500).map(|_| handed_on("calls", "old")).collect();
    let new = TopicEvent { at: SystemTime::now(), ..handed_on("calls", "new") };
    within(running.store.hand_on(old)).await.unwrap();
    within(running.store.hand_on(vec![new])).await.unwrap();
    let (an_hour, nobody) = (SystemTime::now() - Duration::from_secs(3600), Spared::default());
    let end = running.store.topic_log_end().await.unwrap();
    assert_eq!(within(running.store.shorten_topic_log(an_hour, nobody)).await.unwrap().handed_on, 2_500);
    assert_eq!(within(running.store.shorten_topic_log(an_hour, nobody)).await.unwrap().handed_on, 0);
    assert_eq!(names(&running, 0, 10).await, ["new"]);
    // No place is given twice, even where nothing is left.
    within(running.store.shorten_topic_log(SystemTime::now(), nobody)).await.unwrap();
    within(running.store.hand_on(vec![handed_on("calls", "later")])).await.unwrap();
    assert_eq!(names(&running, end, 10).await, ["later"]);
    running.close().await;
}

/// What NATS has not got stays, but not for ever.
pub async fn the_topic_log_keeps_what_nats_has_not_got(site: Site) {
    let running = site.open().ready().await;
    let now = SystemTime::now();
    let hours = |hours: u64| now - Duration::from_secs(hours * 3_600);
    let row = |name, age| TopicEvent { at: hours(age), ..handed_on("calls", name) };
    let rows = vec![row("ancient", 100), row("got", 20), row("waits", 19), row("new", 1)];
    within(running.store.hand_on(rows)).await.unwrap();
    let first = running.store.topic_log_after(0, 1).await.unwrap()[0].sequence;
    within(running.store.keep_place("nats", first + 1)).await.unwrap();
    let shorten = |nats| running.store.shorten_topic_log(hours(10), Spared { hubs: None, nats });
    within(shorten(Some(hours(50)))).await.unwrap();
    assert_eq!(names(&running, 0, 10).await, ["waits", "new"]);
    within(shorten(Some(hours(15)))).await.unwrap();
    assert_eq!(names(&running, 0, 10).await, ["new"]);
    // Where nothing is published to it any more, it holds nothing.
    within(running.store.hand_on(vec![row("late", 20)])).await.unwrap();
    within(shorten(None)).await.unwrap();
    assert_eq!(names(&running, 0, 10).await, ["new"]);
    running.close().await;
}

pub async fn who_follows_the_topic_log_gets_what_comes(site: Site) {
    let running = site.open().ready().await;
    within(running.store.hand_on(vec![handed_on("calls", "before")])).await.unwrap();
    let mut tail = Tail::new(running.store.clone());
    // It waits where nothing comes, and begins where the log ends.
    assert!(tokio::time::timeout(Duration::from_millis(300), tail.next()).await.is_err());
    let mut names = Vec::new();
    for round in 0..3 {
        let events = (0..700).map(|number| handed_on("calls", &(700 * round + number).to_string())).collect();
        within(running.store.hand_on(events)).await.unwrap();
    }
    while names.len() < 2_100 {
        names.extend(within(tail.next()).await.into_iter().map(|row| row.event.name.to_string()));
    }
    assert_eq!(names, (0..2_100).map(|number| number.to_string()).collect::<Vec<_>>());
    let mut late = Tail::after(running.store.clone(), 0);
    assert_eq!(&*within(late.next()).await[0].event.name, "before");
    drop((tail, late));
    running.close().await;
}

pub async fn what_the_database_cannot_write_is_handed_on_in_plain_letters(site: Site) {
    let running = site.open().ready().await;
    match site.kind {
        Kind::Sqlite => site.sql(
            "create trigger plain before insert on em_topic_log when new.payload like '%é%'
             begin select raise(abort, 'no such letter'); end",
        ),
        Kind::Postgres => {
            site.sql("alter table em_topic_log add constraint plain check (payload not like '%é%')")
        }
    };
    within(hand_on(&running.store, vec![handed_on("calls", "one"), handed_on("calls", "two")])).await;
    let rows = running.store.topic_log_after(0, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| &*row.event.payload).collect::<Vec<_>>(), [r#"{"event":"\u00e9"}"#; 2]);
    running.close().await;
}

pub async fn a_verdict_that_does_not_count_hands_nothing_on(site: Site) {
    let running = site.open().ready().await;
    let events = ["anna", "berta", "carla"].map(event);
    within(running.store.append(events.to_vec())).await.unwrap();
    site.sql("update em_event set status = 'ignored' where user_id = 'berta'");
    site.sql("delete from em_event where user_id = 'carla'");
    let ended = |index: usize| {
        let mut ended = progress(events[index].uuid, 1);
        ended.verdict = verdict(Status::Completed, None);
        let name = events[index].user_id.as_str();
        let rows =
            ["users", "all"].map(|topic| TopicEvent { uuid: events[index].uuid, ..handed_on(topic, name) });
        ended.verdict.as_mut().expect("a verdict").handed_on = rows.to_vec();
        ended
    };
    for index in 0..3 {
        let _ = within(running.store.record(ended(index))).await;
    }
    // As after a commit of which nobody knows whether it was done.
    within(running.store.record(ended(0))).await.unwrap();
    assert_eq!(names(&running, 0, 10).await, ["anna", "anna"]);
    running.close().await;
}
