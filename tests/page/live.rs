//! What happens is shown as it happens, and nobody who reads is disturbed by it.

use crate::browser::drive;
use crate::given::Desk;
use crate::support::documents::{add, report, set_phone};
use eventmanager::simulators::script::{Action, Rule};

#[test]
fn the_list_shows_what_arrives_and_what_becomes_of_it() {
    drive(async |page| {
        let desk = Desk::new();
        page.go(&desk.url("")).await;
        page.sees("main", "No event matches.").await;
        page.sees("#live", "live").await;
        desk.peers.broadworks.send(&add(1, "anna@tele.gl"));
        page.sees("[data-row='1'] .status.completed", "completed").await;
        page.sees("[data-row='1']", "UserAddRequest").await;
        page.sees_no(".empty").await;
        desk.peers.ema.script(vec![Rule::new(Action::Hang)]);
        desk.peers.broadworks.send(&set_phone(2, "anna@tele.gl", "+299-321044"));
        page.sees("[data-row='2'] .status.pending", "pending").await;
        assert_eq!(page.rows().await, ["2", "1"]);
        page.sees("[data-status='pending']", "1").await;
        desk.peers.broadworks.send(&set_phone(3, "nobody@tele.gl", "+299-321045"));
        page.sees("[data-row='3'].failed .outcome", "nobody@tele.gl").await;
        page.sees("#failed", "1").await;
        page.sees("[data-status='completed']", "1").await;
    });
}

#[test]
fn new_events_wait_while_somebody_reads() {
    drive(async |page| {
        let desk = Desk::new();
        desk.ended(&add(1, "anna@tele.gl"), 1);
        page.go(&desk.url("")).await;
        page.sees("[data-row='1']", "completed").await;
        page.sees("#live", "live").await;
        page.press("j").await;
        desk.ended(&add(2, "berta@tele.gl"), 2);
        page.sees(".bar", "1 new event").await;
        assert_eq!(page.rows().await, ["1"], "nothing moves under the reader");
        page.press("n").await;
        page.sees("[data-row='2']", "completed").await;
        assert_eq!(page.rows().await, ["2", "1"]);
        page.sees_no(".bar").await;
    });
}

#[test]
fn the_page_comes_back_by_itself_after_a_restart_of_the_daemon() {
    drive(async |page| {
        let mut desk = Desk::new();
        desk.ended(&add(1, "anna@tele.gl"), 1);
        page.go(&desk.url("")).await;
        page.sees("#live", "live").await;
        page.sees("[data-row='1']", "completed").await;
        desk.kill();
        page.sees("#live", "connecting").await;
        desk.start();
        desk.ended(&add(2, "berta@tele.gl"), 2);
        page.sees("#live", "live").await;
        page.sees("[data-row='2']", "completed").await;
        // And goes on being live.
        desk.peers.broadworks.send(&add(3, "carl@tele.gl"));
        page.sees("[data-row='3']", "completed").await;
    });
}

#[test]
fn a_long_list_is_paged_and_tells_what_is_new() {
    drive(async |page| {
        let desk = Desk::new();
        for id in 1..=55 {
            desk.peers.broadworks.send(&report(id, "SomethingElse", ""));
        }
        desk.site.wait_ended(55);
        page.go(&desk.url("")).await;
        page.until("document.querySelectorAll('[data-row]').length === 50").await;
        page.click("#older").await;
        page.sees("[data-row='5']", "ignored").await;
        assert_eq!(page.rows().await, ["5", "4", "3", "2", "1"]);
        desk.ended(&report(56, "SomethingElse", ""), 56);
        page.sees(".bar", "1 new event").await;
        assert_eq!(page.rows().await.len(), 5, "the page that is read stays");
        page.click("#newer").await;
        page.sees("[data-row='56']", "ignored").await;
        page.back().await;
        page.sees("[data-row='1']", "ignored").await;
        page.click("#newest").await;
        page.sees("[data-row='56']", "ignored").await;
        assert!(!page.place().await.contains("cursor"), "{}", page.place().await);
    });
}

#[test]
fn what_a_peer_sends_is_text_and_never_markup() {
    drive(async |page| {
        let desk = Desk::new();
        let name = "&lt;img src=x onerror=document.title=1&gt;&lt;script&gt;document.title=1&lt;/script&gt;";
        let body = format!("<userId>{name}@tele.gl</userId><phoneNumber>1{name}</phoneNumber>");
        desk.ended(&report(1, "UserModifyRequest17sp4", &body), 1);
        page.go(&desk.url("")).await;
        page.sees("[data-row='1'] .outcome", "<img src=x").await;
        page.go(&desk.url("#/events/1")).await;
        page.sees("pre", "onerror=document.title=1").await;
        page.click("#plan").await;
        page.sees("#foreseen", "<img src=x").await;
        assert_eq!(page.value("document.querySelectorAll('main img, main script').length").await, 0);
        assert_ne!(page.value("document.title").await, "1");
    });
}
