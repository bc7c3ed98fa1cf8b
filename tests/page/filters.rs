//! Finding events.

use crate::browser::drive;
use crate::given::Desk;
use crate::support::documents::set_phone;

#[test]
fn a_filter_stands_in_the_address_and_outlives_a_reload() {
    drive(async |page| {
        let desk = Desk::new();
        desk.with_failures();
        page.go(&desk.url("")).await;
        page.until("document.querySelectorAll('[data-row]').length === 3").await;
        page.click("[data-status='failed']").await;
        page.until("document.querySelectorAll('[data-row]').length === 2").await;
        assert_eq!(page.place().await, "#/events?status=failed");
        page.write("#f-text", "NOBODY\n").await;
        page.until("document.querySelectorAll('[data-row]').length === 1").await;
        assert_eq!(page.rows().await, ["3"]);
        assert_eq!(page.place().await, "#/events?status=failed&text=NOBODY");
        page.refresh().await;
        page.sees("[data-row='3']", "failed").await;
        assert_eq!(page.value("document.getElementById('f-text').value").await, "NOBODY");
        page.back().await;
        page.until("document.querySelectorAll('[data-row]').length === 2").await;
        assert_eq!(page.value("document.getElementById('f-text').value").await, "");
        page.click("[data-status='all']").await;
        page.write("#f-command", "UserAddRequest\n").await;
        page.until("document.querySelectorAll('[data-row]').length === 1").await;
        assert_eq!(page.rows().await, ["1"]);
    });
}

#[test]
fn what_arrives_is_filtered_as_well() {
    drive(async |page| {
        let desk = Desk::new();
        desk.with_failures();
        page.go(&desk.url("#/events?status=failed")).await;
        page.until("document.querySelectorAll('[data-row]').length === 2").await;
        page.sees("#live", "live").await;
        desk.peers.broadworks.send(&set_phone(4, "anna@tele.gl", "+299-321046"));
        desk.peers.broadworks.send(&set_phone(5, "nobody@tele.gl", "+299-321047"));
        page.sees("[data-row='5']", "failed").await;
        assert_eq!(page.rows().await, ["5", "3", "2"], "4 has completed");
    });
}

#[test]
fn failures_of_one_cause_are_found_together() {
    drive(async |page| {
        let desk = Desk::new();
        desk.with_failures();
        desk.ended(&set_phone(4, "nemo@tele.gl", "+299-321048"), 4);
        page.go(&desk.url("#/faults")).await;
        page.until("document.querySelectorAll('[data-row]').length === 2").await;
        page.sees("[data-row] .count", "2").await;
        page.click("[data-row] .reason a").await;
        page.sees(".chip", "Fault").await;
        page.until("document.querySelectorAll('[data-row]').length === 2").await;
        assert_eq!(page.rows().await, ["4", "3"]);
        page.click(".chip button").await;
        page.until("document.querySelectorAll('[data-row]').length === 3").await;
    });
}
