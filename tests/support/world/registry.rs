//! A peer at which the daemon registers, and which forgets that now and then.

use super::receiver::{Receiver, Reply};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// A hub of the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hub {
    pub id: String,
    pub topic: String,
    pub callback: String,
}

#[derive(Default)]
struct State {
    hubs: Vec<Hub>,
    next: u64,
}

pub struct Registry {
    receiver: Receiver,
    state: Arc<Mutex<State>>,
}

impl Registry {
    pub fn start() -> Registry {
        let state: Arc<Mutex<State>> = Arc::default();
        let answering = Arc::clone(&state);
        let receiver = Receiver::scripted(move |asked, _| {
            let body = serde_json::from_slice(&asked.body).unwrap_or_default();
            answering.lock().expect("a lock").answer(&asked.method, &asked.path, &body)
        });
        Registry { receiver, state }
    }

    pub fn config(&self) -> String {
        format!(
            "[[event_management.peer]]\nhost = \"{}\"\nallow_http = true\nallow_private = true\nsubscribe = [\"order\"]\n",
            self.receiver.address
        )
    }

    /// Forgets all hubs.
    pub fn forget(&self) {
        self.state.lock().expect("a lock").hubs.clear();
    }

    pub fn hubs(&self) -> Vec<Hub> {
        self.state.lock().expect("a lock").hubs.clone()
    }

    /// Its name among connections.
    pub fn name(&self) -> String {
        self.receiver.address.to_string()
    }
}

impl State {
    fn answer(&mut self, method: &str, path: &str, body: &Value) -> Reply {
        let parts: Vec<&str> = path.trim_start_matches("/psi-api/event/v2/topic/").split('/').collect();
        let show = |hub: &Hub| json!({"id": hub.id, "callback": hub.callback});
        match (method, &parts[..]) {
            ("GET", [topic, "hub"]) => {
                let hubs: Vec<Value> = self.hubs.iter().filter(|hub| hub.topic == *topic).map(show).collect();
                Reply::Body(200, Value::from(hubs).to_string())
            }
            ("POST", [topic, "hub"]) => {
                self.next += 1;
                let callback = body["callback"].as_str().unwrap_or_default().to_owned();
                let hub = Hub { id: format!("h{}", self.next), topic: (*topic).to_owned(), callback };
                self.hubs.push(hub.clone());
                Reply::Body(201, show(&hub).to_string())
            }
            ("DELETE", [topic, "hub", id]) => {
                self.hubs.retain(|hub| hub.topic != *topic || hub.id != *id);
                Reply::Status(204)
            }
            _ => Reply::Status(404),
        }
    }
}
