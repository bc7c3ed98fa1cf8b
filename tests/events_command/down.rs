//! Where the daemon is down the store is read, of both kinds, also one that only the Erlang release has used.

use crate::given::*;
use crate::support::daemon::{Site, eventually};
use crate::support::documents::{add, set_phone};
use crate::support::peers::Peers;
use crate::support::postgres::{Server, execute, query};
use rusqlite::Connection;
use std::path::Path;
use std::sync::OnceLock;

static SERVER: OnceLock<Server> = OnceLock::new();

fn postgres() -> String {
    SERVER.get_or_init(Server::start).create_database()
}

/// Where nobody listens.
fn nobody() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
    format!("http://{free}")
}

/// `events …` of a daemon that is down.
fn down(config: &Path, args: &[&str]) -> Said {
    let url = nobody();
    run(&[&["events"], args, &["--config", config.to_str().expect("text"), "--url", &url]].concat())
}

const DOWN: &str = "the daemon is down; read from the store (";

#[test]
fn the_store_is_read_where_the_daemon_is_down() {
    for store in [String::new(), format!("[store]\nevents = {:?}\n", postgres())] {
        let peers = Peers::start();
        let site = Site::new(&(peers.config("") + &store));
        let daemon = site.start();
        eventually("connected", || (daemon.metric("eventmanager_connection_up", "") == 1.0).then_some(()));
        peers.broadworks.send(&add(1, "anna@tele.gl"));
        peers.broadworks.send(&set_phone(2, "bo@tele.gl", "+299-321055"));
        eventually("both have ended", || {
            let status: serde_json::Value = serde_json::from_str(&daemon.get("/api/v1/status").1).ok()?;
            let ended = |word: &str| status["events"][word].as_u64();
            (ended("completed") == Some(1) && ended("failed") == Some(1)).then_some(())
        });
        let live = events(&format!("http://{}", daemon.http), &["list", "--json"]).json();
        let shown = events(&format!("http://{}", daemon.http), &["show", "1", "--json"]).json();
        assert_eq!(daemon.terminate(), Some(0));

        let config = site.config();
        let said = down(&config, &["list", "--json"]);
        assert_eq!(said.json(), live, "{said:?}");
        assert!(said.error.contains(DOWN), "{said:?}");
        down(&config, &["list", "--status", "failed"]).check(0, &[DOWN, "2   failed"]);
        let said = down(&config, &["list", "--limit", "1", "--text", "TELE.GL", "--json"]);
        assert_eq!((&said.json()["events"][0]["id"], &said.json()["more"]), (&2.into(), &true.into()));
        assert_eq!(down(&config, &["list", "--all", "--json"]).out.lines().count(), 2);
        let mut said = down(&config, &["show", "1", "--json"]).json();
        said["acts"] = shown["acts"].clone();
        assert_eq!(said, shown);
        down(&config, &["show", "2"]).check(0, &[DOWN, "about        bo@tele.gl", "is not known"]);
        down(&config, &["plan", "1"]).check(1, &[DOWN, "fails: subscriber \"anna@tele.gl\" exists already"]);
        down(&config, &["show", "4711"]).check(4, &[DOWN, "there is no event 4711"]);
        down(&config, &["plan", "4711"]).check(4, &[DOWN]);
        let url = nobody();
        let said = run(&["status", "--config", config.to_str().expect("text"), "--url", &url]);
        said.check(0, &[DOWN, "DOWN\n", "0 pending, 1 failed, 1 completed, 0 ignored"]);
        let said = run(&["status", "--json", "--config", config.to_str().expect("text"), "--url", &url]);
        assert_eq!((&said.json()["up"], &said.json()["events"]["failed"]), (&false.into(), &1.into()));
    }
}

#[test]
fn acts_want_the_daemon_and_change_nothing_without_it() {
    let site = Site::new("");
    assert_eq!(site.start().terminate(), Some(0));
    let before = std::fs::read(site.directory.path().join("events.db")).expect("the database");
    let acts: [&[&str]; 3] =
        [&["retry", "1"], &["resolve", "1", "--reason", "r"], &["retry", "--status", "failed", "--yes"]];
    for args in acts {
        let said = down(&site.config(), args);
        said.check(
            1,
            &["only a running daemon can", "no daemon answers at http://127.0.0.1:", "systemctl start"],
        );
    }
    assert_eq!(std::fs::read(site.directory.path().join("events.db")).expect("the database"), before);
}

