//! Databases that go and come back, and people who work in the tables meanwhile, on PostgreSQL.

mod support;

use eventmanager::simulators::script::{Action, Rule};
use std::time::{Duration, Instant};
use support::daemon::{Daemon, Site, eventually};
use support::documents::{add, set_phone};
use support::peers::Peers;
use support::postgres::{Cluster, execute, query};

/// A transaction that somebody has left open: its rows are locked until it is ended.
struct LeftOpen {
    end: tokio::sync::oneshot::Sender<()>,
    ended: std::thread::JoinHandle<()>,
}

impl LeftOpen {
    fn begin(url: &str, sql: &str) -> LeftOpen {
        let (url, sql) = (url.to_owned(), format!("begin; {sql}"));
        let (end, told) = tokio::sync::oneshot::channel();
        let (begun, is_begun) = std::sync::mpsc::channel();
        let transaction = async move {
            let connected = tokio_postgres::connect(&url, tokio_postgres::NoTls).await;
            let (client, connection) = connected.expect("connected");
            tokio::spawn(connection);
            client.batch_execute(&sql).await.expect("the rows are locked");
            begun.send(()).expect("the test waits");
            told.await.expect("it is ended");
            client.batch_execute("commit").await.expect("committed");
        };
        let runtime =
            || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let ended = std::thread::spawn(move || runtime().block_on(transaction));
        is_begun.recv().expect("the rows are locked");
        LeftOpen { end, ended }
    }

    fn end(self) {
        self.end.send(()).expect("it is open");
        self.ended.join().expect("it ends");
    }
}

/// A daemon's site whose events and subscribers live in two servers.
struct Databases {
    peers: Peers,
    site: Site,
    events: Cluster,
    subscribers: Cluster,
}

impl Databases {
    fn start() -> Databases {
        let (events, subscribers) = (Cluster::start(), Cluster::start());
        let peers = Peers::start();
        let config = peers.config("")
            + &format!(
                "[store]\nevents = {:?}\nsubscribers = {:?}\n",
                events.url("postgres"),
                subscribers.url("postgres")
            );
        Databases { site: Site::new(&config), peers, events, subscribers }
    }

    /// One value of the event database; `None` also while it is away.
    fn event(&self, sql: &str) -> Option<String> {
        query(&self.events.url("postgres"), sql).ok()?.pop()?.pop()?
    }

    fn statuses(&self) -> String {
        self.event("select coalesce(string_agg(status, ' ' order by id), '') from em_event")
            .unwrap_or_default()
    }

    #[track_caller]
    fn wait_statuses(&self, expected: &str) {
        eventually(&format!("statuses are {expected:?}"), || (self.statuses() == expected).then_some(()));
    }
}

fn ready(daemon: &Daemon, status: u16) {
    eventually(&format!("/readyz answers {status}"), || (daemon.get("/readyz").0 == status).then_some(()));
}

fn restarts(daemon: &Daemon) -> f64 {
    daemon.metric("eventmanager_actor_restarts_total", "")
}

#[test]
fn an_event_database_that_goes_and_comes_back_loses_nothing() {
    let mut databases = Databases::start();
    let daemon = databases.site.start();
    ready(&daemon, 200);
    for number in 0..20 {
        databases.peers.broadworks.send(&add(number, &format!("user{number}@tele.gl")));
    }
    databases.events.crash();
    ready(&daemon, 503);
    // More than the daemon reads ahead and the sockets hold: it must stop reading.
    let padding = "x".repeat(20_000);
    for number in 20..1500 {
        let user = format!("user{number}@tele.gl");
        let document =
            add(number, &user).replace("<groupId>", &format!("<lastName>{padding}</lastName><groupId>"));
        databases.peers.broadworks.send(&document);
    }
    let read = || daemon.metric("eventmanager_events_received_total", "");
    let mut before = (read(), Instant::now());
    eventually("it reads no further", || {
        let now = read();
        if now != before.0 {
            before = (now, Instant::now());
        }
        (before.1.elapsed() > Duration::from_secs(1)).then_some(())
    });
    assert!(before.0 < 1500.0, "{} were read while nothing could be stored", before.0);
    assert_eq!(daemon.get("/alivecheck").0, 503);
    databases.events.resume();
    ready(&daemon, 200);
    eventually("everything has ended", || {
        let sql = "select count(*) from em_event where status = 'completed'";
        (databases.event(sql)? == "1500").then_some(())
    });
    assert_eq!(databases.event("select count(*) from em_event").as_deref(), Some("1500"));
    assert_eq!(databases.peers.ema.holds().0, 1500);
    assert_eq!(restarts(&daemon), 0.0, "an outage is no failure");
    assert_eq!(daemon.terminate(), Some(0));
}

