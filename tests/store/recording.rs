//! Events go on, and subscribers change with them.

use crate::site::*;
use crate::support::daemon::eventually;
use eventmanager::event::Status;
use eventmanager::plan::{SubscriberChanges, SubscriberEffect, UserType};
use eventmanager::store::{Progress, RecordError, StepState, Swept};
use eventmanager::wire::Field;
use futures_util::future::join_all;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

async fn stored(running: &Running, user_id: &str) -> Uuid {
    within(running.store.append(vec![event(user_id)])).await.unwrap()[0].uuid
}

pub async fn a_progress_is_one_transaction(site: Site) {
    let running = site.open();
    let anna = stored(&running, "anna").await;
    let mut whole = progress(anna, 1);
    whole.plan = Some(plan(&["a", "b"]));
    whole.steps = vec![mark(0, StepState::Done), mark(1, StepState::Sent)];
    whole.effect = insert("anna");
    whole.verdict = verdict(Status::Completed, Some("because"));

    // The effect is refused, so nothing of it happens.
    let mut refused = whole.clone();
    match site.kind {
        Kind::Sqlite => site.sql(
            "create trigger poison before insert on srd_user when new.id = 'poison'
             begin select raise(abort, 'poisoned'); end",
        ),
        Kind::Postgres => site.sql("alter table srd_user add constraint poisoned check (id <> 'poison')"),
    };
    refused.effect = insert("poison");
    let error = within(running.store.record(refused)).await;
    assert!(matches!(error, Err(RecordError::Rejected(_))), "{error:?}");
    assert_eq!(running.store.journal(anna).await.unwrap(), None);
    assert_eq!(running.store.event_by_uuid(anna).await.unwrap().unwrap().status, Some(Status::Pending));

    within(running.store.record(whole.clone())).await.unwrap();
    let journal = running.store.journal(anna).await.unwrap().unwrap();
    assert_eq!(journal.plan.as_ref(), whole.plan.as_deref());
    assert_eq!(journal.steps, whole.steps);
    assert_eq!((journal.attempt, journal.reason.as_deref()), (1, Some("because")));
    assert_eq!(running.store.subscriber("anna").await.unwrap(), Some(subscriber("anna")));
    let row = running.store.event_by_uuid(anna).await.unwrap().unwrap();
    assert_eq!((row.status, row.note.as_deref()), (Some(Status::Completed), Some("because")));
    running.close().await;
}

pub async fn a_progress_may_be_repeated(site: Site) {
    let running = site.open();
    let anna = stored(&running, "anna").await;
    let mut whole = progress(anna, 1);
    whole.steps = vec![mark(0, StepState::Done)];
    whole.effect = insert("anna");
    whole.warnings = vec!["a warning".to_owned()];
    whole.verdict = verdict(Status::Completed, None);
    let calls = [0; 3].map(|_| running.store.record(whole.clone()));
    for call in calls {
        within(call).await.unwrap();
    }
    let journal = running.store.journal(anna).await.unwrap().unwrap();
    assert_eq!((journal.steps, journal.warnings), (whole.steps, whole.warnings));
    assert_eq!(site.sql("select count(*) from srd_user"), [["1"]]);
    running.close().await;
}

pub async fn effects_follow_one_another(site: Site) {
    let running = site.open();
    let anna = stored(&running, "anna").await;
    let changes = SubscriberChanges {
        phone: Field::Value("123456".to_owned()),
        mail_account: Field::Nil,
        mail_password: Field::Nil,
        user_type: Field::Value(UserType::Trunk),
        ..SubscriberChanges::default()
    };
    let user_id = "anna".to_owned();
    let update = Some(SubscriberEffect::Update { user_id: user_id.clone(), changes });
    let delete = Some(SubscriberEffect::Delete { user_id });
    let apply = async |effects: Vec<Option<SubscriberEffect>>| {
        // Polled together, so that they are likely to share a transaction.
        let calls = effects.into_iter().map(|effect| {
            let mut next = progress(anna, 1);
            next.effect = effect;
            running.store.record(next)
        });
        let done = within(futures_util::future::join_all(calls)).await;
        done.into_iter().for_each(|result| result.unwrap());
        running.store.subscriber("anna").await.unwrap()
    };
    let mut changed = subscriber("anna");
    changed.phone = Some("123456".to_owned());
    changed.mail_account = None;
    changed.mail_password = None;
    changed.user_type = UserType::Trunk;
    assert_eq!(apply(vec![insert("anna"), update.clone(), update.clone()]).await, Some(changed));
    assert_eq!(apply(vec![delete.clone(), insert("anna"), insert("anna")]).await, Some(subscriber("anna")));
    assert_eq!(apply(vec![insert("anna"), delete.clone(), delete, update]).await, None);
    running.close().await;
}

