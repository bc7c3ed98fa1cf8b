//! What operators see: the tree and the metrics.

use crate::actors::*;
use actix::prelude::*;
use eventmanager::supervision::Supervisor; // not that of actix
use eventmanager::supervision::*;
use serde_json::json;
use std::sync::OnceLock;

fn nested(name: &str, specs: Vec<Spec>) -> Spec {
    Spec::supervisor(Supervisor::new(name, Strategy::OneForOne, MANY, QUICK, specs)).0
}

/// The recorder of this process, shared by its tests; they tell themselves apart by the names of their actors.
pub fn metrics() -> String {
    static RECORDER: OnceLock<metrics_exporter_prometheus::PrometheusHandle> = OnceLock::new();
    let install = || metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder().unwrap();
    RECORDER.get_or_init(install).render()
}

#[actix::test]
async fn the_tree_shows_every_actor_with_its_state_restarts_and_last_exit() {
    let journal = Journal::default();
    let (hss, hss_addr) = journal.worker("hss");
    let managers = nested("managers", vec![hss, journal.worker("enum").0]);
    let root = supervise(Strategy::OneForOne, vec![journal.worker("store").0, managers]);
    settled(&root.addr).await;
    let _ = hss_addr.send(Panic).await;
    assert_eq!(hss_addr.send(Count).await, Ok(1));
    let mut tree = serde_json::to_value(tree(&root.addr).await).unwrap();
    let at = tree["children"][1]["children"][0]["last_exit"]["at"].take();
    assert!(at.as_u64().is_some_and(|at| at > 1_700_000_000), "epoch seconds: {at}");
    let worker = |name| {
        json!({"name": name, "kind": "worker", "state": "running", "restarts": 0,
               "last_exit": null, "children": []})
    };
    let mut hss = worker("hss");
    hss["restarts"] = json!(1);
    hss["last_exit"] = json!({"reason": "panic: boom hss", "at": null});
    let managers = json!({"name": "managers", "kind": "supervisor", "state": "running", "restarts": 0,
                          "last_exit": null, "children": [hss, worker("enum")]});
    let expected = json!({"name": "root", "kind": "supervisor", "state": "running", "restarts": 0,
                          "last_exit": null, "children": [worker("store"), managers]});
    assert_eq!(tree, expected);
}

#[actix::test]
async fn the_tree_is_answered_while_a_child_is_stuck() {
    let (journal, arbiter) = (Journal::default(), Arbiter::new());
    let (stuck, stuck_addr) = journal.worker_with("stuck", Habits::NONE, Some(arbiter.handle()));
    let (late, _) = journal.worker_with("late", Habits::NONE, Some(arbiter.handle()));
    let root = supervise(Strategy::OneForOne, vec![stuck]);
    state(&root.addr, "stuck", State::Running).await;
    let (release, until) = std::sync::mpsc::channel();
    stuck_addr.do_send(Hang(until));
    journal.shows("hangs stuck").await;
    root.addr.send(Add(late)).await.unwrap().unwrap();
    let tree = tree(&root.addr).await;
    assert_eq!(tree.children[0].state, "running");
    assert_eq!(tree.children[1].state, State::Starting, "nothing was heard of it");
    drop(release);
    settled(&root.addr).await;
}

#[actix::test]
async fn a_crash_reaches_any_actor_by_its_path() {
    let journal = Journal::default();
    let inner = nested("inner", vec![journal.worker("a").0, journal.worker("with/slash").0]);
    let root = supervise(Strategy::OneForOne, vec![inner, journal.worker("top").0]);
    settled(&root.addr).await;
    for (path, note) in
        [("top", "start top"), ("inner/a", "start a"), ("inner/with/slash", "start with/slash")]
    {
        crash(&root.addr, path).await;
        eventually(note, || journal.count(note) == 2).await;
    }
    for path in ["", "nobody", "inner/nobody", "top/a", "inner/", "/inner"] {
        let answer = root.addr.send(Crash { path: path.into() }).await.unwrap();
        assert!(matches!(answer, Err(TreeError::UnknownChild(_))), "{path}: {answer:?}");
    }
}

#[actix::test]
async fn what_does_not_run_cannot_crash() {
    let journal = Journal::default();
    let (spec, a) = journal.worker("a");
    let root = root(Supervisor::new("root", Strategy::OneForOne, MANY, SLOW, vec![spec]));
    let _ = a.send(Panic).await;
    state(&root.addr, "a", State::Backoff).await;
    let answer = root.addr.send(Crash { path: "a".into() }).await.unwrap();
    assert_eq!(answer, Err(TreeError::NotRunning("a".into())));
}

#[actix::test]
async fn restarts_are_counted_by_path_from_zero_on() {
    metrics();
    let journal = Journal::default();
    let (spec, a) = journal.worker("counted");
    let fleeting = ["one", "other"].map(|name| journal.worker(name).0.counted_as("kind"));
    let children = [spec, journal.worker("calm").0].into_iter().chain(fleeting).collect();
    let root = supervise(Strategy::OneForOne, vec![nested("metered", children)]);
    settled(&root.addr).await;
    for _ in 0..2 {
        a.do_send(Panic);
        assert_eq!(a.send(Count).await, Ok(1));
    }
    let shows = |line: &str| assert!(metrics().lines().any(|shown| shown == line), "{}", metrics());
    shows(r#"eventmanager_actor_restarts_total{actor="metered/counted"} 2"#);
    shows(r#"eventmanager_actor_restarts_total{actor="metered/calm"} 0"#);
    shows(r#"eventmanager_actor_restarts_total{actor="metered"} 0"#);
    root.addr.send(Crash { path: "metered/other".into() }).await.unwrap().unwrap();
    let counted = r#"eventmanager_actor_restarts_total{actor="metered/kind"} 1"#;
    eventually("the restart is counted", || metrics().lines().any(|shown| shown == counted)).await;
    assert!(!metrics().contains("metered/one") && !metrics().contains("metered/other"), "{}", metrics());
}
