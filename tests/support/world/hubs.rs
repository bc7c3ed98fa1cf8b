//! Receivers that have registered for topics, one of which wants a token; and who posts events.

use super::life::Life;
use super::receiver::{Receiver, Reply};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::time::Duration;

/// Where the paths of Event Management begin.
const BASE: &str = "/psi-api/event/v2/topic";
/// Under which hubs come and go; little is handed on under it.
const BRIEF: &str = "inquiry";
/// The topic whose receiver does not take everything at once.
const MOODY: &str = "broadworks";
/// The topic whose receiver wants a token.
const STRICT: &str = "order";
const TOKEN: &str = "Bearer t";

pub struct Hubs {
    /// A receiver for each topic that is followed.
    pub followed: Vec<(&'static str, Receiver)>,
    brief: Receiver,
    tokens: Receiver,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The life in which hubs were registered last.
    life: u64,
    /// The hub that was answered last, and must be there.
    brief: Option<String>,
    /// How many hubs of the brief topic have been there.
    registered: u64,
    /// The next event to be posted.
    next: u64,
}

impl Hubs {
    pub fn start() -> Hubs {
        let moody = Receiver::scripted(|_, at| match at % 100 {
            7 => Reply::Status(503),
            53 => Reply::Nothing,
            _ => Reply::Late(200, Duration::from_millis(2)),
        });
        let strict = Receiver::scripted(|asked, _| {
            let is_known = asked.header("authorization") == TOKEN;
            Reply::Status(if is_known { 204 } else { 401 })
        });
        let granted = r#"{"access_token":"t","token_type":"Bearer"}"#;
        let tokens = Receiver::scripted(move |_, _| Reply::Body(200, granted.to_owned()));
        let followed = vec![
            (STRICT, strict),
            (MOODY, moody),
            ("kamailio", Receiver::start()),
            ("opensips", Receiver::start()),
        ];
        Hubs { followed, brief: Receiver::start(), tokens, state: Mutex::default() }
    }

    pub fn config(&self) -> String {
        let receivers = self.followed.iter().map(|(topic, receiver)| (*topic, receiver));
        let receivers = receivers.chain([(BRIEF, &self.brief)]);
        let token = format!(
            "auth = \"oauth2\"\ntoken_url = \"http://{}/token\"\nclient_id = \"em\"\nclient_secret = \"s\"\n",
            self.tokens.address
        );
        let peer = |(topic, receiver): (&str, &Receiver)| {
            let (host, auth) = (receiver.address, if topic == STRICT { token.as_str() } else { "" });
            format!(
                "[[event_management.peer]]\nhost = \"{host}\"\nallow_http = true\nallow_private = true\n{auth}"
            )
        };
        let peers: String = receivers.map(peer).collect();
        format!(
            "[event_management]\npublic_url = \"http://127.0.0.1:9\"\nverify = \"200ms\"\nretry_initial = \"10ms\"\n\
             retry_max = \"100ms\"\n{peers}"
        )
    }

    /// Registers where that is due in this life; true where nothing is left to be done.
    pub fn register(&self, life: &Life) -> bool {
        let Some((number, _)) = life.now() else { return false };
        let mut state = self.state.lock().expect("a lock");
        if state.life == number {
            return true;
        }
        let is_first = state.life == 0;
        let all = || self.followed.iter().all(|(topic, to)| register(life, topic, to, "").is_some());
        if is_first && !all() {
            return false;
        }
        if self.register_briefly(life, &mut state).is_none() {
            return false;
        }
        state.life = number;
        true
    }

    /// In the place of those that there are one more, which delivers what nobody hands on.
    fn register_briefly(&self, life: &Life, state: &mut State) -> Option<()> {
        let there = life.ask("GET", &format!("{BASE}/{BRIEF}/hub"), "").filter(|it| it.status == 200)?.json();
        let ids: Vec<&str> = there.as_array()?.iter().filter_map(|hub| hub["id"].as_str()).collect();
        if let Some(known) = state.brief.take()
            && !ids.contains(&known.as_str())
        {
            life.tell_wrong(format!("the hub {known} was answered and is gone"));
        }
        for id in ids {
            life.ask("DELETE", &format!("{BASE}/{BRIEF}/hub/{id}"), "").filter(|it| it.status < 300)?;
        }
        let query = format!("event.n={}", state.registered);
        let id = register(life, BRIEF, &self.brief, &query)?;
        state.registered += 1;
        state.brief = Some(id);
        Some(())
    }

    /// Posts the next event, until it is answered; true where none is on its way.
    pub fn post(&self, life: &Life) -> bool {
        let n = self.state.lock().expect("a lock").next;
        let body = json!({"eventId": n.to_string(), "event": {"n": n}}).to_string();
        let answer = life.ask("POST", &format!("{BASE}/order/event"), &body);
        let is_taken = answer.is_some_and(|answer| answer.status == 201);
        if is_taken {
            self.state.lock().expect("a lock").next += 1;
        }
        is_taken
    }

    /// How many of the requests that a receiver has got it did not take.
    pub fn refused(&self, topic: &str, to: &Receiver) -> usize {
        let is_refused = |at: &usize| topic == MOODY && matches!(at % 100, 7 | 53);
        (0..to.count()).filter(is_refused).count()
    }

    /// How many were posted.
    pub fn posted(&self) -> u64 {
        self.state.lock().expect("a lock").next
    }

    /// The hub that comes and goes, where its registration was answered.
    pub fn brief(&self) -> Option<String> {
        self.state.lock().expect("a lock").brief.clone()
    }
}

/// The id of the hub.
fn register(life: &Life, topic: &str, receiver: &Receiver, query: &str) -> Option<String> {
    let body = json!({"callback": receiver.url(), "query": query}).to_string();
    let answer = life.ask("POST", &format!("{BASE}/{topic}/hub"), &body)?;
    let made: Option<Value> = matches!(answer.status, 200 | 201).then(|| answer.json());
    Some(made?["id"].as_str()?.to_owned())
}
