//! What an operator is shown before a retry is what the retry then sends, byte for byte but for secrets.

use crate::given::*;
use crate::support::daemon::eventually;
use crate::support::documents::{add, password, set_phone};
use crate::support::recorder::Recorder;
use eventmanager::simulators::script::{Action, Rule};
use serde_json::{Value, json};
use std::process::Command;

const ANNA: &str = "anna@tele.gl";

fn requests(foreseen: &Value) -> &[Value] {
    foreseen["outcome"]["requests"]["requests"].as_array().expect("requests")
}

/// The places of the requests in their plan.
fn steps(foreseen: &Value) -> Vec<&Value> {
    requests(foreseen).iter().map(|request| &request["step"]).collect()
}

/// Bodies of the requests that have come since, as they would be shown.
fn sent(core: &Recorder) -> Vec<String> {
    let requests = core.take().into_iter().map(|request| without_session(&request.body));
    requests.filter(|body| !body.contains("Login>") && !body.contains("Logout>")).collect()
}

fn without_session(body: &str) -> String {
    let Some((head, rest)) = body.split_once("SessionId>") else { return body.to_owned() };
    let (_, rest) = rest.split_once('<').expect("an end");
    format!("{head}SessionId>***<{rest}")
}

/// What the program says, on standard output and standard error.
fn program(trial: &Trial, args: &[&str]) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_eventmanager"));
    let output = program.args(args).output().expect("it runs");
    assert!(trial.daemon.get("/healthz").0 == 200);
    String::from_utf8([output.stdout, output.stderr].concat()).expect("text")
}

/// Whatever shows what event 3 would send shows the same, and says how it begins.
#[track_caller]
fn shown(trial: &Trial, begins: &str) -> Value {
    let foreseen = trial.json("/api/v1/events/3/plan");
    let refused = trial.act(3, "retry", "{}");
    check(&refused, 409, "later events");
    assert_eq!(refused.json()["plan"], foreseen);
    let url = format!("http://{}", trial.daemon.http);
    let config = trial.site.config();
    let config = config.to_str().expect("text");
    let printed = [
        program(trial, &["events", "plan", "3", "--json", "--url", &url]),
        // Nobody listens there: it is read from the store.
        program(trial, &["events", "plan", "3", "--json", "--url", "http://127.0.0.1:9", "--config", config]),
        program(trial, &["plan", "--event", "3", "--json", "--config", config]),
    ];
    for text in printed {
        let json = text.split_once('{').map(|(_, json)| format!("{{{json}")).unwrap_or_default();
        let json = json.split("\neventmanager: ").next().unwrap_or_default();
        assert_eq!(serde_json::from_str::<Value>(json).expect(&text), foreseen);
    }
    for act in ["plan", "retry"] {
        let said = program(trial, &["events", act, "3", "--url", &url]);
        assert!(said.contains(begins), "{begins:?} is not in {said}");
        for request in requests(&foreseen) {
            let (system, summary) = (request["system"].as_str(), request["summary"].as_str());
            let line =
                format!("{}. {}: {}\n", request["step"], system.expect("text"), summary.expect("text"));
            assert!(said.contains(&line), "{line:?} is not in {said}");
        }
    }
    foreseen
}

/// A forced retry of event 3 sends what is shown and nothing else.
#[track_caller]
fn is_sent(trial: &Trial, core: &Recorder, foreseen: &Value, plan: &str) {
    assert_eq!((sent(core), trial.status(3).as_str()), (vec![], "failed"), "looking sends nothing");
    let forced = trial.act(3, "retry", "{\"force\": true}").json();
    assert_eq!(forced["plan"], plan);
    trial.wait(3, "completed");
    let bodies: Vec<&str> =
        requests(foreseen).iter().filter_map(|request| request["body"].as_str()).collect();
    assert_eq!(sent(core), bodies);
}

/// Event 3, which gives Anna another phone, has failed at its second step of four; 4 came later.
fn failed_with_a_later_event(later: &str) -> (Trial, Recorder) {
    let (mut trial, core) = Trial::recorded();
    trial.send(&add(1, ANNA));
    trial.send(&set_phone(2, ANNA, "+299-321055"));
    trial.peers.ema.script(vec![refused().op("Delete").mo("DNS").times(1)]);
    trial.send(&set_phone(3, ANNA, "+299-321044"));
    trial.send(later);
    assert_eq!((trial.status(3).as_str(), trial.status(4).as_str()), ("failed", "completed"));
    core.take();
    (trial, core)
}

#[test]
fn a_forced_retry_that_resumes_sends_the_rest_of_the_plan_that_was_shown() {
    // It changes nothing of her row.
    let (trial, core) = failed_with_a_later_event(&password(4, ANNA, "another"));
    let foreseen = shown(&trial, "resumes at step 2 of 4");
    assert_eq!(foreseen["begins"], json!({"resumes": {"step": 2, "of": 4}}));
    assert_eq!(steps(&foreseen), [2, 3, 4]);
    is_sent(&trial, &core, &foreseen, "resumes");
}

#[test]
fn a_forced_retry_that_is_planned_anew_sends_the_plan_that_was_shown_and_says_why() {
    let (trial, core) = failed_with_a_later_event(&set_phone(4, ANNA, "+299-321066"));
    let why = "its subscriber has changed since it failed";
    let foreseen = shown(&trial, &format!("planned anew: {why}"));
    assert_eq!(foreseen["begins"], json!({"anew": why}));
    assert_eq!(steps(&foreseen), [1, 2, 3, 4]);
    is_sent(&trial, &core, &foreseen, "anew");
}

#[test]
fn an_event_that_waits_shows_what_is_left_of_its_plan_and_one_that_has_ended_says_so() {
    let (mut trial, _core) = Trial::recorded();
    trial.send(&add(1, ANNA));
    // What is no answer is asked again for ever.
    let nonsense = Action::Body { status: 200, body: "we are being moved".into() };
    trial.peers.ema.script(vec![Rule::new(nonsense).op("Create").mo("DNS")]);
    trial.peers.broadworks.send(&set_phone(2, ANNA, "+299-321044"));
    eventually("its first step is done", || {
        let foreseen = trial.json("/api/v1/events/2/plan");
        (foreseen["begins"] == json!({"resumes": {"step": 2, "of": 2}}) && steps(&foreseen) == [2])
            .then_some(())
    });
    let ended = trial.json("/api/v1/events/1/plan");
    let why = ended["begins"]["anew"].as_str().expect("a reason");
    assert!(why.starts_with("it is completed"), "{why}");
}
