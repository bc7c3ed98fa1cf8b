//! `eventmanager backup`: copies of the embedded databases, and what comes of putting one back.

mod support;

use rusqlite::{Connection, OpenFlags};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::daemon::{Daemon, PATIENCE, Site, eventually};
use support::documents::{add, password};
use support::http;
use support::peers::Peers;

fn command(site: &Site, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
    command.args(["backup", "--config"]).arg(site.config()).args(args);
    command
}

fn backup(site: &Site, args: &[&str]) -> (Option<i32>, String) {
    let output = command(site, args).output().expect("the program runs");
    let Output { status, stdout, stderr } = output;
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

fn file(site: &Site, name: &str) -> String {
    site.directory.path().join(name).display().to_string()
}

/// One number out of a copy, which is only read.
fn number(path: &str, sql: &str) -> i64 {
    let copy = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database");
    copy.query_row(sql, [], |row| row.get(0)).expect("a number")
}

fn act(daemon: &Daemon, act: &str) {
    let head = "Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 2";
    let request = format!("POST /api/v1/systems/hss/{act} HTTP/1.0\r\n{head}\r\n\r\n{{}}");
    // Until it has read the store nothing can be paused.
    eventually(act, || (http::send(daemon.http, &request).status == 200).then_some(()));
}

#[test]
fn a_copy_is_whole_while_events_stream_in_and_holds_nobody_up() {
    let peers = Peers::start();
    let site = Site::quiet(&peers.config(""));
    let daemon = site.start();
    for id in 0..500 {
        peers.broadworks.send(&add(id, &format!("u{id}@tele.gl")));
    }
    site.wait_ended(500);
    let is_over = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let mut id = 500;
            while !is_over.load(Ordering::Relaxed) {
                for _ in 0..50 {
                    peers.broadworks.send(&add(id, &format!("u{id}@tele.gl")));
                    id += 1;
                }
                site.wait_ended(id);
            }
            id
        });
        for copy in 0..3 {
            let target = file(&site, &format!("copy{copy}.db"));
            let (code, said) = backup(&site, &[&target]);
            assert_eq!(code, Some(0), "{said}");
            assert!(said.contains(&target) && said.contains("iB"), "{said}");
            assert_eq!(std::fs::metadata(&target).expect("a copy").permissions().mode() & 0o777, 0o600);
            assert!(number(&target, "select count(*) from em_event") >= 500);
            let unmatched = "select count(*) from em_event where status = 'completed'
                and not exists (select 1 from em_step where em_step.uuid = em_event.uuid and state = 'done')";
            assert_eq!(number(&target, unmatched), 0, "a completed event without its step");
            let rows = "select count(*) from srd_user where id not in (select subscriber from em_subject)";
            assert_eq!(number(&target, rows), 0, "a subscriber without its event");
        }
        is_over.store(true, Ordering::Relaxed);
        sending.join().expect("sent")
    });
    site.wait_ended(sent);
    assert_eq!(site.count(&["completed"]), sent);
    assert_eq!(daemon.get("/readyz").0, 200);
    let files: Vec<String> = std::fs::read_dir(site.directory.path())
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("copy"))
        .collect();
    assert_eq!(files.len(), 3, "nothing is left beside the copies: {files:?}");
}

