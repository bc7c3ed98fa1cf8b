//! How much is logged.

use crate::given::World;
use crate::support::daemon::eventually;

#[test]
fn the_level_changes_with_the_file() {
    let world = World::start();
    assert!(!world.daemon.log().contains("DEBUG"));
    world.edit("level = \"info\"", "level = \"debug\"");
    world.append("[[broadworks]]\nname = \"as2\"\naddress = \"127.0.0.1:1\"\n");
    assert_eq!(world.reload(), "applied");
    world.logged(&["DEBUG", "connections/as2"]);
    world.change("level = \"debug\"", "level = \"info\"");
}

#[test]
fn an_operator_changes_the_level_until_the_next_reload_and_that_is_in_the_audit() {
    let world = World::start();
    let level = || {
        let answer: serde_json::Value =
            serde_json::from_str(&world.daemon.get("/api/v1/log").1).expect("JSON");
        (
            answer["level"].as_str().unwrap_or_default().to_owned(),
            answer["configured"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    assert_eq!(level(), pair("info", "info"));
    let answer = world.post("/api/v1/log", "{\"level\":\"debug\",\"reason\":\"ticket 4711\"}");
    assert_eq!((answer.status, answer.json()["level"].as_str()), (200, Some("debug")), "{}", answer.body);
    assert_eq!(level(), pair("debug", "info"));
    let audit = world.daemon.get("/api/v1/audit").1;
    assert!(audit.contains("info → debug: ticket 4711") && audit.contains("\"act\":\"log\""), "{audit}");
    world.append("[[broadworks]]\nname = \"as2\"\naddress = \"127.0.0.1:1\"\n");
    assert_eq!(world.reload(), "applied");
    assert_eq!(level(), pair("info", "info"));
}

#[test]
fn a_level_that_is_none_is_refused_and_changes_nothing() {
    let world = World::start();
    let status = |body: &str| world.post("/api/v1/log", body).status;
    assert_eq!(status("{\"level\":\"loud\"}"), 400);
    assert_eq!(status("{\"level\":7}"), 400);
    assert_eq!(status("{}"), 400);
    assert_eq!(status(""), 400);
    assert_eq!(status("{\"level\":\"info\",\"for\":1}"), 400);
    assert!(world.daemon.get("/api/v1/log").1.contains("\"level\":\"info\""));
    assert!(world.daemon.get("/api/v1/audit").1.contains("\"acts\":[]"));
}

/// Whether the level is set, and whether the audit says so.
fn is_set(world: &World) -> (bool, bool) {
    let (level, audit) = (world.daemon.get("/api/v1/log").1, world.daemon.get("/api/v1/audit").1);
    (level.contains("\"level\":\"debug\""), audit.contains("→ debug"))
}

#[test]
fn a_level_that_cannot_be_recorded_in_time_is_set_when_it_can() {
    let world = World::start();
    let lock = world.site.database();
    lock.execute_batch("begin immediate").expect("a lock");
    let answer = world.post("/api/v1/log", "{\"level\":\"debug\"}");
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.body.contains("as soon as it can be stored"), "{}", answer.body);
    assert_eq!(is_set(&world), (false, false));
    lock.execute_batch("rollback").expect("unlocked");
    eventually("it is set, and recorded", || (is_set(&world) == (true, true)).then_some(()));
}
