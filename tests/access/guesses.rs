//! Who tries tokens.

use crate::given::*;
use crate::support::http;

#[test]
fn who_guesses_tokens_is_slowed_down_and_nobody_else() {
    let (_peers, site) = site();
    let daemon = start(&site);
    let (cookie, csrf) = logged_in(&daemon, "act");
    let mut guesses = (1..=100).map(|number| log_in(&daemon, &format!("geheim{number}")));
    let refused = guesses.find(|answer| answer.status != 401).expect("it is slowed down");
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    let wait: u64 = refused.header("retry-after").and_then(|wait| wait.parse().ok()).expect("seconds");
    assert!((1..=6).contains(&wait), "{wait}");
    // The right one is no way to find out, by a login or with a request.
    assert_eq!(log_in(&daemon, "act").status, 429);
    let bearer = http::get(daemon.http, "/api/v1/status", "Authorization: Bearer act\r\n");
    assert_eq!(bearer.status, 429, "{}", bearer.body);
    // Who has logged in already goes on, and who comes from elsewhere is not concerned.
    assert_eq!(ask(&daemon, "POST", PAUSE, &format!("{JSON}{cookie}{csrf}"), "{}").status, 200);
    assert_eq!(log_in_from(&daemon, [127, 0, 0, 2].into(), "act"), 200);
    assert_eq!(daemon.get("/healthz").0, 200);

    let reasons = |reason: &str| daemon.metric("eventmanager_http_refused_total", reason);
    assert_eq!(reasons("reason=\"unknown_token\""), 10.0);
    assert!(reasons("reason=\"too_many_failures\"") >= 3.0);
    daemon.logged(&["login failed", "127.0.0.1"]);
    daemon.logged(&["refused for a while"]);
    let log = daemon.log();
    let told = log.lines().filter(|line| line.contains("refused for a while")).count();
    assert_eq!(told, 1, "{log}");
    assert!(!log.contains("geheim"), "{log}");
}

#[test]
fn unknown_bearer_tokens_count_as_guesses_too() {
    let (_peers, site) = site();
    let daemon = start(&site);
    let guess = || http::get(daemon.http, "/api/v1/status", "Authorization: Bearer geheim\r\n").status;
    let answers: Vec<u16> = (0..11).map(|_| guess()).collect();
    assert_eq!(answers[..10], [401; 10]);
    assert_eq!(answers[10], 429);
    assert_eq!(log_in(&daemon, "act").status, 429);
    // To show nothing is no guess.
    assert_eq!(http::get(daemon.http, "/api/v1/status", "").status, 401);
    assert!(!daemon.log().contains("geheim"), "{}", daemon.log());
}
