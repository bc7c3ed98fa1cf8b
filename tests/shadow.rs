//! Shadow mode through the real program: everything is planned and recorded, and nothing is sent.

mod support;

use eventmanager::simulators::traffic::{Expected, OciMessage, Traffic, TrafficOptions};
use std::process::Command;
use support::daemon::{Daemon, Site, eventually};
use support::documents::*;
use support::peers::{Peers, subscribers};

/// What a day is.
const DOCUMENTS: usize = 400;

/// Peers that nobody may ask, but for the application server, and a shadow's site; `shadow` is its section.
fn shadow(processing: &str, shadow: &str) -> (Peers, Site) {
    let peers = Peers::start();
    let processing = format!("[processing]\nmode = \"shadow\"\n{processing}");
    let site = Site::new(&(peers.config("").replacen("[processing]\n", &processing, 1) + shadow));
    (peers, site)
}

fn day(seed: u64) -> (Traffic, Vec<OciMessage>) {
    let mut traffic = Traffic::new(seed, TrafficOptions { users: 40, ..TrafficOptions::default() });
    let messages = traffic.by_ref().take(DOCUMENTS).collect();
    (traffic, messages)
}

/// Nobody has connected to EMA or mail server, not even to log in.
#[track_caller]
fn check_nothing_sent(peers: &Peers) {
    assert_eq!(peers.ema.counts().requests, 0, "{:?}", peers.ema.calls());
    assert_eq!(peers.surgemail.requests(), 0, "{:?}", peers.surgemail.calls());
}

/// Every event ended as the portal expects, and `srd_user` is as the traffic expects.
#[track_caller]
fn check_planned(site: &Site, traffic: &Traffic, messages: &[OciMessage]) {
    let statuses: Vec<String> = site.events().into_iter().map(|row| row.status).collect();
    let expected = messages.iter().map(|message| match message.expected {
        Expected::Completed => "completed",
        Expected::Ignored => "ignored",
    });
    for ((status, expected), message) in statuses.iter().zip(expected).zip(messages) {
        assert_eq!(status, expected, "{}", message.document);
    }
    assert_eq!(statuses.len(), messages.len());
    assert_eq!(subscribers(site), traffic.expected_subscribers());
}

