//! What can be read over the API: lists a page at a time, one event, what failed events have in common, how the hosts are.

mod support;

use eventmanager::simulators::script::{Action, Rule};
use serde_json::{Value, json};
use support::daemon::{Daemon, Site, eventually};
use support::documents::{add, password, report, set_phone};
use support::http;
use support::lines::check_members;
use support::peers::Peers;

fn start(ema: &str) -> (Peers, Site, Daemon) {
    let peers = Peers::start();
    let site = Site::new(&peers.config(ema));
    let daemon = site.start();
    eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    (peers, site, daemon)
}

#[track_caller]
fn get(daemon: &Daemon, path: &str) -> Value {
    let answer = http::get(daemon.http, path, "");
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json()
}

fn ids(list: &Value) -> Vec<i64> {
    list["events"].as_array().expect("a list").iter().filter_map(|row| row["id"].as_i64()).collect()
}

#[test]
fn events_are_filtered_and_paged_over_http() {
    let (peers, site, daemon) = start("");
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    for number in 2..=5 {
        peers.broadworks.send(&report(number, "UserDoNotDisturbModifyRequest", "<isActive>true</isActive>"));
    }
    peers.broadworks.send(&set_phone(6, "nobody@tele.gl", "321044"));
    site.wait_ended(6);
    let list = |query: &str| get(&daemon, &format!("/api/v1/events{query}"));
    let all = list("");
    assert_eq!(ids(&all), [6, 5, 4, 3, 2, 1]);
    assert_eq!((&all["next"], &all["searched_to"]), (&Value::Null, &Value::Null));
    let failed = &all["events"][0];
    check_members(failed);
    assert_eq!((&failed["status"], &failed["command"]), (&json!("failed"), &json!("UserModifyRequest")));
    assert!(failed["reason"].as_str().is_some_and(|reason| reason.contains("not known")), "{failed}");
    let first = list("?limit=2&order=oldest");
    assert_eq!((ids(&first), &first["searched_to"]["id"]), (vec![1, 2], &json!(2)));
    let next = first["next"].as_str().expect("a cursor");
    assert_eq!(ids(&list(&format!("?limit=2&order=oldest&cursor={next}"))), [3, 4]);
    assert_eq!(ids(&list("?status=failed,completed")), [6, 1]);
    assert_eq!(ids(&list("?command=UserAddRequest17sp4")), [1]);
    assert_eq!(ids(&list("?user=admin@tele.gl&status=failed")), [6]);
    assert_eq!(ids(&list("?user=stranger")), Vec::<i64>::new());
    assert_eq!(ids(&list("?text=ANNA@")), [1]);
    assert_eq!(ids(&list("?since=1h&until=2099-01-01T00:00:00Z&limit=1")), [6]);
    assert_eq!(ids(&list("?until=1d")), Vec::<i64>::new());
    let faults = get(&daemon, "/api/v1/faults");
    assert_eq!((&faults["looked_at"], &faults["complete"]), (&json!(1), &json!(true)));
    let fault = &faults["faults"][0];
    assert_eq!((&fault["count"], &fault["sample"], &fault["system"]), (&json!(1), &json!([6]), &Value::Null));
    assert_eq!(fault["commands"], json!(["UserModifyRequest"]));
    assert_eq!(ids(&list(&format!("?fault={}", fault["fault"].as_str().expect("a key")))), [6]);
    let commands = get(&daemon, "/api/v1/commands");
    assert!(
        commands["commands"].as_array().expect("a list").iter().any(|it| it["command"] == "UserAddRequest")
    );
    for (bad, named) in [
        ("?status=done", "status"),
        ("?limit=0", "limit"),
        ("?limit=501", "limit"),
        ("?cursor=x", "cursor"),
        ("?order=up", "order"),
        ("?since=yesterday", "since"),
        ("?subscriber=anna", "subscriber"),
        (&format!("?text={}", "x".repeat(256)), "text"),
    ] {
        let answer = http::get(daemon.http, &format!("/api/v1/events{bad}"), "");
        assert_eq!(answer.status, 400, "{bad}: {}", answer.body);
        assert!(
            answer.json()["detail"].as_str().expect("a detail").contains(named),
            "{bad}: {}",
            answer.body
        );
    }
}

