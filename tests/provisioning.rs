//! From the bytes of an application server to the state of HSS and ENUM, through the real program.

mod support;

use eventmanager::simulators::ema::{EmaOptions, EmaSimulator};
use eventmanager::simulators::script::{Action, Rule};
use eventmanager::simulators::traffic::{Traffic, TrafficOptions};
use std::time::Duration;
use support::daemon::{Site, eventually};
use support::documents::{add, delete, drop_phone, report, set_phone};
use support::peers::Peers;
use support::ports::any;

/// Peers, a site configured for them, and further keys of `[ema]`.
fn site(ema: &str) -> (Peers, Site) {
    let peers = Peers::start();
    let site = Site::new(&peers.config(ema));
    (peers, site)
}

fn statuses(site: &Site) -> Vec<String> {
    site.events().into_iter().map(|row| row.status).collect()
}

#[test]
fn a_day_at_the_portal_leaves_hss_enum_mail_and_subscribers_as_asked() {
    let (peers, site) = site("");
    let daemon = site.start();
    let mut traffic = Traffic::new(7, TrafficOptions { users: 40, ..TrafficOptions::default() });
    for message in traffic.by_ref().take(600) {
        peers.broadworks.send(&message.document);
    }
    site.wait_ended(600);
    assert_eq!(site.count(&["failed"]), 0, "{:?}", site.events().iter().find(|row| row.status == "failed"));
    peers.check(&traffic, &site);
    assert_eq!(daemon.metric("eventmanager_events_received_total", "as1"), 600.0);
    assert_eq!(daemon.terminate(), Some(0));
    assert!(peers.ema.open_sessions().is_empty(), "sessions are handed back");
}

#[test]
fn a_session_is_opened_once_and_not_for_every_event() {
    let (peers, site) = site("sessions = 3");
    let daemon = site.start();
    for number in 0..50 {
        peers.broadworks.send(&add(number, &format!("user{number}@tele.gl")));
    }
    site.wait_ended(50);
    assert!(peers.ema.counts().logins <= 3, "{} logins", peers.ema.counts().logins);
    drop(daemon);
}

#[test]
fn a_session_that_is_not_known_any_more_is_opened_anew() {
    let (peers, site) = site("");
    let _daemon = site.start();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    peers.ema.expire_sessions();
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    site.wait_ended(2);
    assert_eq!(statuses(&site), ["completed", "completed"]);
}

#[test]
fn a_gateway_that_forgets_all_its_sessions_holds_nobody_up() {
    let (peers, site) = site("");
    let daemon = site.start();
    peers.ema.set_latency(Duration::from_millis(50));
    for number in 0..16 {
        peers.broadworks.send(&add(number, &format!("user{number}@tele.gl")));
    }
    site.wait_ended(16);
    let idle = peers.ema.open_sessions().len();
    assert!(idle > 2, "{idle} sessions are open");
    peers.ema.expire_sessions();
    peers.broadworks.send(&add(17, "anna@tele.gl"));
    site.wait_ended(17);
    assert!(!daemon.log().contains("event waits"), "one login is enough");
}

#[test]
fn a_peer_that_quotes_a_password_does_not_bring_it_into_the_log() {
    let (peers, site) = site("");
    let daemon = site.start();
    let quoting = Action::Body { status: 500, body: "refused: emauser emapass".into() };
    peers.ema.script(vec![Rule::new(quoting).op("Login").times(1)]);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    daemon.logged(&["emauser ***"]);
    assert!(!daemon.log().contains("emapass"), "{}", daemon.log());
}

#[test]
fn events_wait_while_the_ema_is_away_and_end_by_themselves_when_it_is_back() {
    let (peers, site) = site("");
    let daemon = site.start();
    peers.ema.refuse(true).expect("refused");
    for number in 0..20 {
        peers.broadworks.send(&add(number, &format!("user{number}@tele.gl")));
    }
    eventually("twenty events wait", || (site.count(&["pending"]) == 20).then_some(()));
    assert_eq!(daemon.get("/readyz").0, 200, "the store commits, whatever the peers do");
    peers.ema.refuse(false).expect("listening again");
    site.wait_ended(20);
    assert_eq!(site.count(&["completed"]), 20);
}