fn detail(daemon: &Daemon, id: usize) -> serde_json::Value {
    let (status, body) = daemon.get(&format!("/api/v1/events/{id}"));
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

fn states(detail: &serde_json::Value) -> Vec<&str> {
    let steps = detail["steps"].as_array().expect("steps");
    steps.iter().map(|step| step["state"].as_str().unwrap_or("none")).collect()
}

#[test]
fn a_day_at_the_portal_is_planned_to_its_end_and_nothing_is_sent() {
    let (peers, site) = shadow("", "");
    let daemon = site.start();
    let (traffic, messages) = day(11);
    messages.iter().for_each(|message| peers.broadworks.send(&message.document));
    site.wait_ended(DOCUMENTS as u64);
    check_planned(&site, &traffic, &messages);
    check_nothing_sent(&peers);
    let other = "select count(*) from em_step where state <> 'planned'";
    assert_eq!(site.database().query_row(other, [], |row| row.get::<_, i64>(0)), Ok(0));
    let mut steps = 0;
    for (id, message) in (1..).zip(&messages) {
        let detail = detail(&daemon, id);
        let states = states(&detail);
        assert!(states.iter().all(|state| *state == "planned"), "{detail:#}");
        let remark = (message.expected == Expected::Completed).then_some("shadow mode: nothing was sent");
        assert!(remark.is_none() || detail["reason"].as_str() == remark, "{detail:#}");
        steps += states.len();
    }
    assert!(steps > DOCUMENTS, "only {steps} steps were planned");
    assert_eq!(daemon.metric("eventmanager_southbound_request_seconds_count", ""), 0.0);
    assert_eq!(daemon.terminate(), Some(0));
    check_nothing_sent(&peers);
}

#[test]
fn a_shadow_that_is_killed_plans_on_where_it_stood() {
    let (peers, site) = shadow("order = \"strict\"\nconcurrency = 1\n", "");
    let (traffic, messages) = day(12);
    let (mut sent, mut interrupted) = (0, 0);
    for some in messages.chunks(DOCUMENTS / 8) {
        let daemon = site.start();
        some.iter().for_each(|message| peers.broadworks.send(&message.document));
        sent += some.len() as u64;
        eventually("what was sent is stored", || {
            (site.count(&["pending", "completed", "failed", "ignored"]) >= sent).then_some(())
        });
        daemon.kill();
        interrupted += u64::from(site.count(&["pending"]) > 0);
    }
    assert!(interrupted > 1, "only {interrupted} kills met an event under way");
    let _daemon = site.start();
    site.wait_ended(sent);
    check_planned(&site, &traffic, &messages);
    check_nothing_sent(&peers);
}

#[test]
fn what_a_shadow_has_planned_is_not_sent_by_an_active_daemon_over_the_same_database() {
    let (peers, site) = shadow("", "");
    let daemon = site.start();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    peers.broadworks.send(&voicemail(3, "anna@tele.gl", Some(("anna@m.gl", "s3cret"))));
    peers.broadworks.send(&set_phone(4, "nobody@tele.gl", "321055"));
    site.wait_ended(4);
    assert_eq!(daemon.terminate(), Some(0));
    let text = std::fs::read_to_string(site.config()).expect("a configuration");
    std::fs::write(site.config(), text.replace("mode = \"shadow\"\n", "")).expect("written");
    let daemon = site.start();
    peers.broadworks.send(&add(5, "bo@tele.gl"));
    site.wait_ended(5);
    assert_eq!(peers.ema.holds(), (1, 0), "{}", peers.ema.state());
    assert_eq!((peers.ema.counts().hss, peers.surgemail.requests()), (1, 0));
    assert_eq!(states(&detail(&daemon, 2)), ["planned", "planned"]);
    assert_eq!(states(&detail(&daemon, 5)), ["done"]);
}

#[test]
fn an_event_that_would_fail_before_anything_is_sent_fails_in_a_shadow_too() {
    let (peers, site) = shadow("", "");
    let daemon = site.start();
    peers.broadworks.send(&set_phone(1, "nobody@tele.gl", "321044"));
    peers.broadworks.send(&add(2, "anna@tele.gl"));
    peers.broadworks.send(&add(3, "anna@tele.gl"));
    peers.broadworks.send(&set_phone(4, "anna@tele.gl", "12x4"));
    peers.broadworks.send(&add(5, &"x".repeat(300)));
    site.wait_ended(5);
    let ended: Vec<(String, String)> =
        site.events().into_iter().map(|row| (row.status, row.reason)).collect();
    let expected = [
        ("failed", "subscriber \"nobody@tele.gl\" is not known"),
        ("completed", "shadow mode: nothing was sent"),
        ("failed", "subscriber \"anna@tele.gl\" exists already"),
        ("failed", "phone number \"12x4\" is neither digits nor +299- and digits"),
        ("failed", "300 characters do not fit column id of srd_user (255)"),
    ];
    assert_eq!(ended, expected.map(|(status, reason)| (status.to_owned(), reason.to_owned())));
    assert_eq!(states(&detail(&daemon, 1)), Vec::<&str>::new());
    check_nothing_sent(&peers);
}

#[test]
fn every_effect_of_an_event_with_several_is_in_the_row() {
    let (peers, site) = shadow("", "");
    let daemon = site.start();
    let modify = "<userId>anna@tele.gl</userId><phoneNumber>321055</phoneNumber><callingLineIdFirstName>A\
        </callingLineIdFirstName><address><stateOrProvince>Nuuk</stateOrProvince></address><endpoint><trunkAddressing>\
        <trunkGroupDeviceEndpoint><linePort>line@tele.gl</linePort></trunkGroupDeviceEndpoint></trunkAddressing></endpoint>";
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    peers.broadworks.send(&report(3, "UserModifyRequest", modify));
    site.wait_ended(3);
    let row = subscribers(&site).pop().expect("a row");
    assert_eq!(
        (row.user_type.as_str(), &*row.public_identity, row.phone.as_deref(), row.phone_context.as_deref()),
        ("trunk", "line@tele.gl", Some("321055"), Some("nuk.tg.gl"))
    );
    let detail = detail(&daemon, 3);
    assert_eq!(detail["warnings"], serde_json::json!(["lost SIP password"]));
    assert!(
        states(&detail).len() > 10 && states(&detail).iter().all(|state| *state == "planned"),
        "{detail:#}"
    );
    // A group's members have an effect each.
    peers.broadworks.send(&add(4, "bo@tele.gl"));
    peers.broadworks.send(&group_delete(5, "KNI-014"));
    site.wait_ended(5);
    assert_eq!(subscribers(&site), []);
    check_nothing_sent(&peers);
}

#[test]
fn compare_finds_no_difference_between_a_shadow_and_an_active_daemon() {
    let active = Peers::start();
    let release = Site::new(&active.config(""));
    let daemon = release.start();
    let section = format!("[shadow]\nevents = \"sqlite:{}/events.db\"\n", release.directory.path().display());
    let (beside, site) = shadow("", &section);
    let _shadow = site.start();
    let (traffic, messages) = day(13);
    let failing = [set_phone(9001, "nobody@tele.gl", "321044"), add(9002, "  ")];
    for document in messages.iter().map(|message| &message.document).chain(&failing) {
        active.broadworks.send(document);
        beside.broadworks.send(document);
    }
    let events = (DOCUMENTS + failing.len()) as u64;
    release.wait_ended(events);
    site.wait_ended(events);
    active.check(&traffic, &release);
    let report = compare(&site, 0);
    let counts = &report["counts"]["events"];
    assert_eq!(
        (counts["paired"].as_u64(), counts["same_status"].as_u64()),
        (Some(events), Some(events)),
        "{report:#}"
    );
    assert_eq!(report["counts"]["differences"], 0, "{report:#}");
    assert_eq!(report["counts"]["subscribers"]["same"], traffic.expected_subscribers().len());
    check_nothing_sent(&beside);
    // And one that there is, is found.
    assert_eq!(daemon.terminate(), Some(0));
    let changed = "update srd_user set e164 = '1' where id = (select min(id) from srd_user)";
    assert_eq!(release.database().execute(changed, []), Ok(1));
    assert_eq!(compare(&site, 1)["counts"]["differences"], 1);
}

/// `eventmanager compare`, which ends with this exit code.
#[track_caller]
fn compare(site: &Site, code: i32) -> serde_json::Value {
    let output = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
        .args(["compare", "--json", "--since", "1h", "--config"])
        .arg(site.config())
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(code), "{text}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
