//! OpenSIPS' Management Interface (MI), as far as events need it: requests and replies in both of its languages, from both sides.
//!
//! ```text
//! text, up to 2.4   :event_subscribe:\nE_TEST\nudp:127.0.0.1:9011\n60\n          200 OK\n\n
//! JSON-RPC, 3.x     {"jsonrpc":"2.0","method":"event_subscribe","id":1,"params":{…}}  {"jsonrpc":"2.0","result":"OK","id":1}
//! ```
//!
//! Over a FIFO a request also names the FIFO of its reply: `:cmd:REPLY\n…\n\n` in text, `:REPLY:{…}` before JSON.

mod arguments;
pub mod json;
pub mod text;

use super::evi::Param;

/// The seconds of a subscription that has no end, as those of a server's own script.
pub const NEVER: u32 = u32::MAX;
/// The seconds of a subscription that asks for none.
pub const DEFAULT_EXPIRE: u32 = 3600;

/// The event is none that the server knows; in both languages.
pub const NOT_PUBLISHED: (i32, &str) = (404, "Event not published");

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    Version,
    /// Subscribes, or renews; `expire` 0 unsubscribes.
    Subscribe(Subscribe),
    /// All, those of an event, or one of them.
    Subscribers {
        event: Option<String>,
        socket: Option<String>,
    },
    /// All events that there are.
    Events,
    Raise {
        event: String,
        params: Vec<Param>,
    },
    /// Another method: for servers, which refuse it.
    Unknown(String),
}

/// A subscription that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    pub event: String,
    /// `udp:HOST:PORT`, `unix:/PATH` or `tcp:HOST:PORT`, as text.
    pub socket: String,
    /// Seconds; `None`: as long as the server likes.
    pub expire: Option<u32>,
    /// `json` or `text`: what our own interface understands beyond OpenSIPS.
    pub format: Option<String>,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Done,
    Version(String),
    Subscribers(Vec<EventSubscribers>),
    Events(Vec<EventId>),
    Failed(Failure),
}

/// The subscribers of one event. OpenSIPS leaves out events without, and so do those who write this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSubscribers {
    pub name: String,
    pub id: u32,
    pub subscribers: Vec<Subscriber>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    pub socket: String,
    /// Seconds; [`NEVER`] where a server says so, or does not say.
    pub expire: u32,
    /// What is left of it; the text language does not say.
    pub ttl: Option<u32>,
}

/// An event that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventId {
    pub name: String,
    pub id: u32,
}

/// A request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} {message}{}", .data.as_ref().map(|data| format!(" ({data})")).unwrap_or_default())]
pub struct Failure {
    /// 400, 404, 500, or one of JSON-RPC.
    pub code: i32,
    pub message: String,
    /// JSON-RPC may say more.
    pub data: Option<String>,
}

/// What is no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAReply {
    /// A server of JSON answers what it cannot parse in text.
    #[error("an answer in text where JSON is due: {0:?}")]
    Plain(String),
    #[error("no reply: {0}")]
    Unreadable(String),
    /// Of another request, which nobody waits for any more.
    #[error("the answer to another request")]
    OfAnother,
}

impl Request {
    /// What it is called on the wire.
    pub fn method(&self) -> &str {
        match self {
            Request::Version => "version",
            Request::Subscribe(_) => "event_subscribe",
            Request::Subscribers { .. } => "subscribers_list",
            Request::Events => "events_list",
            Request::Raise { .. } => "raise_event",
            Request::Unknown(method) => method,
        }
    }
}

impl From<(i32, &str)> for Failure {
    fn from((code, message): (i32, &str)) -> Failure {
        Failure { code, message: message.to_owned(), data: None }
    }
}

/// Whether the name of a FIFO is one that is answered: it must stay in the folder that the server writes to.
fn is_bare(name: &str) -> bool {
    !name.is_empty() && !name.contains(['.', '/', '\\', ':']) && !name.chars().any(char::is_control)
}

/// Letters of a text of somebody else that are told, at most.
const SHOWN: usize = 200;

/// So much of it.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// Seconds of a number in text.
fn seconds(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod samples {
    //! Requests and replies for both languages.

    use super::*;
    use proptest::prelude::*;

    pub fn subscribe(expire: Option<u32>, format: Option<&str>) -> Request {
        let format = format.map(str::to_owned);
        Request::Subscribe(Subscribe {
            event: "E_TEST".into(),
            socket: "udp:127.0.0.1:9011".into(),
            expire,
            format,
        })
    }

    pub fn subscribers(event: Option<&str>, socket: Option<&str>) -> Request {
        Request::Subscribers { event: event.map(str::to_owned), socket: socket.map(str::to_owned) }
    }

    pub fn listed(name: &str, id: u32, subscribers: &[(&str, u32, Option<u32>)]) -> EventSubscribers {
        let subscriber = |(socket, expire, ttl): &(&str, u32, Option<u32>)| Subscriber {
            socket: socket.to_string(),
            expire: *expire,
            ttl: *ttl,
        };
        EventSubscribers {
            name: name.to_owned(),
            id,
            subscribers: subscribers.iter().map(subscriber).collect(),
        }
    }

    pub fn some_requests() -> impl Strategy<Value = Request> {
        let word = || "[!-~é]([ -~é]{0,8}[!-~é])?";
        let subscribe = (word(), word(), any::<Option<u32>>(), prop::option::of("json|text")).prop_map(
            |(event, socket, expire, format)| {
                // In text a format has seconds before it.
                let expire = if format.is_some() { expire.or(Some(60)) } else { expire };
                Request::Subscribe(Subscribe { event, socket, expire, format })
            },
        );
        let list = prop::option::of((word(), prop::option::of(word()))).prop_map(|list| {
            let (event, socket) = list.unzip();
            Request::Subscribers { event, socket: socket.flatten() }
        });
        let param = (prop::option::of("[a-z_]{1,8}"), "[a-z \"\n]{0,8}z").prop_map(|(name, value)| Param {
            name,
            value: super::super::evi::Value::Text(format!("z{value}")),
        });
        let raise = (word(), prop::collection::vec(param, 0..4))
            .prop_map(|(event, params)| Request::Raise { event, params });
        let unknown = "[a-z]{1,3}".prop_map(Request::Unknown);
        prop_oneof![Just(Request::Version), subscribe, list, Just(Request::Events), raise, unknown]
    }

    /// The subscribers of several events, none of them without.
    pub fn some_subscribers(has_ttl: bool) -> impl Strategy<Value = Vec<EventSubscribers>> {
        let subscriber = ("[!-~é]([ -~é]{0,8}[!-~é])?", any::<u32>(), any::<Option<u32>>()).prop_map(
            move |(socket, expire, ttl)| Subscriber { socket, expire, ttl: ttl.filter(|_| has_ttl) },
        );
        let event = ("E_[A-Z =]{0,5}[A-Z]", any::<u32>(), prop::collection::vec(subscriber, 1..4))
            .prop_map(|(name, id, subscribers)| EventSubscribers { name, id, subscribers });
        prop::collection::vec(event, 0..4)
    }
}
