//! What becomes of the events of a paused system.

use crate::given::*;
use crate::support::daemon::{Site, eventually};
use crate::support::documents::{add, delete, set_phone, voicemail};
use crate::support::http::{self};
use crate::support::inside::Inside;
use crate::support::peers::Peers;
use crate::support::postgres::{Cluster, execute};
use eventmanager::simulators::script::{Action, Rule};
use std::time::Duration;

#[test]
fn events_of_a_paused_system_are_stored_and_wait_until_it_is_resumed() {
    let (peers, site) = site();
    let daemon = start(&site);
    for name in ["hss", "enum", "mail"] {
        let line = format!("eventmanager_paused{{system=\"{name}\"}} 0");
        assert!(daemon.get("/metrics").1.contains(&line), "{line}");
    }
    let done = set(&daemon, "hss", "pause");
    assert_eq!((&done["state"], &done["changed"]), (&"paused".into(), &true.into()));
    assert_eq!((&done["paused"]["by"], &done["paused"]["reason"]), (&"local".into(), &"upgrade".into()));

    for number in 0..20 {
        let user = format!("user{}@tele.gl", number / 2);
        let document = if number % 2 == 0 {
            add(number, &user)
        } else {
            set_phone(number, &user, &format!("3210{number:02}"))
        };
        peers.broadworks.send(&document);
    }
    // The second event of each user waits behind the first.
    wait_waiting(&daemon, "hss", 10);
    eventually("all are stored", || (site.count(&["pending"]) == 20).then_some(()));
    assert_eq!(requests(&peers), []);
    assert_eq!(daemon.metric("eventmanager_paused", "system=\"hss\""), 1.0);
    assert_eq!(daemon.metric("eventmanager_paused", "system=\"enum\""), 0.0);
    let shown = system(&daemon, "hss");
    assert_eq!((&shown["state"], &shown["configured"]), (&"paused".into(), &true.into()));
    assert!(shown["paused"]["since"].as_f64().is_some_and(|since| since > 1.7e9), "{shown}");

    set(&daemon, "hss", "resume");
    site.wait_ended(20);
    assert_eq!(site.count(&["completed"]), 20, "{:?}", site.events());
    assert_eq!(peers.ema.holds(), (10, 10));
    assert_eq!(audit(&daemon), ["local | pause | hss | upgrade", "local | resume | hss | upgrade"]);
    assert_eq!(state(&daemon, "hss"), "running");
}

#[test]
fn a_pause_survives_a_kill_and_a_restart() {
    let (peers, site) = site();
    let daemon = start(&site);
    set(&daemon, "hss", "pause");
    let since = system(&daemon, "hss")["paused"]["since"].clone();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    wait_waiting(&daemon, "hss", 1);
    daemon.kill();
    let daemon = start(&site);
    wait_waiting(&daemon, "hss", 1);
    assert_eq!(system(&daemon, "hss")["paused"]["since"], since);
    assert_eq!(daemon.metric("eventmanager_paused", "system=\"hss\""), 1.0);
    assert_eq!(daemon.terminate(), Some(0), "what is paused does not hold up a stop");
    let daemon = start(&site);
    wait_waiting(&daemon, "hss", 1);
    assert_eq!(requests(&peers), []);
    set(&daemon, "hss", "resume");
    site.wait_ended(1);
    assert_eq!((statuses(&site), peers.ema.holds()), (vec!["completed".to_owned()], (1, 0)));
}

#[test]
fn a_paused_enum_holds_only_what_needs_it_and_what_was_answered_is_not_sent_again() {
    let (peers, site) = site();
    let daemon = start(&site);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    set(&daemon, "enum", "pause");
    // First the phone's number in the HSS, then its record in ENUM.
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    peers.broadworks.send(&delete(3, "anna@tele.gl"));
    peers.broadworks.send(&add(4, "bo@tele.gl"));
    wait_waiting(&daemon, "enum", 1);
    eventually("the other user's event ends", || (statuses(&site)[3] == "completed").then_some(()));
    assert_eq!(statuses(&site), ["completed", "pending", "pending", "completed"]);
    let before: Vec<_> = requests(&peers).into_iter().map(|call| (call.step, call.mo_id)).collect();
    set(&daemon, "enum", "resume");
    site.wait_ended(4);
    assert_eq!(site.count(&["completed"]), 4, "{:?}", site.events());
    let all: Vec<_> = requests(&peers).into_iter().map(|call| (call.step, call.mo_id)).collect();
    assert_eq!(all[..before.len()], before);
    assert_eq!(all[before.len()].0, "Create ENUM", "{all:?}");
    assert_eq!(peers.ema.holds(), (1, 0));
}

