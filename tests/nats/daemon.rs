//! The whole daemon with NATS: what it tells, and what a kill costs.

use crate::house::eventually as soon;
use crate::server::{Server, stored, stream};
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::documents::report;
use crate::support::peers::Peers;
use serde_json::Value;
use std::collections::BTreeMap;

const ROUTE: &str = "[[route]]\nsource = \"as1\"\nto = [\"users\", \"all\"]\n";

fn site(peers: &Peers, server: &Server, more: &str) -> Site {
    let nats = format!(
        "[nats]\nurls = [\"{}\"]\nstream = \"EVENTS\"\nsubject_prefix = \"em\"\n{more}",
        server.url()
    );
    Site::quiet(&format!("{}{ROUTE}{nats}", peers.config("")))
}

fn is_up(daemon: &Daemon) -> bool {
    daemon.metric("eventmanager_connection_up", "connection=\"nats\"") == 1.0
}

/// What it has told of NATS, line by line.
fn told(daemon: &Daemon) -> Vec<String> {
    let log = daemon.log();
    log.lines().filter(|line| line.contains("nats") || line.contains("NATS")).map(str::to_owned).collect()
}

#[actix_rt::test]
async fn a_daemon_that_is_killed_under_load_publishes_every_event_once() {
    let (peers, server) = (Peers::start(), Server::start());
    let site = site(&peers, &server, "");
    let mut daemon = site.start();
    let context = server.jetstream().await;
    eventually("it publishes", || is_up(&daemon).then_some(()));
    for number in 0..600 {
        peers.broadworks.send(&report(number, "GroupAddRequest", "<groupId>g</groupId>"));
        if number % 100 == 50 {
            eventually("some are published", || {
                (daemon.metric("eventmanager_nats_published_total", "") > 0.0).then_some(())
            });
            daemon.kill();
            daemon = site.start();
            eventually("all is connected", || {
                let endpoint = daemon.metric("eventmanager_connection_up", "connection=\"as1\"");
                (endpoint == 1.0).then_some(())
            });
        }
    }
    eventually("the last has been handed on", || {
        let sql = "select count(*) from em_event where notification_id = 'write599'";
        let last: i64 = site.database().query_row(sql, [], |row| row.get(0)).ok()?;
        (last == 1 && site.count(&["pending"]) == 0).then_some(())
    });
    // A kill costs events that were not read yet: what counts is what is handed on.
    let published = soon("all is published", async || {
        let rows: i64 = site
            .database()
            .query_row("select count(distinct uuid) from em_topic_log", [], |row| row.get(0))
            .ok()?;
        let published = stored(&context, "EVENTS").await;
        (published.len() as i64 == rows && rows as usize == site.events().len()).then_some(published)
    })
    .await;
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for message in &published {
        *times.entry(&message.id).or_default() += 1;
        assert_eq!(message.topics, "all,users");
    }
    assert!(times.values().all(|times| *times == 1));
    let in_order: Vec<String> = {
        let database = site.database();
        let sql = "select uuid from em_topic_log where topic = 'users' order by sequence";
        let mut statement = database.prepare(sql).expect("a statement");
        let rows = statement.query_map([], |row| row.get(0)).expect("rows");
        rows.collect::<Result<_, _>>().expect("rows")
    };
    assert_eq!(published.iter().map(|message| message.id.clone()).collect::<Vec<_>>(), in_order);
}

#[actix_rt::test]
async fn what_keeps_it_from_publishing_is_told_once() {
    let (peers, mut server) = (Peers::start(), Server::start());
    let context = server.jetstream().await;
    context.create_stream(stream("EVENTS", "other.>", -1)).await.expect("a stream");
    let site = site(&peers, &server, "");
    let daemon = site.start();
    daemon.logged(&["WARN", "nats", "the stream EVENTS is there and does not take em.*.*, but other.>"]);
    peers.broadworks.send(&report(1, "GroupAddRequest", "<groupId>g</groupId>"));
    eventually("it waits", || (daemon.metric("eventmanager_nats_backlog", "") == 2.0).then_some(()));
    eventually("it was tried again", || {
        let again = daemon.metric("eventmanager_reconnects_total", "connection=\"nats\"");
        (again >= 3.0).then_some(())
    });
    assert!(!is_up(&daemon));
    let shown = || -> Value {
        let status: Value = serde_json::from_str(&daemon.get("/api/v1/status").1).expect("JSON");
        let links = status["connections"].as_array().expect("a list");
        links.iter().find(|link| link["name"] == "nats").expect("it is listed").clone()
    };
    let down = shown();
    assert_eq!((down["up"].as_bool(), down["address"].as_str()), (Some(false), Some(server.url().as_str())));
    assert!(down["reason"].as_str().is_some_and(|reason| reason.contains("does not take em.*.*")), "{down}");
    assert_eq!(told(&daemon).iter().filter(|line| line.contains("WARN")).count(), 1, "{:#?}", told(&daemon));
    let kept = context.get_stream("EVENTS").await.expect("a stream").cached_info().config.clone();
    assert_eq!(kept.subjects, ["other.>"], "it is left as it is");
    // Somebody mends it.
    context.update_stream(stream("EVENTS", "em.>", -1)).await.expect("changed");
    eventually("it publishes", || is_up(&daemon).then_some(()));
    assert_eq!((shown()["up"].as_bool(), &shown()["reason"]), (Some(true), &Value::Null));
    eventually("nothing waits", || (daemon.metric("eventmanager_nats_backlog", "") == 0.0).then_some(()));
    assert_eq!(daemon.metric("eventmanager_nats_published_total", ""), 1.0);
    // The server goes, and comes back.
    server.kill();
    daemon.logged(&["WARN", "nats", "the connection was lost"]);
    eventually("it is down", || (!is_up(&daemon)).then_some(()));
    server.resume();
    eventually("it is up", || is_up(&daemon).then_some(()));
    assert_eq!(daemon.terminate(), Some(0));
}

#[actix_rt::test]
async fn a_server_that_does_not_let_us_in_is_told_without_our_secret() {
    let peers = Peers::start();
    let server = Server::with("authorization { user: em, password: right }");
    let login = "username = \"em\"\npassword = \"hunter2wrong\"\n";
    let site = site(&peers, &server, login);
    let daemon = site.start();
    daemon.logged(&["WARN", "nats", "the server does not let us in with what is configured"]);
    eventually("it was tried again", || {
        let again = daemon.metric("eventmanager_reconnects_total", "connection=\"nats\"");
        (again >= 2.0).then_some(())
    });
    assert_eq!(
        told(&daemon).iter().filter(|line| line.contains("WARN") && line.contains("let us in")).count(),
        1
    );
    assert!(!is_up(&daemon) && !daemon.log().contains("hunter2"));
    drop(daemon);
    let text = std::fs::read_to_string(site.config()).expect("read").replace("hunter2wrong", "right");
    std::fs::write(site.config(), text).expect("written");
    let daemon = site.start();
    eventually("it publishes", || is_up(&daemon).then_some(()));
    assert_eq!(daemon.terminate(), Some(0));
}
