//! The languages in which commands come, as values: text, JSON-RPC, and lists of that.
//!
//! ```text
//! :event_subscribe:\nE_TEST\nudp:127.0.0.1:9011\n60\n                                      200 OK\n\n
//! {"jsonrpc":"2.0","method":"events_list","id":1}                                        {"jsonrpc":"2.0","result":…,"id":1}
//! [{"jsonrpc":"2.0",…},{"jsonrpc":"2.0",…}]                                              [{"jsonrpc":"2.0",…},{"jsonrpc":"2.0",…}]
//! ```

use super::answering::Answered;
use super::failures::in_text;
use crate::topics::members::members;
use crate::wire::mi::json::{
    INVALID_REQUEST, PARSE_ERROR, PARSE_ERROR_IN_TEXT, Received, Refused, parse_request, reply,
};
use crate::wire::mi::{Failure, Reply, Request, text};
use serde::de::IgnoredAny;
use serde_json::Value;

/// Requests of one list, at most.
const BATCH: usize = 100;

/// What has come, read.
pub enum Question {
    Text(Result<text::Received, Failure>),
    Json(Box<Result<Received, Refused>>),
    Batch(Vec<Result<Received, Refused>>),
    /// Neither.
    Unreadable,
}

impl Question {
    /// Reads a datagram: its first byte shows the language.
    pub fn of_datagram(bytes: &[u8]) -> Question {
        match bytes.first() {
            Some(b':') => Question::Text(text::parse_request(bytes)),
            Some(b'{' | b'[') => Question::of_json(bytes),
            _ => Question::Unreadable,
        }
    }

    /// Reads what is JSON.
    pub fn of_json(bytes: &[u8]) -> Question {
        let Some(list) = std::str::from_utf8(bytes).ok().map(str::trim).filter(|it| it.starts_with('['))
        else {
            return Question::Json(Box::new(parse_request(bytes)));
        };
        let refuse = |failure| Question::Json(Box::new(Err(Refused { failure, id: None })));
        let inside = list.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let Some(inside) = inside.filter(|_| serde_json::from_str::<IgnoredAny>(list).is_ok()) else {
            return refuse(PARSE_ERROR.into());
        };
        let requests = members(inside);
        if inside.trim().is_empty() || requests.len() > BATCH {
            let data = Some(format!("a list has 1 to {BATCH} requests"));
            return refuse(Failure { data, ..INVALID_REQUEST.into() });
        }
        Question::Batch(
            requests.into_iter().map(|request| parse_request(request.trim().as_bytes())).collect(),
        )
    }

    /// What is asked, as far as it could be read.
    pub fn requests(&self) -> Vec<&Request> {
        match self {
            Question::Text(asked) => asked.iter().map(|it| &it.request).collect(),
            Question::Json(asked) => asked.iter().map(|it| &it.request).collect(),
            Question::Batch(asked) => asked.iter().flatten().map(|it| &it.request).collect(),
            Question::Unreadable => Vec::new(),
        }
    }

    /// How much of it could not be read.
    pub fn unreadable(&self) -> usize {
        let of_one = |is_bad: bool| usize::from(is_bad);
        match self {
            Question::Text(asked) => of_one(asked.is_err()),
            Question::Json(asked) => of_one(asked.is_err()),
            Question::Batch(asked) => asked.iter().filter(|it| it.is_err()).count(),
            Question::Unreadable => 1,
        }
    }

    /// Has it carried out, one request after the other; what is to be answered, where anything is. What is no JSON is answered in text
    /// where the question was a datagram.
    pub async fn answer(self, is_datagram: bool, ask: impl AsyncFn(&Request) -> Answered) -> Option<Vec<u8>> {
        match self {
            Question::Text(Ok(asked)) => {
                let reply = match ask(&asked.request).await.reply {
                    Reply::Failed(failure) => Reply::Failed(in_text(failure)),
                    reply => reply,
                };
                Some(text::reply(&reply, &asked.request))
            }
            Question::Text(Err(failure)) => Some(text::reply(&Reply::Failed(failure), &nothing())),
            Question::Json(asked) => match *asked {
                Err(Refused { failure, .. }) if is_datagram && failure.code == PARSE_ERROR.0 => {
                    Some(no_json())
                }
                asked => one(asked, &ask).await,
            },
            Question::Batch(asked) => {
                let mut answers = Vec::new();
                for request in asked {
                    answers.extend(one(request, &ask).await);
                }
                let list = answers.join(&b',');
                (!answers.is_empty()).then(|| [b"[".as_slice(), &list, b"]"].concat())
            }
            Question::Unreadable => Some(no_json()),
        }
    }
}

async fn one(asked: Result<Received, Refused>, ask: &impl AsyncFn(&Request) -> Answered) -> Option<Vec<u8>> {
    match asked {
        Ok(Received { request, id }) => {
            let answered = ask(&request).await;
            id.map(|id| written(&answered, &request, &id))
        }
        Err(Refused { failure, id }) => {
            Some(reply(&Reply::Failed(failure), &nothing(), &id.unwrap_or(Value::Null)))
        }
    }
}

/// What is answered to JSON that is none, in text.
fn no_json() -> Vec<u8> {
    format!("{PARSE_ERROR_IN_TEXT}\n\n").into_bytes()
}

/// In whose place an answer stands to what could not be read.
fn nothing() -> Request {
    Request::Unknown(String::new())
}

/// The reply, and where details are known, each with its subscriber.
fn written(Answered { reply: answer, details }: &Answered, request: &Request, id: &Value) -> Vec<u8> {
    let written = reply(answer, request, id);
    if details.is_empty() {
        return written;
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(&written) else { return written };
    let mut details = details.iter();
    add_details(&mut value, &mut |subscriber| {
        // In the order of the list.
        if let Some(detail) = details.next() {
            subscriber.insert("format".to_owned(), detail.format.as_str().into());
            subscriber.insert("sent".to_owned(), detail.sent.into());
            subscriber.insert("queued".to_owned(), detail.queued.into());
            subscriber.insert("dropped".to_owned(), detail.dropped.into());
        }
    });
    value.to_string().into_bytes()
}

fn add_details(value: &mut Value, add: &mut impl FnMut(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) if object.contains_key("socket") => add(object),
        Value::Object(object) => object.values_mut().for_each(|value| add_details(value, add)),
        Value::Array(values) => values.iter_mut().for_each(|value| add_details(value, add)),
        _ => {}
    }
}
