//! Events go in.

use crate::site::{Site, event, within};
use eventmanager::event::Status;
use std::sync::Arc;

pub async fn events_are_stored_in_order(site: Site) {
    let running = site.open();
    let events: Vec<_> = ["anna", "berta", "carla"].map(event).into();
    let appended = within(running.store.append(events.clone())).await.unwrap();
    assert_eq!(appended.iter().map(|row| row.id).collect::<Vec<_>>(), [1, 2, 3]);
    for (new, row) in events.iter().zip(&appended) {
        assert_eq!((row.uuid, &row.rejected), (new.uuid, &None));
        let stored = running.store.event(row.id).await.unwrap().unwrap();
        assert_eq!(stored.uuid, Some(new.uuid));
        assert_eq!(stored.user_id, new.user_id);
        assert_eq!(stored.document, new.document);
        assert_eq!(stored.status, Some(Status::Pending));
        assert_eq!(stored.source.as_deref(), Some("as1"));
        assert_eq!(stored.notification_id.as_deref(), Some("write264"));
        assert_eq!(stored.received, new.received);
        assert_eq!(running.store.event_by_uuid(new.uuid).await.unwrap(), Some(stored));
    }
    assert_eq!(running.store.event(4).await.unwrap(), None);
    running.close().await;
}

pub async fn calls_are_stored_in_order(site: Site) {
    let running = site.open();
    let calls: Vec<_> =
        (0..50).map(|number| running.store.append(vec![event(&number.to_string())])).collect();
    // The last call is awaited first: what counts is the order of the calls.
    for call in calls.into_iter().rev() {
        within(call).await.unwrap();
    }
    let pending = running.store.pending(0, 100).await.unwrap();
    let users: Vec<_> = pending.iter().map(|event| event.user_id.clone()).collect();
    assert_eq!(users, (0..50).map(|number| number.to_string()).collect::<Vec<_>>());
    assert!(pending.is_sorted_by_key(|event| event.id));
    running.close().await;
}

pub async fn an_event_stored_twice_is_one_row(site: Site) {
    let running = site.open();
    let anna = event("anna");
    let first = within(running.store.append(vec![anna.clone(), anna.clone()])).await.unwrap();
    let second = within(running.store.append(vec![event("berta"), anna.clone()])).await.unwrap();
    assert_eq!(first[0].id, first[1].id);
    assert_eq!(first[0].id, second[1].id);
    assert_eq!(site.sql("select count(*) from em_event"), [["2"]]);
    running.close().await;
}

pub async fn a_duplicate_names_its_original(site: Site) {
    let running = site.open();
    let original = event("anna");
    let mut same_batch = event("anna");
    same_batch.duplicate_of = Some(original.uuid);
    same_batch.status = Status::Ignored;
    let mut later = same_batch.clone();
    later.uuid = uuid::Uuid::now_v7();
    later.note = Some("from as2".to_owned());
    let mut lost = event("anna");
    lost.duplicate_of = Some(lost.uuid);
    within(running.store.append(vec![event("berta"), original, same_batch.clone()])).await.unwrap();
    within(running.store.append(vec![later.clone(), same_batch.clone()])).await.unwrap();
    let note = async |uuid| running.store.event_by_uuid(uuid).await.unwrap().unwrap().note;
    assert_eq!(note(same_batch.uuid).await.as_deref(), Some("duplicate of 2"));
    assert_eq!(note(later.uuid).await.as_deref(), Some("from as2; duplicate of 2"));

    let unknown = uuid::Uuid::now_v7();
    lost.duplicate_of = Some(unknown);
    within(running.store.append(vec![lost.clone()])).await.unwrap();
    assert_eq!(note(lost.uuid).await, Some(format!("duplicate of {unknown}")));
    running.close().await;
}