#[test]
fn a_copy_ends_and_is_one_moment_however_much_is_written_meanwhile() {
    let site = Site::quiet("");
    let path = file(&site, "events.db");
    let database = Connection::open(&path).expect("a database");
    // Some tens of steps of the copy; each commit changes the first and the last page, and there are many between two steps.
    database
        .execute_batch(
            "pragma journal_mode = wal; pragma synchronous = off; create table em_event (id integer primary key, number integer, filler blob);
             with recursive n(id) as (select 1 union all select id + 1 from n where id < 10000)
             insert into em_event select id, 0, zeroblob(4000) from n",
        )
        .expect("filled");
    let (is_over, commits) = (&AtomicBool::new(false), &AtomicU64::new(0));
    let target = file(&site, "copy.db");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let both = "update em_event set number = number + 1 where id in (1, 10000)";
            while !is_over.load(Ordering::Relaxed) {
                database.execute_batch(both).expect("written");
                commits.fetch_add(1, Ordering::Relaxed);
            }
        });
        eventually("something is written", || (commits.load(Ordering::Relaxed) > 10).then_some(()));
        let before = commits.load(Ordering::Relaxed);
        let mut command = command(&site, &[&target]);
        let mut copying = command.stdout(Stdio::null()).spawn().expect("the program runs");
        let since = Instant::now();
        let code = loop {
            if let Some(code) = copying.try_wait().expect("a child") {
                break code.code();
            }
            if since.elapsed() > PATIENCE {
                copying.kill().expect("killed");
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(code, Some(0), "it does not end");
        assert!(commits.load(Ordering::Relaxed) > before + 10, "the copy holds nobody up");
    });
    assert_eq!(number(&target, "select count(*) from em_event"), 10_000);
    assert_eq!(number(&target, "select count(distinct number) from em_event where id in (1, 10000)"), 1);
}

#[test]
fn a_copy_that_another_program_has_locked_is_told_and_not_waited_for_for_ever() {
    let site = Site::new("");
    let daemon = site.start();
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    let copy = file(&site, "copy.db");
    let other = Connection::open(format!("{copy}.part")).expect("a database");
    other.execute_batch("create table other (id); begin exclusive").expect("locked");
    let (code, said) = backup(&site, &[&copy]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("locked by another program"), "{said}");
    assert!(!Path::new(&copy).exists());
}

#[test]
fn a_copy_that_is_put_back_goes_on_where_it_was_taken() {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let daemon = site.start();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    act(&daemon, "pause");
    peers.broadworks.send(&password(2, "anna@tele.gl", "hemmelig"));
    eventually("it waits", || (site.count(&["pending"]) == 1).then_some(()));
    let copy = file(&site, "copy.db");
    assert_eq!(backup(&site, &[&copy]).0, Some(0));
    act(&daemon, "resume");
    site.wait_ended(2);
    peers.broadworks.send(&add(3, "bo@tele.gl"));
    site.wait_ended(3);
    assert_eq!(daemon.terminate(), Some(0));

    // As docs/operations.md says it.
    for companion in ["events.db-wal", "events.db-shm"] {
        // An orderly stop leaves none.
        let _ = std::fs::remove_file(file(&site, companion));
    }
    std::fs::copy(&copy, file(&site, "events.db")).expect("put back");
    let daemon = site.start();
    eventually("it serves", || (daemon.get("/readyz").0 == 200).then_some(()));
    assert_eq!(site.events().len(), 2, "what came after the copy is not known any more");
    assert_eq!(site.count(&["pending"]), 1, "the system was paused when the copy was taken, and is again");
    let passwords = |peers: &Peers| peers.ema.calls().iter().filter(|call| call.operation == "Set").count();
    assert_eq!(passwords(&peers), 1);
    act(&daemon, "resume");
    site.wait_ended(2);
    assert_eq!(passwords(&peers), 2, "what was pending in the copy is sent again");
    assert_eq!(site.count(&["completed"]), 2);
    assert_eq!(peers.ema.holds(), (2, 0), "the core keeps what came after");
}

