//! What is asked for is found: filters, pages, times, faults.

use crate::site::*;
use eventmanager::event::{NewEvent, Status};
use eventmanager::store::{EventFilter, Store};
use std::time::{Duration, SystemTime};

/// Asks for all pages, however short they are.
async fn all_pages(store: &Store, mut filter: EventFilter) -> Vec<i64> {
    let mut ids = Vec::new();
    loop {
        let page = store.page(filter.clone()).await.unwrap();
        assert!(page.events.len() <= filter.limit, "{page:?}");
        assert_eq!(page.next, page.searched_to.map(|position| position.id));
        ids.extend(page.events.iter().map(|row| row.id));
        match page.next {
            Some(next) => filter.after = Some(next),
            None => return ids,
        }
    }
}

pub async fn lists_are_filtered_and_paged(site: Site) {
    let running = site.open();
    let start = event("x").received;
    let mut events: Vec<_> = ["a", "b", "a", "c", "a"].map(event).into();
    for (minute, event) in (0..).zip(&mut events) {
        event.received = start + Duration::from_secs(60 * minute);
    }
    events[1].command = "UserDeleteRequest".to_owned();
    events[2].status = Status::Failed;
    events[2].note = Some("Unreadable".to_owned());
    events[3].status = Status::Ignored;
    events[4].document = "<a><lastName>Ærø</lastName><password>Geheim</password></a>".into();
    within(running.store.append(events.clone())).await.unwrap();

    let all = EventFilter::default;
    let check = async |filter: EventFilter, expected: &[i64]| {
        let rows = running.store.list(filter.clone()).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), expected, "{filter:?}");
    };
    check(all(), &[1, 2, 3, 4, 5]).await;
    check(EventFilter { newest_first: true, limit: 2, ..all() }, &[5, 4]).await;
    check(EventFilter { newest_first: true, limit: 2, after: Some(4), ..all() }, &[3, 2]).await;
    check(EventFilter { after: Some(3), ..all() }, &[4, 5]).await;
    let minute = |minute: u64| Some(start + Duration::from_secs(60 * minute));
    check(EventFilter { since: minute(2), ..all() }, &[3, 4, 5]).await;
    check(EventFilter { until: minute(2), ..all() }, &[1, 2, 3]).await;
    check(EventFilter { since: minute(1), until: minute(3), newest_first: true, ..all() }, &[4, 3, 2]).await;
    check(EventFilter { since: minute(5), ..all() }, &[]).await;
    check(EventFilter { since: minute(3), until: minute(2), ..all() }, &[]).await;
    let user = |user: &str| Some(user.to_owned());
    check(EventFilter { user_id: user("a"), ..all() }, &[1, 3, 5]).await;
    check(EventFilter { user_id: user("a\0"), ..all() }, &[]).await;
    check(EventFilter { user_id: user("A"), ..all() }, &[]).await;
    check(EventFilter { user_id: user("a"), statuses: vec![Status::Pending], ..all() }, &[1, 5]).await;
    check(EventFilter { command: user("UserDeleteRequest"), ..all() }, &[2]).await;
    check(EventFilter { statuses: vec![Status::Failed, Status::Ignored], ..all() }, &[3, 4]).await;
    for (text, expected) in [
        ("ærØ", &[5][..]),
        ("geheim", &[]),
        ("UNREAD", &[3]),
        ("userdelete", &[2]),
        ("</BroadsoftOCI", &[1, 2, 3, 4]),
    ] {
        check(EventFilter { text: Some(text.to_owned()), ..all() }, expected).await;
    }

    let rows = running.store.list(all()).await.unwrap();
    assert_eq!(rows[2].note.as_deref(), Some("Unreadable"));
    assert_eq!((rows[2].status, rows[2].received), (Some(Status::Failed), events[2].received));
    assert_eq!(running.store.summaries(&[3, 99, 1]).await.unwrap(), [rows[0].clone(), rows[2].clone()]);
    let uuids = [events[4].uuid, uuid::Uuid::now_v7()];
    assert_eq!(running.store.summaries_by_uuid(&uuids).await.unwrap(), rows[4..]);
    assert_eq!(
        (running.store.failed().await.unwrap(), running.store.waiting().await.unwrap().pending),
        (1, 3)
    );
    running.close().await;
}

