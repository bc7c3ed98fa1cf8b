//! Where tokens are configured, the page wants to know who looks.

use crate::browser::drive;
use crate::given::Desk;

#[test]
fn a_stranger_logs_in_is_where_they_wanted_to_be_and_can_act() {
    drive(async |page| {
        let desk = Desk::with_tokens();
        desk.with_failures();
        page.go(&desk.url("#/events/3")).await;
        page.write("#token", "guess\n").await;
        page.sees(".problem", "token").await;
        page.write("#token", "act\n").await;
        page.sees("h1", "#3").await;
        page.sees("#who", "noc (operator)").await;
        page.click("#resolve").await;
        page.write("dialog input", "known\n").await;
        page.sees("#status", "ignored").await;
        page.go(&desk.url("#/audit")).await;
        page.sees("td.user", "noc").await;
        page.click("#who button").await;
        page.sees("h1", "Log in").await;
        page.refresh().await;
        page.sees("h1", "Log in").await;
        assert!(!page.value("document.body.innerText").await.to_string().contains("noc"));
    });
}

#[test]
fn a_viewer_sees_everything_and_is_told_why_they_cannot_act() {
    drive(async |page| {
        let desk = Desk::with_tokens();
        desk.with_failures();
        page.go(&desk.url("#/events/2")).await;
        page.write("#token", "look\n").await;
        page.sees("#who", "desk (viewer)").await;
        page.click("#retry[aria-disabled]").await;
        page.sees(".notice", "Your role is viewer").await;
        page.sees_no("dialog").await;
        page.click("#plan").await;
        page.sees("#foreseen", "request").await;
    });
}

#[test]
fn who_is_forgotten_logs_in_again_and_is_back() {
    drive(async |page| {
        let desk = Desk::with_tokens();
        desk.with_failures();
        page.go(&desk.url("#/events?status=failed")).await;
        page.write("#token", "act\n").await;
        page.until("document.querySelectorAll('[data-row]').length === 2").await;
        page.forget_cookies().await;
        page.click("[data-row='3'] a").await;
        page.sees(".note", "Your session has ended").await;
        page.write("#token", "act\n").await;
        page.sees("h1", "#3").await;
        page.sees("#live", "live").await;
    });
}
