//! The language of OpenSIPS 1 and 2.
//!
//! ```text
//! → :event_subscribe:rep24\nE_TEST\nudp:127.0.0.1:9011\n1800\n\n       into a FIFO: with the FIFO of the reply, and an empty line
//! ← 200 OK\n\n
//! → :subscribers_list:\nE_TEST\n                                       in a datagram
//! ← 200 OK\nEvent:: E_TEST id=9\n\tSubscriber::  socket=udp:127.0.0.1:9011 expire=60\n\n
//! ← 500 command not available\n
//! ```
//!
//! Arguments are lines, in an order that cannot leave one out: a format has the default seconds before it where none are asked for, and a
//! socket without an event is not asked for. The parameters of `raise_event` are written as those of an event in text are.

use super::{
    DEFAULT_EXPIRE, EventId, EventSubscribers, Failure, NEVER, NotAReply, Reply, Request, Subscribe,
    Subscriber,
};
use super::{is_bare, seconds, shown};
use crate::wire::evi::{Param, Value, read_params, write_params};
use std::borrow::Cow;

/// An argument that the server can do nothing with.
pub const BAD_PARAMETER: (i32, &str) = (400, "Bad parameter");
pub const WRONG_COUNT: (i32, &str) = (400, "Too few or too many arguments");
/// It ends in one newline, where all others have an empty line behind them.
pub const UNKNOWN_COMMAND: (i32, &str) = (500, "command not available");
/// What does not begin as a request does.
pub const MALFORMED: (i32, &str) = (400, "Parse error");

/// What is sent in a datagram, or with the bare name of the FIFO of its reply into a FIFO.
pub fn request(request: &Request, reply_fifo: Option<&str>) -> Vec<u8> {
    let mut text = format!(":{}:{}\n", line(request.method()), line(reply_fifo.unwrap_or_default()));
    let mut push = |argument: &str| {
        text.push_str(&line(argument));
        text.push('\n');
    };
    match request {
        Request::Version | Request::Events | Request::Unknown(_) => {}
        Request::Subscribe(subscribe) => {
            push(&subscribe.event);
            push(&subscribe.socket);
            let expire = subscribe.expire.or(subscribe.format.is_some().then_some(DEFAULT_EXPIRE));
            expire.into_iter().for_each(|seconds| push(&seconds.to_string()));
            subscribe.format.iter().for_each(|format| push(format));
        }
        Request::Subscribers { event, socket } => {
            let socket = event.as_ref().and(socket.as_ref());
            event.iter().chain(socket).for_each(|argument| push(argument));
        }
        Request::Raise { event, params } => {
            push(event);
            let params: Vec<Param> =
                params.iter().enumerate().map(|(at, param)| never_empty(at, param)).collect();
            write_params(&params, &mut text);
        }
    }
    if reply_fifo.is_some() {
        text.push('\n');
    }
    text.into_bytes()
}

/// A text within a line.
fn line(text: &str) -> Cow<'_, str> {
    match text.contains(char::is_control) {
        true => Cow::Owned(text.replace(char::is_control, " ")),
        false => Cow::Borrowed(text),
    }
}

/// An empty line would end the request: what has neither name nor value gets the name of its place.
fn never_empty(at: usize, param: &Param) -> Param {
    let is_empty =
        matches!(&param.value, Value::Null) || matches!(&param.value, Value::Text(text) if text.is_empty());
    let has_name = param.name.as_deref().is_some_and(|name| !name.is_empty());
    let name = if is_empty && !has_name { Some(format!("_{}", at + 1)) } else { param.name.clone() };
    Param { name, value: param.value.clone() }
}