/// Events of three users, four commands and three statuses, with versions of commands as an old release may have left.
async fn many(site: &Site, running: &Running, rows: usize) {
    let start = event("x").received;
    let make = |number: usize| {
        let mut event: NewEvent = event(["admin", "berta", "carla"][number % 7 % 3]);
        event.command =
            ["UserAddRequest", "UserModifyRequest", "UserDeleteRequest"][number % 5 % 3].to_owned();
        event.status = match number % 11 {
            0 => Status::Failed,
            1 => Status::Pending,
            _ => Status::Completed,
        };
        event.note = number.is_multiple_of(11).then(|| format!("subscriber \"u{number}\" is not known"));
        event.received = start + Duration::from_secs(10 * number as u64);
        event
    };
    for part in (0..rows).collect::<Vec<_>>().chunks(500) {
        within(running.store.append(part.iter().map(|number| make(*number)).collect())).await.unwrap();
    }
    site.sql("update em_event set command = 'UserAddRequest17sp4' where id % 13 = 0 and command = 'UserAddRequest'");
    site.sql(
        "update em_event set command = 'UserAddRequest21' where id % 17 = 0 and command = 'UserAddRequest'",
    );
    site.sql(
        "update em_event set command = 'UserAddRequestor' where id % 19 = 0 and command = 'UserAddRequest'",
    );
}

/// Every combination of conditions, with the SQL that says the same.
fn combinations(start: SystemTime) -> Vec<(EventFilter, String)> {
    let mut all = Vec::new();
    let statuses: [(&[Status], &str); 4] = [
        (&[], "1 = 1"),
        (&[Status::Failed], "status = 'failed'"),
        (&[Status::Pending, Status::Failed], "status in ('failed', 'pending')"),
        (&[Status::Ignored], "status = 'ignored'"),
    ];
    let is_add = "command in ('UserAddRequest', 'UserAddRequest17sp4', 'UserAddRequest21')";
    let commands = [(None, "1 = 1"), (Some("UserAddRequest"), is_add), (Some("UserAddRequest9"), is_add)];
    let users = [(None, "1 = 1"), (Some("berta"), "user_id = 'berta'")];
    let times = [(None, "1 = 1"), (Some((200, 900)), "id between 201 and 901")];
    for (status, of_status) in statuses {
        for (command, of_command) in commands {
            for (user, of_user) in users {
                for (time, of_time) in times {
                    let at = |place: u64| start + Duration::from_secs(10 * place);
                    let filter = EventFilter {
                        statuses: status.to_vec(),
                        command: command.map(str::to_owned),
                        user_id: user.map(str::to_owned),
                        since: time.map(|(first, _)| at(first)),
                        until: time.map(|(_, last)| at(last)),
                        limit: 70,
                        ..EventFilter::default()
                    };
                    all.push((filter, format!("{of_status} and {of_command} and {of_user} and {of_time}")));
                }
            }
        }
    }
    all
}

async fn check_combinations(site: &Site, store: &Store) {
    for (filter, condition) in combinations(event("x").received) {
        let expected = site.sql(&format!("select id from em_event where {condition} order by id"));
        let mut expected: Vec<i64> = expected.iter().map(|row| row[0].parse().unwrap()).collect();
        assert_eq!(all_pages(store, filter.clone()).await, expected, "{filter:?}");
        expected.reverse();
        let newest = EventFilter { newest_first: true, ..filter };
        assert_eq!(all_pages(store, newest.clone()).await, expected, "{newest:?}");
    }
}

pub async fn pages_together_are_the_list(site: Site) {
    let running = site.open().ready().await;
    many(&site, &running, 1500).await;
    check_combinations(&site, &running.store).await;
    let text = EventFilter {
        text: Some("U44\" IS".to_owned()),
        newest_first: true,
        statuses: vec![Status::Failed],
        ..EventFilter::default()
    };
    assert_eq!(all_pages(&running.store, text).await, [45]);
    let exact = EventFilter { limit: 1500, ..EventFilter::default() };
    let page = running.store.page(exact).await.unwrap();
    assert_eq!((page.events.len(), page.next), (1500, None));
    let none = running.store.page_of_ids(EventFilter { after: Some(i64::MAX), ..EventFilter::default() });
    assert_eq!(none.await.unwrap(), Default::default());
    running.close().await;
}

pub async fn rows_out_of_order_of_time_are_found_by_their_time(site: Site) {
    let running = site.open().ready().await;
    let start = event("x").received;
    let mut events: Vec<_> = (0..2000).map(|_| event("a")).collect();
    for (place, event) in (0_u64..).zip(&mut events) {
        // Every tenth waited for half an hour before it was stored.
        let late = if place % 10 == 0 { 1800 } else { 0 };
        event.received = start + Duration::from_secs(7 * place + 1800 - late);
    }
    within(running.store.append(events.clone())).await.unwrap();
    for (since, until) in [(0, 100_000), (3000, 9000), (5000, 5100), (13_000, 20_000), (90_000, 99_000)] {
        let (since, until) = (start + Duration::from_secs(since), start + Duration::from_secs(until));
        let within = |event: &NewEvent| (since..=until).contains(&event.received);
        let expected: Vec<i64> =
            (1..).zip(&events).filter(|(_, event)| within(event)).map(|(id, _)| id).collect();
        let filter = EventFilter { since: Some(since), until: Some(until), limit: 300, ..Default::default() };
        assert_eq!(all_pages(&running.store, filter).await, expected);
    }
    running.close().await;
}