#[test]
fn a_plan_of_which_nothing_was_sent_is_made_anew_after_the_pause() {
    let (peers, site) = site();
    let daemon = start(&site);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    site.wait_ended(2);
    for name in ["hss", "enum"] {
        set(&daemon, name, "pause");
    }
    peers.broadworks.send(&delete(3, "anna@tele.gl"));
    eventually("it waits", || (waiting(&daemon, "hss") + waiting(&daemon, "enum") == 1).then_some(()));
    site.database().execute("update srd_user set e164 = '555555'", []).expect("edited");
    for name in ["hss", "enum"] {
        set(&daemon, name, "resume");
    }
    site.wait_ended(3);
    assert!(requests(&peers).iter().any(|call| call.mo_id.contains("555555")), "{:?}", requests(&peers));
}

#[test]
fn what_is_under_way_ends_and_an_outage_meanwhile_changes_nothing() {
    let (peers, site) = site();
    let daemon = start(&site);
    peers.ema.refuse(true).expect("refused");
    for number in 0..5 {
        peers.broadworks.send(&add(number, &format!("user{number}@tele.gl")));
    }
    let status = || json(&daemon, "/api/v1/status")["backlog"]["waiting"].clone();
    eventually("they wait for the system", || status().to_string().contains("[\"hss\",").then_some(()));
    set(&daemon, "hss", "pause");
    wait_waiting(&daemon, "hss", 5);
    peers.ema.refuse(false).expect("listening");
    set(&daemon, "hss", "resume");
    site.wait_ended(5);
    assert_eq!(site.count(&["completed"]), 5);

    peers.ema.set_latency(Duration::from_millis(500));
    peers.broadworks.send(&add(10, "anna@tele.gl"));
    let sent = "select count(*) from em_step s join em_event e on e.uuid = s.uuid where e.status = 'pending'";
    eventually("its request is under way", || {
        let marks: i64 = site.database().query_row(sent, [], |row| row.get(0)).expect("a count");
        (marks == 1).then_some(())
    });
    set(&daemon, "hss", "pause");
    site.wait_ended(6);
    assert_eq!((state(&daemon, "hss").as_str(), site.count(&["completed"])), ("paused", 6));
}

#[test]
fn pausing_and_resuming_while_many_events_come_leaves_none_behind() {
    let (peers, site) = site();
    let daemon = start(&site);
    for round in 0..30 {
        for number in 0..10 {
            let id = round * 10 + number;
            peers.broadworks.send(&add(id, &format!("user{id}@tele.gl")));
        }
        set(&daemon, "hss", "pause");
        set(&daemon, "hss", "resume");
    }
    site.wait_ended(300);
    assert_eq!(site.count(&["completed"]), 300);
    assert_eq!(peers.ema.holds().0, 300);
    assert_eq!((peers.ema.created_twice().applied_again, waiting(&daemon, "hss")), (0, 0));
    assert_eq!(audit(&daemon).len(), 60);
}

#[test]
fn an_event_that_stops_half_way_just_as_its_system_is_resumed_goes_on() {
    let (peers, site) = site();
    let daemon = start(&site);
    let users: Vec<String> = (0..16).map(|number| format!("user{number}@tele.gl")).collect();
    for (id, user) in users.iter().enumerate() {
        peers.broadworks.send(&add(id as u64, user));
    }
    site.wait_ended(16);
    for round in 1..=40 {
        set(&daemon, "enum", "pause");
        for (number, user) in users.iter().enumerate() {
            peers.broadworks.send(&set_phone(
                round * 16,
                user,
                &format!("32{:04}", round * 16 + number as u64),
            ));
        }
        // The resume comes at another moment of their way in every round.
        std::thread::sleep(Duration::from_millis(round % 10));
        set(&daemon, "enum", "resume");
        // Nothing more happens that could wake one that was forgotten.
        site.wait_ended(16 * (round + 1));
    }
    assert_eq!(site.count(&["completed"]), 16 * 41);
    assert_eq!(peers.ema.holds(), (16, 16));
}

