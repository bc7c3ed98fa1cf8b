//! Many events at once.

use crate::browser::drive;
use crate::given::Desk;
use crate::support::documents::{add, set_phone};

#[test]
fn many_events_are_looked_at_before_they_are_retried() {
    drive(async |page| {
        let desk = Desk::new();
        desk.ended(&add(1, "anna@tele.gl"), 1);
        desk.refuse();
        for id in 2..=4 {
            desk.ended(&set_phone(id, "anna@tele.gl", &format!("+299-32104{id}")), id);
        }
        desk.peers.ema.script(vec![]);
        page.go(&desk.url("#/events?status=failed")).await;
        page.click("#bulk").await;
        page.sees("main", "status failed").await;
        page.go(&desk.url("#/faults")).await;
        let reason = page.until("document.querySelector('td.reason a')?.innerText").await;
        page.click("td.acts a").await;
        page.sees("p", &format!("fault “{}”", reason.as_str().expect("a text"))).await;
        page.go(&desk.url("#/bulk")).await;
        page.sees("p", "Events with status failed.").await;
        page.go(&desk.url("#/bulk?status=failed")).await;
        page.write("#reason", "after the upgrade").await;
        page.click("#prepare").await;
        page.sees("#bulk-state", "prepared").await;
        page.sees("h2", "Retry 3 events?").await;
        assert_eq!(page.rows().await.len(), 3, "samples");
        assert_eq!(desk.site.count(&["failed"]), 3, "nothing is done yet");
        page.click("#run").await;
        page.click("dialog button[type=submit]").await;
        page.sees("#bulk-state", "done").await;
        desk.site.wait_ended(4);
        assert_eq!(desk.site.count(&["completed"]), 4);
    });
}

#[test]
fn a_set_that_was_prepared_can_be_let_go() {
    drive(async |page| {
        let desk = Desk::new();
        desk.with_failures();
        page.go(&desk.url("#/faults")).await;
        page.until("document.querySelectorAll('[data-row]').length === 2").await;
        page.click("[data-row] .acts a:nth-child(2)").await;
        page.until("document.getElementById('act-resolve')?.checked").await;
        page.write("#reason", "a test").await;
        page.click("#prepare").await;
        page.sees("h2", "Resolve 1 event?").await;
        page.click("#cancel").await;
        page.sees("#bulk-state", "cancelled").await;
        assert_eq!(desk.site.count(&["failed"]), 2);
    });
}