pub async fn earlier_attempts_stay_in_the_journal(site: Site) {
    let running = site.open();
    let anna = stored(&running, "anna").await;
    let mut first = progress(anna, 1);
    first.plan = Some(plan(&["a", "b", "c"]));
    first.steps = vec![mark(0, StepState::Done), mark(1, StepState::Unknown)];
    first.verdict = verdict(Status::Failed, Some("13005"));
    within(running.store.record(first)).await.unwrap();

    site.sql("update em_event set status = 'pending'");
    let mut retry = progress(anna, 2);
    retry.plan = Some(plan(&["b"]));
    within(running.store.record(retry)).await.unwrap();
    let mut second = progress(anna, 2);
    second.steps = vec![mark(0, StepState::Sent)];
    within(running.store.record(second)).await.unwrap();

    let journal = running.store.journal(anna).await.unwrap().unwrap();
    assert_eq!((journal.attempt, &journal.reason), (2, &None));
    assert_eq!(journal.steps, [mark(0, StepState::Sent)]);
    assert_eq!(journal.earlier.len(), 2);
    assert_eq!(journal.earlier[1].request, Some(request("b")));
    assert_eq!(journal.earlier[1].step, mark(1, StepState::Unknown));
    let sent = ["a", "b", "c"].map(|id| journal.sent_requests().any(|sent| *sent == request(id)));
    assert_eq!(sent, [true, true, false]);
    running.close().await;
}

pub async fn a_status_set_by_hand_stands(site: Site) {
    let running = site.open();
    let anna = stored(&running, "anna").await;
    site.sql("update em_event set status = 'ignored'");
    let mut done = progress(anna, 1);
    done.steps = vec![mark(0, StepState::Done)];
    done.effect = insert("anna");
    done.verdict = verdict(Status::Completed, Some("because"));
    let answer = within(running.store.record(done.clone())).await;
    assert_eq!(answer, Err(RecordError::NotPending(Some(Status::Ignored))));
    let row = running.store.event_by_uuid(anna).await.unwrap().unwrap();
    assert_eq!((row.status, row.note), (Some(Status::Ignored), None));
    assert_eq!(running.store.journal(anna).await.unwrap().unwrap().steps, done.steps);
    assert_eq!(running.store.subscriber("anna").await.unwrap(), Some(subscriber("anna")));

    site.sql("update em_event set status = 'nonsense'");
    let answer = within(running.store.record(progress(anna, 1))).await;
    assert_eq!(answer, Err(RecordError::NotPending(None)));
    assert_eq!(running.store.event_by_uuid(anna).await.unwrap().unwrap().status, None);
    running.close().await;
}

pub async fn a_deleted_row_is_gone_and_its_effect_counts(site: Site) {
    let running = site.open();
    let anna = stored(&running, "anna").await;
    site.truncate();
    stored(&running, "berta").await;
    let mut done = progress(anna, 1);
    done.effect = insert("anna");
    done.verdict = verdict(Status::Completed, None);
    assert_eq!(within(running.store.record(done)).await, Err(RecordError::Gone));
    assert_eq!(running.store.subscriber("anna").await.unwrap(), Some(subscriber("anna")));
    assert_eq!(running.store.event(1).await.unwrap().unwrap().status, Some(Status::Pending));
    running.close().await;
}

pub async fn warnings_and_panics_add_up(site: Site) {
    let running = site.open();
    let anna = stored(&running, "anna").await;
    for warnings in [&["one", "two\nlines"][..], &["one"], &["three", "\0"], &["two\nlines"]] {
        let mut next = progress(anna, 1);
        next.warnings = warnings.iter().map(|warning| warning.to_string()).collect();
        within(running.store.record(next)).await.unwrap();
    }
    // Recorded again, as after a commit of which the outcome was unknown, they are not more.
    for panics in [1, 2, 2] {
        assert_eq!(within(running.store.record_panics(anna, 1, panics)).await, Ok(()));
    }
    let journal = running.store.journal(anna).await.unwrap().unwrap();
    assert_eq!(journal.warnings, ["one", "two lines", "three", "\u{FFFD}"]);
    assert_eq!(journal.panics, 2);
    running.close().await;
}