/// Reads the reply to `request`.
pub fn parse_reply(bytes: &[u8], request: &Request) -> Result<Reply, NotAReply> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let status = lines.next().unwrap_or_default();
    let (code, message) = status.split_once(' ').unwrap_or((status, ""));
    let code =
        Some(code).filter(|code| code.len() == 3).and_then(seconds).and_then(|code| i32::try_from(code).ok());
    let code = code.ok_or_else(|| NotAReply::Unreadable("no code at its begin".to_owned()))?;
    if code / 100 != 2 {
        return Ok(Reply::Failed((code, shown(message.trim_end()).as_str()).into()));
    }
    let lines = lines.map(str::trim).filter(|line| !line.is_empty());
    Ok(match request {
        Request::Subscribe(_) | Request::Raise { .. } | Request::Unknown(_) => Reply::Done,
        Request::Version => Reply::Version(version(lines)?),
        Request::Events => Reply::Events(lines.filter_map(event).collect()),
        Request::Subscribers { event, .. } => Reply::Subscribers(subscribers(lines, event.as_deref())),
    })
}

fn version<'l>(mut lines: impl Iterator<Item = &'l str>) -> Result<String, NotAReply> {
    let version = lines.find_map(|line| line.strip_prefix("Server::")).map(str::trim);
    version.map(str::to_owned).ok_or_else(|| NotAReply::Unreadable("no version".to_owned()))
}

/// `Event:: NAME id=9`.
fn event(line: &str) -> Option<EventId> {
    let event = line.strip_prefix("Event::")?.trim_start();
    let (name, id) = event.rsplit_once(" id=").unwrap_or((event, ""));
    Some(EventId { name: name.to_owned(), id: seconds(id).unwrap_or_default() })
}

/// The subscribers of each event, of which there may be only the `asked` one.
fn subscribers<'l>(lines: impl Iterator<Item = &'l str>, asked: Option<&str>) -> Vec<EventSubscribers> {
    let mut events: Vec<EventSubscribers> = Vec::new();
    for line in lines {
        if let Some(EventId { name, id }) = event(line) {
            events.push(EventSubscribers { name, id, subscribers: Vec::new() });
        } else if let Some(subscriber) = subscriber(line) {
            if let (true, Some(asked)) = (events.is_empty(), asked) {
                events.push(EventSubscribers { name: asked.to_owned(), id: 0, subscribers: Vec::new() });
            }
            events.last_mut().into_iter().for_each(|event| event.subscribers.push(subscriber.clone()));
        }
    }
    events.retain(|event| !event.subscribers.is_empty());
    events
}

/// `Subscriber::  socket=udp:127.0.0.1:9011 expire=60`.
fn subscriber(line: &str) -> Option<Subscriber> {
    let attributes = line.strip_prefix("Subscriber::")?.trim_start();
    let socket = attributes.strip_prefix("socket=")?;
    let (socket, expire) = socket.rsplit_once(" expire=").unwrap_or((socket, ""));
    Some(Subscriber { socket: socket.to_owned(), expire: seconds(expire).unwrap_or(NEVER), ttl: None })
}

/// A request that a server reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub request: Request,
    /// Where the reply goes, of a FIFO. `None` too where the name is not bare: OpenSIPS does what is asked, and answers nobody.
    pub reply_fifo: Option<String>,
}