pub async fn a_list_without_its_indexes_is_the_same(site: Site) {
    let running = site.open().ready().await;
    many(&site, &running, 600).await;
    let received = if site.kind == Kind::Sqlite { "em_event_inserted" } else { "em_event_received" };
    for index in ["em_event_status_id", "em_event_user", received] {
        site.sql(&format!("drop index {index}"));
    }
    check_combinations(&site, &running.store).await;
    running.close().await;
}

pub async fn failures_are_grouped_by_what_went_wrong(site: Site) {
    let running = site.open().ready().await;
    many(&site, &running, 200).await;
    let mut other = event("a");
    other.status = Status::Failed;
    other.note = Some("step 2 of 3, create ENUM tel:+299321044 to sip:a@x: fault 4006".to_owned());
    other.received += Duration::from_secs(86_400);
    within(running.store.append(vec![other.clone()])).await.unwrap();
    let faults = running.store.faults(None).await.unwrap();
    assert!(faults.complete);
    let shown: Vec<_> =
        faults.groups.iter().map(|group| (group.fault.reason.as_str(), group.count)).collect();
    assert_eq!(shown, [("subscriber … is not known", 19), ("create ENUM … to …: fault 4006", 1)]);
    let first = &faults.groups[0];
    assert_eq!((faults.looked_at, first.sample.len(), first.sample[0]), (20, 5, 199));
    assert_eq!(first.first, event("x").received);
    assert!(first.commands.contains(&"UserModifyRequest".to_owned()), "{:?}", first.commands);
    let of = |key: &str| EventFilter { fault: Some(key.to_owned()), limit: 7, ..EventFilter::default() };
    assert_eq!(all_pages(&running.store, of(&first.fault.key)).await.len(), 19);
    assert_eq!(all_pages(&running.store, of(&faults.groups[1].fault.key)).await, [201]);
    assert_eq!(all_pages(&running.store, of("0123")).await, Vec::<i64>::new());
    let pending = EventFilter { statuses: vec![Status::Pending], ..of(&first.fault.key) };
    assert_eq!(all_pages(&running.store, pending).await, Vec::<i64>::new());
    let recent = running.store.faults(Some(other.received)).await.unwrap();
    assert_eq!((recent.groups.len(), recent.looked_at), (1, 1));
    running.close().await;
}

pub async fn a_large_table_of_an_earlier_version_gets_its_indexes(site: Site) {
    site.open().ready().await.close().await;
    let (series, names) = match site.kind {
        Kind::Sqlite => (
            "with recursive series(n) as (select 1 union all select n + 1 from series where n < 5000)",
            "select name from sqlite_schema where type = 'index' and name like 'em_event_%' order by 1",
        ),
        // Beyond what is indexed before events are taken.
        Kind::Postgres => (
            "with series(n) as (select * from generate_series(1, 40000))",
            "select cast(relname as text) from pg_index join pg_class on oid = indexrelid
             where indrelid = to_regclass('em_event') and indisvalid and relname like 'em_event_%' order by 1",
        ),
    };
    let new = ["em_event_command", "em_event_status_id", "em_event_user"];
    new.iter().for_each(|index| drop(site.sql(&format!("drop index {index}"))));
    site.sql("create index em_event_status on em_event (status, inserted)");
    site.sql(&format!(
        "insert into em_event (user_id, command, event, status, inserted)
         {series} select 'a', 'UserAddRequest', '{}', 'completed', current_timestamp from series",
        "<x/>".repeat(250)
    ));
    let running = site.open().ready().await;
    assert_eq!(within(running.store.append(vec![event("b")])).await.unwrap()[0].rejected, None);
    let shown = || site.sql(names).into_iter().map(|row| row[0].clone()).collect::<Vec<_>>();
    let built = async {
        while !new.iter().all(|index| shown().contains(&(*index).to_owned()))
            || shown().contains(&"em_event_status".to_owned())
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within(built).await;
    let found = running.store.page(EventFilter { user_id: Some("b".to_owned()), ..EventFilter::default() });
    assert_eq!(found.await.unwrap().events.len(), 1);
    running.close().await;
}
