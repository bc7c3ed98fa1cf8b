//! Which later events stand in the way of a retry, on both databases.

use crate::given::*;
use crate::support::documents::{
    add, add_to, delete, domain_add, domain_delete, group_delete, set_phone, voicemail,
};
use eventmanager::simulators::script::{Action, Rule};
use serde_json::{Value, json};

const ANNA: &str = "anna@tele.gl";
const MODIFY: &str = "UserModifyRequest";

/// Retries an event that is to be left alone, and gives the answer.
#[track_caller]
fn left_alone(trial: &Trial, event: i64) -> Value {
    let before = trial.status(event);
    let answer = trial.act(event, "retry", "{}");
    check(&answer, 409, "look at its plan, and force it");
    assert_eq!((trial.status(event), trial.audit().len()), (before, 0));
    answer.json()
}

#[track_caller]
fn completes(trial: &Trial, event: i64, body: &str) {
    check(&trial.act(event, "retry", body), 200, "pending");
    trial.wait(event, "completed");
}

/// The mail server refuses one request.
fn refuse_mail(trial: &Trial) {
    trial.peers.surgemail.script(vec![Rule::new(Action::Status(500)).times(1)]);
}

#[test]
fn a_row_of_the_old_release_is_not_retried_over_its_later_rows() {
    Trial::on_both(|mut trial| {
        trial.send(&add(1, ANNA));
        let first = trial.of_old_release(MODIFY, &set_phone(1, ANNA, "321041"), "failed");
        let second = trial.of_old_release(MODIFY, &set_phone(2, ANNA, "321042"), "pending");
        trial.of_old_release(MODIFY, &set_phone(3, "bo@tele.gl", "321055"), "completed");
        let third = trial.of_old_release(MODIFY, &set_phone(4, ANNA, "321043"), "completed");
        for (status, document) in [("failed", set_phone(5, ANNA, "1")), ("ignored", delete(6, ANNA))] {
            trial.of_old_release(MODIFY, &document, status);
        }
        trial.of_old_release("UserServiceModifyRequest", "<x/>", "completed");
        let refused = left_alone(&trial, first);
        assert_eq!((&refused["later"], &refused["unknown"]), (&json!([second, third]), &Value::Null));
        assert!(refused["plan"]["outcome"]["requests"].is_object(), "{refused}");
        assert_eq!(left_alone(&trial, second)["later"], json!([third]));

        // Retried it is one of ours, by which it is found: its subscriber has it, and an earlier one is not retried over it.
        completes(&trial, second, "{\"force\": true}");
        let shown = trial.json("/api/v1/subscribers/anna%40tele.gl");
        let ids: Vec<&Value> =
            shown["events"].as_array().expect("a list").iter().map(|row| &row["id"]).collect();
        assert_eq!(ids, [second, 1]);
        trial.sql(&format!("update em_event set status = 'failed' where id = {third}"));
        let refused = trial.act(first, "retry", "{}").json();
        assert_eq!(refused["later"], json!([second]));
        completes(&trial, third, "{}");
    });
}

#[test]
fn what_cannot_be_known_of_the_old_release_wants_force_and_says_why() {
    Trial::on_both(|mut trial| {
        trial.send(&add(1, ANNA));
        let first = trial.of_old_release(MODIFY, &set_phone(1, ANNA, "321041"), "failed");
        let broken = trial.of_old_release(MODIFY, "<BroadsoftDocument><command>", "completed");
        let refused = left_alone(&trial, first);
        assert_eq!(refused["later"], json!([]));
        assert_eq!(refused["unknown"], format!("the document of event {broken} cannot be read"));
        trial.sql(&format!("delete from em_event where id = {broken}"));

        // More rows than are read; one of the same administrator is found behind them all the same.
        let numbers =
            "(with recursive counted(n) as (select 1 union all select n + 1 from counted where n < 1000)
            select n from counted) as numbers";
        let bo = set_phone(1, "bo@tele.gl", "321055");
        trial.sql(&format!(
            "insert into em_event (user_id, command, event, status, inserted)
             select 'other@tele.gl', '{MODIFY}', '{bo}', 'completed', current_timestamp from {numbers}"
        ));
        completes(&trial, first, "{}");
        trial.sql(&format!("update em_event set status = 'failed' where id = {first}"));
        let last = trial.of_old_release(MODIFY, &set_phone(2, ANNA, "321042"), "completed");
        let refused = trial.act(first, "retry", "{}");
        check(&refused, 409, "there may be others");
        assert_eq!(refused.json()["later"], json!([last]));
        let unknown = "behind it the old release has stored more events than are looked through (1000)";
        assert_eq!(refused.json()["unknown"], unknown);
        completes(&trial, first, "{\"force\": true}");
    });
}

