//! Hubs: who is registered, where each is, and what could not be delivered.

use crate::site::{Kind, Running, Site, within};
use crate::topic_log::handed_on;
use eventmanager::event::{Form, Logged, TopicEvent};
use eventmanager::store::{
    Act, Cursor, DeadLetter, Hub, HubAttempt, HubChange, HubState, Replay, Spared, StoreError, hub_reader,
};
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// In milliseconds, as SQLite keeps it.
fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_772_366_400_123 + seconds * 1_000)
}

pub fn hub(topic: &str, created: u64) -> Hub {
    Hub {
        id: Uuid::now_v7(),
        topic: topic.to_owned(),
        callback: "https://pss.example.net:8443/callback".to_owned(),
        query: Some("state=pending".to_owned()),
        owner: "pss".to_owned(),
        created: at(created),
        state: HubState::Active,
        replay: None,
    }
}

pub async fn register(running: &Running, hub: &Hub, from: i64) {
    let change = HubChange::Register { hub: hub.clone(), from };
    within(running.store.change_hubs(vec![change], Vec::new(), None)).await.unwrap();
}

async fn change(running: &Running, change: HubChange) {
    within(running.store.change_hubs(vec![change], Vec::new(), None)).await.unwrap();
}

fn attempt(hub: &Hub, number: u32) -> HubAttempt {
    HubAttempt {
        hub: hub.id,
        event: Uuid::from_u128(7),
        sequence: 12,
        attempt: number,
        at: at(u64::from(number)),
        outcome: "refused".to_owned(),
        status: Some(503),
        millis: 15_000,
        detail: Some("Bitte später".to_owned()),
    }
}

fn letter(hub: &Hub, sequence: i64) -> DeadLetter {
    let posted = Form::Posted { origin: Some("pss".into()) };
    let event = TopicEvent { form: posted, ..handed_on("order", "made") };
    let (actor, reason) = ("anna".to_owned(), "broken at theirs".to_owned());
    DeadLetter { hub: hub.id, logged: Logged { sequence, event }, at: at(9), actor, reason }
}

fn act(detail: &str) -> Act {
    Act {
        uuid: Uuid::now_v7(),
        at: at(0),
        actor: "anna".to_owned(),
        act: "hub_skip".to_owned(),
        object: "hub".to_owned(),
        detail: Some(detail.to_owned()),
    }
}

pub async fn a_hub_and_its_place_outlast_a_restart(site: Site) {
    let running = site.open().ready().await;
    let (first, mut second) = (hub("order", 1), Hub { query: None, ..hub("alarm", 2) });
    register(&running, &second, 40).await;
    register(&running, &first, 7).await;
    // Once more, as after a commit of which nobody knows whether it was done: it has gone on meanwhile.
    let reader = hub_reader(first.id);
    within(running.store.keep_cursor(&reader, Cursor { sequence: 9, number: 2 })).await.unwrap();
    register(&running, &first, 7).await;
    let halted = HubState::Halted { since: at(5), reason: "nobody answers".to_owned() };
    change(&running, HubChange::State { id: second.id, state: halted.clone() }).await;
    let replay = Some(Replay { at: 3, to: 6 });
    change(&running, HubChange::Replay { id: second.id, replay }).await;
    running.close().await;

    let running = site.open().ready().await;
    (second.state, second.replay) = (halted, replay);
    assert_eq!(running.store.hubs().await.unwrap(), [first.clone(), second.clone()]);
    assert_eq!(running.store.cursor(&reader).await.unwrap(), Some(Cursor { sequence: 9, number: 2 }));
    let second_reader = hub_reader(second.id);
    assert_eq!(running.store.cursor(&second_reader).await.unwrap(), Some(Cursor { sequence: 40, number: 0 }));
    change(&running, HubChange::State { id: second.id, state: HubState::Active }).await;
    change(&running, HubChange::Replay { id: second.id, replay: None }).await;
    (second.state, second.replay) = (HubState::Active, None);
    assert_eq!(running.store.hubs().await.unwrap(), [first, second]);
    running.close().await;
}

