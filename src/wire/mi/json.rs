//! JSON-RPC.
//!
//! ```text
//! → {"jsonrpc":"2.0","method":"event_subscribe","id":1,"params":{"event":"E_TEST","socket":"udp:127.0.0.1:9001","expire":60}}
//! ← {"jsonrpc":"2.0","result":"OK","id":1}
//! → {"jsonrpc":"2.0","method":"subscribers_list","id":2,"params":["E_TEST","udp:127.0.0.1:9001"]}
//! ← {"jsonrpc":"2.0","result":{"Event":{"name":"E_TEST","id":9,"Subscriber":{"socket":"udp:127.0.0.1:9001","expire":60,"ttl":60}}},"id":2}
//! ← {"jsonrpc":"2.0","error":{"code":-32602,"message":"Invalid params","data":"Negative expire value"},"id":3}
//! ```
//!
//! Of an event alone the subscribers are a list, `Subscribers`, and `"Event":{}` says that it has none; of all events there is a list of
//! such, `Events`. A server of our own writes `ttl`, OpenSIPS only in late versions.

use super::arguments::Arguments;
use super::{EventId, EventSubscribers, Failure, NEVER, NotAReply, Reply, Request, Subscriber};
use super::{is_bare, seconds, shown};
use crate::wire::evi::{Call, CallError, write_json, write_values};
use serde_json::Value;
use write::member;

mod write;

/// A socket that no server can send to, a name that is none.
pub const BAD_PARAMETER: (i32, &str) = (400, "Bad parameter value");
/// Of one subscriber who is not there.
pub const NO_SUBSCRIBER: (i32, &str) = (404, "Subscriber does not exist");
/// Its data says which of the parameters.
pub const INVALID_PARAMS: (i32, &str) = (-32602, "Invalid params");
pub const UNKNOWN_METHOD: (i32, &str) = (-32601, "Method not found");
pub const INVALID_REQUEST: (i32, &str) = (-32600, "Invalid Request");
pub const PARSE_ERROR: (i32, &str) = (-32700, "Parse error");
/// How OpenSIPS answers what is no JSON.
pub const PARSE_ERROR_IN_TEXT: &str = "400 Parse_error";

/// Parameters that are not those of the method.
pub fn invalid(data: &str) -> Failure {
    Failure { data: Some(data.to_owned()), ..INVALID_PARAMS.into() }
}

/// A request with this id.
pub fn request(request: &Request, id: u64) -> Vec<u8> {
    let mut json = br#"{"jsonrpc":"2.0","method":"#.to_vec();
    write_json(request.method(), &mut json);
    json.extend_from_slice(format!(",\"id\":{id}").as_bytes());
    let mut members = Vec::new();
    match request {
        Request::Version | Request::Events | Request::Unknown(_) => {}
        Request::Subscribe(subscribe) => {
            member("event", &subscribe.event, &mut members);
            member("socket", &subscribe.socket, &mut members);
            subscribe.expire.iter().for_each(|expire| member("expire", expire, &mut members));
            subscribe.format.iter().for_each(|format| member("format", format, &mut members));
        }
        Request::Subscribers { event, socket } => {
            event.iter().for_each(|event| member("event", event, &mut members));
            socket.iter().for_each(|socket| member("socket", socket, &mut members));
        }
        Request::Raise { event, params } => {
            member("event", event, &mut members);
            if !params.is_empty() {
                members.extend_from_slice(b",\"params\":");
                write_values(params, &mut members);
            }
        }
    }
    if !members.is_empty() {
        json.extend_from_slice(b",\"params\":{");
        json.append(&mut members);
        json.push(b'}');
    }
    json.push(b'}');
    json
}

/// The request as it is sent into a FIFO, with the bare name of the FIFO of its reply.
pub fn into_fifo(request: &[u8], reply_fifo: &str) -> Vec<u8> {
    [b":", reply_fifo.as_bytes(), b":", request].concat()
}

/// The name of the FIFO of the reply, where there is one that is bare, and the request.
pub fn of_fifo(bytes: &[u8]) -> (Option<&str>, &[u8]) {
    let name = bytes.strip_prefix(b":").and_then(|rest| rest.split(|&byte| byte == b':').next());
    let Some(name) = name else { return (None, bytes) };
    let request = bytes.get(name.len() + 2..).unwrap_or_default();
    (std::str::from_utf8(name).ok().filter(|name| is_bare(name)), request)
}

