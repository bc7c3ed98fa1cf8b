//! A file that is wrong.

use crate::given::World;
use crate::support::documents::add;

#[test]
fn a_bad_file_changes_nothing_and_every_error_is_told_with_its_line() {
    let world = World::start();
    let good = std::fs::read_to_string(world.site.config()).expect("a configuration");
    world.edit("level = \"info\"", "level = \"debug\"");
    world.edit("retry_max", "concurrency = 0\nretry_max");
    world.edit("password = \"emapass\"", "password = \"hunter2\"\npasswrd = \"hunter3\"");
    world.append("[[broadworks]]\nname = \"as2\"\n");
    assert_eq!(world.reload(), "refused");
    let file = world.site.config().display().to_string();
    let edited = std::fs::read_to_string(world.site.config()).expect("a configuration");
    let line = |text: &str| 1 + edited.lines().position(|line| line.starts_with(text)).expect("a line");
    for (start, key) in [("concurrency", "processing.concurrency"), ("passwrd", "ema.passwrd")] {
        world.logged(&["configuration refused", &format!("{file}:{}:", line(start)), key]);
    }
    world.logged(&["configuration refused", "broadworks.address: is missing"]);
    world.logged(&["reload refused: nothing has changed", "problems=3"]);
    assert_eq!(world.daemon.metric("eventmanager_reloads_total", "refused"), 1.0);
    let log = world.daemon.log();
    assert!(!log.contains("hunter") && !log.contains("DEBUG"), "{log}");
    world.peers.broadworks.send(&add(1, "anna@tele.gl"));
    world.site.wait_ended(1);
    assert_eq!(world.peers.broadworks.connections(), 1);

    std::fs::write(world.site.config(), good).expect("written");
    assert_eq!(world.reload(), "unchanged");
    std::fs::remove_file(world.site.config()).expect("removed");
    assert_eq!(world.reload(), "refused");
    world.logged(&["configuration refused", "cannot be read"]);
    assert_eq!(world.daemon.get("/healthz").0, 200);
}

#[test]
fn a_file_that_never_ends_its_reading_holds_nobody_up() {
    let world = World::start();
    let fifo = world.site.directory.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo");
    assert!(made.success());
    world.edit("password = \"emapass\"", &format!("password = \"file:{}\"", fifo.display()));
    world.daemon.signal("HUP");
    world.peers.broadworks.send(&add(1, "anna@tele.gl"));
    world.site.wait_ended(1);
    assert_eq!(world.daemon.get("/healthz").0, 200);
    // Not waited for at the end either.
    assert_eq!(world.daemon.terminate(), Some(0));
}