pub async fn a_cursor_goes_forward_and_counts(site: Site) {
    let running = site.open().ready().await;
    let (one, other) = (hub("order", 1), hub("order", 2));
    register(&running, &one, 0).await;
    register(&running, &other, 0).await;
    let reader = hub_reader(one.id);
    let keep = |sequence, number| running.store.keep_cursor(&reader, Cursor { sequence, number });
    // In one transaction as well.
    let (newer, older) = (keep(20, 11), keep(19, 10));
    within(newer).await.unwrap();
    within(older).await.unwrap();
    // Somebody who counts nothing keeps the number that there is, and has none himself.
    within(running.store.keep_place(&reader, 21)).await.unwrap();
    within(running.store.keep_place("evi", 5)).await.unwrap();
    assert_eq!(running.store.cursor(&reader).await.unwrap(), Some(Cursor { sequence: 21, number: 11 }));
    assert_eq!(running.store.cursor("evi").await.unwrap(), Some(Cursor { sequence: 5, number: 0 }));
    assert_eq!(running.store.cursor("nobody").await.unwrap(), None);
    let mut hubs = vec![
        (reader.clone(), Cursor { sequence: 21, number: 11 }),
        (hub_reader(other.id), Cursor { sequence: 0, number: 0 }),
    ];
    hubs.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(running.store.cursors("hub:").await.unwrap(), hubs);
    assert_eq!(running.store.cursors("hub%").await.unwrap(), []);
    running.close().await;
}

pub async fn attempts_are_kept_once_the_newest_hundred_of_each_hub(site: Site) {
    let running = site.open().ready().await;
    let (one, other) = (hub("order", 1), hub("order", 2));
    register(&running, &one, 0).await;
    register(&running, &other, 0).await;
    let plain = HubAttempt { status: None, detail: None, ..attempt(&other, 1) };
    within(running.store.record_attempt(plain.clone())).await.unwrap();
    let all: Vec<HubAttempt> = (1..=130).map(|number| attempt(&one, number)).collect();
    let recorded: Vec<_> = all.iter().map(|it| running.store.record_attempt(it.clone())).collect();
    for recorded in recorded {
        within(recorded).await.unwrap();
    }
    within(running.store.record_attempt(all[129].clone())).await.unwrap();
    let kept = running.store.hub_attempts(one.id, 1_000).await.unwrap();
    let newest: Vec<HubAttempt> = all.iter().rev().take(100).cloned().collect();
    assert_eq!(kept, newest);
    assert_eq!(running.store.hub_attempts(one.id, 2).await.unwrap(), newest[..2]);
    assert_eq!(running.store.hub_attempts(other.id, 1_000).await.unwrap(), [plain]);
    running.close().await;
}

pub async fn what_is_skipped_is_a_dead_letter_and_the_hub_goes_on(site: Site) {
    let running = site.open().ready().await;
    let hub = hub("order", 1);
    register(&running, &hub, 10).await;
    let (first, second) = (letter(&hub, 12), DeadLetter { at: at(10), ..letter(&hub, 11) });
    let act = act("not needed");
    let skip = |letter: &DeadLetter, sequence| {
        running.store.skip(letter.clone(), Cursor { sequence, number: 3 }, vec![], vec![], Some(act.clone()))
    };
    within(skip(&first, 12)).await.unwrap();
    within(skip(&first, 12)).await.unwrap();
    // One that is sent again is skipped: the place is where it was.
    within(skip(&second, 11)).await.unwrap();
    assert_eq!(running.store.dead_letters(hub.id, 10).await.unwrap(), [second.clone(), first]);
    assert_eq!(running.store.dead_letters(hub.id, 1).await.unwrap(), [second]);
    let cursor = running.store.cursor(&hub_reader(hub.id)).await.unwrap();
    assert_eq!(cursor, Some(Cursor { sequence: 12, number: 3 }));
    let lines = running.store.audit(i64::MAX, 10).await.unwrap();
    assert_eq!(lines.iter().map(|line| &line.act).collect::<Vec<_>>(), [&act]);
    running.close().await;
}