#[test]
fn subscribers_in_a_database_of_their_own_are_copied_beside() {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let path = site.config();
    let text = std::fs::read_to_string(&path).expect("a configuration");
    std::fs::write(&path, format!("{text}\n[store]\nsubscribers = \"sqlite:people.db\"\n")).expect("written");
    let daemon = site.start();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    // Also when the daemon is down.
    assert_eq!(daemon.terminate(), Some(0));
    let (code, said) = backup(&site, &[&file(&site, "copy.db")]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(number(&file(&site, "copy.db"), "select count(*) from em_event"), 1);
    assert_eq!(number(&file(&site, "copy-subscribers.db"), "select count(*) from srd_user"), 1);
}

#[test]
fn what_cannot_be_copied_is_told_and_leaves_nothing() {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let check = |args: &[&str], says: &str| {
        let (code, said) = backup(&site, args);
        assert_eq!(code, Some(1), "{args:?}: {said}");
        assert!(said.contains(says), "{says:?} is not in {said}");
    };
    let copy = file(&site, "copy.db");
    check(&[&copy], "there is no database");
    let daemon = site.start();
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    check(&["/no/such/directory/copy.db"], "/no/such/directory/copy.db.part");
    assert_eq!(backup(&site, &[&copy]).0, Some(0));
    std::fs::write(&copy, "precious").expect("written");
    check(&[&copy], "--force");
    assert_eq!(std::fs::read_to_string(&copy).expect("a file"), "precious");
    assert_eq!(backup(&site, &["--force", &copy]).0, Some(0));
    assert_eq!(number(&copy, "select count(*) from em_event"), 0);

    // One that was killed has left its part; another one still writes.
    std::fs::write(format!("{copy}.part"), "half").expect("written");
    assert_eq!(backup(&site, &["--force", &copy]).0, Some(0));
    let other = std::fs::File::create(format!("{copy}.part")).expect("made");
    other.lock().expect("locked");
    check(&["--force", &copy], "another backup");
    drop(other);
    std::fs::remove_file(format!("{copy}.part")).expect("removed");

    // A file that is no database is not copied in silence.
    assert_eq!(daemon.terminate(), Some(0));
    std::fs::write(file(&site, "events.db"), "").expect("written");
    check(&[&file(&site, "other.db")], "holds neither events nor subscribers");
    std::fs::write(file(&site, "events.db"), "this is no database at all".repeat(1000)).expect("written");
    check(&[&file(&site, "other.db")], "not a database");
    assert!(
        !Path::new(&file(&site, "other.db")).exists() && !Path::new(&file(&site, "other.db.part")).exists()
    );
}

#[test]
fn a_copy_never_takes_the_place_of_the_database_itself() {
    let site = Site::new("");
    let daemon = site.start();
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    let database = site.database().path().expect("a file").to_owned();
    let link = file(&site, "link.db");
    std::os::unix::fs::symlink(&database, &link).expect("a link");
    // Its companions are parts of it, whether they are there at the moment or not.
    let companions = ["", "-wal", "-shm", "-journal", ".lock"].map(|name| format!("{database}{name}"));
    for target in companions.iter().chain([&link]) {
        let (code, said) = backup(&site, &["--force", target]);
        assert_eq!(code, Some(1), "{target}: {said}");
        assert!(said.contains("is the database itself, or a part of it"), "{target}: {said}");
    }
    assert_eq!(daemon.get("/readyz").0, 200);
}

#[test]
fn postgresql_has_a_tool_of_its_own() {
    let site = Site::new("[store]\nevents = \"postgresql://em:s3cret@db.example.net/em\"\n");
    let (code, said) = backup(&site, &[&file(&site, "copy.db")]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("pg_dump") && !said.contains("s3cret"), "{said}");
    let mixed = "[store]\nevents = \"sqlite:events.db\"\nsubscribers = \"postgresql://em:s3cret@db.example.net/em\"\n";
    let site = Site::new(mixed);
    Connection::open(file(&site, "events.db"))
        .expect("a database")
        .execute_batch("create table em_event (id)")
        .expect("made");
    let (code, said) = backup(&site, &[&file(&site, "copy.db")]);
    assert_eq!(code, Some(1), "a half is no whole backup: {said}");
    assert!(said.contains("pg_dump") && Path::new(&file(&site, "copy.db")).exists(), "{said}");
}
