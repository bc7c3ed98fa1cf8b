//! A reload counts from the next attempt on.

use crate::receiver::{Receiver, Reply};
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::http;

fn section(receiver: &Receiver, bearer: &str) -> String {
    let host = receiver.address;
    format!(
        "[event_management]\nretry_initial = \"20ms\"\nretry_max = \"100ms\"\n[[event_management.peer]]\nhost = \"{host}\"\n\
         allow_http = true\nallow_private = true\nauth = \"bearer\"\nbearer = \"{bearer}\"\n"
    )
}

/// A daemon with a hub of the topic `order`, whose id this is.
fn with_hub(site: &Site, receiver: &Receiver) -> (Daemon, String) {
    let daemon = site.start();
    let hub = format!(r#"{{"callback":"{}"}}"#, receiver.url());
    let made = eventually("it is registered", || {
        let answer = post(&daemon, "hub", &hub);
        (answer.status == 201).then_some(answer)
    });
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    (daemon, id)
}

fn post(daemon: &Daemon, path: &str, body: &str) -> http::Answer {
    let length = body.len();
    let head = format!(
        "POST /psi-api/event/v2/topic/order/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    http::send(daemon.http, &format!("{head}{body}"))
}

#[test]
fn a_host_that_a_reload_takes_away_halts_its_hub_at_once_and_one_that_comes_back_does_not_wake_it() {
    let receiver = Receiver::start();
    let site = Site::new(&section(&receiver, "right"));
    let (daemon, id) = with_hub(&site, &receiver);
    let config = std::fs::read_to_string(site.config()).expect("the configuration");
    let host = format!("host = \"{}\"", receiver.address);
    let reload = |config: &str, times: f64| {
        std::fs::write(site.config(), config).expect("written");
        daemon.signal("HUP");
        let applied = || daemon.metric("eventmanager_reloads_total", "outcome=\"applied\"") == times;
        eventually("it is reloaded", || applied().then_some(()));
    };
    let hub = || -> serde_json::Value {
        serde_json::from_str(&daemon.get(&format!("/api/v1/hubs/{id}")).1).expect("JSON")
    };
    // Another host, and no event.
    reload(&config.replace(&host, "host = \"elsewhere.example:443\""), 1.0);
    let reason = eventually("it is halted", || hub()["halted"]["reason"].as_str().map(str::to_owned));
    assert!(reason.contains("not among the hosts"), "{reason}");
    let alarms = eventually("the alarm is raised", || {
        let alarms = daemon.get("/psi-api/event/v2/topic/alarm/event").1;
        alarms.contains("hub_halted").then_some(alarms)
    });
    assert!(alarms.contains(&id) && alarms.contains("created"), "{alarms}");
    reload(&config, 2.0);
    assert_eq!(post(&daemon, "event", r#"{"event":{"n":1}}"#).status, 201);
    assert_eq!((hub()["state"].as_str(), receiver.count()), (Some("halted"), 0));
}

#[test]
fn another_token_in_the_configuration_delivers_what_the_old_one_could_not() {
    let receiver = Receiver::scripted(|it, _| {
        Reply::Status(if it.header("authorization") == "Bearer right" { 200 } else { 401 })
    });
    let site = Site::new(&section(&receiver, "wrong"));
    let (daemon, _) = with_hub(&site, &receiver);
    for n in 1..=3 {
        assert_eq!(post(&daemon, "event", &format!(r#"{{"event":{{"n":{n}}}}}"#)).status, 201);
    }
    receiver.wait(3);
    let config = std::fs::read_to_string(site.config()).expect("the configuration");
    std::fs::write(site.config(), config.replace("\"wrong\"", "\"right\"")).expect("written");
    daemon.signal("HUP");
    let taken = |receiver: &Receiver| -> Vec<(i64, i64)> {
        let all = receiver.received();
        let right = all.iter().filter(|it| it.header("authorization") == "Bearer right");
        right.map(|it| (it.n(), it.sequence())).collect()
    };
    eventually("everything is delivered", || (taken(&receiver).len() == 3).then_some(()));
    assert_eq!(taken(&receiver), [(1, 1), (2, 2), (3, 3)]);
    assert!(!daemon.log().contains("\"right\"") && !daemon.log().contains("Bearer"), "no secret is logged");
}
