//! Subscribers are found, looked at, and sent anew.

use crate::browser::drive;
use crate::given::Desk;
use crate::support::documents::{add, add_to, group_delete, set_phone};

#[test]
fn a_subscriber_is_found_and_sent_anew() {
    drive(async |page| {
        let desk = Desk::new();
        desk.ended(&add(1, "anna@tele.gl"), 1);
        desk.ended(&add(2, "berta@tele.gl"), 2);
        desk.ended(&set_phone(3, "anna@tele.gl", "+299-321044"), 3);
        page.go(&desk.url("#/subscribers")).await;
        page.until("document.querySelectorAll('[data-row]').length === 2").await;
        page.write("#s-text", "anna\n").await;
        page.until("document.querySelectorAll('[data-row]').length === 1").await;
        page.click("[data-row='anna@tele.gl'] a").await;
        page.sees("h1", "anna@tele.gl").await;
        page.sees("dd", "321044").await;
        page.sees("[data-row='3']", "UserModifyRequest").await;
        page.click("#reprovision").await;
        page.sees("dialog .plan", "request").await;
        page.write("dialog input", "the core had lost it").await;
        page.click("dialog button.danger").await;
        page.sees("h1", "#4").await;
        page.sees("#status", "completed").await;
    });
}

#[test]
fn an_event_of_a_whole_group_leads_to_the_group_and_not_to_a_subscriber_of_its_name() {
    drive(async |page| {
        let desk = Desk::new();
        desk.ended(&add_to(1, "KNI-015", "zoe@tele.gl"), 1);
        desk.ended(&group_delete(2, "KNI-015"), 2);
        page.go(&desk.url("#/events/2")).await;
        page.sees("main", "1 member deleted").await;
        page.click(".facts a").await;
        page.sees("h1", "Subscribers").await;
        assert_eq!(page.place().await, "#/subscribers?group=KNI-015");
    });
}
