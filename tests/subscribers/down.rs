//! Where the daemon is down `list` and `show` read the store, of both kinds, also one that only the Erlang release has used.

use crate::given::*;
use crate::support::daemon::{Site, eventually};
use crate::support::documents::{add_to, set_phone};
use crate::support::peers::Peers;
use crate::support::postgres::{Server, execute};
use rusqlite::Connection;
use serde_json::Value;

const DOWN: &str = "the daemon is down; read from the store (";

/// `subscribers …` about a site: what is said on standard output and on standard error, with the exit code.
fn subscribers(site: &Site, url: &str, args: &[&str]) -> (Option<i32>, String, String) {
    let config = site.config().display().to_string();
    let output = program(&[&["subscribers"], args, &["--config", &config, "--url", url]].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn said(site: &Site, url: &str, args: &[&str]) -> Value {
    let (code, out, error) = subscribers(site, url, &[args, &["--json"]].concat());
    assert_eq!(code, Some(0), "{error}");
    serde_json::from_str(&out).expect("JSON alone")
}

/// An address where nobody listens.
fn nobody() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
    format!("http://{free}")
}

#[test]
fn the_store_is_read_where_the_daemon_is_down() {
    let server = Server::start();
    for store in [String::new(), format!("[store]\nevents = {:?}\n", server.create_database())] {
        let peers = Peers::start();
        let site = Site::new(&(peers.config("") + &store));
        let daemon = site.start();
        peers.broadworks.send(&add_to(1, "KNI", ANNA));
        peers.broadworks.send(&set_phone(2, ANNA, PHONE));
        peers.broadworks.send(&add_to(3, "KNI", "bo@tele.gl"));
        eventually("all have completed", || {
            (json(&daemon, "/api/v1/status")["events"]["completed"] == 3).then_some(())
        });
        let questions: [&[&str]; 6] = [
            &["list"],
            &["list", "ann"],
            &["list", "+299 32 10 44"],
            &["list", "--group", "KNI", "--limit", "1"],
            &["list", "nobody"],
            &["show", ANNA],
        ];
        let url = format!("http://{}", daemon.http);
        let live = questions.map(|args| said(&site, &url, args));
        let (_, shown, _) = subscribers(&site, &url, &["show", ANNA]);
        assert_eq!(daemon.terminate(), Some(0));

        let url = nobody();
        assert_eq!(questions.map(|args| said(&site, &url, args)), live);
        let found = |index: usize| live[index]["subscribers"].as_array().map(Vec::len);
        assert_eq!([0, 1, 2, 3, 4].map(found), [2, 1, 1, 1, 0].map(Some), "{live:?}");
        let (code, out, error) = subscribers(&site, &url, &["show", ANNA]);
        assert!(code == Some(0) && error.contains(DOWN), "{error}");
        assert!(out.contains(" 1. done      hss set tel:+299321044"), "{out}");
        let without_ages = |text: &str| {
            let lines = text.lines().filter(|line| !line.ends_with(" ago"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(without_ages(&out), without_ages(&shown));
        let (code, _, error) = subscribers(&site, &url, &["show", "nobody"]);
        assert!(code == Some(1) && error.contains("no subscriber \"nobody\""), "{error}");
        let (code, _, error) = subscribers(&site, &url, &["reprovision", ANNA, "--plan"]);
        assert!(code == Some(1) && error.contains("no daemon answers at"), "{error}");
    }
}

/// A subscriber in the tables as the Erlang release made them.
const RELEASE: &str = "
    create table em_event (id integer primary key, user_id varchar(255), command varchar(255), event text,
        status varchar(32), inserted timestamp);
    create table srd_user (id varchar(255) primary key, group_id varchar(255), sipurl varchar(255),
        user_type varchar(32), phonecontext varchar(64), association_id varchar(64), e164 varchar(32),
        vmail_user varchar(255), vmail_password varchar(255), blf_user varchar(255), created timestamp,
        updated timestamp);
    insert into em_event (id, user_id, command, event, status, inserted)
        values (1, 'anna@tele.gl', 'UserDeleteRequest', '<a/>', 'completed', '2026-03-01 12:00:00');
    insert into srd_user (id, group_id, user_type, e164, vmail_password)
        values ('anna@tele.gl', 'KNI', 'user', '321044', 'hemmelig');";

#[test]
fn rows_that_only_the_erlang_release_has_written_are_shown_without_events() {
    let server = Server::start();
    let url = server.create_database();
    for store in [String::new(), format!("[store]\nevents = {url:?}\n")] {
        let site = Site::new(&(Peers::start().config("") + &store));
        if store.is_empty() {
            let database = Connection::open(site.directory.path().join("events.db")).expect("a database");
            database.execute_batch(RELEASE).expect("tables");
        } else {
            execute(&url, RELEASE).expect("tables");
        }
        assert_eq!(said(&site, &nobody(), &["list", PHONE])["subscribers"][0]["user"], ANNA);
        assert_eq!(said(&site, &nobody(), &["list", "--group", "KNI"])["subscribers"][0]["phone"], PHONE);
        let (code, out, error) = subscribers(&site, &nobody(), &["show", ANNA]);
        assert!(code == Some(0) && error.contains(DOWN), "{error}");
        assert!(out.contains("group            KNI") && out.contains("no events"), "{out}");
        let shown = said(&site, &nobody(), &["show", ANNA]).to_string();
        assert!(!out.contains("hemmelig") && !shown.contains("hemmelig"), "{out}{shown}");
    }
}
