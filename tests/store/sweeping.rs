//! What goes with an event, and what stays.

use crate::site::*;
use eventmanager::event::Status;
use eventmanager::store::{StepState, Swept};
use std::time::{Duration, SystemTime};

fn yesterday() -> SystemTime {
    SystemTime::now() - Duration::from_secs(86_400)
}

/// Rows of all our tables beside the events.
fn beside(site: &Site) -> Vec<Vec<String>> {
    site.sql(
        "select (select count(*) from em_journal), (select count(*) from em_step), (select count(*) from em_subject)",
    )
}

pub async fn what_events_leave_goes_with_them(site: Site) {
    let running = site.open();
    let mut events = vec![event("admin"), event("admin"), event("admin")];
    let uuids: Vec<_> = events.iter().map(|event| event.uuid).collect();
    for event in &mut events {
        event.about = vec!["anna".to_owned()];
    }
    events[2].status = Status::Failed;
    within(running.store.append(events)).await.unwrap();
    for uuid in &uuids {
        let mut next = progress(*uuid, 1);
        next.plan = Some(plan(&["a"]));
        next.steps = vec![mark(0, StepState::Done)];
        let _ = within(running.store.record(next)).await;
    }
    site.sql("update em_event set status = 'completed' where id = 1");
    // Somebody deletes one by hand.
    site.sql("delete from em_event where id = 2");
    assert_eq!(beside(&site), [["3", "3", "3"]]);
    let swept = within(running.store.sweep(Some(yesterday()))).await.unwrap();
    assert_eq!(swept, Swept { events: 1, orphans: 3, ..Swept::default() });
    assert_eq!(beside(&site), [["1", "1", "1"]]);
    assert!(running.store.journal(uuids[2]).await.unwrap().is_some(), "what has failed keeps its journal");
    assert_eq!(within(running.store.sweep(Some(yesterday()))).await.unwrap(), Swept::default());
    running.close().await;
}

pub async fn a_sweep_is_over_where_nothing_can_be_deleted(site: Site) {
    let running = site.open();
    let mut events: Vec<_> = (0..1500).map(|_| event("old")).collect();
    events.iter_mut().for_each(|event| event.status = Status::Ignored);
    within(running.store.append(events)).await.unwrap();
    // What the daemon deletes comes back, as somebody's trigger may have it.
    match site.kind {
        Kind::Sqlite => {
            site.sql("create trigger stays before delete on em_event begin select raise(ignore); end")
        }
        Kind::Postgres => {
            site.sql("create function stays() returns trigger language plpgsql as 'begin return null; end'");
            site.sql("create trigger stays before delete on em_event for each row execute function stays()")
        }
    };
    let swept = within(running.store.sweep(Some(yesterday()))).await.unwrap();
    assert_eq!(swept, Swept::default());
    assert_eq!(site.sql("select count(*) from em_event"), [["1500"]]);
    if site.kind == Kind::Postgres {
        // A deletion that the server refuses is the sweep's trouble alone.
        site.sql("drop trigger stays on em_event");
        site.sql("create rule stays as on delete to em_event do instead nothing");
        assert!(within(running.store.sweep(Some(yesterday()))).await.is_err());
        within(running.store.append(vec![event("anna")])).await.unwrap();
    }
    running.close().await;
}

pub async fn rows_of_the_erlang_release_are_kept_as_long_as_ours(site: Site) {
    let running = site.open().ready().await;
    for status in ["'pending'", "'completed'", "'failed'", "'ignored'", "null", "'by hand'"] {
        site.sql(&format!(
            "insert into em_event (user_id, command, event, status, inserted)
             values ('anna', 'UserAddRequest', '<x/>', {status}, '2020-01-01 00:00:00.000')"
        ));
    }
    let swept = within(running.store.sweep(Some(yesterday()))).await.unwrap();
    assert_eq!(swept, Swept { events: 3, ..Swept::default() });
    assert_eq!(site.sql("select status from em_event order by id"), [["pending"], ["failed"], ["by hand"]]);
    running.close().await;
}
