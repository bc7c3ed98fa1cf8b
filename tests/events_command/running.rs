//! The commands and a running daemon, with peers.

use crate::given::*;
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::documents::{add, password, set_phone};
use crate::support::peers::Peers;

/// A daemon that has provisioned Anna, and failed twice: Bo and Carl are not known.
pub fn given() -> (Peers, Site, Daemon) {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let daemon = site.start();
    eventually("connected", || (daemon.metric("eventmanager_connection_up", "") == 1.0).then_some(()));
    for document in [
        add(1, "anna@tele.gl"),
        set_phone(2, "bo@tele.gl", "+299-321055"),
        password(3, "carl@tele.gl", "Geheim-1"),
    ] {
        peers.broadworks.send(&document);
    }
    site.wait_ended(3);
    (peers, site, daemon)
}

pub fn url(daemon: &Daemon) -> String {
    format!("http://{}", daemon.http)
}

fn ids(said: &Said) -> Vec<i64> {
    let document = said.json();
    let events = document["events"].as_array().expect("a list");
    events.iter().map(|event| event["id"].as_i64().expect("a number")).collect()
}

#[test]
fn events_are_listed_shown_and_planned() {
    let (_peers, _site, daemon) = given();
    let url = url(&daemon);
    let said = events(&url, &["list"]);
    said.check(
        0,
        &["1   completed  ", "UserAddRequest  ", "2   failed     ", "is not known", "3   failed     "],
    );
    let listed = |args: &[&str]| ids(&events(&url, &[&["list", "--json"], args].concat()));
    assert_eq!(listed(&[]), [3, 2, 1]);
    assert_eq!(listed(&["--oldest-first"]), [1, 2, 3]);
    assert_eq!(listed(&["--status", "completed"]), [1]);
    assert_eq!(listed(&["--status", "completed", "--status", "failed", "--limit", "2"]), [3, 2]);
    assert_eq!(listed(&["--command", "UserModifyRequest"]), [2]);
    assert_eq!(listed(&["--user", "admin@tele.gl"]), [3, 2, 1]);
    assert_eq!(listed(&["--user", "nobody"]), [0; 0]);
    assert_eq!(listed(&["--text", "CARL@tele"]), [3]);
    assert_eq!(listed(&["--text", "Geheim"]), [0; 0], "a secret is no text to look for");
    assert_eq!(listed(&["--since", "1h"]), [3, 2, 1]);
    assert_eq!(listed(&["--until", "1h"]), [0; 0]);
    let said = events(&url, &["list", "--all", "--json"]);
    assert_eq!(said.out.lines().count(), 3, "{said:?}");

    events(&url, &["show", "1"]).check(
        0,
        &[
            "event 1: UserAddRequest\n",
            "about        anna@tele.gl",
            "given by     admin@tele.gl",
            "hss     done",
            "as1, notification",
        ],
    );
    let said = events(&url, &["show", "3", "--document"]);
    said.check(0, &["<newPassword>***</newPassword>", "carl@tele.gl"]);
    assert!(!said.out.contains("Geheim"), "{said:?}");
    assert_eq!(events(&url, &["show", "1", "--json"]).json()["status"], "completed");
    events(&url, &["plan", "2"])
        .check(1, &["event 2: UserModifyRequest given by admin@tele.gl\n", "fails: "]);
    events(&url, &["plan", "3"]).check(0, &["set_password: 1 request", "***"]);
    let plan = events(&url, &["plan", "3", "--json"]).json();
    assert_eq!(plan["outcome"]["requests"]["processor"], "set_password");
    for args in [["show", "4711"], ["plan", "4711"]] {
        events(&url, &args).check(4, &["there is no event 4711"]);
    }
}

#[test]
fn the_status_shows_every_actor_with_its_restarts() {
    let (_peers, _site, daemon) = given();
    let url = url(&daemon);
    let said = run(&["status", "--tree", "--url", &url]);
    said.check(
        0,
        &["node         ", "backlog      ", "root  ", "├─ store", "│  ├─ hss", "─ api  ", " running\n"],
    );
    assert!(!run(&["status", "--url", &url]).out.contains("├─"));
    let json = run(&["status", "--tree", "--json", "--url", &url]).json();
    assert_eq!((&json["tree"]["name"], &json["restarts"]), (&"root".into(), &0.into()));
}