#[test]
fn a_completed_event_stands_in_the_way_however_many_came_behind_it() {
    Trial::on_both(|mut trial| {
        let failed = trial.anna_fails();
        trial.send(&set_phone(3, ANNA, "321055"));
        assert_eq!(trial.status(3), "completed");
        let (from, to) = if trial.is_postgres() { ("cast(", " as uuid)") } else { ("", "") };
        let uuid = format!("{from}'ffffffff-0000-7000-8000-' || cast(100000000000 + n as text){to}");
        let numbers =
            "(with recursive counted(n) as (select 1 union all select n + 1 from counted where n < 200)
            select n from counted) as numbers";
        trial.sql(&format!(
            "insert into em_event (uuid, source, command_index, user_id, command, event, status, inserted)
             select {uuid}, 'as1', 0, 'admin', '{MODIFY}', '<x/>', 'failed', current_timestamp from {numbers}"
        ));
        trial.sql(&format!(
            "insert into em_subject (subscriber, event) select '{ANNA}', {uuid} from {numbers}"
        ));
        let refused = left_alone(&trial, failed);
        assert_eq!((&refused["later"], &refused["unknown"]), (&json!([3]), &Value::Null));
    });
}

#[test]
fn a_user_is_not_made_again_in_a_group_that_has_been_deleted_since() {
    Trial::on_both(|mut trial| {
        trial.peers.ema.script(vec![refused().op("Create").times(1)]);
        trial.send(&add_to(1, "KNI-014", ANNA));
        trial.send(&group_delete(2, "KNI-015"));
        trial.send(&group_delete(3, "KNI-014"));
        // Anna was no member when it went.
        assert_eq!((trial.status(1), trial.status(3)), ("failed".into(), "completed".into()));
        assert_eq!(left_alone(&trial, 1)["later"], json!([3]));
    });
}

#[test]
fn a_group_is_not_deleted_over_who_is_about_to_come() {
    Trial::on_both(|mut trial| {
        trial.send(&add_to(1, "KNI-014", ANNA));
        trial.peers.ema.script(vec![refused().op("Delete").times(1)]);
        trial.send(&group_delete(2, "KNI-014"));
        trial.send(&add_to(3, "KNI-015", "cilla@tele.gl"));
        check(&trial.post("/api/v1/systems/hss/pause", "{}"), 200, "paused");
        trial.peers.broadworks.send(&add_to(4, "KNI-014", "bo@tele.gl"));
        trial.sent += 1;
        crate::support::daemon::eventually("it waits", || {
            (trial.json("/api/v1/status")["backlog"]["waiting"][0][1] == 1).then_some(())
        });
        let answer = trial.act(2, "retry", "{}");
        check(&answer, 409, "4");
        assert_eq!(answer.json()["later"], json!([4]), "bo is no member as yet");
        check(&trial.post("/api/v1/systems/hss/resume", "{}"), 200, "running");
        trial.wait(4, "completed");
        trial.send(&delete(5, "bo@tele.gl"));
        trial.send(&group_delete(6, "KNI-014"));
        assert_eq!(trial.act(2, "retry", "{}").json()["later"], json!([4, 6]));
    });
}

