//! Messages between agents and their server: a topic, and an object.

use super::headers::{read, write_text};
use super::{Headers, JsonError};
use bytes::Bytes;
use serde::Deserialize;

/// The topic of all agents.
pub const EVERYBODY: &str = "[*]";
/// The topic of what the agents report of themselves.
pub const STATISTICS: &str = "[AsteriskStats]";

/// The topic of one agent.
pub fn topic(name: &str) -> String {
    format!("[{name}]")
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An event of the origin's Asterisk, also its reload (`Event: Reload`, `Status`, `Module`).
    Event,
    /// An action for the Asterisk of whoever gets it.
    Action,
    /// What came of one.
    ActionStatus,
    /// Is answered with a pong to its origin.
    Ping,
    Pong,
    /// A reload as a message of its own.
    Reload,
}

impl Kind {
    const ALL: [Kind; 6] =
        [Kind::Event, Kind::Action, Kind::ActionStatus, Kind::Ping, Kind::Pong, Kind::Reload];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Event => "AsteriskEvent",
            Kind::Action => "AsteriskAction",
            Kind::ActionStatus => "AsteriskActionStatus",
            Kind::Ping => "AgentPing",
            Kind::Pong => "AgentPong",
            Kind::Reload => "Reload",
        }
    }
}

/// A message. The server hands it on as it is, and need not read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentMessage {
    /// Who gets it: [`EVERYBODY`], the [`topic`] of one, or another.
    pub topic: String,
    pub kind: Kind,
    pub uuid: String,
    /// The name of the agent that wrote it.
    pub origin: String,
    /// None for pings and pongs.
    pub data: Headers,
}

#[derive(Deserialize)]
struct Body {
    msg_type: String,
    uuid: String,
    origin: String,
    #[serde(default)]
    x_data: Headers,
}

