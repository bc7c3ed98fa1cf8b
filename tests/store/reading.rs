//! What is stored comes back.

use crate::site::*;
use eventmanager::event::Status;
use eventmanager::store::{Changed, Counts, EventFilter, ReadError};
use std::time::{Duration, SystemTime};
use uuid::Uuid;

pub async fn what_changes_is_told_and_its_lines_are_read(site: Site) {
    let running = site.open().ready().await;
    within(running.store.append(vec![event("before")])).await.unwrap();
    let mut changes = running.store.changes();
    let events = ["a", "b"].map(event);
    let [a, b] = [events[0].uuid, events[1].uuid];
    within(running.store.append(events.into())).await.unwrap();
    let mut failed = progress(a, 1);
    failed.verdict = verdict(Status::Failed, Some("refused"));
    failed.warnings = vec!["odd".to_owned()];
    within(running.store.record(failed)).await.unwrap();
    let news = changes.read();
    assert_eq!(news.rows, [a, b, a].map(Changed::Event));
    changes.confirm(&news);
    assert_eq!(changes.read().rows, []);

    site.sql("insert into em_event (user_id, status, inserted) values ('old', 'pending', current_timestamp)");
    let rows = [Changed::Event(a), Changed::Row(4), Changed::Event(event("gone").uuid), Changed::Row(99)];
    let lines = running.store.lines(&rows).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.id).collect::<Vec<_>>(), [4, 2], "the newest first");
    assert_eq!((lines[0].uuid, lines[0].user_id.as_str()), (None, "old"));
    assert_eq!(lines[1], running.store.list(EventFilter::default()).await.unwrap()[1]);
    assert_eq!((lines[1].note.as_deref(), lines[1].attempt), (Some("refused"), 1));
    assert_eq!(lines[1].warnings, ["odd"]);
    assert_eq!(running.store.lines(&[]).await.unwrap(), []);
    running.close().await;
}

pub async fn counts_tell_ours_from_others(site: Site) {
    let running = site.open().ready().await;
    assert_eq!(running.store.counts().await.unwrap(), Counts::default());
    let mut events: Vec<_> = ["a", "b", "c"].map(event).into();
    events[2].status = Status::Ignored;
    events[1].received -= Duration::from_secs(60);
    within(running.store.append(events.clone())).await.unwrap();
    site.sql(
        "insert into em_event (user_id, command, event, status, inserted)
        values ('a', 'UserAddRequest', '<x/>', 'pending', current_timestamp),
               ('a', 'UserAddRequest', '<x/>', 'failed', null), (null, null, null, 'nonsense', null)",
    );
    let expected = Counts {
        pending: 2,
        left_pending: 1,
        failed: 1,
        ignored: 1,
        other: 1,
        completed: 0,
        oldest_pending: Some(events[1].received),
    };
    assert_eq!(running.store.counts().await.unwrap(), expected);
    running.close().await;
}

pub async fn the_latest_uuids_come_back(site: Site) {
    let running = site.open();
    let mut events: Vec<_> = ["a", "b", "c"].map(event).into();
    let uuid = |number: u128| Uuid::from_u128(0x019c_a3c0_0000_7000_8000_0000_0000_0000 + (number << 80));
    for (number, event) in (0..).zip(&mut events) {
        event.uuid = uuid(number);
    }
    // In whatever order they are stored.
    within(running.store.append(vec![events[2].clone(), events[0].clone(), events[1].clone()]))
        .await
        .unwrap();
    let recent = async |since, limit| running.store.recent_uuids(since, limit).await.unwrap();
    assert_eq!(recent(uuid(0), 100).await, [uuid(2), uuid(1), uuid(0)]);
    assert_eq!(recent(uuid(0), 2).await, [uuid(2), uuid(1)]);
    assert_eq!(recent(uuid(1), 100).await, [uuid(2), uuid(1)]);
    assert!(recent(uuid(3), 100).await.is_empty());
    running.close().await;
}

pub async fn the_last_notification_of_a_server_is_found(site: Site) {
    let running = site.open();
    let check = async |source: &str, before: SystemTime, expected: Option<&str>| {
        let found = running.store.last_notification_id(source, before).await.unwrap();
        assert_eq!(found.as_deref(), expected, "{source}");
    };
    let mut events: Vec<_> = ["a", "b", "c", "d"].map(event).into();
    let start = events[0].received;
    let at = |second| start + Duration::from_secs(second);
    for (second, event) in (0..).zip(&mut events) {
        event.received = at(second);
        event.notification_id = Some(format!("write{second}"));
    }
    events[1].source = "as2".into();
    events[3].notification_id = None;
    within(running.store.append(events)).await.unwrap();
    check("as1", at(60), Some("write2")).await;
    check("as1", at(2), Some("write0")).await;
    check("as1", start, None).await;
    check("as2", at(60), Some("write1")).await;
    check("as3", at(60), None).await;
    running.close().await;
}

pub async fn unreadable_subscribers_are_named(site: Site) {
    let running = site.open().ready().await;
    let insert = "insert into srd_user (id, group_id, sipurl, user_type, association_id, vmail_user) values";
    site.sql(&format!("{insert} ('anna', 'g', 'anna@x', 'user', 'a1', 'NODATA')"));
    site.sql(&format!("{insert} ('berta', 'g', 'berta@x', 'robot', 'a2', null)"));
    site.sql(&format!("{insert} ('carla', 'h', null, 'user', 'a3', '')"));
    let anna = running.store.subscriber("anna").await.unwrap().unwrap();
    assert_eq!((anna.mail_account, anna.phone), (None, None));
    for (user_id, reason) in [("berta", "robot"), ("carla", "sipurl")] {
        let error = running.store.subscriber(user_id).await.unwrap_err();
        assert!(matches!(error, ReadError::Row { table: "srd_user", .. }), "{error}");
        assert!(error.to_string().contains(user_id) && error.to_string().contains(reason), "{error}");
    }
    assert_eq!(running.store.subscriber("dora\0").await.unwrap(), None);
    let ids = ["anna", "x'\"\\", "dora"].map(str::to_owned).into();
    let found = running.store.subscribers(ids).await.unwrap();
    assert_eq!(found.into_keys().collect::<Vec<_>>(), ["anna"]);
    site.sql("delete from srd_user where id = 'berta'");
    assert_eq!(running.store.group_members("g").await.unwrap().len(), 1);
    site.sql("delete from srd_user where id = 'carla'");
    assert_eq!(running.store.subscriber_page("", 10).await.unwrap().len(), 1);
    assert_eq!(running.store.subscriber_page("anna", 10).await.unwrap().len(), 0);
    running.close().await;
}

pub async fn limits_are_those_of_the_columns(site: Site) {
    site.sql(
        "create table srd_user (id varchar(20), group_id varchar(255), sipurl text, user_type varchar(32),
        phonecontext varchar(64), association_id varchar(64), e164 varchar(6), vmail_user varchar(255),
        vmail_password varchar(255), blf_user varchar(255), created timestamp, updated timestamp)",
    );
    let running = site.open().ready().await;
    let limits = running.store.limits();
    assert_eq!((limits.width("e164"), limits.width("sipurl")), (Some(6), None));
    let mut anna = subscriber("anna");
    anna.phone = Some("123456".to_owned());
    assert_eq!(limits.check(&anna), Ok(()));
    anna.phone = Some("1234567".to_owned());
    let reason = limits.check(&anna).unwrap_err();
    assert!(reason.contains("e164") && reason.contains('7'), "{reason}");
    running.close().await;
}