pub async fn all_of_a_hub_goes_with_it_and_nothing_comes_after(site: Site) {
    let running = site.open().ready().await;
    let (gone, stays) = (hub("order", 1), hub("order", 2));
    for hub in [&gone, &stays] {
        register(&running, hub, 0).await;
        within(running.store.record_attempt(attempt(hub, 1))).await.unwrap();
        let cursor = Cursor { sequence: 12, number: 1 };
        within(running.store.skip(letter(hub, 12), cursor, vec![], vec![], None)).await.unwrap();
    }
    let told = TopicEvent { form: Form::Change, ..handed_on("alarm", "hub_halted") };
    let removed =
        running.store.change_hubs(vec![HubChange::Remove(gone.id)], vec![told.clone()], Some(act("gone")));
    within(removed).await.unwrap();
    // What was under way for it, and is written late.
    within(running.store.keep_cursor(&hub_reader(gone.id), Cursor { sequence: 13, number: 2 }))
        .await
        .unwrap();
    within(running.store.record_attempt(attempt(&gone, 2))).await.unwrap();
    let late =
        running.store.skip(letter(&gone, 13), Cursor { sequence: 13, number: 2 }, vec![], vec![], None);
    within(late).await.unwrap();
    change(&running, HubChange::State { id: gone.id, state: HubState::Active }).await;
    let rows = "select (select count(*) from em_hub), (select count(*) from em_cursor),
        (select count(*) from em_hub_attempt), (select count(*) from em_dead_letter)";
    assert_eq!(site.sql(rows), [["1", "1", "1", "1"]]);
    assert_eq!(running.store.hubs().await.unwrap(), [stays]);
    assert_eq!(running.store.topic_log_after(0, 10).await.unwrap()[0].event, told);
    assert_eq!(running.store.audit(i64::MAX, 10).await.unwrap().len(), 1);
    running.close().await;
}

pub async fn a_hub_that_the_database_refuses_is_told(site: Site) {
    let running = site.open().ready().await;
    match site.kind {
        Kind::Sqlite => site.sql(
            "create trigger poison before insert on em_hub when new.owner = 'bad'
             begin select raise(abort, 'no'); end",
        ),
        Kind::Postgres => site.sql("alter table em_hub add constraint poison check (owner <> 'bad')"),
    };
    let bad = Hub { owner: "bad".to_owned(), ..hub("order", 1) };
    let good = hub("order", 2);
    let refused = [&bad, &good].map(|hub| HubChange::Register { hub: hub.clone(), from: 0 });
    let refused = within(running.store.change_hubs(refused.to_vec(), Vec::new(), None)).await;
    assert!(matches!(refused, Err(StoreError::Rejected(_))), "{refused:?}");
    // Neither has it a place, and nothing else is held up.
    assert_eq!(running.store.hubs().await.unwrap(), [good]);
    assert_eq!(running.store.cursors("hub:").await.unwrap().len(), 1);
    running.close().await;
}

/// The log is shortened behind the slowest hub of each topic, and what is being sent again stays.
pub async fn the_topic_log_keeps_what_a_hub_has_not_got(site: Site) {
    let running = site.open().ready().await;
    let now = SystemTime::now();
    let hours = |hours: u64| now - Duration::from_secs(hours * 3_600);
    let row = |topic, name, age| TopicEvent { at: hours(age), ..handed_on(topic, name) };
    let rows = vec![
        row("order", "ancient", 100),
        row("order", "got", 20),
        row("alarm", "nobody's", 20),
        row("order", "waits", 19),
        row("order", "waits too", 18),
        row("order", "new", 1),
    ];
    within(running.store.hand_on(rows)).await.unwrap();
    let first = running.store.topic_log_after(0, 1).await.unwrap()[0].sequence;
    let (slow, fast) = (hub("order", 1), hub("order", 2));
    register(&running, &slow, first + 1).await;
    register(&running, &fast, first + 5).await;
    let names = async || -> Vec<String> {
        let rows = running.store.topic_log_after(0, 10).await.unwrap();
        rows.iter().map(|row| row.event.name.to_string()).collect()
    };
    let shorten = |backlog| {
        let spared = Spared { hubs: Some(backlog), nats: None };
        running.store.shorten_topic_log(hours(10), spared)
    };
    within(shorten(hours(50))).await.unwrap();
    assert_eq!(names().await, ["waits", "waits too", "new"]);
    // One that has got all has some of it sent again.
    change(&running, HubChange::Remove(slow.id)).await;
    let replay = Some(Replay { at: first + 3, to: first + 4 });
    change(&running, HubChange::Replay { id: fast.id, replay }).await;
    within(shorten(hours(50))).await.unwrap();
    assert_eq!(names().await, ["waits too", "new"]);
    // Nothing is kept for ever.
    within(shorten(hours(10))).await.unwrap();
    assert_eq!(names().await, ["new"]);
    running.close().await;
}