impl AgentMessage {
    /// Reads a message. Members that nobody knows are passed over; values of its data may be numbers too.
    pub fn read(frames: &[Bytes]) -> Result<AgentMessage, JsonError> {
        let [topic, body] = frames else { return Err(JsonError::Frames(frames.len())) };
        let topic = std::str::from_utf8(topic).map_err(|_| JsonError::NoTopic)?;
        if !topic.starts_with('[') || !topic.ends_with(']') {
            return Err(JsonError::NoTopic);
        }
        let Body { msg_type, uuid, origin, x_data } = read(body)?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == msg_type);
        let kind = kind.ok_or_else(|| JsonError::Kind(msg_type.chars().take(100).collect()))?;
        Ok(AgentMessage { topic: topic.to_owned(), kind, uuid, origin, data: x_data })
    }

    /// The frames as they are sent, byte for byte as the original writes them.
    pub fn frames(&self) -> [Bytes; 2] {
        let mut json = String::with_capacity(256);
        for (start, text) in
            [("{\"msg_type\":", self.kind.name()), (",\"uuid\":", &self.uuid), (",\"origin\":", &self.origin)]
        {
            json.push_str(start);
            write_text(text, &mut json);
        }
        if !self.data.is_empty() {
            json.push_str(",\"x_data\":");
            self.data.write(&mut json);
        }
        json.push('}');
        [Bytes::from(self.topic.clone()), Bytes::from(json)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(topic: &str, body: &str) -> Result<AgentMessage, JsonError> {
        AgentMessage::read(&[topic, body].map(|frame| Bytes::copy_from_slice(frame.as_bytes())))
    }

    /// Read and written again it is the same, byte for byte.
    #[track_caller]
    fn check(topic: &str, body: &str, kind: Kind, origin: &str) -> AgentMessage {
        let message = read(topic, body).unwrap_or_else(|error| panic!("{body}: {error}"));
        assert_eq!(message.frames(), [topic, body].map(str::to_owned).map(Bytes::from));
        assert_eq!((message.kind, message.origin.as_str(), message.topic.as_str()), (kind, origin, topic));
        message
    }

    #[test]
    fn messages_are_read_and_written_as_the_original_does() {
        let body = r#"{"msg_type":"AsteriskEvent","uuid":"7","origin":"S0","x_data":{"Event":"DeviceStateChange","Device":"SIP/100","State":"INUSE"}}"#;
        let event = check(EVERYBODY, body, Kind::Event, "S0");
        assert_eq!((event.uuid.as_str(), event.data.get("device")), ("7", Some("SIP/100")));
        check(&topic("S1"), r#"{"msg_type":"AgentPing","uuid":"8","origin":"S1"}"#, Kind::Ping, "S1");
        check("[S1]", r#"{"msg_type":"AgentPong","uuid":"8","origin":"S1"}"#, Kind::Pong, "S1");
        let body = r#"{"msg_type":"AsteriskActionStatus","uuid":"9","origin":"S1","x_data":{"Action":"Ping","Response":"Success","Timestamp":1371827013.123}}"#;
        let status = check(STATISTICS, body, Kind::ActionStatus, "S1");
        assert_eq!(status.data.get("Timestamp"), Some("1371827013.123"));
        let body = r#"{"msg_type":"AsteriskAction","uuid":"1","origin":"S0","x_data":{"Action":"Reload","Module":"a\"b"}}"#;
        check("[S1]", body, Kind::Action, "S0");
        let body = r#"{"msg_type":"Reload","uuid":"1","origin":"S0","x_data":{"Event":"Reload","Status":"0","Module":"All"}}"#;
        check("[*]", body, Kind::Reload, "S0");
    }

    #[test]
    fn what_is_built_here_is_what_is_read() {
        let number = serde_json::Number::from_f64(1.5).expect("a number");
        let data = Headers::new().with("Action", "Ping").with_number("Timestamp", &number);
        let topic = topic("S\"1");
        let message = AgentMessage {
            topic,
            kind: Kind::ActionStatus,
            uuid: "é".to_owned(),
            origin: "\\".to_owned(),
            data,
        };
        assert_eq!(AgentMessage::read(&message.frames()), Ok(message));
    }

    #[test]
    fn the_samples_of_the_documentation_are_messages() {
        let lines = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("//! ["));
        let samples = lines.filter_map(|line| line.split_once("   "));
        let read =
            samples.map(|(topic, body)| read(&format!("[{}", topic.trim()), body.trim()).expect(body).kind);
        assert_eq!(read.collect::<Vec<_>>(), [Kind::Event, Kind::Ping]);
    }

    #[test]
    fn what_python_writes_with_blanks_is_read_and_unknown_members_are_passed_over() {
        let body =
            r#"{"uuid": "8", "more": {"a": [1]}, "origin": "S1", "msg_type": "AgentPing", "x_data": {}}"#;
        assert_eq!(read("[S1]", body).expect("a message").kind, Kind::Ping);
    }

    #[test]
    fn what_is_no_message_is_one_error() {
        let check = |topic: &str, body: &str, label: &str| {
            assert_eq!(read(topic, body).expect_err(body).label(), label, "{body}");
        };
        for body in ["", "[]", "null", "{}", r#"{"Event":1}"#, r#"{"msg_type":"AgentPing","origin":"S1"}"#] {
            check("[*]", body, "json");
        }
        check("[*]", r#"{"msg_type":"AgentPing","uuid":"8","origin":1}"#, "json");
        check("[*]", r#"{"msg_type":"AgentPing","uuid":"8","origin":"S1","x_data":{"a":[]}}"#, "json");
        check("[*]", r#"{"msg_type":"AgentPing","uuid":"8","origin":"S1","origin":"S2"}"#, "json");
        check("[*]", r#"{"msg_type":"Other","uuid":"8","origin":"S1"}"#, "kind");
        let good = r#"{"msg_type":"AgentPing","uuid":"8","origin":"S1"}"#;
        check("*", good, "framing");
        check("", good, "framing");
        check("[*]", &" ".repeat(10_000_000), "oversize");
        let frames = |count: usize| AgentMessage::read(&vec![Bytes::from_static(b"[*]"); count]);
        assert_eq!((frames(1), frames(3)), (Err(JsonError::Frames(1)), Err(JsonError::Frames(3))));
        let odd = [&b"[\xff]"[..], good.as_bytes()].map(Bytes::copy_from_slice);
        assert_eq!(AgentMessage::read(&odd), Err(JsonError::NoTopic));
    }
}
