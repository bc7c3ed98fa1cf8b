//! What must hold when an outage is over, whoever was away: no event is lost, every one has ended as it should and in its
//! turn, and the core, the mail server and our own table hold what the portal asked for.

use crate::load::Load;
use crate::mailboxes::DOMAIN;
use crate::reference::reference;
use crate::support::daemon::{Daemon, eventually};
use crate::world::{Party, World};
use eventmanager::plan::Subscriber;
use eventmanager::simulators::ema::{Outcome, StoredAssociation};
use eventmanager::simulators::surgemail::{Domain, MailState};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Waits for the end and compares everything.
#[track_caller]
pub fn all_is_well(world: &World, load: &Load, daemon: &Daemon) {
    load.wait_ended(world);
    every_event_ended_as_it_should(world, load);
    in_turn(world, load);
    the_core_is_as_asked(world, load);
    nothing_was_created_twice(world, load);
    the_mail_server_is_as_asked(world, load);
    the_rows_are_as_asked(world, load);
    the_daemon_says_so(daemon);
}

fn every_event_ended_as_it_should(world: &World, load: &Load) {
    let sql = "select status, command, coalesce(j.reason, e.note, '') from em_event e
               left join em_journal j on j.uuid = e.uuid order by e.id";
    let rows = world.rows(Party::Events, sql).expect("events");
    assert_eq!(rows.len(), load.sent.len(), "what was sent is stored, once");
    for (row, sent) in rows.iter().zip(&load.sent) {
        assert_eq!(row[0], sent.status, "{row:?}: {}", sent.document);
    }
}

/// The steps of an event are done before the next event of the same subject begins.
fn in_turn(world: &World, load: &Load) {
    let sql = "select coalesce(min(s.marked), null), max(s.marked) from em_event e
               left join em_step s on s.uuid = e.uuid group by e.id order by e.id";
    let rows = world.rows(Party::Events, sql).expect("steps");
    let mut ends: HashMap<&str, &str> = HashMap::new();
    for (row, sent) in rows.iter().zip(&load.sent).filter(|(row, _)| !row[0].is_empty()) {
        let before = ends.insert(&sent.subject, &row[1]).unwrap_or_default();
        assert!(before <= row[0].as_str(), "{before} is after {row:?}: {}", sent.document);
    }
}

fn is_of_the_mailboxes(association: &StoredAssociation) -> bool {
    association.private_user_id.ends_with(DOMAIN)
}

fn the_core_is_as_asked(world: &World, load: &Load) {
    let mut core = world.peers.ema.state().without_passwords();
    let ours = core.associations.values().filter(|held| is_of_the_mailboxes(held));
    let ours: BTreeSet<String> = ours.map(|held| held.private_user_id.clone()).collect();
    core.associations.retain(|_, held| !is_of_the_mailboxes(held));
    assert!(ours.iter().eq(load.mailboxes.accounts.keys()), "{ours:?}");
    assert_eq!(core, load.traffic.expected_state());
}

/// Every creation was carried out as often as it was asked for. A request that is repeated because its answer was lost meets
/// "exists already", which counts as none.
fn nothing_was_created_twice(world: &World, load: &Load) {
    let mut carried_out: BTreeMap<String, usize> = BTreeMap::new();
    for call in world.peers.ema.calls().into_iter().filter(|call| call.operation == "Create") {
        if matches!(call.outcome, Outcome::Success | Outcome::Unanswered { done: true }) {
            *carried_out.entry(call.mo_id).or_default() += 1;
        }
    }
    let asked = reference(&load.sent).creations;
    assert_eq!(carried_out, asked);
    let again: usize = asked.values().map(|times| times - 1).sum();
    assert_eq!(world.peers.ema.created_twice().applied_again, again as u64);
}

/// Whoever was not away has got every request once, whatever became of databases meanwhile: no step that was answered is sent
/// again.
pub fn asked_once(world: &World, load: &Load, party: Party) {
    let reference = reference(&load.sent);
    match party {
        Party::Ema => {
            let calls = world.peers.ema.calls();
            let requests = calls.iter().filter(|call| !matches!(call.operation, "Login" | "Logout"));
            assert_eq!(requests.count(), reference.core, "requests to the EMA");
        }
        Party::Mail => {
            assert_eq!(
                world.peers.surgemail.requests() as usize,
                reference.mail,
                "requests to the mail server"
            )
        }
        Party::Events | Party::Subscribers => panic!("{party:?} is no peer"),
    }
}

fn the_mail_server_is_as_asked(world: &World, load: &Load) {
    let mut asked = accounts(&load.traffic.expected_mail());
    asked.extend(load.mailboxes.domains.clone());
    assert_eq!(accounts(&world.peers.surgemail.state()), asked);
}

/// By domain.
fn accounts(state: &MailState) -> BTreeMap<String, BTreeSet<String>> {
    let of = |(name, domain): (&String, &Domain)| {
        let accounts = domain.accounts.keys().map(|local_part| format!("{local_part}@{name}"));
        (name.clone(), accounts.collect())
    };
    state.domains.iter().map(of).collect()
}

fn the_rows_are_as_asked(world: &World, load: &Load) {
    let sql = "select id, group_id, sipurl, user_type, phonecontext, association_id, e164, vmail_user from srd_user";
    let mut rows = world.rows(Party::Subscribers, sql).expect("subscribers");
    rows.sort();
    let (ours, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row[0].ends_with(DOMAIN));
    let accounts =
        ours.into_iter().map(|row| (row[0].clone(), Some(row[7].clone()).filter(|held| !held.is_empty())));
    assert_eq!(accounts.collect::<BTreeMap<_, _>>(), load.mailboxes.accounts);
    assert_eq!(others, load.traffic.expected_subscribers().iter().map(columns).collect::<Vec<_>>());
}

fn columns(row: &Subscriber) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    vec![
        row.user_id.clone(),
        text(&row.group_id),
        row.public_identity.clone(),
        row.user_type.as_str().to_owned(),
        text(&row.phone_context),
        row.association_id.clone(),
        text(&row.phone),
        text(&row.mail_account),
    ]
}

/// Nothing waits, nobody is left alone, and nothing had to be started anew: an outage is no failure.
#[track_caller]
fn the_daemon_says_so(daemon: &Daemon) {
    eventually("no host is left alone", || {
        (daemon.metric("eventmanager_breaker_open", "") == 0.0).then_some(())
    });
    eventually("/readyz answers 200", || (daemon.get("/readyz").0 == 200).then_some(()));
    let (status, alive) = daemon.get("/alivecheck");
    assert!(status == 200 && alive.contains("\"failed_events\":0"), "{status} {alive}");
    eventually("nothing is pending", || {
        (daemon.metric("eventmanager_events_pending", "") == 0.0).then_some(())
    });
    assert_eq!(daemon.metric("eventmanager_actor_restarts_total", ""), 0.0);
}