#[test]
fn a_database_that_is_away_at_start_is_a_state_and_does_not_hold_up_a_stop() {
    let mut databases = Databases::start();
    databases.events.crash();
    databases.subscribers.crash();
    let daemon = databases.site.start();
    assert_eq!(daemon.get("/healthz").0, 200);
    assert_eq!(daemon.get("/readyz").0, 503);
    databases.peers.broadworks.send(&add(1, "anna@tele.gl"));
    let asked = Instant::now();
    assert_eq!(daemon.terminate(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
    let daemon = databases.site.start();
    databases.peers.broadworks.send(&add(2, "bo@tele.gl"));
    assert_eq!(daemon.get("/readyz").0, 503);
    databases.events.resume();
    databases.subscribers.resume();
    eventually("it is provisioned", || {
        databases.event("select 1 from em_event where status = 'completed' and event like '%bo@tele.gl%'")
    });
    assert_eq!(restarts(&daemon), 0.0);
    ready(&daemon, 200);
}

#[test]
fn while_the_subscribers_are_away_events_are_stored_and_wait() {
    let mut databases = Databases::start();
    let daemon = databases.site.start();
    ready(&daemon, 200);
    databases.peers.broadworks.send(&add(1, "anna@tele.gl"));
    databases.wait_statuses("completed");
    databases.subscribers.crash();
    databases.peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    databases.peers.broadworks.send(&add(3, "bo@tele.gl"));
    databases.wait_statuses("completed pending pending");
    ready(&daemon, 503);
    databases.subscribers.resume();
    databases.wait_statuses("completed completed completed");
    let rows = query(&databases.subscribers.url("postgres"), "select id, e164 from srd_user order by id");
    let rows = rows.expect("rows").concat();
    assert_eq!(rows, [Some("anna@tele.gl".into()), Some("321044".into()), Some("bo@tele.gl".into()), None]);
    assert_eq!(restarts(&daemon), 0.0);
    assert_eq!(databases.peers.ema.created_twice().applied_again, 0);
}

#[test]
fn what_people_do_in_the_tables_is_respected() {
    let databases = Databases::start();
    let url = databases.events.url("postgres");
    // The old release's table with a row that it has left pending.
    execute(
        &url,
        "create table em_event (id serial primary key, user_id varchar(255), command varchar(255), event text,
            status varchar(32), inserted timestamp default now());
         insert into em_event (user_id, command, event, status) values ('x', 'UserAddRequest', '<a/>', 'pending')",
    )
    .expect("the old table");
    let daemon = databases.site.start();
    ready(&daemon, 200);
    databases.peers.broadworks.send(&add(1, "anna@tele.gl"));
    databases.wait_statuses("pending completed");
    assert_eq!(
        daemon.metric("eventmanager_events_pending", ""),
        0.0,
        "what is not ours is not in the backlog"
    );

    // An event that waits and that somebody ends by hand is not run.
    databases.peers.ema.refuse(true).expect("refused");
    databases.peers.broadworks.send(&add(2, "bo@tele.gl"));
    databases.peers.broadworks.send(&add(3, "cecilie@tele.gl"));
    databases.wait_statuses("pending completed pending pending");
    execute(&url, "update em_event set status = 'failed' where event like '%bo@tele.gl%'").expect("edited");
    // A run that had read the row before it was edited is over.
    let tries = || daemon.metric("eventmanager_southbound_request_seconds_count", "");
    let before = tries();
    eventually("it has been tried twice more", || (tries() >= before + 2.0).then_some(()));
    databases.peers.ema.refuse(false).expect("listening");
    databases.wait_statuses("pending completed failed completed");
    assert_eq!(databases.peers.ema.holds().0, 2);

    // Ids that start anew.
    execute(&url, "truncate em_event restart identity").expect("truncated");
    databases.peers.broadworks.send(&add(4, "dorthe@tele.gl"));
    databases.peers.broadworks.send(&set_phone(5, "anna@tele.gl", "321044"));
    databases.wait_statuses("completed completed");
    assert_eq!(
        databases.event("select string_agg(id::text, ' ' order by id) from em_event").as_deref(),
        Some("1 2")
    );
    assert!(daemon.get("/event/1").1.contains("dorthe"));

    // Also under an event that waits: it is gone, and nothing is sent for it.
    databases.peers.ema.script(vec![Rule::new(Action::Status(503)).contains("erik@tele.gl")]);
    databases.peers.broadworks.send(&add(6, "erik@tele.gl"));
    databases.wait_statuses("completed completed pending");
    execute(&url, "truncate em_event restart identity").expect("truncated");
    databases.peers.ema.script(vec![]);
    databases.peers.broadworks.send(&add(7, "frida@tele.gl"));
    databases.wait_statuses("completed");
    assert!(!format!("{:?}", databases.peers.ema.state()).contains("erik@tele.gl"));
    assert_eq!(restarts(&daemon), 0.0);
}

#[test]
fn a_row_that_somebody_has_locked_holds_up_nobody_but_its_own_events() {
    let (cluster, peers) = (Cluster::start(), Peers::start());
    let url = cluster.url("postgres");
    let site = Site::new(&(peers.config("") + &format!("[store]\nevents = {url:?}\n")));
    let daemon = site.start();
    ready(&daemon, 200);
    let statuses = || {
        let sql = "select coalesce(string_agg(status, ' ' order by id), '') from em_event";
        query(&url, sql).expect("rows").concat().into_iter().flatten().collect::<String>()
    };
    let wait = |expected: &str| {
        eventually(&format!("statuses are {expected:?}"), || (statuses() == expected).then_some(()));
    };
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    wait("completed");
    let left_open = LeftOpen::begin(&url, "update srd_user set updated = updated where id = 'anna@tele.gl'");
    // Together, so that they meet in one batch; the second of anna's must not overtake the first.
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    peers.broadworks.send(&set_phone(3, "anna@tele.gl", "321055"));
    for number in 4..24 {
        peers.broadworks.send(&add(number, &format!("user{number}@tele.gl")));
    }
    wait(&format!("completed pending pending{}", " completed".repeat(20)));
    daemon.logged(&["WARN", "somebody has locked a row", "lock timeout"]);
    // Also later ones, while it is tried again and again.
    for number in 24..34 {
        peers.broadworks.send(&add(number, &format!("user{number}@tele.gl")));
        wait(&format!("completed pending pending{}", " completed".repeat(number as usize - 3)));
    }
    assert_eq!(daemon.get("/readyz").0, 200, "the database is there");
    assert!(!daemon.log().contains("database unavailable"), "{}", daemon.log());
    left_open.end();
    wait(&["completed"; 33].join(" "));
    let phone = query(&url, "select e164 from srd_user where id = 'anna@tele.gl'").expect("rows");
    assert_eq!(phone, [[Some("321055".to_owned())]]);
    assert_eq!(peers.ema.created_twice().applied_again, 0);
    assert_eq!(restarts(&daemon), 0.0);
}

#[test]
fn a_table_that_somebody_has_locked_is_an_outage_that_ends_with_the_lock() {
    let (cluster, peers) = (Cluster::start(), Peers::start());
    let url = cluster.url("postgres");
    let site = Site::new(&(peers.config("") + &format!("[store]\nevents = {url:?}\n")));
    let daemon = site.start();
    ready(&daemon, 200);
    let left_open = LeftOpen::begin(&url, "lock table em_event in share mode");
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    ready(&daemon, 503);
    daemon.logged(&["database unavailable", "lock timeout"]);
    left_open.end();
    ready(&daemon, 200);
    eventually("it is provisioned", || {
        let rows = query(&url, "select 1 from em_event where status = 'completed'").ok()?;
        (rows.len() == 1).then_some(())
    });
    assert_eq!(restarts(&daemon), 0.0);
}
