//! What is stored survives the loss of power: how the connections that write are set, as they say themselves.
//!
//! Triggers ask the running daemon's own connection within its own transactions; what is written down there is compared.

mod support;

use rusqlite::Connection;
use std::path::{Path, PathBuf};
use support::daemon::{Daemon, Site, eventually};
use support::documents::{add, set_phone};
use support::peers::Peers;
use support::postgres::{Cluster, execute, query};

fn open(path: &Path) -> Connection {
    let database = Connection::open(path).expect("the database");
    database.busy_timeout(support::daemon::PATIENCE).expect("a timeout");
    database
}

/// From now on every write to `table` writes down how the connection is set that does it.
fn watch_file(path: &Path, table: &str) {
    let database = open(path);
    database
        .execute_batch("create table if not exists seen (journal text, synchronous integer)")
        .expect("a table");
    for event in ["insert", "update"] {
        let trigger = format!(
            "create trigger seen_{table}_{event} after {event} on {table} begin
                insert into seen select journal_mode, synchronous from pragma_journal_mode, pragma_synchronous;
             end"
        );
        database.execute_batch(&trigger).expect("a trigger");
    }
}

/// What has been written down since the last time.
fn take_seen(path: &Path) -> Vec<(String, i64)> {
    let database = open(path);
    let seen = {
        let mut statement = database.prepare("select journal, synchronous from seen").expect("a statement");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        rows.collect::<Result<Vec<_>, _>>().expect("rows")
    };
    database.execute("delete from seen", []).expect("deleted");
    seen
}

/// Every write since the last time was one to a write-ahead log that is flushed at each commit; 2 is `full`.
#[track_caller]
fn check_file(path: &Path, when: &str) {
    let seen = take_seen(path);
    assert!(!seen.is_empty(), "{when}: nothing was written to {}", path.display());
    assert!(
        seen.iter().all(|(journal, synchronous)| journal == "wal" && *synchronous >= 2),
        "{when}: {seen:?}"
    );
}

/// Puts a copy in the place of a file, so that its writer must connect anew.
fn replace(path: &Path) {
    let copy = path.with_extension("copy");
    open(path).execute("vacuum into ?1", [copy.to_str().expect("text")]).expect("copied");
    for suffix in ["-wal", "-shm"] {
        // They are there only while something is in them.
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
    std::fs::rename(copy, path).expect("replaced");
}

#[test]
fn the_default_store_flushes_every_commit_also_after_it_has_connected_anew() {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let path = |name: &str| -> PathBuf { site.directory.path().join(name) };
    let (events, subscribers) = (path("events.db"), path("subscribers.db"));
    let store = format!(
        "[store]\nevents = \"sqlite:{}\"\nsubscribers = \"sqlite:{}\"\n",
        events.display(),
        subscribers.display()
    );
    let text = std::fs::read_to_string(site.config()).expect("a configuration");
    std::fs::write(site.config(), text + &store).expect("written");
    let daemon = site.start();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    watch_file(&events, "em_event");
    watch_file(&events, "em_step");
    watch_file(&subscribers, "srd_user");
    let write = |id: u64, phone: &str, when: &str| {
        peers.broadworks.send(&set_phone(id, "anna@tele.gl", phone));
        site.wait_ended(id);
        check_file(&events, when);
        check_file(&subscribers, when);
    };
    write(2, "321044", "since the start");
    [&events, &subscribers].into_iter().for_each(|file| replace(file));
    write(3, "321045", "connected anew");
    let log = daemon.log();
    assert!(log.matches("the file was removed or replaced").count() >= 2, "both have connected anew: {log}");
    assert_eq!(site.count(&["completed"]), 3, "{:?}", site.events());
}

/// Value and session of every write since the last time.
fn take_sessions(url: &str) -> Vec<(String, String)> {
    let rows = query(url, "delete from seen returning setting, session").expect("rows");
    let text = |value: &Option<String>| value.clone().expect("a value");
    rows.iter().map(|row| (text(&row[0]), text(&row[1]))).collect()
}

const WATCH: &str = "create table seen (setting text, session int);
    create function see() returns trigger language plpgsql as
        'begin insert into seen select current_setting(''synchronous_commit''), pg_backend_pid(); return null; end';
    create trigger seen after insert or update on em_event for each row execute function see();
    create trigger seen after insert or update on em_step for each row execute function see();
    create trigger seen after insert or update on srd_user for each row execute function see();";

/// Each of the three says `off` to everybody who does not ask for something else.
const DEFAULTS: [&str; 3] = [
    "alter system set synchronous_commit = off",
    "alter database postgres set synchronous_commit = off",
    "alter role postgres set synchronous_commit = off",
];

fn is_ready(daemon: &Daemon) -> Option<()> {
    (daemon.get("/readyz").0 == 200).then_some(())
}

#[test]
fn postgresql_flushes_every_commit_of_ours_even_where_its_default_is_not_to() {
    let cluster = Cluster::start();
    let url = cluster.url("postgres");
    for sql in DEFAULTS.into_iter().chain(["select pg_reload_conf()"]) {
        execute(&url, sql).expect("altered");
    }
    eventually("the default is off", || {
        (query(&url, "show synchronous_commit").ok()?.concat() == [Some("off".to_owned())]).then_some(())
    });
    let peers = Peers::start();
    let site = Site::new(&(peers.config("") + &format!("[store]\nevents = {url:?}\n")));
    let daemon = site.start();
    eventually("it is ready", || is_ready(&daemon));
    execute(&url, WATCH).expect("triggers");
    let write = |id: u64, document: &str| -> String {
        peers.broadworks.send(document);
        eventually("the event ends", || {
            let sql = "select count(*) from em_event where status = 'completed'";
            (query(&url, sql).ok()?.concat() == [Some(id.to_string())]).then_some(())
        });
        let seen = take_sessions(&url);
        assert!(!seen.is_empty() && seen.iter().all(|(setting, _)| setting == "on"), "{seen:?}");
        seen[0].1.clone()
    };
    let first = write(1, &add(1, "anna@tele.gl"));
    execute(&url, &format!("select pg_terminate_backend({first})")).expect("terminated");
    eventually("that session has ended", || {
        let sql = format!("select 1 from pg_stat_activity where pid = {first}");
        query(&url, &sql).ok()?.is_empty().then_some(())
    });
    let second = write(2, &set_phone(2, "anna@tele.gl", "321044"));
    assert_ne!(first, second, "it has connected anew");
}
