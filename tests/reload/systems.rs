//! `[ema]` and `[surgemail]`: addresses, logins, sessions, what codes mean.

use crate::given::World;
use crate::support::daemon::eventually;
use crate::support::documents::{add, delete, domain_add};
use eventmanager::simulators::ema::{EmaOptions, EmaSimulator};
use eventmanager::simulators::surgemail::{SurgemailOptions, SurgemailSimulator};
use eventmanager::wire::Secret;

#[test]
fn a_new_gateway_gets_the_next_requests_and_the_old_one_its_sessions_back() {
    let world = World::start();
    let options = EmaOptions { password: Secret::new("hunter2"), ..EmaOptions::default() };
    let second = EmaSimulator::start(options).expect("another gateway");
    world.peers.broadworks.send(&add(1, "anna@tele.gl"));
    world.site.wait_ended(1);
    assert!(!world.peers.ema.open_sessions().is_empty());
    world.edit("password = \"emapass\"", "password = \"hunter2\"");
    world.change(&world.peers.ema.url(), &second.url());
    eventually("the sessions are handed back", || world.peers.ema.open_sessions().is_empty().then_some(()));
    world.peers.broadworks.send(&add(2, "bo@tele.gl"));
    world.site.wait_ended(2);
    assert_eq!(second.holds().0, 1);
    assert_eq!(world.site.count(&["completed"]), 2);
    assert_eq!(world.daemon.metric("eventmanager_actor_restarts_total", ""), 0.0);
    world.logged(&["ema.password: *** → ***"]);
    let log = world.daemon.log();
    assert!(!log.contains("hunter2") && !log.contains("emapass"), "{log}");
}

#[test]
fn events_that_wait_for_a_gateway_that_is_gone_go_on_with_the_new_one() {
    let world = World::start();
    let second = EmaSimulator::start(EmaOptions::default()).expect("another gateway");
    world.peers.ema.refuse(true).expect("closed");
    world.peers.broadworks.send(&add(1, "anna@tele.gl"));
    world.logged(&["event waits"]);
    let host = world.peers.ema.addr().to_string();
    let breaker = || world.daemon.metric("eventmanager_breaker_open", &host);
    eventually("it is left alone", || (breaker() == 1.0).then_some(()));
    world.change(&world.peers.ema.url(), &second.url());
    world.site.wait_ended(1);
    assert_eq!(world.site.count(&["completed"]), 1);
    eventually("nobody is told that it is away", || (breaker() == 0.0).then_some(()));
}

#[test]
fn what_a_code_means_changes_and_the_sessions_stay() {
    let world = World::start();
    world.peers.broadworks.send(&add(1, "anna@tele.gl"));
    world.site.wait_ended(1);
    let logins = world.peers.ema.counts().logins;
    let sessions = world.peers.ema.open_sessions();
    world.change("[ema.faults]", "[ema.faults]\n4711 = \"transient\"");
    world.change("sessions = 4", "sessions = 4\ntimeout = \"8s\"");
    world.peers.broadworks.send(&delete(2, "anna@tele.gl"));
    world.site.wait_ended(2);
    assert_eq!((world.peers.ema.counts().logins, world.peers.ema.open_sessions()), (logins, sessions));
}

#[test]
fn a_new_mail_server_gets_the_next_requests() {
    let world = World::start();
    let options = SurgemailOptions { password: Secret::new("hunter2"), ..SurgemailOptions::default() };
    let second = SurgemailSimulator::start(options).expect("another mail server");
    let old = SurgemailOptions::default().password.expose().to_owned();
    world.edit(&format!("password = {old:?}"), "password = \"hunter2\"");
    world.change(&world.peers.surgemail.addr().to_string(), &second.addr().to_string());
    world.peers.broadworks.send(&domain_add(1, "x.gl"));
    world.site.wait_ended(1);
    assert_eq!((second.requests(), world.peers.surgemail.requests()), (1, 0), "{:?}", world.site.events());
}

#[test]
fn what_needs_a_restart_is_named_and_the_rest_is_applied() {
    let world = World::start();
    let text = std::fs::read_to_string(world.site.config()).expect("a configuration");
    let mail =
        text.find("[surgemail]").zip(text.find("[processing]")).map(|(from, to)| text[from..to].to_owned());
    world.edit(&mail.expect("[surgemail]"), "[store]\nevents = \"sqlite:other.db\"\nretention_days = 7\n");
    world.edit("listen = \"127.0.0.1:0\"", "listen = \"127.0.0.1:1\"");
    assert_eq!(world.reload(), "partial");
    let restart = "configuration changed: needs a restart";
    world.logged(&[restart, "http.listen: 127.0.0.1:0 → 127.0.0.1:1"]);
    world.logged(&[restart, "store.events"]);
    world.logged(&[restart, "surgemail.password: *** → (not set)"]);
    world.logged(&["store.retention_days: (not set) → 7"]);
    world.peers.broadworks.send(&add(1, "anna@tele.gl"));
    world.site.wait_ended(1);
    assert_eq!(world.reload(), "partial", "it still does");
}
