//! Acts on one event.

use crate::given::*;
use crate::support::documents::{add, add_to, drop_phone, group_delete, set_phone};
use eventmanager::simulators::script::{Action, Rule};

#[test]
fn a_retry_goes_on_at_the_step_that_failed() {
    let mut trial = Trial::start();
    let id = trial.anna_fails();
    let before = trial.requests().len();
    let answer = trial.act(id, "retry", "{\"reason\": \"the HSS is mended\"}").json();
    assert_eq!((&answer["status"], &answer["attempt"]), (&"pending".into(), &2.into()));
    assert_eq!(answer["plan"], "resumes");
    trial.wait(id, "completed");
    let sent = trial.requests();
    assert_eq!(sent[before..], [sent[before - 1].clone()], "nothing but the step that failed is sent again");
    let shown = trial.json(&format!("/api/v1/events/{id}"));
    assert_eq!((&shown["attempt"], &shown["steps"][0]["answer"]), (&2.into(), &"done in attempt 1".into()));
    assert_eq!(shown["steps"][0]["state"], "done");
    assert_eq!(trial.audit(), [format!("local | retry | event {id} | the HSS is mended")]);
}

#[test]
fn a_retry_plans_anew_where_somebody_has_changed_the_subscriber() {
    let mut trial = Trial::start();
    trial.anna_fails();
    // Somebody edits the row by hand.
    trial
        .site
        .database()
        .execute_batch("update srd_user set phonecontext = 'nuuk.tg.gl' where id = 'anna@tele.gl'")
        .expect("updated");
    let answer = trial.act(2, "retry", "").json();
    assert_eq!((&answer["plan"], &answer["attempt"]), (&"anew".into(), &2.into()));
    trial.wait(2, "completed");
    assert_eq!(crate::support::peers::subscribers(&trial.site)[0].phone.as_deref(), Some("321044"));
}

#[test]
fn a_retry_that_may_undo_a_later_event_shows_its_plan_and_wants_force() {
    let mut trial = Trial::start();
    trial.anna_fails();
    trial.send(&set_phone(3, "anna@tele.gl", "+299-321055"));
    assert_eq!((trial.status(2).as_str(), trial.status(3).as_str()), ("failed", "completed"));
    let refused = trial.act(2, "retry", "{}");
    check(&refused, 409, "3");
    let problem = refused.json();
    assert_eq!(problem["later"], serde_json::json!([3]));
    assert!(problem["plan"]["outcome"]["requests"].is_object(), "{problem}");
    assert_eq!((trial.status(2).as_str(), trial.audit().len()), ("failed", 0));
    let forced = trial.act(2, "retry", "{\"force\": true, \"reason\": \"it is 321044\"}").json();
    assert_eq!(forced["plan"], "anew");
    trial.wait(2, "completed");
    assert_eq!(crate::support::peers::subscribers(&trial.site)[0].phone.as_deref(), Some("321044"));
    assert_eq!(trial.audit(), ["local | retry | event 2 | it is 321044 (forced)"]);
    // The later event is the one that would be undone now, and it has completed: nothing to retry.
    check(&trial.act(3, "retry", "{}"), 409, "only a failed event is retried");
}