/// Reads the reply to `request`, which was sent with this id. An error without an id is taken for its own.
pub fn parse_reply(bytes: &[u8], request: &Request, id: u64) -> Result<Reply, NotAReply> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim();
    if !text.starts_with('{') && !text.is_empty() {
        return Err(NotAReply::Plain(shown(text)));
    }
    // What is wrong with the text, without the text.
    let reply: Value =
        serde_json::from_str(text).map_err(|error| NotAReply::Unreadable(error.to_string()))?;
    let error = reply.get("error").filter(|error| !error.is_null());
    match reply.get("id") {
        None | Some(Value::Null) if error.is_some() => {}
        Some(own) if own.as_u64() == Some(id) => {}
        _ => return Err(NotAReply::OfAnother),
    }
    if let Some(error) = error {
        return Ok(Reply::Failed(failure(error)));
    }
    let unreadable = |what: &str| NotAReply::Unreadable(what.to_owned());
    let result = reply.get("result").ok_or_else(|| unreadable("neither result nor error"))?;
    match request {
        Request::Subscribe(_) | Request::Raise { .. } | Request::Unknown(_) => Ok(Reply::Done),
        Request::Version => {
            let version = result.get("Server").unwrap_or(result).as_str();
            version.map(|version| Reply::Version(version.to_owned())).ok_or_else(|| unreadable("no version"))
        }
        Request::Events => {
            let events = events(result).ok_or_else(|| unreadable("no list of events"))?;
            Ok(Reply::Events(events.into_iter().filter_map(|event| event_id(event, None)).collect()))
        }
        Request::Subscribers { event: asked, .. } => {
            let events = events(result).ok_or_else(|| unreadable("no list of subscribers"))?;
            let events = events.into_iter().filter_map(|event| subscribers(event, asked.as_deref()));
            Ok(Reply::Subscribers(events.collect()))
        }
    }
}

fn failure(error: &Value) -> Failure {
    let text = |value: &Value| shown(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let code = error.get("code").and_then(Value::as_i64).and_then(|code| i32::try_from(code).ok());
    let message = error.get("message").map_or_else(|| text(error), text);
    let data = error.get("data").filter(|data| !data.is_null()).map(text);
    Failure { code: code.unwrap_or_default(), message, data }
}

/// The events of a result, one or several.
fn events(result: &Value) -> Option<Vec<&Value>> {
    result.get("Events").or_else(|| result.get("Event")).map(one_or_several)
}

fn one_or_several(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |list| list.iter().collect())
}

fn event_id(event: &Value, asked: Option<&str>) -> Option<EventId> {
    let name = event.get("name").and_then(Value::as_str).or(asked)?.to_owned();
    Some(EventId { name, id: event.get("id").and_then(number).unwrap_or_default() })
}

/// `None` where it has none.
fn subscribers(event: &Value, asked: Option<&str>) -> Option<EventSubscribers> {
    let listed = event.get("Subscribers").into_iter().chain(event.get("Subscriber"));
    let subscribers: Vec<Subscriber> = listed.flat_map(one_or_several).filter_map(subscriber).collect();
    let EventId { name, id } = event_id(event, asked)?;
    (!subscribers.is_empty()).then_some(EventSubscribers { name, id, subscribers })
}

fn subscriber(subscriber: &Value) -> Option<Subscriber> {
    let socket = subscriber.get("socket")?.as_str()?.to_owned();
    let seconds = |name: &str| subscriber.get(name).and_then(number);
    Some(Subscriber { socket, expire: seconds("expire").unwrap_or(NEVER), ttl: seconds("ttl") })
}

/// A number, or the text of one.
fn number(value: &Value) -> Option<u32> {
    match value {
        Value::String(text) => seconds(text),
        other => other.as_u64().and_then(|number| u32::try_from(number).ok()),
    }
}

/// A request that a server reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    pub request: Request,
    /// `None`: a notification, which is not answered.
    pub id: Option<Value>,
}

/// What a server cannot carry out, and whom it tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    pub failure: Failure,
    pub id: Option<Value>,
}

/// Reads a request. What is no JSON at all is a `Refused` of code -32700; OpenSIPS itself answers it in text (the simulator does so).
pub fn parse_request(bytes: &[u8]) -> Result<Received, Refused> {
    let text = String::from_utf8_lossy(bytes);
    let call = Call::<Arguments>::parse(&text).map_err(|error| match error {
        CallError::Json(_) => Refused { failure: PARSE_ERROR.into(), id: None },
        CallError::Shape(_) => no_request(&text),
    })?;
    let arguments = call.params.unwrap_or(Arguments::Placed(Vec::new()));
    match arguments.read(&call.method) {
        Ok(request) => Ok(Received { request, id: call.id }),
        Err(failure) => Err(Refused { failure, id: call.id }),
    }
}

/// What is no request, and perhaps no JSON either.
fn no_request(text: &str) -> Refused {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return Refused { failure: PARSE_ERROR.into(), id: None };
    };
    let id = value.get("id").filter(|id| id.is_string() || id.is_number()).cloned();
    Refused { failure: INVALID_REQUEST.into(), id }
}

/// The reply to the request with this id, as OpenSIPS 3 writes it: `{event, socket}` is asked, one `Subscriber` is answered.
pub fn reply(reply: &Reply, request: &Request, id: &Value) -> Vec<u8> {
    let mut json = br#"{"jsonrpc":"2.0","#.to_vec();
    match reply {
        Reply::Failed(failure) => {
            json.extend_from_slice(br#""error":"#);
            write::failure(failure, &mut json);
        }
        done => {
            json.extend_from_slice(br#""result":"#);
            write::result(done, request, &mut json);
        }
    }
    json.extend_from_slice(br#","id":"#);
    write_json(id, &mut json);
    json.push(b'}');
    json
}

#[cfg(test)]
mod tests;
