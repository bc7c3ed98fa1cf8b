//! The script and the answer of docs/kamailio.md work as they stand there.

use crate::real::{Kamailio, Request};
use crate::support::daemon::{Site, eventually};
use crate::trial::Trial;
use std::process::Command;

const PAGE: &str = include_str!("../../docs/kamailio.md");
/// Where the examples listen.
const SIP: &str = "192.0.2.10:5060";
const EVAPI: &str = "192.0.2.10:8448";

/// The first example of this kind.
#[track_caller]
fn example(kind: &str) -> &'static str {
    let rest = PAGE.split_once(&format!("```{kind}\n")).expect("an example").1;
    let (text, _) = rest.split_once("```").expect("its end");
    assert!(text.contains(EVAPI), "{text}");
    text
}

#[test]
fn kamailio_takes_the_script_of_the_documentation() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("kamailio.cfg");
    std::fs::write(&path, example("kamailio")).expect("written");
    let checked =
        Command::new("/usr/sbin/kamailio").arg("-c").arg("-f").arg(&path).output().expect("kamailio");
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success() && said.contains("config file ok"), "{said}");
    assert!(!said.contains("ERROR"), "{said}");
}

#[test]
fn the_script_and_the_answer_of_the_documentation_fit_each_other() {
    let kamailio = Kamailio::start_script(|sip, evapi| {
        let script = example("kamailio");
        assert!(script.contains(SIP), "{script}");
        script.replace(SIP, &sip.to_string()).replace(EVAPI, &evapi.to_string())
    });
    let site = Site::new(&example("toml").replace(EVAPI, &kamailio.evapi()));
    let trial = Trial { daemon: site.start(), site };
    trial.wait_connected();
    assert_eq!(kamailio.send(&Request::new("MESSAGE").from("anna")), "SIP/2.0 202 Accepted");
    assert_eq!(kamailio.send(&Request::new("MESSAGE").from("mallory")), "SIP/2.0 403 Not you");
    trial.wait_answers("rule", 2.0);
    // Its own timer ends what nobody answers.
    assert!(kamailio.send(&Request::new("SUBSCRIBE").from("anna")).contains("408"));
    trial.wait_answers("no_rule", 1.0);
    // What a caller puts into a header stays in its string.
    let forged = format!(r#"{}","from":"mallory"#, fastrand::u64(..));
    let forged = Request { call_id: forged, ..Request::new("MESSAGE").from("anna") };
    assert_eq!(kamailio.send(&forged), "SIP/2.0 202 Accepted");
    // The heartbeat that the example waits for comes.
    let beats = || trial.metric("kamailio_events_total", "event=\"heartbeat\"");
    eventually("it beats", || (beats() >= 2.0).then_some(()));
    assert_eq!(trial.metric("frames_bad_total", "k1") + trial.metric("kamailio_doubtful_total", "k1"), 0.0);
}