pub async fn what_does_not_fit_is_cut(site: Site) {
    let running = site.open();
    let mut long = event(&"å".repeat(300));
    long.command = "C".repeat(256);
    long.document = Arc::from("a\0b");
    long.source = Arc::from("as\0");
    long.notification_id = Some("\0".to_owned());
    long.note = Some("\0".to_owned());
    within(running.store.append(vec![long.clone()])).await.unwrap();
    let stored = running.store.event_by_uuid(long.uuid).await.unwrap().unwrap();
    assert_eq!(stored.user_id, "å".repeat(255));
    assert_eq!(stored.command, "C".repeat(255));
    assert_eq!(&*stored.document, "a\u{FFFD}b");
    assert_eq!(stored.source.as_deref(), Some("as\u{FFFD}"));
    assert_eq!(stored.notification_id.as_deref(), Some("\u{FFFD}"));
    assert_eq!(stored.note.as_deref(), Some("\u{FFFD}"));
    running.close().await;
}

pub async fn a_poison_row_fails_alone(site: Site) {
    let running = site.open().ready().await;
    site.refuse_poison();
    let users = ["a", "b", "poison", "c", "poison", "d", "e"];
    let single: Vec<_> = users.map(|user| running.store.append(vec![event(user)])).into();
    let together = running.store.append(users.map(event).into());
    for (user, call) in users.iter().zip(single) {
        let appended = within(call).await.unwrap();
        assert_eq!(appended[0].rejected.is_some(), *user == "poison", "{appended:?}");
    }
    let rejected: Vec<bool> =
        within(together).await.unwrap().iter().map(|row| row.rejected.is_some()).collect();
    assert_eq!(rejected, [false, false, true, false, true, false, false]);
    let stored = running.store.pending(0, 100).await.unwrap();
    let stored: Vec<_> = stored.iter().map(|event| event.user_id.as_str()).collect();
    assert_eq!(stored, ["a", "b", "c", "d", "e", "a", "b", "c", "d", "e"]);
    running.close().await;
}

/// Before its writer starts, the queue holds what 64 producers send; afterwards one transaction has stored it.
pub async fn concurrent_producers_share_commits(site: Site) {
    let (store, tasks) = eventmanager::store::open(&site.config).unwrap();
    let calls: Vec<_> = (0..64).map(|_| store.append(vec![event("anna")])).collect();
    let writers: Vec<_> = tasks.into_iter().map(crate::site::run_on_a_thread).collect();
    for call in calls {
        within(call).await.unwrap();
    }
    // Rows of one transaction have one `xmin`; SQLite has no such thing, but the batch is cut by the same code.
    if site.kind == crate::site::Kind::Postgres {
        assert_eq!(site.sql("select count(distinct cast(xmin as text)) from em_event"), [["1"]]);
    }
    assert_eq!(site.sql("select count(*) from em_event"), [["64"]]);
    drop(store);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}

pub async fn ids_start_anew_after_a_truncate(site: Site) {
    let running = site.open();
    let before = within(running.store.append(vec![event("anna"), event("berta")])).await.unwrap();
    site.truncate();
    let after = within(running.store.append(vec![event("carla")])).await.unwrap();
    assert_eq!((before[0].id, after[0].id), (1, 1));
    assert_eq!(running.store.event(1).await.unwrap().unwrap().uuid, Some(after[0].uuid));
    assert_eq!(running.store.event_by_uuid(before[0].uuid).await.unwrap(), None);
    running.close().await;
}

pub async fn close_commits_what_is_queued(site: Site) {
    let running = site.open();
    // Their futures are dropped at once: the events are queued all the same.
    for _ in 0..10 {
        drop(running.store.append(vec![event("anna")]));
    }
    let store = running.store.clone();
    running.close().await;
    assert_eq!(site.sql("select count(*) from em_event"), [["10"]]);
    let late = within(store.append(vec![event("anna")])).await;
    assert_eq!(late, Err(eventmanager::store::StoreError::Closed));
}
