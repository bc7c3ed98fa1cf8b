//! A reload counts from the next attempt on.

use crate::receiver::{Receiver, Reply};
use crate::support::daemon::{Site, eventually};
use crate::support::http;

fn section(receiver: &Receiver, bearer: &str) -> String {
    let host = receiver.address;
    format!(
        "[event_management]\nretry_initial = \"20ms\"\nretry_max = \"100ms\"\n[[event_management.peer]]\nhost = \"{host}\"\n\
         allow_http = true\nallow_private = true\nauth = \"bearer\"\nbearer = \"{bearer}\"\n"
    )
}

#[test]
fn another_token_in_the_configuration_delivers_what_the_old_one_could_not() {
    let receiver = Receiver::scripted(|it, _| {
        Reply::Status(if it.header("authorization") == "Bearer right" { 200 } else { 401 })
    });
    let site = Site::new(&section(&receiver, "wrong"));
    let daemon = site.start();
    let post = |path: &str, body: &str| {
        let length = body.len();
        let head = format!(
            "POST /psi-api/event/v2/topic/order/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        http::send(daemon.http, &format!("{head}{body}")).status
    };
    let hub = format!(r#"{{"callback":"{}"}}"#, receiver.url());
    eventually("it is registered", || (post("hub", &hub) == 201).then_some(()));
    for n in 1..=3 {
        assert_eq!(post("event", &format!(r#"{{"event":{{"n":{n}}}}}"#)), 201);
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