#[test]
fn while_the_store_is_away_an_act_is_refused_and_the_status_says_why() {
    let mut cluster = Cluster::start();
    execute(&cluster.url("postgres"), "create database em").expect("a database");
    let peers = Peers::start();
    let site = Site::new(&format!("[store]\nevents = \"{}\"\n{}", cluster.url("em"), peers.config("")));
    let daemon = start(&site);
    set(&daemon, "enum", "pause");
    cluster.crash();
    eventually("the outage is known", || (daemon.get("/readyz").0 == 503).then_some(()));
    let refused = post(&daemon, "/api/v1/systems/hss/pause", "{}");
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.body.contains("the store is away"), "{}", refused.body);
    let (code, said) = ask(&daemon, &["pause", "hss"]);
    assert!(code == Some(1) && said.contains("the store is away"), "{said}");
    assert_eq!(http::get(daemon.http, "/api/v1/audit", "").status, 503);
    let (code, said) = ask(&daemon, &["status"]);
    assert!(code == Some(0) && said.contains("DOWN") && said.contains("PAUSED"), "{said}");
    // At a start, too: what is paused is not known, and nobody is told that it runs.
    assert_eq!(daemon.terminate(), Some(0));
    let daemon = site.start();
    assert_eq!(state(&daemon, "enum"), "unknown");
    assert_eq!(post(&daemon, "/api/v1/systems/hss/pause", "{}").status, 503);
    cluster.resume();
    eventually("the pauses are known", || (state(&daemon, "enum") == "paused").then_some(()));
    assert_eq!(state(&daemon, "hss"), "running");
    eventually("acts are taken", || {
        (post(&daemon, "/api/v1/systems/hss/pause", "{}").status == 200).then_some(())
    });
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    wait_waiting(&daemon, "hss", 1);
    assert_eq!(requests(&peers), []);
}

#[test]
fn actors_that_fail_forget_no_pause_and_no_event() {
    let (peers, site) = site();
    let daemon = Inside::start(&site);
    let systems = || daemon.get("/api/v1/systems").body;
    eventually("the pauses are known", || (!systems().contains("unknown")).then_some(()));
    let act = |act: &str| post_with(daemon.http, &format!("/api/v1/systems/hss/{act}"), PLAIN, "{}").status;
    assert_eq!(act("pause"), 200);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    let waits = || daemon.get("/api/v1/status").body.contains("[\"paused hss\",1]").then_some(());
    eventually("it waits", waits);
    daemon.crash("managers/pauses");
    assert!(systems().contains("\"state\":\"paused\""), "{}", systems());
    daemon.crash("routing/router");
    eventually("it waits", waits);
    assert_eq!(requests(&peers), []);
    // The router of now hears from the pauses of now.
    eventually("it is resumed", || (act("resume") == 200).then_some(()));
    site.wait_ended(1);
    assert_eq!(peers.ema.holds(), (1, 0));
}

/// Fewer connections go to the mail server than requests may be under way: the others wait for one.
#[test]
fn what_waits_for_a_connection_is_not_sent_when_its_system_is_paused_meanwhile() {
    let peers = Peers::start();
    let site = Site::new(&peers.config("").replacen("[surgemail]\n", "[surgemail]\ntimeout = \"3s\"\n", 1));
    let daemon = start(&site);
    let user = |number: u64| format!("user{number}@tele.gl");
    (0..14).for_each(|number| peers.broadworks.send(&add(number, &user(number))));
    site.wait_ended(14);
    peers.surgemail.script(vec![Rule::new(Action::Hang)]);
    for number in 0..14 {
        let account = format!("mail{number}@mail.gl");
        peers.broadworks.send(&voicemail(20 + number, &user(number), Some((&account, "secret"))));
    }
    eventually("every connection is in use", || (peers.surgemail.requests() == 8).then_some(()));
    eventually("the others wait for one", || {
        let sql = "select count(*) from em_step where state = 'sent'";
        let open = site.database().query_row(sql, [], |row| row.get::<_, i64>(0));
        (open == Ok(14)).then_some(())
    });
    set(&daemon, "mail", "pause");
    wait_waiting(&daemon, "mail", 14);
    assert_eq!(peers.surgemail.requests(), 8, "nothing was sent after the pause was confirmed");
    peers.surgemail.script(Vec::new());
    set(&daemon, "mail", "resume");
    site.wait_ended(28);
    assert_eq!(site.count(&["completed"]), 28, "{:?}", site.events());
}

/// The same at the gateway, which has fewer sessions.
#[test]
fn what_waits_for_a_session_is_not_sent_when_its_system_is_paused_meanwhile() {
    let peers = Peers::start();
    let site = Site::new(&peers.config("sessions = 2\ntimeout = \"3s\""));
    let daemon = start(&site);
    peers.ema.script(vec![Rule::new(Action::Hang).op("Create")]);
    (0..6).for_each(|number| peers.broadworks.send(&add(number, &format!("user{number}@tele.gl"))));
    eventually("both sessions are in use", || (peers.ema.counts().unanswered == 2).then_some(()));
    eventually("the others wait for one", || {
        let sql = "select count(*) from em_step where state = 'sent'";
        let open = site.database().query_row(sql, [], |row| row.get::<_, i64>(0));
        (open == Ok(6)).then_some(())
    });
    set(&daemon, "hss", "pause");
    wait_waiting(&daemon, "hss", 6);
    assert_eq!(peers.ema.counts().unanswered, 2, "nothing was sent after the pause was confirmed");
    peers.ema.script(Vec::new());
    set(&daemon, "hss", "resume");
    site.wait_ended(6);
    assert_eq!(site.count(&["completed"]), 6, "{:?}", site.events());
}
