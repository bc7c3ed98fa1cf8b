//! What operators decide about single events.

use crate::site::*;
use crate::topic_log::handed_on;
use eventmanager::event::Status;
use eventmanager::store::{Act, Decided, Ruling, StepState, Verb};
use std::time::SystemTime;
use uuid::Uuid;

fn ruling(event: i64, is: Option<Uuid>, verb: Verb, detail: &str) -> Ruling {
    let act = Act {
        uuid: Uuid::now_v7(),
        at: SystemTime::now(),
        actor: "anna".to_owned(),
        act: verb.as_str().to_owned(),
        object: format!("event {event}"),
        detail: Some(detail.to_owned()),
    };
    Ruling { event, is, uuid: Uuid::now_v7(), verb, about: vec!["anna".to_owned()], over: None, act }
}

async fn decide(running: &Running, ruling: &Ruling) -> Decided {
    let decided = within(running.store.decide(vec![ruling.clone()])).await.unwrap();
    decided.into_iter().next().unwrap().unwrap()
}

/// An event that has failed at its second step.
async fn failed(running: &Running) -> (i64, Uuid) {
    let event = event("anna");
    let uuid = event.uuid;
    let id = within(running.store.append(vec![event])).await.unwrap()[0].id;
    let mut ended = progress(uuid, 1);
    ended.plan = Some(plan(&["a", "b"]));
    ended.steps = vec![mark(0, StepState::Done), mark(1, StepState::Refused)];
    ended.verdict = verdict(Status::Failed, Some("step 2 was refused"));
    ended.verdict.as_mut().unwrap().digest = Some("as it was".to_owned());
    within(running.store.record(ended)).await.unwrap();
    (id, uuid)
}

pub async fn a_retry_is_a_new_attempt_and_is_recorded_once(site: Site) {
    let running = site.open();
    let (id, uuid) = failed(&running).await;
    let retry = ruling(id, Some(uuid), Verb::Retry, "the HSS is mended");
    // Recorded again, as after a commit of unknown outcome, it is the same attempt.
    for _ in 0..2 {
        assert_eq!(decide(&running, &retry).await, Decided::Done { uuid, attempt: 2, is_over: false });
    }
    let journal = running.store.journal(uuid).await.unwrap().unwrap();
    assert_eq!((journal.attempt, &journal.plan, &journal.reason), (2, &None, &None));
    let before = journal.before.unwrap();
    assert_eq!((before.attempt, before.digest.as_deref()), (1, Some("as it was")));
    assert_eq!(
        before.steps.iter().map(|mark| mark.state).collect::<Vec<_>>(),
        [StepState::Done, StepState::Refused]
    );
    assert_eq!(running.store.event(id).await.unwrap().unwrap().status, Some(Status::Pending));
    let other = ruling(id, Some(uuid), Verb::Retry, "once more");
    assert_eq!(decide(&running, &other).await, Decided::Refused(Some(Status::Pending)));
    assert_eq!(decide(&running, &ruling(999, None, Verb::Retry, "")).await, Decided::Gone);
    let acts = running.store.audit(i64::MAX, 10).await.unwrap();
    assert_eq!(acts.iter().map(|line| line.act.uuid).collect::<Vec<_>>(), [retry.act.uuid]);
    running.close().await;
}

pub async fn a_resolved_event_is_ignored_and_says_why(site: Site) {
    let running = site.open();
    let (id, uuid) = failed(&running).await;
    let resolve = ruling(id, Some(uuid), Verb::Resolve, "made by hand");
    for _ in 0..2 {
        assert_eq!(decide(&running, &resolve).await, Decided::Done { uuid, attempt: 1, is_over: false });
    }
    let row = running.store.event(id).await.unwrap().unwrap();
    assert_eq!(row.status, Some(Status::Ignored));
    assert_eq!(row.note.as_deref(), Some("resolved by anna: made by hand; before: step 2 was refused"));
    let again = ruling(id, Some(uuid), Verb::Retry, "after all");
    assert_eq!(decide(&running, &again).await, Decided::Refused(Some(Status::Ignored)));

    // One that waits, and was never run.
    let appended = within(running.store.append(vec![event("bo")])).await.unwrap();
    let (id, is) = (appended[0].id, Some(appended[0].uuid));
    // Another event that had this id is not meant.
    for other in [None, Some(Uuid::now_v7())] {
        assert_eq!(decide(&running, &ruling(id, other, Verb::Resolve, "gone")).await, Decided::Gone);
    }
    let decided = decide(&running, &ruling(id, is, Verb::Resolve, "no such user")).await;
    assert!(matches!(decided, Decided::Done { attempt: 0, .. }), "{decided:?}");
    let row = running.store.event(id).await.unwrap().unwrap();
    assert_eq!(row.note.as_deref(), Some("resolved by anna: no such user"));
    assert_eq!(running.store.pending(0, 10).await.unwrap(), []);
    assert_eq!(running.store.events_about("anna", 10).await.unwrap(), [], "what is resolved does not run");
    running.close().await;
}

