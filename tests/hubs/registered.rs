//! Hubs come and go.

use crate::daemon::{Daemon, site};
use crate::peer::{management, peer};
use crate::receiver::{Receiver, Reply};
use eventmanager::matching::Pattern;
use eventmanager::topics::hubs::messages::{HubError, List, Register, Remove};
use std::time::{Duration, Instant};
use uuid::Uuid;

#[test]
fn the_same_topic_callback_filter_and_owner_are_the_same_hub() {
    let (site, receiver) = (site(), Receiver::start());
    let daemon = Daemon::of(&site, &[&receiver]);
    let (hub, was_there) = daemon.try_register("order", &receiver.url(), Some("a=1")).expect("registered");
    assert!(!was_there);
    assert_eq!(daemon.try_register("order", &receiver.url(), Some("?a=1")), Ok((hub.clone(), true)));
    let other = |topic: &str, url: &str, query: Option<&str>| daemon.register(topic, url, query);
    let others = [
        other("alarm", &receiver.url(), Some("a=1")),
        other("order", &format!("{}?x", receiver.url()), Some("a=1")),
        other("order", &receiver.url(), None),
    ];
    assert!(!others.contains(&hub.id));
    let owned =
        Register { topic: hub.topic, callback: hub.callback, query: hub.query, owner: "pss".to_owned() };
    let (owned, was_there) = daemon.ask(owned).expect("registered");
    assert!(!was_there && owned.id != hub.id);
    let not_his = Remove { id: hub.id, owner: Some("pss".to_owned()), actor: "pss".to_owned() };
    assert_eq!(daemon.ask(not_his), Err(HubError::NoSuchHub));
    assert_eq!(daemon.ask(List).len(), 5);
    daemon.remove(hub.id);
    assert_eq!(daemon.ask(List).len(), 4);
}

#[test]
fn a_callback_that_must_not_be_called_is_refused() {
    let (site, receiver) = (site(), Receiver::start());
    let mut strict = peer("127.0.0.1:9");
    strict.allow_private = false;
    let mut local = peer("localhost:9");
    local.allow_private = false;
    let mut secure = peer("127.0.0.2:9");
    secure.allow_http = false;
    let mut orders = peer("127.0.0.3:9");
    orders.topics = Pattern::parse("order").expect("a pattern");
    let metadata = peer("169.254.169.254:80");
    let daemon = Daemon::start(
        &site,
        management(vec![peer(receiver.address), strict, local, secure, orders, metadata]),
    );
    let check = |topic: &str, callback: &str, query: Option<&str>, expected: &str| {
        let refused = daemon.try_register(topic, callback, query).expect_err(callback);
        let word = format!("{refused:?}");
        assert!(word.starts_with(expected), "{callback}: {word}");
    };
    check("nothing", &receiver.url(), None, "UnknownTopic");
    check("order", "ftp://127.0.0.1/", None, "BadCallback");
    check("order", "http://anna@127.0.0.1/", None, "BadCallback");
    check("order", &receiver.url(), Some("a;b"), "BadQuery");
    check("order", "http://127.0.0.1:7/", None, "NotAllowed");
    check("order", "http://127.0.0.1:9/", None, "NotAllowed");
    check("order", "http://2130706433:9/", None, "BadCallback");
    check("order", "http://localhost:9/", None, "NotAllowed");
    check("order", "http://127.0.0.2:9/", None, "NotAllowed");
    check("alarm", "http://127.0.0.3:9/", None, "NotAllowed");
    check("order", "http://169.254.169.254/latest", None, "NotAllowed");
    daemon.register("order", "https://127.0.0.2:9/", None);
    daemon.register("order", "http://127.0.0.3:9/", None);
    let refused =
        daemon.try_register("order", "http://127.0.0.1:7/?token=s3cret", None).expect_err("refused");
    assert!(!format!("{refused:?}").contains("s3cret"), "{refused:?}");
}

#[test]
fn there_are_no_more_hubs_than_allowed() {
    let (site, receiver) = (site(), Receiver::start());
    let mut config = management(vec![peer(receiver.address)]);
    config.max_hubs = 3;
    let daemon = Daemon::start(&site, config);
    let register = |n: i32| daemon.try_register("order", &format!("{}?{n}", receiver.url()), None);
    let first = register(0).expect("registered").0.id;
    (1..3).for_each(|n| drop(register(n).expect("registered")));
    assert_eq!(register(3), Err(HubError::TooMany(3)));
    daemon.remove(first);
    register(3).expect("registered");
}

#[test]
fn with_a_hub_go_its_retries_and_what_is_stored_of_it() {
    let receiver = Receiver::scripted(|_, _| Reply::Status(500));
    let site = site();
    let daemon = Daemon::of(&site, &[&receiver]);
    let hub = daemon.register("order", &receiver.url(), None);
    daemon.hand_on("order", 1..=3);
    receiver.wait(3);
    daemon.remove(hub);
    let tried = receiver.count();
    receiver.answer(|_, _| Reply::Status(200));
    // Another hub at the same place shows that time has passed.
    daemon.register("order", &receiver.url(), None);
    daemon.hand_on("order", 11..=20);
    receiver.wait(tried + 10);
    assert_eq!(receiver.ns()[tried..], (11..=20).collect::<Vec<_>>());
    let rows = |table: &str, column: &str| -> i64 {
        let sql = format!("select count(*) from {table} where {column} like '%{hub}'");
        site.database().query_row(&sql, [], |row| row.get(0)).expect("a number")
    };
    assert_eq!((rows("em_hub_attempt", "hub"), rows("em_cursor", "reader"), rows("em_hub", "id")), (0, 0, 0));
    let unknown = Remove { id: Uuid::now_v7(), owner: None, actor: String::new() };
    assert_eq!(daemon.ask(unknown), Err(HubError::NoSuchHub));
}

#[test]
fn a_request_that_is_under_way_does_not_keep_its_hub() {
    // A stop of the daemon would wait two seconds for the answer.
    let receiver = Receiver::scripted(|_, _| Reply::Late(200, Duration::from_secs(4)));
    let site = site();
    let daemon = Daemon::of(&site, &[&receiver]);
    let hub = daemon.register("order", &receiver.url(), None);
    daemon.hand_on("order", [1]);
    receiver.wait(1);
    let began = Instant::now();
    daemon.remove(hub);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}
