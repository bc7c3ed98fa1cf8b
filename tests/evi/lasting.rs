//! Subscriptions end in time and outlive the daemon, and so does what they have not got yet.

use crate::program::{ALL, Receiver, SILENCE, Served, receive, unix_socket};
use crate::support::daemon::{PATIENCE, Site, eventually};
use crate::support::inside::Inside;
use rusqlite::Connection;
use serde_json::json;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;

#[test]
fn a_subscription_ends_when_its_time_is_over_and_lives_on_when_it_is_renewed() {
    let served = Served::open();
    let (short, renewed) = (Receiver::bind(), Receiver::bind());
    served.subscribe("E_TEST", &short.socket(), json!({"expire": 2}));
    served.subscribe("E_TEST", &renewed.socket(), json!({"expire": 2}));
    served.subscribe("E_TEST", &renewed.socket(), json!({"expire": 600}));
    served.raise("E_TEST", "");
    short.next();
    renewed.next();
    eventually("it is over", || (served.sockets("E_TEST") == [renewed.socket()]).then_some(()));
    served.raise("E_TEST", "");
    renewed.next();
    assert!(short.is_silent());
    let stored = || -> i64 {
        let sql = "select count(*) from em_evi_subscription";
        served.site.database().query_row(sql, [], |row| row.get(0)).expect("a count")
    };
    eventually("it is forgotten", || (stored() == 1).then_some(()));
    assert_eq!(served.metric("evi_subscriptions", ""), 1.0);
}

#[test]
fn a_subscription_survives_a_restart_and_a_kill() {
    let served = Served::open();
    let receiver = Receiver::bind();
    served.subscribe("E_TEST", &receiver.socket(), json!({"expire": 600, "format": "text"}));
    let gone = Receiver::bind();
    served.subscribe("E_TEST", &gone.socket(), json!({}));
    served.subscribe("E_TEST", &gone.socket(), json!({"expire": 0}));
    let served = served.restarted();
    assert_eq!(served.sockets("E_TEST"), [receiver.socket()]);
    served.raise("E_TEST", "a::1\n");
    assert_eq!(receiver.next(), "E_TEST\na::1\n\n");
    let served = served.killed();
    served.raise("E_TEST", "a::2\n");
    // The last second may come twice.
    eventually("the event of now", || (receiver.next() == "E_TEST\na::2\n\n").then_some(()));
    eventually("its time goes on", || {
        let told = served.json("subscribers_list", json!({"event": "E_TEST", "socket": receiver.socket()}));
        told["result"]["Event"]["Subscriber"]["ttl"].as_u64().filter(|ttl| *ttl < 600)
    });
}

#[test]
fn a_renewal_is_taken_after_a_restart_though_nothing_has_been_raised_since() {
    let served = Served::open();
    let receiver = Receiver::bind();
    served.raise("E_ALARM", "");
    served.subscribe("E_ALARM", &receiver.socket(), json!({"expire": 600}));
    let served = served.restarted();
    served.subscribe("E_ALARM", &receiver.socket(), json!({"expire": 600}));
}

#[test]
fn what_was_handed_on_while_nobody_sent_comes_later() {
    let served = Served::open();
    let receiver = Receiver::bind();
    served.subscribe("E_TEST", &receiver.socket(), json!({}));
    served.raise("E_TEST", "a::0\n");
    receiver.next();
    let path = served.site.directory.path().join("events.db");
    let kept = |database: &Connection| -> i64 {
        database
            .query_row("select coalesce(max(sequence), 0) from em_cursor", [], |row| row.get(0))
            .expect("a place")
    };
    let database = served.site.database();
    eventually("its place is kept", || (kept(&database) >= 1).then_some(()));
    drop(database);
    served.daemon.kill();
    let database = Connection::open(path).expect("the database");
    for number in 1..=3 {
        let payload = format!("{{\"a\":{number}}}");
        database
            .execute(
                "insert into em_topic_log (uuid, topic, source, name, at, payload)
                 values (?1, 'all', 'k1', 'E_TEST', '2030-01-01 00:00:00.000', ?2)",
                [uuid::Uuid::now_v7().to_string(), payload],
            )
            .expect("a row");
    }
    drop(database);
    let served = Served::again(served.site);
    let mut got = Vec::new();
    while got.len() < 3 {
        let event = receiver.next();
        if !event.contains("\"a\":\"0\"") {
            got.push(event);
        }
    }
    let expected: Vec<String> = (1..=3)
        .map(|a| format!("{{\"jsonrpc\":\"2.0\",\"method\":\"E_TEST\",\"params\":{{\"a\":{a}}}}}"))
        .collect();
    assert_eq!(got, expected);
    // And once only, as a stop keeps the place.
    let served = served.restarted();
    served.raise("E_TEST", "a::4\n");
    assert!(receiver.next().contains("\"a\":\"4\""));
}