pub async fn the_end_of_an_alarm_is_written_with_the_resolution_of_what_had_failed(site: Site) {
    let running = site.open();
    let over = || handed_on("alarm", "event_failed");
    let resolve = |id: i64, is: Uuid| Ruling {
        over: Some(over()),
        ..ruling(id, Some(is), Verb::Resolve, "made by hand")
    };
    let logged = async || running.store.topic_log_after(0, 10).await.unwrap().len();

    let (id, uuid) = failed(&running).await;
    let first = resolve(id, uuid);
    for _ in 0..2 {
        assert_eq!(decide(&running, &first).await, Decided::Done { uuid, attempt: 1, is_over: true });
        assert_eq!(logged().await, 1, "once, however often it is recorded");
    }
    // Pending again it is resolved before it runs.
    let (id, uuid) = failed(&running).await;
    decide(&running, &ruling(id, Some(uuid), Verb::Retry, "once more")).await;
    decide(&running, &resolve(id, uuid)).await;
    assert_eq!(logged().await, 2);
    // Nothing was ever wrong with this one, and of that one it is decided no more.
    let appended = within(running.store.append(vec![event("bo")])).await.unwrap();
    let decided = decide(&running, &resolve(appended[0].id, appended[0].uuid)).await;
    assert!(matches!(decided, Decided::Done { is_over: false, .. }), "{decided:?}");
    decide(&running, &resolve(id, uuid)).await;
    assert_eq!(logged().await, 2);
    running.close().await;
}

/// Both are in one transaction: whichever of them counts, the other one is told, and what was carried out is handed on.
pub async fn an_event_that_ends_while_it_is_resolved_hands_on_what_it_has_done(site: Site) {
    let running = site.open().ready().await;
    for round in 0..20 {
        let appended = within(running.store.append(vec![event("anna")])).await.unwrap();
        let (id, uuid) = (appended[0].id, appended[0].uuid);
        let mut ended = progress(uuid, 1);
        ended.plan = Some(plan(&["a"]));
        ended.steps = vec![mark(0, StepState::Done)];
        ended.verdict = verdict(Status::Completed, None);
        let done = handed_on("users", &round.to_string());
        ended.verdict.as_mut().unwrap().handed_on = vec![done.clone()];
        let resolve = ruling(id, Some(uuid), Verb::Resolve, "by hand");
        // While the first one is written the others wait, and go together.
        let (appended, recorded, decided) = tokio::join!(
            running.store.append(vec![event("other")]),
            running.store.record(ended),
            running.store.decide(vec![resolve])
        );
        appended.unwrap();
        recorded.unwrap();
        assert_eq!(decided.unwrap()[0], Ok(Decided::Refused(Some(Status::Completed))), "round {round}");
        let end = running.store.topic_log_end().await.unwrap();
        let rows = running.store.topic_log_after(end - 1, 1).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.event.uuid).collect::<Vec<_>>(), [done.uuid], "round {round}");
    }
    running.close().await;
}

pub async fn a_row_that_the_erlang_release_left_pending_is_retried_as_ours(site: Site) {
    let running = site.open().ready().await;
    site.sql(
        "insert into em_event (user_id, command, event, status, inserted)
         values ('old', 'UserAddRequest', '<old/>', 'pending', current_timestamp)",
    );
    assert_eq!(running.store.pending(0, 10).await.unwrap(), []);
    let retry = ruling(1, None, Verb::Retry, "left over");
    assert_eq!(
        decide(&running, &retry).await,
        Decided::Done { uuid: retry.uuid, attempt: 1, is_over: false }
    );
    let pending = running.store.pending(0, 10).await.unwrap();
    assert_eq!((pending[0].id, pending[0].uuid), (1, retry.uuid));
    let about = running.store.events_about("anna", 10).await.unwrap();
    assert_eq!(about.iter().map(|event| event.id).collect::<Vec<_>>(), [1], "its subscriber has it now");
    // Now it is one of ours, which runs by itself.
    let again = ruling(1, Some(retry.uuid), Verb::Retry, "left over");
    assert_eq!(decide(&running, &again).await, Decided::Refused(Some(Status::Pending)));
    running.close().await;
}
