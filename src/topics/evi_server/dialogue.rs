//! The languages in which commands come, as values: text, JSON-RPC, and lists of that.
//!
//! ```text
//! :event_subscribe:\nE_TEST\nudp:127.0.0.1:9011\n60\n                                      200 OK\n\n
//! {"jsonrpc":"2.0","method":"events_list","id":1}                                        {"jsonrpc":"2.0","result":…,"id":1}
//! [{"jsonrpc":"2.0",…},{"jsonrpc":"2.0",…}]                                              [{"jsonrpc":"2.0",…},{"jsonrpc":"2.0",…}]
//! ```

use super::answering::Answered;
use super::failures::{in_text, too_long};
use crate::topics::members::members;
use crate::wire::mi::json::{
    INVALID_REQUEST, PARSE_ERROR, PARSE_ERROR_IN_TEXT, Received, Refused, parse_request, reply,
};
use crate::wire::mi::{Failure, Reply, Request, text};
use serde::de::IgnoredAny;
use serde_json::Value;

/// Requests of one list, at most.
const BATCH: usize = 100;

/// Bytes of an answer, at most, where it is a datagram.
const LARGEST: usize = 65_000;
/// Bytes of an id, at most, that the failure to answer at length is told with.
const LARGEST_ID: usize = 100;

/// What has come, read.
pub enum Question {
    Text(Result<text::Received, Failure>),
    Json(Box<Result<Received, Unread>>),
    Batch(Vec<Result<Received, Unread>>),
    /// Neither: as a datagram nothing that is to be answered, as it may be the answer of somebody else.
    Unreadable,
}

/// What is no request of JSON-RPC.
pub struct Unread {
    refused: Refused,
    /// It is a reply: to answer it would have two who answer go on for ever.
    is_reply: bool,
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
            return Question::Json(Box::new(read(bytes)));
        };
        let refuse = |failure| {
            let refused = Refused { failure, id: None };
            Question::Json(Box::new(Err(Unread { refused, is_reply: false })))
        };
        let inside = list.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let Some(inside) = inside.filter(|_| serde_json::from_str::<IgnoredAny>(list).is_ok()) else {
            return refuse(PARSE_ERROR.into());
        };
        let requests = members(inside);
        if inside.trim().is_empty() || requests.len() > BATCH {
            let data = Some(format!("a list has 1 to {BATCH} requests"));
            return refuse(Failure { data, ..INVALID_REQUEST.into() });
        }
        Question::Batch(requests.into_iter().map(|request| read(request.trim().as_bytes())).collect())
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

    /// Has it carried out, one request after the other; what is to be answered, where anything is. Where the question was a datagram, what
    /// is no JSON is answered in text, replies are not answered, and answers that are too long say only that.
    pub async fn answer(
        &self,
        is_datagram: bool,
        ask: impl AsyncFn(&Request) -> Answered,
    ) -> Option<Vec<u8>> {
        match self {
            Question::Text(Ok(asked)) => {
                let reply = match ask(&asked.request).await.reply {
                    Reply::Failed(failure) => Reply::Failed(in_text(failure)),
                    reply => reply,
                };
                let answer = text::reply(&reply, &asked.request);
                if is_datagram && answer.len() > LARGEST { self.too_long() } else { Some(answer) }
            }
            Question::Text(Err(failure)) => Some(text::reply(&Reply::Failed(failure.clone()), &nothing())),
            Question::Json(asked) => match &**asked {
                Err(unread) if is_datagram && unread.refused.failure.code == PARSE_ERROR.0 => Some(no_json()),
                asked => list(std::slice::from_ref(asked), is_datagram, &ask).await.pop(),
            },
            Question::Batch(asked) => in_list(&list(asked, is_datagram, &ask).await),
            Question::Unreadable => None,
        }
    }

    /// In the place of an answer that does not fit into a datagram.
    pub fn too_long(&self) -> Option<Vec<u8>> {
        match self {
            Question::Text(_) => Some(text::reply(&Reply::Failed(too_long()), &nothing())),
            Question::Json(asked) => Some(shortened(asked)),
            Question::Batch(asked) => in_list(&asked.iter().map(shortened).collect::<Vec<_>>()),
            Question::Unreadable => None,
        }
    }
}

fn read(bytes: &[u8]) -> Result<Received, Unread> {
    parse_request(bytes).map_err(|refused| Unread { refused, is_reply: is_reply(bytes) })
}

fn is_reply(bytes: &[u8]) -> bool {
    let Ok(Value::Object(members)) = serde_json::from_slice(bytes) else { return false };
    !members.contains_key("method") && (members.contains_key("result") || members.contains_key("error"))
}

/// The answers to these. Where they are too long together for a datagram the longest are shortened.
async fn list(
    asked: &[Result<Received, Unread>],
    is_datagram: bool,
    ask: &impl AsyncFn(&Request) -> Answered,
) -> Vec<Vec<u8>> {
    let (mut answers, mut whole) = (Vec::new(), Vec::new());
    for asked in asked {
        if let Err(Unread { is_reply: true, .. }) = asked
            && is_datagram
        {
            continue;
        }
        if let Some(answer) = one(asked, ask).await {
            whole.push((answers.len(), asked));
            answers.push(answer);
        }
    }
    let size = |answers: &[Vec<u8>]| answers.iter().map(|answer| answer.len() + 1).sum::<usize>() + 1;
    whole.sort_by_key(|(at, _)| answers[*at].len());
    while is_datagram
        && size(&answers) > LARGEST
        && let Some((longest, asked)) = whole.pop()
    {
        answers[longest] = shortened(asked);
    }
    answers
}

fn in_list(answers: &[Vec<u8>]) -> Option<Vec<u8>> {
    (!answers.is_empty()).then(|| [b"[".as_slice(), &answers.join(&b','), b"]"].concat())
}

async fn one(asked: &Result<Received, Unread>, ask: &impl AsyncFn(&Request) -> Answered) -> Option<Vec<u8>> {
    match asked {
        Ok(Received { request, id }) => {
            let answered = ask(request).await;
            id.as_ref().map(|id| written(&answered, request, id))
        }
        Err(Unread { refused: Refused { failure, id }, .. }) => {
            Some(reply(&Reply::Failed(failure.clone()), &nothing(), id.as_ref().unwrap_or(&Value::Null)))
        }
    }
}

/// What is answered in the place of something long.
fn shortened(asked: &Result<Received, Unread>) -> Vec<u8> {
    let id = match asked {
        Ok(received) => received.id.as_ref(),
        Err(unread) => unread.refused.id.as_ref(),
    };
    let id = id.filter(|id| id.to_string().len() <= LARGEST_ID).unwrap_or(&Value::Null);
    reply(&Reply::Failed(too_long()), &nothing(), id)
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
