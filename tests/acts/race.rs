//! An operator's retry reaches the router between the commit of the failure and the end of the failed run.

use actix::prelude::*;
use eventmanager::config::{Database, Live, Mode, Numbering, Processing, ServiceProfiles, StoreConfig};
use eventmanager::event::{NewEvent, Status};
use eventmanager::managers::{Answer, Board, Provision, Systems};
use eventmanager::processors::attributes::Rules;
use eventmanager::processors::subject::Subject;
use eventmanager::router::actor::{Announce, Announced, GetBacklog, Reconsider, Router};
use eventmanager::router::executor::{Executor, Slots};
use eventmanager::router::lane::{Lane, Run};
use eventmanager::store::{Act, Ruling, Store, Tenure, Verb, open};
use eventmanager::wire::cai3g::{EnumRequest, HssRequest};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant, SystemTime};
use uuid::Uuid;

/// Half a minute after its start the router looks through the store, and would find the event without being told.
const AT_ONCE: Duration = Duration::from_secs(25);

/// Nobody is asked for anything: the event's command is none that is acted on.
struct Nobody;

impl Actor for Nobody {
    type Context = Context<Self>;
}

impl Handler<Provision<HssRequest>> for Nobody {
    type Result = MessageResult<Provision<HssRequest>>;

    fn handle(&mut self, _: Provision<HssRequest>, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Answer::Refused("nobody is here".to_owned()))
    }
}

impl Handler<Provision<EnumRequest>> for Nobody {
    type Result = MessageResult<Provision<EnumRequest>>;

    fn handle(&mut self, _: Provision<EnumRequest>, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Answer::Refused("nobody is here".to_owned()))
    }
}

fn failed_event() -> NewEvent {
    NewEvent {
        uuid: Uuid::now_v7(),
        source: "as1".into(),
        notification_id: None,
        command_index: 0,
        user_id: "admin".to_owned(),
        command: "SomethingElseRequest".to_owned(),
        document: "<x/>".into(),
        status: Status::Failed,
        note: None,
        about: Vec::new(),
        duplicate_of: None,
        received: SystemTime::now(),
    }
}

fn retry(event: i64, is: Uuid) -> Ruling {
    let act = Act {
        uuid: Uuid::now_v7(),
        at: SystemTime::now(),
        actor: "anna".to_owned(),
        act: "retry".to_owned(),
        object: format!("event {event}"),
        detail: None,
    };
    Ruling {
        event,
        is: Some(is),
        uuid: Uuid::now_v7(),
        verb: Verb::Retry,
        about: Vec::new(),
        over: None,
        act,
    }
}

fn executor(store: &Store) -> Arc<Executor> {
    let nobody = Nobody.start();
    Arc::new(Executor {
        store: store.clone(),
        rules: Live::fixed(Rules {
            numbering: Numbering::default(),
            service_profiles: ServiceProfiles::default(),
            mail: None,
        }),
        processors: Default::default(),
        systems: Systems { hss: nobody.clone().recipient(), enumeration: nobody.recipient(), mail: None },
        pauses: Board::all_running(),
        mode: Mode::Active,
        processing: Live::fixed(Processing::default()),
        routes: Live::fixed(Vec::new()),
        raises_alarms: false,
        slots: Slots::new(1),
    })
}

/// Waits on this thread, so that the router, which lives on it, does nothing meanwhile.
fn wait_alone<F>(future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    std::thread::spawn(move || runtime().block_on(future)).join().expect("it does not panic")
}

async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < AT_ONCE, "never happened: {what}");
        actix_rt::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn race() {
    let directory = tempfile::tempdir().expect("a directory");
    let database = Database::Sqlite(directory.path().join("events.db"));
    let (store, tasks) = open(&StoreConfig::new(database)).expect("a store");
    let writer = actix_rt::Arbiter::new();
    for task in tasks {
        assert!(writer.spawn(async move { task.run().await }), "the writer starts");
    }
    let event = failed_event();
    let uuid = event.uuid;
    let id = store.append(vec![event]).await.expect("stored")[0].id;

    let (executor, thread) = (executor(&store), Arbiter::new());
    let of_lane = Arc::clone(&executor);
    let lane = Lane::start_in_arbiter(&thread.handle(), move |_| Lane::new(of_lane));
    let router = Router::new(executor, vec![lane.clone()]).start();
    let is_idle = async || {
        let backlog = router.send(GetBacklog).await.expect("it answers");
        backlog.running == 0 && !backlog.more_in_store
    };
    eventually("it has read the store", is_idle).await;

    // The lane does nothing until it is told to.
    let (go, told) = mpsc::channel();
    let waits = move || told.recv().expect("the test goes on");
    assert!(thread.spawn_fn(waits), "the lane has a thread");
    let announced = || Announced { event: uuid, subject: Subject::of_user("anna@tele.gl") };
    router.do_send(Announce(vec![announced()]));
    eventually("it runs", async || router.send(GetBacklog).await.expect("it answers").running == 1).await;
    let behind = lane.send(Run {
        event: Uuid::now_v7(),
        tenure: Tenure::default(),
        keys: Vec::new(),
        is_tried: false,
    });
    go.send(()).expect("the lane waits");
    // The run has found the event failed, and ended; the router has not heard of it when the operator decides.
    wait_alone(behind).expect("the lane answers");
    let of_operator = store.clone();
    let decided = wait_alone(async move { of_operator.decide(vec![retry(id, uuid)]).await });
    decided.expect("recorded")[0].as_ref().expect("taken");
    router.do_send(Reconsider { events: vec![announced()], verb: Verb::Retry });

    let status = async || store.event(id).await.expect("readable").expect("it is there").status;
    eventually("it runs again", async || status().await == Some(Status::Ignored)).await;
    eventually("it is forgotten", async || {
        router.send(GetBacklog).await.expect("it answers").unfinished == 0
    })
    .await;
    store.close().await;
}

#[test]
fn a_retry_that_comes_before_the_failed_run_has_ended_runs_at_once() {
    System::new().block_on(race());
}
