//! Little room on the disk, and none.

mod support;

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::daemon::{Daemon, Site, eventually};
use support::documents::add;
use support::peers::Peers;
use support::postgres::{Cluster, execute, query};
use support::rights::skip;

/// Stands before the C library's functions with which SQLite writes: as long as the file `$NO_ROOM` exists, whatever would
/// make a file longer finds no room, as on a file system that is full.
const NO_ROOM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_refused(int file, off64_t end) {
    struct stat64 found;
    int before = errno;
    const char *sign = getenv("NO_ROOM");
    int refused = sign && access(sign, F_OK) == 0 && fstat64(file, &found) == 0 && S_ISREG(found.st_mode)
        && end > found.st_size;
    errno = refused ? ENOSPC : before;
    return refused;
}

#define NEXT(name, type) ((type)dlsym(RTLD_NEXT, name))
typedef ssize_t (*writer)(int, const void *, size_t);
typedef ssize_t (*placer)(int, const void *, size_t, off64_t);
typedef int (*cutter)(int, off64_t);
typedef int (*taker)(int, off64_t, off64_t);

ssize_t write(int file, const void *bytes, size_t length) {
    off64_t at = lseek64(file, 0, SEEK_CUR);
    return at >= 0 && is_refused(file, at + length) ? -1 : NEXT("write", writer)(file, bytes, length);
}
ssize_t pwrite(int file, const void *bytes, size_t length, off_t at) {
    return is_refused(file, at + length) ? -1 : NEXT("pwrite", placer)(file, bytes, length, at);
}
ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at) {
    return is_refused(file, at + length) ? -1 : NEXT("pwrite64", placer)(file, bytes, length, at);
}
int ftruncate64(int file, off64_t end) {
    return is_refused(file, end) ? -1 : NEXT("ftruncate64", cutter)(file, end);
}
int posix_fallocate64(int file, off64_t at, off64_t length) {
    return is_refused(file, at + length) ? ENOSPC : NEXT("posix_fallocate64", taker)(file, at, length);
}
"#;

/// Compiles it; its library.
fn compile_no_room(directory: &Path) -> PathBuf {
    let (source, library) = (directory.join("no_room.c"), directory.join("no_room.so"));
    std::fs::write(&source, NO_ROOM).expect("written");
    let made = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).args([&library, &source]).output();
    let made = made.expect("a C compiler, with which SQLite is built as well");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    library
}

/// A file system of a few megabytes. Dropping it unmounts it.
struct Small(PathBuf);

impl Small {
    /// `None` where this process may not mount anything.
    fn mount(at: PathBuf) -> Option<Small> {
        std::fs::create_dir(&at).expect("a directory");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "none"]).arg(&at).output();
        mount.is_ok_and(|mount| mount.status.success()).then(|| Small(at))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: something may still have a file open there.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Takes all the room there is.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).expect("a file");
    while file.write_all(&[0; 4096]).is_ok() {}
    while file.write_all(&[0]).is_ok() {}
}

fn health(daemon: &Daemon) -> (u16, serde_json::Value) {
    let (status, body) = daemon.get("/readyz");
    (status, serde_json::from_str(&body).expect("JSON"))
}

#[track_caller]
fn wait_low(daemon: &Daemon, low: bool) {
    eventually(&format!("low is {low}"), || (health(daemon).1["disks"][0]["low"] == low).then_some(()));
}

/// Stores events, lets `take` the room, sends more, lets `give` it back: not one event is lost.
fn outlast(
    daemon: Daemon,
    site: &Site,
    peers: &Peers,
    take: impl Fn(&Daemon),
    give: impl Fn(&Daemon),
) -> Daemon {
    (0..20).for_each(|id| peers.broadworks.send(&add(id, &format!("u{id}@tele.gl"))));
    site.wait_ended(20);
    take(&daemon);
    (20..200).for_each(|id| peers.broadworks.send(&add(id, &format!("u{id}@tele.gl"))));
    eventually("it says that it cannot store", || (health(&daemon).0 == 503).then_some(()));
    assert_eq!(daemon.get("/healthz").0, 200);
    assert_eq!(daemon.metric("eventmanager_actor_restarts_total", ""), 0.0);
    give(&daemon);
    site.wait_ended(200);
    assert_eq!(site.count(&["completed"]), 200, "{:?}", site.events());
    assert_eq!(peers.ema.holds(), (200, 0));
    eventually("it is ready", || (health(&daemon).0 == 200).then_some(()));
    daemon
}

/// Also where nothing can be mounted: for an unprivileged user, or in a container.
#[test]
fn writes_that_find_no_room_lose_no_event() {
    let peers = Peers::start();
    let site = Site::quiet(&peers.config(""));
    let library = compile_no_room(site.directory.path());
    let sign = site.directory.path().join("full");
    let mut program = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
    let program = program.args(["run", "--config"]).arg(site.config()).env("RUST_LOG", "");
    let daemon = Daemon::start_with(program.env("LD_PRELOAD", library).env("NO_ROOM", &sign));
    let take = |_: &Daemon| std::fs::write(&sign, "").expect("written");
    let give = |daemon: &Daemon| {
        let (_, health) = health(daemon);
        let reason = health["store"]["events"]["reason"].to_string();
        assert!(reason.contains("full"), "{health}");
        std::fs::remove_file(&sign).expect("removed");
    };
    outlast(daemon, &site, &peers, take, give);
}