/// Reads a request of a datagram or a FIFO.
pub fn parse_request(bytes: &[u8]) -> Result<Received, Failure> {
    let text = String::from_utf8_lossy(bytes);
    let (head, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let head = head.strip_prefix(':').and_then(|head| head.trim_end_matches('\r').split_once(':'));
    let (command, reply_fifo) = head.ok_or(MALFORMED)?;
    let reply_fifo = is_bare(reply_fifo).then(|| reply_fifo.to_owned());
    let request = if command == "raise_event" { raise(rest)? } else { of_lines(command, rest)? };
    Ok(Received { request, reply_fifo })
}

fn of_lines(command: &str, rest: &str) -> Result<Request, Failure> {
    let arguments: Vec<&str> = rest.lines().take_while(|line| !line.is_empty()).collect();
    let own = |text: &str| text.to_owned();
    Ok(match (command, arguments.as_slice()) {
        ("version", []) => Request::Version,
        ("events_list", []) => Request::Events,
        ("subscribers_list", []) => Request::Subscribers { event: None, socket: None },
        ("subscribers_list", [event]) => Request::Subscribers { event: Some(own(event)), socket: None },
        ("subscribers_list", [event, socket]) => {
            Request::Subscribers { event: Some(own(event)), socket: Some(own(socket)) }
        }
        ("event_subscribe", [event, socket, more @ ..]) if more.len() <= 2 => {
            let expire = more.first().map(|expire| seconds(expire).ok_or(BAD_PARAMETER)).transpose()?;
            let format = more.get(1).map(|format| own(format));
            Request::Subscribe(Subscribe { event: own(event), socket: own(socket), expire, format })
        }
        ("version" | "events_list" | "subscribers_list" | "event_subscribe", _) => {
            return Err(WRONG_COUNT.into());
        }
        _ => Request::Unknown(own(command)),
    })
}

fn raise(rest: &str) -> Result<Request, Failure> {
    let (event, params) = rest.split_once('\n').unwrap_or((rest, ""));
    if event.is_empty() {
        return Err(WRONG_COUNT.into());
    }
    // The empty line at the end of a request.
    let params =
        if params == "\n" || params.ends_with("\n\n") { &params[..params.len() - 1] } else { params };
    match read_params(params) {
        (_, true) => Err(BAD_PARAMETER.into()),
        (params, false) => Ok(Request::Raise { event: event.to_owned(), params }),
    }
}

/// The reply to a request: in text it is the same for all.
pub fn reply(reply: &Reply, _request: &Request) -> Vec<u8> {
    let mut text = "200 OK\n".to_owned();
    match reply {
        Reply::Done => {}
        Reply::Version(version) => text.push_str(&format!("Server:: {}\n", line(version))),
        Reply::Events(events) => {
            events.iter().for_each(|event| push_event(&event.name, event.id, &mut text));
        }
        Reply::Subscribers(events) => {
            for event in events.iter().filter(|event| !event.subscribers.is_empty()) {
                push_event(&event.name, event.id, &mut text);
                event.subscribers.iter().for_each(|subscriber| push_subscriber(subscriber, &mut text));
            }
        }
        Reply::Failed(failure) => return failed(failure),
    }
    text.push('\n');
    text.into_bytes()
}

fn push_event(name: &str, id: u32, text: &mut String) {
    text.push_str(&format!("Event:: {} id={id}\n", line(name)));
}

fn push_subscriber(subscriber: &Subscriber, text: &mut String) {
    let expire = if subscriber.expire == NEVER { "never".to_owned() } else { subscriber.expire.to_string() };
    text.push_str(&format!("\tSubscriber::  socket={} expire={expire}\n", line(&subscriber.socket)));
}

fn failed(failure: &Failure) -> Vec<u8> {
    let end = if (failure.code, failure.message.as_str()) == UNKNOWN_COMMAND { "\n" } else { "\n\n" };
    format!("{} {}{end}", failure.code, line(&failure.message)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::NOT_PUBLISHED;
    use super::super::samples::{listed, some_requests, some_subscribers, subscribe, subscribers};
    use super::*;
    use proptest::prelude::*;

    fn param(name: Option<&str>, value: &str) -> Param {
        Param { name: name.map(str::to_owned), value: Value::Text(value.to_owned()) }
    }

    /// It is written so, and read back.
    #[track_caller]
    fn check_request(asked: &Request, reply_fifo: Option<&str>, text: &str) {
        assert_eq!(String::from_utf8_lossy(&request(asked, reply_fifo)), text);
        let received = Received { request: asked.clone(), reply_fifo: reply_fifo.map(str::to_owned) };
        assert_eq!(parse_request(text.as_bytes()), Ok(received), "{text}");
    }

    #[test]
    fn requests_are_written_and_read() {
        let fifo = ":event_subscribe:rep24\nE_TEST\nudp:127.0.0.1:9011\n1800\n\n";
        check_request(&subscribe(Some(1800), None), Some("rep24"), fifo);
        check_request(
            &subscribe(Some(60), None),
            None,
            ":event_subscribe:\nE_TEST\nudp:127.0.0.1:9011\n60\n",
        );
        check_request(&subscribe(None, None), None, ":event_subscribe:\nE_TEST\nudp:127.0.0.1:9011\n");
        let text = ":event_subscribe:\nE_TEST\nudp:127.0.0.1:9011\n60\ntext\n";
        check_request(&subscribe(Some(60), Some("text")), None, text);
        check_request(&subscribers(Some("E_TEST"), None), None, ":subscribers_list:\nE_TEST\n");
        check_request(&subscribers(None, None), Some("r"), ":subscribers_list:r\n\n");
        check_request(&Request::Version, None, ":version:\n");
        check_request(&Request::Events, None, ":events_list:\n");
        check_request(&Request::Unknown("uptime".into()), None, ":uptime:\n");
        let raise =
            Request::Raise { event: "E_X".into(), params: vec![param(Some("a"), "1"), param(None, "b\nc")] };
        check_request(&raise, None, ":raise_event:\nE_X\na::1\n\"b\nc\"\n");
        check_request(&raise, Some("r"), ":raise_event:r\nE_X\na::1\n\"b\nc\"\n\n");
        check_request(
            &Request::Raise { event: "E_X".into(), params: vec![] },
            Some("r"),
            ":raise_event:r\nE_X\n\n",
        );
    }

    #[test]
    fn what_is_written_is_never_another_request() {
        let forged = subscribers(Some("E\n\n:raise_event:\nE_X"), None);
        assert_eq!(request(&forged, None), b":subscribers_list:\nE  :raise_event: E_X\n");
        let forged = Request::Raise { event: "E\nX".into(), params: vec![param(None, "")] };
        assert_eq!(request(&forged, Some("r")), b":raise_event:r\nE X\n_1::\n\n");
        let sought = request(&subscribers(None, Some("udp:h:1")), None);
        assert_eq!(sought, b":subscribers_list:\n");
        let default = request(&subscribe(None, Some("text")), None);
        assert_eq!(default, b":event_subscribe:\nE_TEST\nudp:127.0.0.1:9011\n3600\ntext\n");
    }

    #[test]
    fn requests_are_refused_as_opensips_does() {
        let check = |text: &str, failure: (i32, &str)| {
            assert_eq!(parse_request(text.as_bytes()), Err(failure.into()), "{text}");
        };
        check(":event_subscribe:\nE_TEST\n", WRONG_COUNT);
        check(":event_subscribe:\nE\nudp:h:1\n60\njson\nmore\n", WRONG_COUNT);
        check(":subscribers_list:\nE\nudp:h:1\nx\n", WRONG_COUNT);
        check(":version:\nx\n", WRONG_COUNT);
        check(":raise_event:\n\n", WRONG_COUNT);
        for expire in ["-1", "4294967296", "+5", "x", "1.5", "60 "] {
            check(&format!(":event_subscribe:\nE\nudp:h:1\n{expire}\n"), BAD_PARAMETER);
        }
        check(":raise_event:\nE\n\"a\nb\\\"\n", BAD_PARAMETER);
        for text in ["", "\n", "version", ":version", "{}", ":\n:"] {
            check(text, MALFORMED);
        }
    }

    #[test]
    fn a_reply_stays_in_its_folder() {
        for name in ["", "../x", "a.b", "a/b", "a\\b", "a:b"] {
            let received = parse_request(format!(":version:{name}\n\n").as_bytes()).expect("a request");
            assert_eq!(received, Received { request: Request::Version, reply_fifo: None }, "{name}");
        }
    }

    #[track_caller]
    fn check_reply(answer: Reply, asked: &Request, text: &str) {
        assert_eq!(String::from_utf8_lossy(&reply(&answer, asked)), text);
        assert_eq!(parse_reply(text.as_bytes(), asked), Ok(answer), "{text}");
    }

    #[test]
    fn replies_are_written_and_read() {
        let asked = subscribe(None, None);
        check_reply(Reply::Done, &asked, "200 OK\n\n");
        for (failure, text) in [
            (BAD_PARAMETER, "400 Bad parameter\n\n"),
            (WRONG_COUNT, "400 Too few or too many arguments\n\n"),
            (NOT_PUBLISHED, "404 Event not published\n\n"),
            (UNKNOWN_COMMAND, "500 command not available\n"),
        ] {
            check_reply(Reply::Failed(failure.into()), &asked, text);
        }
        let asked = subscribers(Some("E_TEST"), None);
        let one = listed("E_TEST", 9, &[("udp:127.0.0.1:9011", 60, None)]);
        let text = "200 OK\nEvent:: E_TEST id=9\n\tSubscriber::  socket=udp:127.0.0.1:9011 expire=60\n\n";
        check_reply(Reply::Subscribers(vec![one]), &asked, text);
        check_reply(Reply::Subscribers(vec![]), &asked, "200 OK\n\n");
        let all = vec![
            listed("E_A", 0, &[("unix:/run/a b", NEVER, None), ("tcp:h:1", 0, None)]),
            listed("E_B", 7, &[("x", 1, None)]),
        ];
        let text = "200 OK\nEvent:: E_A id=0\n\tSubscriber::  socket=unix:/run/a b expire=never\n\
            \tSubscriber::  socket=tcp:h:1 expire=0\nEvent:: E_B id=7\n\tSubscriber::  socket=x expire=1\n\n";
        check_reply(Reply::Subscribers(all), &subscribers(None, None), text);
        let events = vec![EventId { name: "E_A".into(), id: 0 }, EventId { name: "E_B".into(), id: 1 }];
        check_reply(
            Reply::Events(events),
            &Request::Events,
            "200 OK\nEvent:: E_A id=0\nEvent:: E_B id=1\n\n",
        );
        let version = Reply::Version("OpenSIPS (2.4.11 (x86_64/linux))".into());
        check_reply(version, &Request::Version, "200 OK\nServer:: OpenSIPS (2.4.11 (x86_64/linux))\n\n");
        let without = Reply::Subscribers(vec![listed("E_A", 0, &[])]);
        assert_eq!(reply(&without, &asked), b"200 OK\n\n");
        let forged = Reply::Failed((400, "a\n\n200 OK").into());
        assert_eq!(reply(&forged, &asked), b"400 a  200 OK\n\n");
    }

    #[test]
    fn what_is_missing_in_a_reply_does_no_harm() {
        let check = |text: &str, asked: &Request, expected: Vec<EventSubscribers>| {
            assert_eq!(parse_reply(text.as_bytes(), asked), Ok(Reply::Subscribers(expected)), "{text}");
        };
        let asked = subscribers(Some("E"), None);
        let one = listed("E", 0, &[("x", NEVER, None)]);
        check("200 OK\nEvent:: E\n\tSubscriber:: socket=x\n", &asked, vec![one.clone()]);
        check("200 OK\r\nSubscriber:: socket=x expire=-1", &asked, vec![one]);
        check("200 OK\nSubscriber:: socket=x", &subscribers(None, None), vec![]);
        check("200 OK\nEvent:: E id=9\nSubscriber:: expire=1\nother\n", &asked, vec![]);
        for text in ["", "OK", "20 OK", "2000 OK", "-20 x", "{\"result\":\"OK\"}"] {
            assert!(matches!(parse_reply(text.as_bytes(), &asked), Err(NotAReply::Unreadable(_))), "{text}");
        }
        assert_eq!(parse_reply(b"404", &asked), Ok(Reply::Failed((404, "").into())));
        assert!(parse_reply(b"200 OK\n\n", &Request::Version).is_err());
    }

    proptest! {
        #[test]
        fn requests_come_back_as_they_were(asked in some_requests(), fifo in prop::option::of("[a-z0-9_]{1,9}")) {
            let received = parse_request(&request(&asked, fifo.as_deref()));
            prop_assert_eq!(received, Ok(Received { request: asked, reply_fifo: fifo }));
        }

        #[test]
        fn lists_come_back_as_they_were(listed in some_subscribers(false)) {
            let (asked, answer) = (subscribers(None, None), Reply::Subscribers(listed));
            prop_assert_eq!(parse_reply(&reply(&answer, &asked), &asked), Ok(answer));
        }

        #[test]
        fn rubbish_ends_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), asked in some_requests()) {
            let _ = parse_request(&bytes);
            let _ = parse_reply(&bytes, &asked);
            let _ = parse_request(&[format!(":{}:", asked.method()).as_bytes(), &bytes].concat());
            let _ = parse_reply(&[b"200 OK\nEvent:: ", bytes.as_slice()].concat(), &asked);
        }
    }
}
