//! Events that are delivered to ever more hubs.

use super::{Curve, spent};
use crate::receiver::Receiver;
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::http;
use serde_json::json;
use std::time::Duration;

const HUBS: [u32; 4] = [1, 10, 100, 1_000];
/// So many are delivered at each size, all together.
const DELIVERED: u32 = 20_000;
/// So many are posted while there is no hub, to know what a post costs.
const POSTED: u32 = 5_000;
const TOPIC: &str = "/psi-api/event/v2/topic/order";

pub fn print() {
    let mut curve = Curve::new("hubs", "an event delivered to one hub", "hubs");
    for hubs in HUBS {
        let receiver = Receiver::start(Duration::ZERO);
        let host = receiver.address;
        let site = Site::quiet(&format!(
            "[event_management]\npublic_url = \"http://127.0.0.1:9\"\nmax_hubs = 2000\nmax_hubs_per_owner = 1000\n\
             [[event_management.peer]]\nhost = \"{host}\"\nallow_http = true\nallow_private = true\n"
        ));
        let daemon = site.start();
        eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
        let before = spent(&daemon);
        (0..POSTED).for_each(|number| post_event(&daemon, number));
        let one_post = (spent(&daemon) - before) / POSTED;
        for number in 0..hubs {
            let callback = format!("{}/{number}", receiver.url());
            post(&daemon, "hub", &json!({ "callback": callback }).to_string());
        }
        let (before, events) = (spent(&daemon), DELIVERED / hubs);
        // With ids of their own: what is posted a second time is not delivered again.
        (POSTED..POSTED + events).for_each(|number| post_event(&daemon, number));
        let all = u64::from(events * hubs);
        eventually("all are delivered", || (receiver.count() as u64 >= all).then_some(()));
        let delivering = (spent(&daemon) - before).saturating_sub(one_post * events);
        curve.add(hubs.into(), delivering, all);
        daemon.terminate();
    }
}

fn post_event(daemon: &Daemon, number: u32) {
    post(daemon, "event", &json!({ "eventId": number.to_string(), "event": { "n": number } }).to_string());
}

fn post(daemon: &Daemon, what: &str, body: &str) {
    let request = format!(
        "POST {TOPIC}/{what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = http::send(daemon.http, &request);
    assert_eq!(answer.status, 201, "{}", answer.body);
}