#[test]
fn a_full_disk_loses_no_event_and_is_told_before_and_after() {
    let peers = Peers::start();
    let site = Site::quiet("");
    let Some(small) = Small::mount(site.directory.path().join("small")) else {
        return skip(
            "a_full_disk_loses_no_event_and_is_told_before_and_after",
            "root, to mount a file system",
        );
    };
    let database = small.0.join("events.db");
    // Where the test looks for it.
    std::os::unix::fs::symlink(&database, site.directory.path().join("events.db")).expect("a link");
    let text = std::fs::read_to_string(site.config()).expect("a configuration") + &peers.config("");
    let store = format!("\n[store]\nevents = \"sqlite:{}\"\ndisk_low = \"2MiB\"\n", database.display());
    std::fs::write(site.config(), text + &store).expect("written");
    let filler = small.0.join("filler");
    let take = |daemon: &Daemon| {
        wait_low(daemon, false);
        fill(&filler);
        wait_low(daemon, true);
    };
    let daemon =
        outlast(site.start(), &site, &peers, take, |_| std::fs::remove_file(&filler).expect("removed"));
    wait_low(&daemon, false);
    assert!(daemon.metric("eventmanager_disk_free_bytes", "small") > 2e6);
    daemon.logged(&["disk no longer low"]);
    let log = daemon.log();
    assert_eq!(log.matches("disk low").count(), 1, "{log}");
    assert_eq!(log.matches("disk no longer low").count(), 1, "{log}");
    assert!(log.contains("full"), "{log}");
    drop(daemon);
}

/// What is written there goes to a file system that is full, while the server itself has room.
#[test]
fn a_full_disk_of_postgresql_loses_no_event() {
    let cluster = Cluster::start();
    let Some(small) = Small::mount(cluster.directory().join("small")) else {
        return skip("a_full_disk_of_postgresql_loses_no_event", "root, to mount a file system");
    };
    let owner = std::fs::metadata(cluster.directory()).expect("a directory");
    std::os::unix::fs::chown(&small.0, Some(owner.uid()), Some(owner.gid())).expect("given to the server");
    let url = cluster.url("postgres");
    execute(&url, &format!("create tablespace small location '{}'", small.0.display()))
        .expect("a tablespace");
    execute(&url, "alter database postgres set default_tablespace = small").expect("altered");
    let peers = Peers::start();
    let site = Site::quiet(&format!("{}\n[store]\nevents = {url:?}\n", peers.config("")));
    let daemon = site.start();
    let completed = |count: usize| {
        let sql = "select count(*)::text from em_event where status = 'completed'";
        eventually(&format!("{count} have completed"), || {
            let rows = query(&url, sql).ok()?;
            (rows[0][0].as_deref() == Some(&*count.to_string())).then_some(())
        });
    };
    (0..20).for_each(|id| peers.broadworks.send(&add(id, &format!("u{id}@tele.gl"))));
    completed(20);
    let filler = small.0.join("filler");
    fill(&filler);
    (20..400).for_each(|id| peers.broadworks.send(&add(id, &format!("u{id}@tele.gl"))));
    eventually("it says that it cannot store", || (health(&daemon).0 == 503).then_some(()));
    daemon.logged(&["No space left on device"]);
    assert_eq!(daemon.get("/healthz").0, 200);
    assert_eq!(daemon.metric("eventmanager_actor_restarts_total", ""), 0.0);
    std::fs::remove_file(&filler).expect("removed");
    completed(400);
    assert_eq!(peers.ema.holds(), (400, 0));
    eventually("it is ready", || (health(&daemon).0 == 200).then_some(()));
}

#[test]
fn a_file_that_may_not_grow_loses_no_event() {
    let peers = Peers::start();
    let site = Site::quiet(&peers.config(""));
    let limit = |daemon: &Daemon, bytes: &str| {
        let pid = daemon.id().to_string();
        let limited = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:")]).status();
        assert!(limited.expect("prlimit").success());
    };
    outlast(site.start(), &site, &peers, |daemon| limit(daemon, "8192"), |daemon| limit(daemon, "unlimited"));
}

#[test]
fn little_room_is_no_reason_to_take_no_events() {
    let peers = Peers::start();
    let site = Site::quiet(&(peers.config("") + "\n[store]\ndisk_low = \"100%\"\n"));
    let daemon = site.start();
    wait_low(&daemon, true);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    assert_eq!(health(&daemon).0, 200);
    assert_eq!(daemon.metric("eventmanager_disk_low", ""), 1.0);
    let url = format!("http://{}", daemon.http);
    check_status(&site, &url);
    // It may be why the daemon is down.
    assert_eq!(daemon.terminate(), Some(0));
    check_status(&site, &url);
}

/// `eventmanager status`, asking the daemon at `url` or the store, tells that there is little room.
#[track_caller]
fn check_status(site: &Site, url: &str) {
    let status = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
        let command = command.args(["status", "--url", url, "--config"]).arg(site.config()).args(args);
        command.output().expect("the program runs").stdout
    };
    let said = String::from_utf8(status(&[])).expect("text");
    let at = format!("MiB free at {}", site.directory.path().display());
    let line = said.lines().find(|line| line.starts_with("disk         LOW: "));
    assert!(line.is_some_and(|line| line.contains(&at)), "{said}");
    let said: serde_json::Value = serde_json::from_slice(&status(&["--json"])).expect("JSON");
    let disk = &said["disks"][0];
    assert!(disk["low"] == true && disk["free_bytes"].as_u64().is_some_and(|free| free > 0), "{said}");
}