/// A plan that was made while the table was nearly empty would read all of it for each batch, until the server has analysed it.
pub async fn what_is_found_by_its_key_is_not_searched_for_in_a_table_that_grows(site: Site) {
    let running = site.open().ready().await;
    for _ in 0..60 {
        let events: Vec<_> = (0..16).map(|_| event("anna")).collect();
        let records = within(running.store.append(events)).await.unwrap().into_iter().map(|appended| {
            let mut ended = progress(appended.uuid, 1);
            ended.plan = Some(plan(&["a"]));
            ended.steps = vec![mark(0, StepState::Done)];
            ended.verdict = verdict(Status::Completed, None);
            running.store.record(ended)
        });
        join_all(records).await.into_iter().for_each(|recorded| recorded.unwrap());
    }
    running.close().await;
    if site.kind == Kind::Sqlite {
        // It plans by the indexes that there are.
        return;
    }
    let scans = "select coalesce(sum(seq_scan), 0), coalesce(sum(idx_scan), 0) from pg_stat_user_tables
        where relname in ('em_journal', 'em_event')";
    // They are counted when the sessions have ended.
    let whole = eventually("they are counted", || {
        let row = &site.sql(scans)[0];
        let [whole, by_key] = [&row[0], &row[1]].map(|count| count.parse::<u64>().expect("a number"));
        (whole + by_key >= 1_000).then_some(whole)
    });
    assert!(whole < 30, "{whole} times all rows were read");
}

pub async fn a_sweep_keeps_what_is_pending_or_has_failed(site: Site) {
    let running = site.open();
    let mut events: Vec<_> = (0..2500).map(|_| event("old")).collect();
    events.iter_mut().skip(2).for_each(|event| event.status = Status::Ignored);
    events[1].status = Status::Failed;
    events[2].about = vec!["anna".to_owned()];
    events.push(event("new"));
    events[2500].status = Status::Completed;
    events[2500].received = SystemTime::now();
    let (pending, new) = (events[0].uuid, events[2500].uuid);
    let old = events[2].uuid;
    within(running.store.append(events)).await.unwrap();
    for uuid in [pending, new, old, Uuid::now_v7()] {
        let mut next = progress(uuid, 1);
        next.steps = vec![mark(0, StepState::Done)];
        let _ = within(running.store.record(next)).await;
    }
    let swept = within(running.store.sweep(None)).await.unwrap();
    assert_eq!(swept, Swept { orphans: 2, ..Swept::default() });
    let week = SystemTime::now() - Duration::from_secs(7 * 86_400);
    let swept = within(running.store.sweep(Some(week))).await.unwrap();
    assert_eq!(swept, Swept { events: 2498, ..Swept::default() });
    assert_eq!(site.sql("select status from em_event order by id"), [["pending"], ["failed"], ["completed"]]);
    assert_eq!(site.sql("select count(*) from em_subject"), [["0"]], "nothing is left of those");
    assert!(running.store.journal(pending).await.unwrap().is_some());
    assert!(running.store.journal(new).await.unwrap().is_some());
    assert!(running.store.journal(old).await.unwrap().is_none());
    running.close().await;
}

/// Of a daemon that has lost the database to another, as far as the store sees it: its tenure is over.
pub async fn what_was_read_before_another_had_the_database_is_not_written(mut site: Site) {
    for is_split in [false, true] {
        if is_split {
            site.split();
        }
        let running = site.open();
        let anna = stored(&running, "anna").await;
        let tenure = running.store.tenure();
        running.close().await;

        let running = site.open().ready().await;
        let next = Progress {
            tenure: Some(tenure),
            steps: vec![mark(0, StepState::Done)],
            effect: insert("anna"),
            verdict: verdict(Status::Completed, None),
            ..progress(anna, 1)
        };
        assert_eq!(within(running.store.record(next.clone())).await, Err(RecordError::Superseded));
        assert_eq!(running.store.journal(anna).await.unwrap(), None);
        assert_eq!(running.store.subscriber("anna").await.unwrap(), None);
        let row = running.store.event_by_uuid(anna).await.unwrap().unwrap();
        assert_eq!(row.status, Some(Status::Pending));
        // What was read since then is.
        let next = Progress { tenure: Some(running.store.tenure()), ..next };
        within(running.store.record(next)).await.unwrap();
        assert_eq!(running.store.subscriber("anna").await.unwrap(), Some(subscriber("anna")));
        running.close().await;
        site.subscribers_sql("delete from srd_user");
    }
}
