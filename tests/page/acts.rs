//! An event is opened, retried and resolved.

use crate::browser::drive;
use crate::given::Desk;
use crate::support::daemon::eventually;
use crate::support::documents::{add, password, set_phone};
use eventmanager::simulators::script::{Action, FaultStyle, Rule};
use serde_json::json;

#[test]
fn a_failed_event_is_opened_and_retried() {
    drive(async |page| {
        let desk = Desk::new();
        desk.with_failures();
        page.go(&desk.url("#/events?status=failed")).await;
        page.click("[data-row='2'] .command").await;
        page.sees("h1", "#2 UserModifyRequest").await;
        page.sees("#status", "failed").await;
        page.sees(".step .answer", "4099").await;
        page.sees(".step .state", "refused").await;
        page.sees("pre", "<phoneNumber>+299-321044</phoneNumber>").await;
        page.click("#retry").await;
        page.write("dialog input", "the HSS is well again").await;
        page.click("dialog button[type=submit]").await;
        page.sees(".notice", "Event #2 runs again").await;
        page.sees("#status", "completed").await;
        page.sees("#status", "attempt 2").await;
        let elsewhere =
            "[...document.querySelectorAll('.facts, thead')].some((e) => /attempt/i.test(e.textContent))";
        assert_eq!(page.value(elsewhere).await, false, "the attempt is said once");
        page.sees(".step .state", "done").await;
        page.click("details summary").await;
        page.sees("details .answer", "4099").await;
        page.go(&desk.url("#/audit")).await;
        page.sees("tr", "the HSS is well again").await;
        page.click("td.object a").await;
        page.sees("h1", "#2").await;
    });
}

#[test]
fn a_retry_that_may_undo_a_later_event_shows_its_plan_and_wants_a_yes() {
    drive(async |page| {
        let desk = Desk::new();
        desk.with_failures();
        desk.ended(&add(4, "nobody@tele.gl"), 4);
        page.go(&desk.url("#/events/3")).await;
        page.click("#retry").await;
        page.click("dialog button[type=submit]").await;
        page.sees("dialog .later", "have completed or wait: #4").await;
        page.sees("dialog .plan", "UserModifyRequest").await;
        page.sees("dialog .begins", "planned anew: nothing of it has been done yet").await;
        page.until("document.querySelector('dialog button[type=submit]').disabled").await;
        page.click("#force").await;
        page.sees("dialog button.danger", "Retry all the same").await;
        page.click("dialog button.danger").await;
        page.sees("#status", "completed").await;
    });
}

#[test]
fn what_a_retry_would_send_is_the_rest_of_the_plan_where_it_resumes() {
    drive(async |page| {
        let desk = Desk::new();
        desk.ended(&add(1, "anna@tele.gl"), 1);
        let fault = Action::Fault { code: 4099, detail_code: Some(77), style: FaultStyle::ErrorCode };
        desk.peers.ema.script(vec![Rule::new(fault).op("Create").mo("DNS").times(1)]);
        desk.ended(&set_phone(2, "anna@tele.gl", "+299-321044"), 2);
        // A later event that leaves her row as it is.
        desk.ended(&password(3, "anna@tele.gl", "another"), 3);
        page.go(&desk.url("#/events/2")).await;
        let rest = async |place: &str| {
            page.sees(&format!("{place} .begins"), "resumes at step 2 of 2").await;
            page.sees(&format!("{place} .requests li"), "create ENUM").await;
            let steps =
                format!("[...document.querySelectorAll('{place} .requests li')].map((li) => li.value)");
            assert_eq!(page.value(&steps).await, json!([2]));
        };
        page.click("#plan").await;
        rest("#foreseen").await;
        page.click("#retry").await;
        page.click("dialog button[type=submit]").await;
        rest("dialog").await;
        page.click("#force").await;
        page.click("dialog button.danger").await;
        page.sees(".notice", "at the step that failed").await;
        page.sees("#status", "completed").await;
        page.sees(".step .answer", "done in attempt 1").await;
    });
}

#[test]
fn a_later_event_that_only_waits_is_not_said_to_have_completed() {
    drive(async |page| {
        let desk = Desk::new();
        desk.with_failures();
        desk.act("/api/v1/systems/hss/pause", "{}");
        desk.peers.broadworks.send(&set_phone(4, "anna@tele.gl", "+299-321046"));
        eventually("it waits", || (desk.site.count(&["pending"]) == 1).then_some(()));
        page.go(&desk.url("#/events/2")).await;
        page.click("#retry").await;
        page.click("dialog button[type=submit]").await;
        page.sees("dialog .later", "have completed or wait: #4").await;
        page.sees("dialog .later", "though it may undo").await;
    });
}

#[test]
fn an_event_is_resolved_with_a_reason() {
    drive(async |page| {
        let desk = Desk::new();
        desk.with_failures();
        page.go(&desk.url("#/events/3")).await;
        page.click("#resolve").await;
        page.click("dialog button[type=submit]").await;
        assert_eq!(page.value("document.querySelector('dialog input').validity.valueMissing").await, true);
        assert_eq!(desk.site.count(&["failed"]), 2, "without a reason nothing is done");
        page.write("dialog input", "a test of the portal\n").await;
        page.sees("#status", "ignored").await;
        page.sees(".reason", "a test of the portal").await;
        page.click("#resolve[aria-disabled]").await;
        page.sees(".notice.bad", "").await;
        page.sees_no("dialog").await;
    });
}

#[test]
fn what_an_event_would_send_is_shown_without_its_secrets() {
    drive(async |page| {
        let desk = Desk::new();
        desk.ended(&add(1, "anna@tele.gl"), 1);
        desk.ended(&password(2, "anna@tele.gl", "tops3cret"), 2);
        page.go(&desk.url("#/events/2")).await;
        page.sees("pre", "<newPassword>***</newPassword>").await;
        page.click("#plan").await;
        page.sees("#foreseen", "Nothing is sent by looking").await;
        page.sees("#foreseen .requests", "hss").await;
        page.click("#foreseen details summary").await;
        page.sees("#foreseen pre", "***").await;
        let text = page.value("document.documentElement.textContent").await;
        assert!(!text.as_str().expect("a text").contains("tops3cret"));
    });
}

#[test]
fn an_event_that_is_not_there_is_said_to_be_so() {
    drive(async |page| {
        let desk = Desk::new();
        page.go(&desk.url("#/events/4711")).await;
        page.sees(".problem", "there is no event 4711").await;
        page.go(&desk.url("#/nonsense")).await;
        page.sees(".problem", "no page nonsense").await;
    });
}
