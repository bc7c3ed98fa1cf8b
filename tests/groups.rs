//! The deletion of a group through the real program: all members, beside each other, with one status.

mod support;

use eventmanager::simulators::ema::{EmaOptions, EmaSimulator, Outcome};
use eventmanager::simulators::script::{Action, FaultStyle, Rule};
use std::time::Duration;
use support::daemon::{Daemon, Site, eventually};
use support::documents::{add, delete, report, set_phone};
use support::peers::Peers;
use support::ports::any;

const GROUP: &str = "KNI-014";

fn site() -> (Peers, Site) {
    let peers = Peers::start();
    let site = Site::new(&peers.config("sessions = 8"));
    (peers, site)
}

fn delete_group(id: u64) -> String {
    report(id, "GroupDeleteRequest", &format!("<groupId>{GROUP}</groupId>"))
}

fn user(number: u64) -> String {
    format!("user{number}@tele.gl")
}

/// Adds so many members, every third with a phone; returns how many events that were.
fn add_members(peers: &Peers, members: u64) -> u64 {
    let with_phone: Vec<u64> = (0..members).step_by(3).collect();
    for number in 0..members {
        peers.broadworks.send(&add(number, &user(number)));
    }
    for number in &with_phone {
        peers.broadworks.send(&set_phone(members + number, &user(*number), &format!("{}", 320_000 + number)));
    }
    members + with_phone.len() as u64
}

fn subscribers(site: &Site) -> i64 {
    site.database().query_row("select count(*) from srd_user", [], |row| row.get(0)).expect("a count")
}