#[test]
fn what_a_subscriber_had_not_got_before_a_kill_comes_after_it() {
    let served = Served::open();
    let path = served.site.directory.path().join("away.sock");
    served.subscribe("E_TEST", &unix_socket(&path), json!({}));
    served.raise("E_TEST", "a::first\n");
    // It waits for a socket that is not there, and the place is not kept beyond it.
    let served = served.killed();
    let socket = UnixDatagram::bind(&path).expect("a socket");
    assert!(receive(&socket, PATIENCE).is_some_and(|event| event.contains("first")));
    served.raise("E_TEST", "a::second\n");
    eventually("the next one", || receive(&socket, PATIENCE).filter(|event| event.contains("second")));
    assert!(receive(&socket, SILENCE).is_none());
}

#[test]
fn while_the_database_is_away_nothing_is_half_done() {
    let served = Served::open();
    let receiver = Receiver::bind();
    let database = served.site.database();
    database.execute_batch("begin immediate").expect("a lock");
    let params = json!({"event": "E_TEST", "socket": receiver.socket()});
    // Nobody is told that it is done; it may be carried out later.
    let answer = served.post(&crate::program::request("event_subscribe", params), "").json();
    assert_eq!(answer["error"]["code"], 503, "{answer}");
    assert!(served.sockets("E_TEST").is_empty());
    database.execute_batch("rollback").expect("unlocked");
    let stored = || -> i64 {
        let sql = "select count(*) from em_evi_subscription";
        served.site.database().query_row(sql, [], |row| row.get(0)).expect("a count")
    };
    eventually("both or neither", || (served.sockets("E_TEST").len() as i64 == stored()).then_some(()));
    served.subscribe("E_TEST", &receiver.socket(), json!({}));
    served.raise("E_TEST", "");
    receiver.next();
}

#[test]
fn a_reload_takes_away_who_may_not_be_there_any_more() {
    let served = Served::start(ALL, "allowed_targets = [\"127.0.0.0/8\"]");
    let (here, there) = (Receiver::bind(), Receiver::on("127.0.0.2:0"));
    served.subscribe("E_TEST", &here.socket(), json!({}));
    served.subscribe("E_TEST", &there.socket(), json!({}));
    let text = std::fs::read_to_string(served.site.config()).expect("a configuration");
    std::fs::write(served.site.config(), text.replace("127.0.0.0/8", "127.0.0.1/32")).expect("written");
    served.daemon.signal("HUP");
    eventually("one is left", || (served.sockets("E_TEST") == [here.socket()]).then_some(()));
    served.raise("E_TEST", "");
    here.next();
    assert!(there.is_silent());
}

#[test]
fn a_folder_that_is_away_for_a_moment_ends_no_subscription() {
    let served = Served::start(ALL, "allowed_targets = [\"127.0.0.0/8\"]");
    let folder = served.site.directory.path().join("program");
    let (path, there) = (folder.join("events.sock"), Receiver::on("127.0.0.2:0"));
    std::fs::create_dir(&folder).expect("a folder");
    served.subscribe("E_TEST", &unix_socket(&path), json!({}));
    served.subscribe("E_TEST", &there.socket(), json!({}));
    // As that of a unit that is started anew.
    std::fs::remove_dir(&folder).expect("removed");
    let text = std::fs::read_to_string(served.site.config()).expect("a configuration");
    std::fs::write(served.site.config(), text.replace("127.0.0.0/8", "127.0.0.1/32")).expect("written");
    served.daemon.signal("HUP");
    served.daemon.logged(&["unsubscribed", &there.socket()]);
    assert_eq!(served.sockets("E_TEST"), [unix_socket(&path)], "after a reload");
    let served = served.restarted();
    assert_eq!(served.sockets("E_TEST"), [unix_socket(&path)], "after a start");
    std::fs::create_dir(&folder).expect("a folder");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    served.raise("E_TEST", "");
    assert!(receive(&socket, PATIENCE).is_some());
}

