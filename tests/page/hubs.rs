//! Who gets events over Event Management.

use crate::browser::drive;
use crate::given::Desk;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

/// A receiver that is gone for good, as long as the test runs.
fn gone() -> SocketAddr {
    answering(&["410 Gone"])
}

/// A receiver that answers so, and in the end always as it did last, as long as the test runs.
fn answering(statuses: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let mut answered = 0;
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut bytes = [0; 16 << 10];
            // One read has all of a request as small as ours.
            if stream.read(&mut bytes).is_ok_and(|read| read > 0) {
                let status = statuses[answered.min(statuses.len() - 1)];
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes());
                answered += 1;
            }
        }
    });
    address
}

#[test]
fn a_hub_that_is_halted_shows_why_and_goes_on_without_the_event() {
    drive(async |page| {
        let desk = Desk::with_hub(gone());
        page.go(&desk.url("#/hubs")).await;
        page.sees("[data-hub]", "halted").await;
        page.sees("[data-hub]", "order").await;
        page.sees("[data-hub] td", "/events?***").await;
        page.click("[data-hub] a").await;
        page.sees("td", "410").await;
        page.click("#skip-event").await;
        page.write("dialog input", "its receiver was given up\n").await;
        page.sees("td", "its receiver was given up").await;
        page.sees(".facts .status", "active").await;
        page.click("#halt").await;
        page.write("dialog input", "they move\n").await;
        page.sees(".facts", "an operator has halted it: they move").await;
        page.click("#resume").await;
        page.click("dialog button[type=submit]").await;
        page.sees(".facts .status", "active").await;
        page.click("#replay").await;
        page.sees("dialog", "Send events again").await;
        page.click("dialog button[type=submit]").await;
        page.sees(".facts .status", "halted").await;
        page.click("#remove").await;
        page.sees("dialog", "has to register anew").await;
        page.click("dialog button[type=submit]").await;
        page.sees(".empty", "Nobody has registered").await;
    });
}

#[test]
fn a_hub_that_fails_while_events_are_sent_again_shows_both() {
    drive(async |page| {
        let desk = Desk::with_hub(answering(&["200 OK", "500 Internal Server Error"]));
        page.go(&desk.url("#/hubs")).await;
        page.sees("[data-hub] .state", "active").await;
        page.until("document.querySelector('[data-hub] .number').innerText === '1'").await;
        desk.order(2);
        page.sees("[data-hub]", "failing").await;
        page.click("[data-hub] a").await;
        page.click("#replay").await;
        page.click("dialog button[type=submit]").await;
        page.sees(".facts", "failing").await;
        page.sees(".facts", "replaying").await;
    });
}

#[test]
fn where_there_is_no_event_management_that_is_said() {
    drive(async |page| {
        let desk = Desk::new();
        page.go(&desk.url("#/hubs")).await;
        page.sees(".note", "no [event_management]").await;
        page.sees_no(".problem, form").await;
    });
}