#[test]
fn the_secondary_takes_over_and_the_primary_gets_its_work_back() {
    let secondary = EmaSimulator::start(EmaOptions::default()).expect("an ema");
    let (peers, site) = site(&format!("secondary = {:?}", secondary.url()));
    let _daemon = site.start();
    peers.ema.refuse(true).expect("refused");
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    assert_eq!(secondary.holds(), (1, 0));
    peers.ema.refuse(false).expect("listening again");
    eventually("the primary is probed", || (peers.ema.counts().logins > 0).then_some(()));
    eventually("sessions of the secondary are handed back", || {
        secondary.open_sessions().is_empty().then_some(())
    });
    peers.broadworks.send(&add(2, "bo@tele.gl"));
    site.wait_ended(2);
    assert_eq!((peers.ema.holds(), secondary.holds()), ((1, 0), (1, 0)));
}

#[test]
fn a_refused_login_is_an_outage_and_no_failure_of_the_event() {
    let (peers, site) = site("");
    peers.ema.script(vec![
        Rule::new(Action::Fault { code: 3014, detail_code: Some(1004), style: Default::default() })
            .op("Login")
            .times(2),
    ]);
    let daemon = site.start();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    assert_eq!(statuses(&site), ["completed"]);
    daemon.logged(&["login refused"]);
}

#[test]
fn a_request_without_an_answer_is_sent_again_and_done_once() {
    let (peers, site) = site("");
    let _daemon = site.start();
    peers.ema.script(vec![
        Rule::new(Action::ProcessAndDrop).op("Create").mo("IMSAssociation").times(1),
        Rule::new(Action::ProcessAndDrop).op("Create").mo("DNSSubscription").times(1),
    ]);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    site.wait_ended(2);
    assert_eq!(statuses(&site), ["completed", "completed"]);
    let twice = peers.ema.created_twice();
    assert_eq!((twice.refused, twice.applied_again), (2, 0));
    assert_eq!(peers.ema.holds(), (1, 1));
}

#[test]
fn what_somebody_else_has_created_does_not_pass_for_ours() {
    let (peers, site) = site("");
    let mut daemon = site.start();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    site.database().execute("delete from srd_user", []).expect("deleted");
    peers.broadworks.send(&add(2, "anna@tele.gl"));
    site.wait_ended(2);
    for attempt in 1..=3 {
        let last = site.events().pop().expect("an event");
        assert_eq!(last.status, "failed", "at attempt {attempt}");
        assert!(last.reason.contains("13004") && last.reason.contains("step 1 of 1"), "{}", last.reason);
        // A retry does not make it ours either.
        let retry = "update em_event set status = 'pending' where id = 2";
        site.database().execute(retry, []).expect("put back");
        daemon.kill();
        daemon = site.start();
        site.wait_ended(2);
    }
}

#[test]
fn a_fault_fails_its_event_with_code_and_step_and_the_next_one_goes_on() {
    let (peers, site) = site("");
    let _daemon = site.start();
    peers.ema.script(vec![
        Rule::new(Action::Fault { code: 4006, detail_code: Some(35256), style: Default::default() })
            .op("Create")
            .mo("DNS")
            .times(1),
    ]);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    peers.broadworks.send(&set_phone(3, "anna@tele.gl", "321044"));
    site.wait_ended(3);
    let events = site.events();
    assert_eq!(statuses(&site), ["completed", "failed", "completed"]);
    let reason = &events[1].reason;
    assert!(
        reason.contains("step 2 of 2") && reason.contains("35256") && reason.contains("tel:299321044"),
        "{reason}"
    );
    assert_eq!(peers.ema.holds(), (1, 1));
}

#[test]
fn an_answer_that_means_nothing_is_no_end_and_is_told() {
    let (peers, site) = site("");
    let daemon = site.start();
    let nonsense = Action::Body { status: 200, body: "<html>maintenance</html>".into() };
    peers.ema.script(vec![
        Rule::new(nonsense).op("Create").times(3),
        Rule::new(Action::Status(503)).op("Create").times(2),
    ]);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    assert_eq!(statuses(&site), ["completed"]);
    daemon.logged(&["not understood"]);
    assert!(daemon.metric("eventmanager_southbound_request_seconds_count", "not_understood") >= 3.0);
}