/// The last event, as the API shows it.
fn detail(site: &Site, daemon: &Daemon) -> serde_json::Value {
    let id: i64 =
        site.database().query_row("select max(id) from em_event", [], |row| row.get(0)).expect("an id");
    let (status, body) = daemon.get(&format!("/api/v1/events/{id}"));
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

/// Of the ten points: 10.
#[test]
fn a_group_of_three_hundred_goes_in_parallel_with_one_status() {
    let (peers, site) = site();
    let daemon = site.start();
    let events = add_members(&peers, 300);
    site.wait_ended(events);
    assert_eq!(peers.ema.holds(), (300, 100));
    peers.ema.set_latency(Duration::from_millis(20));
    let before = peers.ema.counts();
    peers.broadworks.send(&delete_group(events + 1));
    eventually("some members are gone and some are not", || {
        let members = detail(&site, &daemon)["members"].as_array().cloned().unwrap_or_default();
        let is_done = |member: &&serde_json::Value| member["done"] == member["steps"];
        let done = members.iter().filter(is_done).count();
        assert!(members.is_empty() || members.len() == 300);
        (0 < done && done < 300).then_some(())
    });
    site.wait_ended(events + 1);
    assert_eq!((peers.ema.holds(), subscribers(&site)), ((0, 0), 0));
    assert_eq!(site.events().last().map(|row| row.status.clone()).as_deref(), Some("completed"));
    let sent = peers.ema.counts().requests - before.requests;
    assert_eq!(sent, 500 + (peers.ema.counts().logins - before.logins), "every request once");
    assert!(most_at_once(&peers) > 1, "members go beside each other");
}

/// How many requests the journal shows under way at the same time.
fn most_at_once(peers: &Peers) -> usize {
    let calls = peers.ema.calls();
    let spans: Vec<_> = calls.iter().map(|call| (call.time, call.time + Duration::from_millis(15))).collect();
    spans
        .iter()
        .map(|(at, _)| spans.iter().filter(|(from, until)| from <= at && at < until).count())
        .max()
        .unwrap_or(0)
}

#[test]
fn a_member_that_fails_does_not_keep_the_others_and_a_retry_takes_only_what_is_left() {
    let (peers, site) = site();
    let daemon = site.start();
    let events = add_members(&peers, 12);
    site.wait_ended(events);
    let fault = Action::Fault { code: 4006, detail_code: Some(13999), style: FaultStyle::default() };
    peers.ema.script(vec![Rule::new(fault).op("Delete").mo("IMSAssociation").times(2)]);
    peers.broadworks.send(&delete_group(events + 1));
    site.wait_ended(events + 1);
    let failed = detail(&site, &daemon);
    assert_eq!(failed["status"], "failed");
    assert!(
        failed["reason"].as_str().is_some_and(|reason| reason.starts_with("2 of 12 members failed: user"))
    );
    let has_failed = |member: &&serde_json::Value| member["failed"] == true;
    assert_eq!(failed["members"].as_array().map(|all| all.iter().filter(has_failed).count()), Some(2));
    assert_eq!((peers.ema.holds().0, subscribers(&site)), (2, 2));
    site.database()
        .execute("update em_event set status = 'pending' where status = 'failed'", [])
        .expect("retried");
    daemon.kill();
    let daemon = site.start();
    site.wait_ended(events + 1);
    assert_eq!((peers.ema.holds(), subscribers(&site)), ((0, 0), 0));
    let retried = detail(&site, &daemon);
    assert_eq!((&retried["status"], &retried["attempt"]), (&"completed".into(), &2.into()));
    assert_eq!(retried["members"].as_array().map(Vec::len), Some(2));
}

#[test]
fn earlier_events_of_members_come_first_and_later_ones_wait() {
    let (peers, site) = site();
    let _daemon = site.start();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    peers.ema.set_latency(Duration::from_millis(30));
    // Pending while the deletion arrives: a change of a member, and one that is yet to become a member.
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    peers.broadworks.send(&add(3, "bo@tele.gl"));
    peers.broadworks.send(&set_phone(4, "bo@tele.gl", "321055"));
    peers.broadworks.send(&delete_group(5));
    // Later: the same user anew, in the same group, and somebody else with a phone of a member.
    peers.broadworks.send(&add(6, "bo@tele.gl"));
    let other = "<groupId>OTHER</groupId><userId>carl@tele.gl</userId>";
    peers.broadworks.send(&report(7, "UserAddRequest", other));
    peers.broadworks.send(&set_phone(8, "carl@tele.gl", "321055"));
    site.wait_ended(8);
    let statuses: Vec<String> =
        site.events().into_iter().map(|row| format!("{} {}", row.status, row.reason)).collect();
    assert_eq!(site.count(&["completed"]), 8, "{statuses:?}");
    assert_eq!(peers.ema.holds(), (2, 1), "bo anew, and carl with the phone");
}

#[test]
fn a_kill_in_the_midst_of_a_group_is_resumed_and_nothing_is_sent_twice() {
    let (peers, site) = site();
    let mut daemon = site.start();
    let events = add_members(&peers, 60);
    site.wait_ended(events);
    peers.ema.set_latency(Duration::from_millis(10));
    peers.broadworks.send(&delete_group(events + 1));
    for gone in [10, 25, 40] {
        eventually("some members are gone", || (peers.ema.holds().0 <= 60 - gone).then_some(()));
        daemon.kill();
        daemon = site.start();
    }
    site.wait_ended(events + 1);
    assert_eq!((peers.ema.holds(), subscribers(&site)), ((0, 0), 0));
    assert_eq!(site.events().last().map(|row| row.status.clone()).as_deref(), Some("completed"));
    // What was on its way at a kill is sent again and is not there any more; nothing else is.
    let repeated =
        peers.ema.calls().iter().filter(|call| matches!(call.outcome, Outcome::Fault { .. })).count();
    assert!(repeated <= 3 * 32, "{repeated} requests were sent again");
}

#[test]
fn an_outage_in_the_midst_of_a_group_ends_by_itself() {
    let (peers, site) = site();
    let _daemon = site.start();
    let events = add_members(&peers, 60);
    site.wait_ended(events);
    peers.ema.set_latency(Duration::from_millis(10));
    peers.broadworks.send(&delete_group(events + 1));
    eventually("some members are gone", || (peers.ema.holds().0 <= 40).then_some(()));
    peers.ema.refuse(true).expect("refused");
    peers.broadworks.send(&delete(events + 2, "nobody@tele.gl"));
    eventually("the next event is there", || (site.count(&["pending"]) == 2).then_some(()));
    peers.ema.refuse(false).expect("listening again");
    site.wait_ended(events + 2);
    assert_eq!((peers.ema.holds(), subscribers(&site)), ((0, 0), 0));
    assert_eq!(site.count(&["completed"]), events + 2);
}

#[test]
fn a_group_that_is_tried_after_an_outage_lets_the_others_go_at_its_first_member() {
    let (peers, site) = site();
    let _daemon = site.start();
    let events = add_members(&peers, 400);
    site.wait_ended(events);
    peers.ema.refuse(true).expect("refused");
    peers.broadworks.send(&delete_group(events + 1));
    eventually("the group waits", || (site.count(&["pending"]) == 1).then_some(()));
    peers.broadworks.send(&delete(events + 2, "nobody@tele.gl"));
    eventually("another waits with it", || (site.count(&["pending"]) == 2).then_some(()));
    peers.ema.set_latency(Duration::from_millis(50));
    peers.ema.refuse(false).expect("listening again");
    let other = || site.events().last().map(|row| row.status.clone());
    eventually("the other has ended", || (other().as_deref() == Some("completed")).then_some(()));
    assert!(peers.ema.holds().0 > 0, "the group is not done yet");
    site.wait_ended(events + 2);
    assert_eq!((peers.ema.holds(), subscribers(&site)), ((0, 0), 0));
}

#[test]
fn a_group_without_members_completes_and_one_without_a_name_fails() {
    let (peers, site) = site();
    let _daemon = site.start();
    peers.broadworks.send(&delete_group(1));
    peers.broadworks.send(&report(2, "GroupDeleteRequest", ""));
    site.wait_ended(2);
    let events = site.events();
    assert_eq!((events[0].status.as_str(), events[1].status.as_str()), ("completed", "failed"));
    assert_eq!(events[1].reason, "groupId is missing");
}

#[test]
fn a_group_of_five_thousand_is_deleted() {
    let (mut peers, _) = site();
    // Nobody reads the calls of so many.
    peers.ema =
        EmaSimulator::start(EmaOptions { addr: any(), journal: 0, ..EmaOptions::default() }).expect("an ema");
    let site = Site::new(&peers.config("sessions = 8"));
    let _daemon = site.start();
    let events = add_members(&peers, 5_000);
    for some in (1_000..events).step_by(1_000) {
        eventually("further events end", || (site.count(&["completed"]) >= some).then_some(()));
    }
    site.wait_ended(events);
    assert_eq!(peers.ema.holds(), (5_000, 1_667));
    peers.broadworks.send(&delete_group(events + 1));
    for left in (0..5_000).step_by(1_000).rev() {
        eventually("further members are gone", || (peers.ema.holds().0 <= left).then_some(()));
    }
    site.wait_ended(events + 1);
    assert_eq!((peers.ema.holds(), subscribers(&site)), ((0, 0), 0));
    assert_eq!(site.count(&["completed"]), events + 1);
}