#[test]
fn an_event_that_waits_for_ever_is_resolved_and_lets_its_subject_go() {
    let mut trial = Trial::start();
    trial.send(&add(1, "anna@tele.gl"));
    // What is no answer is asked again for ever.
    let nonsense = Action::Body { status: 200, body: "we are being moved".into() };
    trial.peers.ema.script(vec![Rule::new(nonsense).contains("321044")]);
    trial.peers.broadworks.send(&set_phone(2, "anna@tele.gl", "+299-321044"));
    trial.peers.broadworks.send(&drop_phone(3, "anna@tele.gl"));
    crate::support::daemon::eventually("it waits", || {
        (trial.json("/api/v1/status")["backlog"]["waiting"][0][1] == 1).then_some(())
    });
    check(&trial.act(2, "resolve", "{}"), 400, "reason");
    check(&trial.act(2, "resolve", "{\"reason\": \"made by hand\"}"), 200, "ignored");
    trial.wait(3, "completed");
    assert_eq!(trial.status(2), "ignored");
    let shown = trial.json("/api/v1/events/2");
    let reason = shown["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("resolved by local: made by hand"), "{reason}");
    check(&trial.act(2, "resolve", "{\"reason\": \"again\"}"), 409, "it is ignored");
}

#[test]
fn a_failure_that_holds_its_subject_is_let_go_at_once() {
    for act in ["retry", "resolve"] {
        let mut trial = Trial::with("on_failure = \"hold\"\n");
        let id = trial.anna_fails();
        trial.peers.broadworks.send(&set_phone(3, "anna@tele.gl", "+299-321055"));
        crate::support::daemon::eventually("both are known", || {
            (trial.json("/api/v1/status")["backlog"]["unfinished"] == 2).then_some(())
        });
        // The other one waits behind it: it is no later event that a retry could undo.
        check(&trial.act(id, act, "{\"reason\": \"mended\"}"), 200, "");
        trial.site.wait_ended(3);
        assert_eq!(trial.status(id), if act == "retry" { "completed" } else { "ignored" });
    }
}

#[test]
fn what_cannot_be_done_says_why_and_changes_nothing() {
    let mut trial = Trial::start();
    let id = trial.anna_fails();
    trial
        .send("<?xml version=\"1.0\"?><BroadsoftOCIReportingDocument><open></BroadsoftOCIReportingDocument>");
    check(&trial.act(99, "retry", "{}"), 404, "event 99: there is no such event");
    check(&trial.act(99, "resolve", "{\"reason\": \"x\"}"), 404, "there is no such event");
    check(&trial.post("/api/v1/events/x/retry", "{}"), 400, "not the number of an event");
    check(&trial.act(id, "retry", "{\"force\": \"yes\"}"), 400, "force");
    check(&trial.act(id, "retry", "{\"strength\": 1}"), 400, "strength");
    check(&trial.act(id, "retry", "[]"), 400, "body");
    check(&trial.act(id, "resolve", "{\"reason\": \"  \"}"), 400, "reason");
    check(&trial.act(id + 1, "retry", "{}"), 409, "no command that is acted on");
    assert_eq!((trial.status(id).as_str(), trial.audit().len()), ("failed", 0));
    check(&trial.act(id + 1, "resolve", "{\"reason\": \"rubbish\"}"), 200, "ignored");
}

#[test]
fn the_deletion_of_a_group_is_not_retried_over_who_has_come_since() {
    let mut trial = Trial::start();
    trial.send(&add_to(1, "KNI-014", "anna@tele.gl"));
    trial.peers.ema.script(vec![refused().op("Delete").times(1)]);
    trial.send(&group_delete(2, "KNI-014"));
    assert_eq!(trial.status(2), "failed");
    trial.send(&add_to(3, "KNI-014", "bo@tele.gl"));
    let problem = trial.act(2, "retry", "{}");
    check(&problem, 409, "later");
    assert_eq!(problem.json()["later"], serde_json::json!([3]));
}

#[test]
fn a_step_that_was_answered_is_done_also_where_the_database_refuses_its_effect() {
    Trial::on_both(|mut trial| {
        trial.send(&add(1, "anna@tele.gl"));
        let (refuse, allow) = refusing(&trial);
        refuse.iter().for_each(|sql| drop(trial.sql(sql)));
        trial.send(&set_phone(2, "anna@tele.gl", "321044"));
        trial.send(&add(3, "bo@tele.gl"));
        assert_eq!((trial.status(2), trial.status(3)), ("failed".into(), "completed".into()));
        let shown = trial.json("/api/v1/events/2");
        assert!(shown["reason"].as_str().is_some_and(|reason| reason.contains("not now")), "{shown}");
        let states: Vec<&str> = shown["steps"]
            .as_array()
            .expect("steps")
            .iter()
            .map(|step| step["state"].as_str().unwrap_or("-"))
            .collect();
        assert_eq!(states, ["done", "done"], "{shown}");
        // Refused once more it is still done.
        check(&trial.act(2, "retry", "{}"), 200, "resumes");
        trial.wait(2, "failed");
        let sent = trial.requests();
        trial.sql(&allow);
        check(&trial.act(2, "retry", "{}"), 200, "resumes");
        trial.wait(2, "completed");
        assert_eq!(trial.requests(), sent, "nothing is sent again");
        assert_eq!(trial.sql("select e164 from srd_user where id = 'anna@tele.gl'"), [["321044"]]);
    });
}

/// What makes the database refuse phones, and allow them again.
fn refusing(trial: &Trial) -> (Vec<&'static str>, String) {
    if !trial.is_postgres() {
        let refuse = "create trigger refuse before update of e164 on srd_user when new.e164 is not null
            begin select raise(abort, 'not now'); end";
        return (vec![refuse], "drop trigger refuse".to_owned());
    }
    let function = "create function refuse() returns trigger language plpgsql
        as $$ begin raise exception 'not now'; end $$";
    let trigger = "create trigger refuse before update on srd_user for each row
        when (new.e164 is distinct from old.e164) execute function refuse()";
    (vec![function, trigger], "drop trigger refuse on srd_user".to_owned())
}