#[test]
fn an_event_shows_its_masked_document_and_what_can_be_done() {
    let (peers, site, daemon) = start("");
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&password(2, "anna@tele.gl", "geheim7"));
    peers.broadworks.send(&set_phone(3, "nobody@tele.gl", "321044"));
    site.wait_ended(3);
    site.database()
        .execute_batch("insert into em_event (user_id, command, event, status) values ('u', 'UserAddRequest', '<x/>', 'pending')")
        .expect("a row of the old release");
    let event = |id: u64| get(&daemon, &format!("/api/v1/events/{id}"));
    let changed = event(2);
    let document = changed["document"].as_str().expect("a document");
    assert!(document.contains("***") && !changed.to_string().contains("geheim7"), "{changed}");
    assert_eq!((&changed["steps"][0]["attempt"], &changed["steps"][0]["state"]), (&json!(1), &json!("done")));
    assert_eq!(changed["earlier"], json!([]));
    assert!(changed["acts"]["retry"].is_string() && changed["acts"]["resolve"].is_string(), "{changed}");
    assert_eq!(event(3)["acts"], json!({"retry": null, "resolve": null}));
    // Of the old release's row nothing can be made: its document holds no command.
    let left = &event(4)["acts"];
    assert_eq!(left["resolve"], json!(null));
    assert!(left["retry"].as_str().is_some_and(|reason| reason.contains("no command")), "{left}");
}

#[test]
fn the_steps_of_earlier_attempts_are_shown() {
    let (peers, site, daemon) = start("");
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    // As a retry leaves it.
    site.database()
        .execute_batch("insert into em_journal (uuid, attempt) select uuid, 2 from em_event where id = 1")
        .expect("an attempt");
    let event = get(&daemon, "/api/v1/events/1");
    assert_eq!((&event["attempt"], &event["steps"]), (&json!(2), &json!([])));
    let first = &event["earlier"][0];
    assert_eq!(
        (&first["attempt"], &first["position"], &first["state"]),
        (&json!(1), &json!(1), &json!("done"))
    );
    assert!(first["request"].is_string() && first["at"].is_f64(), "{first}");
}

#[test]
fn a_list_on_a_store_that_is_away_says_so() {
    let (_peers, site, daemon) = start("");
    drop(site.database());
    std::fs::rename(site.directory.path().join("events.db"), site.directory.path().join("away.db"))
        .expect("moved");
    for path in ["/api/v1/events", "/api/v1/faults", "/api/v1/events/1", "/alivecheck"] {
        assert_eq!(daemon.get(path).0, 503, "{path}");
    }
    let status = get(&daemon, "/api/v1/status");
    assert!(status["hosts"].is_array(), "{status}");
}

#[test]
fn the_status_shows_hosts_and_counts() {
    let (peers, site, daemon) = start("timeout = \"1s\"\nsessions = 2\n");
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    let hosts = || get(&daemon, "/api/v1/status")["hosts"].clone();
    let address = peers.ema.addr().to_string();
    let first = hosts();
    assert_eq!(first[0]["host"], json!(address));
    assert_eq!((&first[0]["role"], &first[0]["breaker"]), (&json!("primary"), &json!("closed")));
    assert_eq!((&first[1]["system"], &first[1]["sessions"]), (&json!("mail"), &json!(0)));
    assert!(first[0]["sessions"].as_u64().is_some_and(|open| open >= 1), "{first}");
    eventually("the event is counted", || {
        let status = get(&daemon, "/api/v1/status");
        assert!(status["counts_at"].is_f64(), "{status}");
        (status["events"]["completed"] == 1).then_some(())
    });
    peers.ema.script(vec![Rule::new(Action::Hang)]);
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    let away = eventually("the host is left alone", || {
        let host = hosts()[0].clone();
        (host["breaker"] != "closed").then_some(host)
    });
    assert!(away["failing_since"].is_f64() && away["reason"].is_string(), "{away}");
    peers.ema.script(Vec::new());
    eventually("the host is asked again", || (hosts()[0]["breaker"] == "closed").then_some(()));
    eventually("the event ends", || (site.count(&["completed"]) == 2).then_some(()));
    let back = hosts()[0].clone();
    assert_eq!((&back["failing_since"], &back["reason"]), (&Value::Null, &Value::Null));
}