#[test]
fn a_mail_domain_does_not_come_or_go_over_what_came_later() {
    Trial::on_both(|mut trial| {
        trial.send(&add(1, ANNA));
        trial.send(&domain_add(2, "tele.gl"));
        refuse_mail(&trial);
        trial.send(&domain_delete(3, "tele.gl"));
        assert_eq!(trial.status(3), "failed");
        trial.send(&domain_add(4, "other.gl"));
        trial.send(&set_phone(5, ANNA, "321044"));
        // Nothing of that domain: it may go, and the retry is refused by the mail server alone.
        refuse_mail(&trial);
        check(&trial.act(3, "retry", "{}"), 200, "pending");
        trial.wait(3, "failed");
        trial.send(&voicemail(6, ANNA, Some(("anna@TELE.gl", "geheim"))));
        assert_eq!(trial.status(6), "completed");
        let refused = trial.act(3, "retry", "{}");
        check(&refused, 409, "later events");
        assert_eq!(refused.json()["later"], json!([6]));

        // What sends a row once more names its user alone.
        trial.sql("update em_event set status = 'ignored' where id = 6");
        let plan = trial.json("/api/v1/subscribers/anna%40tele.gl/reprovision");
        let wish = format!("{{\"digest\": {}}}", plan["digest"]);
        check(&trial.post("/api/v1/subscribers/anna%40tele.gl/reprovision", &wish), 202, "\"id\":7");
        trial.wait(7, "completed");
        trial.sent += 1;
        assert_eq!(trial.act(3, "retry", "{}").json()["later"], json!([7]));

        refuse_mail(&trial);
        trial.send(&domain_add(8, "third.gl"));
        trial.send(&domain_delete(9, "THIRD.gl"));
        assert_eq!(trial.act(8, "retry", "{}").json()["later"], json!([9]));
        // An account in a domain that has come and gone since it failed.
        refuse_mail(&trial);
        trial.send(&voicemail(10, ANNA, Some(("anna@other.gl", "geheim"))));
        trial.send(&domain_delete(11, "other.gl"));
        assert_eq!(trial.act(10, "retry", "{}").json()["later"], json!([11]));
    });
}

#[test]
fn what_another_subscriber_holds_by_now_is_not_taken_away() {
    Trial::on_both(|mut trial| {
        trial.send(&add(1, ANNA));
        trial.send(&add(2, "bo@tele.gl"));
        trial.send(&set_phone(3, ANNA, "321044"));
        // The old number is gone, and the new one refused: the row still says the old one.
        trial.peers.ema.script(vec![refused().op("Create").mo("DNS").times(1)]);
        trial.send(&set_phone(4, ANNA, "321055"));
        assert_eq!(trial.status(4), "failed");
        trial.send(&set_phone(5, "bo@tele.gl", "321044"));
        assert_eq!(trial.status(5), "completed");
        let enum_of = |trial: &Trial| trial.peers.ema.state().enum_records["tel:299321044"].clone();
        let of_bo = enum_of(&trial);
        let reason = |trial: &Trial, event: i64| {
            trial.json(&format!("/api/v1/events/{event}"))["reason"].as_str().unwrap_or_default().to_owned()
        };
        // Neither a retry that is planned anew nor another event of hers takes it from him.
        trial.sql("update srd_user set phonecontext = 'nuuk.tg.gl' where id = 'anna@tele.gl'");
        let sent = trial.requests().len();
        check(&trial.act(4, "retry", "{}"), 200, "anew");
        trial.wait(4, "failed");
        trial.send(&delete(6, ANNA));
        assert_eq!(trial.status(6), "failed");
        for event in [4, 6] {
            let reason = reason(&trial, event);
            assert!(reason.contains("321044") && reason.contains("bo@tele.gl"), "{event}: {reason}");
        }
        assert_eq!((enum_of(&trial), trial.requests().len()), (of_bo.clone(), sent), "nothing is sent");
        // The row is mended by hand, as the reason says.
        trial.sql("update srd_user set e164 = null where id = 'anna@tele.gl'");
        completes(&trial, 6, "{}");
        assert_eq!(enum_of(&trial), of_bo);
    });
}
