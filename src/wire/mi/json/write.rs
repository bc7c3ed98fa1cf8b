//! Replies, as OpenSIPS 3 writes them.

use super::super::{EventSubscribers, Failure, NEVER, Reply, Request, Subscriber};
use crate::wire::evi::write_json;
use serde_json::json;

/// Writes a member, with a comma before all but the first.
pub fn member(name: &str, value: &impl serde::Serialize, json: &mut Vec<u8>) {
    if !json.is_empty() {
        json.push(b',');
    }
    write_json(name, json);
    json.push(b':');
    write_json(value, json);
}

/// What an error is.
pub fn failure(failure: &Failure, json: &mut Vec<u8>) {
    json.extend_from_slice(format!("{{\"code\":{},\"message\":", failure.code).as_bytes());
    write_json(&failure.message, json);
    if let Some(data) = &failure.data {
        json.extend_from_slice(b",\"data\":");
        write_json(data, json);
    }
    json.push(b'}');
}

/// What a result is.
pub fn result(reply: &Reply, request: &Request, json: &mut Vec<u8>) {
    match reply {
        Reply::Done | Reply::Failed(_) => json.extend_from_slice(b"\"OK\""),
        Reply::Version(version) => {
            json.extend_from_slice(b"{\"Server\":");
            write_json(version, json);
            json.push(b'}');
        }
        Reply::Events(events) => {
            json.extend_from_slice(b"{\"Events\":[");
            list(events, json, |event, json| {
                event_begin(&event.name, event.id, json);
                json.push(b'}');
            });
            json.extend_from_slice(b"]}");
        }
        Reply::Subscribers(events) => match request {
            Request::Subscribers { event: Some(_), socket } => {
                json.extend_from_slice(b"{\"Event\":");
                match events.first() {
                    Some(event) => subscribers(event, socket.is_some(), json),
                    None => json.extend_from_slice(b"{}"),
                }
                json.push(b'}');
            }
            _ => {
                json.extend_from_slice(b"{\"Events\":[");
                list(events, json, |event, json| subscribers(event, false, json));
                json.extend_from_slice(b"]}");
            }
        },
    }
}

fn list<T>(items: &[T], json: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            json.push(b',');
        }
        write(item, json);
    }
}

/// Writes an event, but for the end of the object.
fn event_begin(name: &str, id: u32, json: &mut Vec<u8>) {
    json.extend_from_slice(b"{\"name\":");
    write_json(name, json);
    json.extend_from_slice(format!(",\"id\":{id}").as_bytes());
}

/// Writes an event with its subscribers, or one of them; `{}` where it has none.
fn subscribers(event: &EventSubscribers, is_one: bool, json: &mut Vec<u8>) {
    match event.subscribers.as_slice() {
        [] => return json.extend_from_slice(b"{}"),
        [one] if is_one => {
            event_begin(&event.name, event.id, json);
            json.extend_from_slice(b",\"Subscriber\":");
            subscriber(one, json);
        }
        several => {
            event_begin(&event.name, event.id, json);
            json.extend_from_slice(b",\"Subscribers\":[");
            list(several, json, subscriber);
            json.push(b']');
        }
    }
    json.push(b'}');
}

fn subscriber(subscriber: &Subscriber, json: &mut Vec<u8>) {
    let mut members = Vec::new();
    member("socket", &subscriber.socket, &mut members);
    let expire = if subscriber.expire == NEVER { json!("never") } else { json!(subscriber.expire) };
    member("expire", &expire, &mut members);
    subscriber.ttl.iter().for_each(|ttl| member("ttl", ttl, &mut members));
    json.push(b'{');
    json.append(&mut members);
    json.push(b'}');
}