#[test]
fn an_ema_that_hangs_delays_only_until_the_timeout() {
    let (peers, site) = site("timeout = \"300ms\"");
    let _daemon = site.start();
    peers.ema.script(vec![Rule::new(Action::Hang).op("Create").times(1)]);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&add(2, "bo@tele.gl"));
    site.wait_ended(2);
    assert_eq!(statuses(&site), ["completed", "completed"]);
}

#[test]
fn a_phone_is_taken_from_one_user_before_it_is_given_to_another() {
    let (peers, site) = site("");
    let _daemon = site.start();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&add(2, "bo@tele.gl"));
    site.wait_ended(2);
    // Slow for Anna alone: without lanes Bo would overtake.
    let slow = Rule { delay: Duration::from_millis(100), ..Rule::new(Action::Process) };
    peers.ema.script(vec![slow.contains("anna@tele.gl")]);
    for (number, document) in [
        set_phone(3, "anna@tele.gl", "321044"),
        drop_phone(4, "anna@tele.gl"),
        set_phone(5, "bo@tele.gl", "321044"),
        delete(6, "anna@tele.gl"),
    ]
    .iter()
    .enumerate()
    {
        assert!(number < 4);
        peers.broadworks.send(document);
    }
    site.wait_ended(6);
    assert_eq!(site.count(&["completed"]), 6, "{:?}", site.events());
    let holders: Vec<String> =
        peers.ema.state().associations.into_values().map(|held| held.private_user_id).collect();
    assert_eq!((holders, peers.ema.holds()), (vec!["bo@tele.gl".to_owned()], (1, 1)));
}

#[test]
fn a_subscriber_that_an_operator_edits_is_read_anew_for_every_event() {
    let (peers, site) = site("");
    let _daemon = site.start();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    site.wait_ended(2);
    site.database()
        .execute("update srd_user set e164 = '555555' where id = 'anna@tele.gl'", [])
        .expect("edited");
    peers.ema.script(vec![]);
    peers.broadworks.send(&drop_phone(3, "anna@tele.gl"));
    site.wait_ended(3);
    let phone: Option<String> =
        site.database().query_row("select e164 from srd_user", [], |row| row.get(0)).expect("a row");
    assert_eq!(phone, None);
    assert!(
        peers.ema.calls().iter().any(|call| format!("{call:?}").contains("555555")),
        "the edited phone was deleted"
    );
}

#[test]
fn letters_beyond_ascii_are_stored_and_sent_as_they_are() {
    let (peers, site) = site("");
    let daemon = site.start();
    peers.broadworks.send(&report(
        1,
        "UserAddRequest17sp4",
        "<userId>søren@tele.gl</userId><lastName>Ærø Åge</lastName>",
    ));
    site.wait_ended(1);
    assert_eq!(statuses(&site), ["completed"]);
    assert!(daemon.get("/event/1").1.contains("Ærø Åge"));
    let state = peers.ema.state();
    assert!(state.associations.values().any(|held| held.private_user_id == "søren@tele.gl"));
}

#[test]
fn an_event_of_another_day_waits_in_the_store_until_an_ema_is_there() {
    let peers = Peers::start();
    let nobody = any();
    let config = support::peers::config(
        &peers.broadworks.addr().to_string(),
        &format!("http://127.0.0.1:{}/", nobody.port().max(1)),
        "",
    );
    let site = Site::new(&config);
    let daemon = site.start();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    eventually("it is stored", || (site.count(&["pending"]) == 1).then_some(()));
    assert_eq!(daemon.terminate(), Some(0), "a peer that is away does not hold up a stop");
    std::fs::write(
        site.config(),
        std::fs::read_to_string(site.config())
            .expect("a file")
            .replace(&format!("http://127.0.0.1:{}/", nobody.port().max(1)), &peers.ema.url()),
    )
    .expect("written");
    let _daemon = site.start();
    site.wait_ended(1);
    assert_eq!((statuses(&site), peers.ema.holds()), (vec!["completed".to_owned()], (1, 0)));
}