#[test]
fn what_has_ended_while_nobody_served_is_forgotten() {
    let served = Served::open();
    let (living, over) = (Receiver::bind(), Receiver::bind());
    served.subscribe("E_TEST", &living.socket(), json!({}));
    served.subscribe("E_TEST", &over.socket(), json!({}));
    let site = served.stopped();
    let sql = "update em_evi_subscription set expires = '2020-01-01 00:00:00.000000' where socket = ?1";
    assert_eq!(site.database().execute(sql, [over.socket()]).expect("a statement"), 1);
    let served = Served::again(site);
    let stored = || -> i64 {
        let sql = "select count(*) from em_evi_subscription";
        served.site.database().query_row(sql, [], |row| row.get(0)).expect("a count")
    };
    eventually("one is left", || (stored() == 1).then_some(()));
    assert_eq!(served.sockets("E_TEST"), [living.socket()]);
}

#[test]
fn a_reload_also_takes_away_who_is_being_stored() {
    let served = Served::start(ALL, "allowed_targets = [\"127.0.0.0/8\"]");
    let (here, there) = (Receiver::bind(), Receiver::on("127.0.0.2:0"));
    let database = served.site.database();
    database.execute_batch("begin immediate").expect("a lock");
    let params = json!({"event": "E_TEST", "socket": there.socket()});
    let ask = || served.post(&crate::program::request("event_subscribe", params.clone()), "").json();
    assert_eq!(ask()["error"]["code"], 503, "it waits to be stored");
    let text = std::fs::read_to_string(served.site.config()).expect("a configuration");
    std::fs::write(served.site.config(), text.replace("127.0.0.0/8", "127.0.0.1/32")).expect("written");
    served.daemon.signal("HUP");
    eventually("it is reloaded", || (ask()["error"]["code"] == 400).then_some(()));
    database.execute_batch("rollback").expect("unlocked");
    served.daemon.logged(&["unsubscribed", &there.socket()]);
    eventually("the store is back", || {
        let here = json!({"event": "E_TEST", "socket": here.socket()});
        (served.json("event_subscribe", here)["result"] == "OK").then_some(())
    });
    assert_eq!(served.sockets("E_TEST"), [here.socket()]);
}

#[test]
fn a_crash_costs_no_subscription() {
    // Where it listens is told to the log, which is not read here.
    let free = UdpSocket::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
    let site = Site::new(&format!("\n{ALL}[evi]\nudp = \"{free}\"\n"));
    let daemon = Inside::start(&site);
    let (asking, receiver) = (UdpSocket::bind("127.0.0.1:0").expect("a free port"), Receiver::bind());
    asking.set_read_timeout(Some(SILENCE)).expect("a timeout");
    let ask = |request: &str| {
        eventually(request, || {
            asking.send_to(request.as_bytes(), free).expect("sent");
            let mut buffer = [0; 1_000];
            let length = asking.recv(&mut buffer).ok()?;
            (&buffer[..length] == b"200 OK\n\n").then_some(())
        });
    };
    ask(&format!(":event_subscribe:\nE_TEST\n{}\n60\n", receiver.socket()));
    for number in 1..=2 {
        daemon.crash("topics/evi");
        ask(&format!(":raise_event:\nE_TEST\nn::{number}\n"));
        eventually("it comes", || receiver.next().contains(&format!("\"n\":\"{number}\"")).then_some(()));
    }
    assert_eq!(daemon.get("/healthz").status, 200);
}