#[test]
fn where_neither_daemon_nor_store_can_be_read_both_are_told() {
    let site = Site::new("");
    down(&site.config(), &["list"]).check(1, &["events.db is not there", "no daemon answers at"]);
    let said = events(&nobody(), &["list"]);
    said.check(1, &["no daemon answers at", "--config FILE"]);
    down(Path::new("/no/such/file"), &["list"]).check(1, &["/no/such/file", "no daemon answers at"]);
    // Secrets that only the daemon can read are no hindrance, but for a plan.
    assert_eq!(site.start().terminate(), Some(0));
    let text = std::fs::read_to_string(site.config()).expect("a file");
    let ema =
        "[ema]\nprimary = \"http://127.0.0.1:1/\"\nusername = \"u\"\npassword = \"file:${NO_SUCH}/ema\"\n";
    std::fs::write(site.config(), text + ema).expect("written");
    down(&site.config(), &["list"]).check(0, &[DOWN, "no such events"]);
}

/// The tables as the Erlang release made them, with two events.
fn release(id: &str) -> String {
    let document = add(1, "anna@tele.gl").replace('\'', "''");
    format!(
        "create table em_event (id {id}, user_id varchar(255), command varchar(255), event text, status varchar(32),
            inserted timestamp);
         create table srd_user (id varchar(255) primary key, group_id varchar(255), sipurl varchar(255),
            user_type varchar(32), phonecontext varchar(64), association_id varchar(64), e164 varchar(32),
            vmail_user varchar(255), vmail_password varchar(255), blf_user varchar(255), created timestamp,
            updated timestamp);
         insert into em_event (user_id, command, event, status, inserted)
            values ('admin@tele.gl', 'UserAddRequest17sp4', '{document}', 'failed', '2026-03-01 12:00:00');
         insert into em_event (user_id, command, event, status, inserted)
            values ('bo', 'UserDeleteRequest', '<a/>', 'pending', '2026-03-01 12:01:00');"
    )
}

#[test]
fn a_store_that_only_the_erlang_release_has_used_is_read_as_it_is() {
    let peers = Peers::start();
    let url = postgres();
    execute(&url, &release("serial primary key")).expect("tables");
    for store in [String::new(), format!("[store]\nevents = {url:?}\n")] {
        let site = Site::new(&(peers.config("") + &store));
        if store.is_empty() {
            let database = Connection::open(site.directory.path().join("events.db")).expect("a database");
            database.execute_batch(&release("integer primary key")).expect("tables");
        }
        let config = site.config();
        let listed = |args: &[&str]| -> Vec<i64> {
            let document = down(&config, &[&["list", "--json"], args].concat()).json();
            let events = document["events"].as_array().expect("a list").clone();
            events.iter().map(|event| event["id"].as_i64().expect("a number")).collect()
        };
        assert_eq!(listed(&[]), [2, 1]);
        assert_eq!(listed(&["--oldest-first", "--limit", "1"]), [1]);
        assert_eq!(listed(&["--status", "failed"]), [1]);
        assert_eq!(listed(&["--command", "UserAddRequest"]), [1]);
        assert_eq!(listed(&["--command", "UserAdd"]), [0; 0]);
        assert_eq!(listed(&["--user", "bo"]), [2]);
        assert_eq!(listed(&["--text", "ANNA@tele"]), [1]);
        assert_eq!(listed(&["--since", "1h"]), [0; 0]);
        down(&config, &["show", "1"])
            .check(0, &["event 1: UserAddRequest17sp4", "from         the Erlang release"]);
        down(&config, &["plan", "1"]).check(0, &["create_user"]);
        down(&config, &["plan", "2"]).check(1, &["event 2 cannot be planned: its document"]);
        let said = run(&["status", "--config", config.to_str().expect("text"), "--url", &nobody()]);
        said.check(0, &["0 pending, 1 failed, 0 completed, 0 ignored, 1 left pending by the Erlang release"]);
    }
    let sql = "select count(*) from information_schema.columns where table_name = 'em_event'";
    assert_eq!(query(&url, sql).expect("rows"), [[Some("6".to_owned())]], "nothing is added");
}
