//! Events of application servers, handed on as they have ended.

use super::changed::ChangeKind;
use super::hand_on::json_in_ascii;
use super::{TopicEvent, Wanted};
use crate::config::Route;
use crate::event::Status;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::SystemTime;
use uuid::Uuid;

/// An event that has its final status.
#[derive(Debug, Clone)]
pub struct Ended<'a> {
    pub uuid: Uuid,
    /// From 1; a retry is the next one, and hands the event on once more.
    pub attempt: u32,
    pub source: &'a str,
    pub command: &'a str,
    /// Who has given the command.
    pub given_by: &'a str,
    /// The subscriber that it is about, where that is one and is known.
    pub user: Option<&'a str>,
    pub status: Status,
    /// Why it failed or was ignored, or what is worth knowing although it completed.
    pub reason: Option<&'a str>,
    /// What it has done to what it is about; `None` where it has not completed.
    pub change: Option<ChangeKind>,
    pub received: SystemTime,
}

impl Ended<'_> {
    /// A row of the topic log for each topic under which these rules want it.
    pub fn hand_on(&self, routes: &[Route]) -> Vec<TopicEvent> {
        let fields = self.fields();
        let field = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        let topics = Wanted::by(routes, self.source, self.command, field).topics;
        if topics.is_empty() {
            return Vec::new();
        }
        let (source, name): (Arc<str>, Arc<str>) = (self.source.into(), self.command.into());
        let uuid = self.handed_on_as();
        // In letters that every database has: a verdict must not be refused for the row beside it.
        let payload: Arc<str> = json_in_ascii(&Value::Object(fields).to_string()).into();
        let event = |topic| TopicEvent {
            uuid,
            topic,
            source: Arc::clone(&source),
            name: Arc::clone(&name),
            at: self.received,
            payload: Arc::clone(&payload),
            form: crate::event::Form::Fields,
        };
        topics.into_iter().map(event).collect()
    }

    /// Its fields as those who follow read them, and as the conditions of rules see them. The document is not among them: it may
    /// hold secrets.
    fn fields(&self) -> Map<String, Value> {
        let texts = [
            ("event", Some(self.command)),
            ("status", Some(self.status.as_str())),
            ("user", self.user),
            ("given_by", Some(self.given_by)),
            ("reason", self.reason),
            ("change", self.change.map(ChangeKind::as_str)),
        ];
        let text = |(name, text): (&str, Option<&str>)| Some((name.to_owned(), Value::from(text?)));
        let mut fields: Map<String, Value> = texts.into_iter().filter_map(text).collect();
        fields.insert("id".to_owned(), self.uuid.to_string().into());
        fields.insert("attempt".to_owned(), self.attempt.into());
        fields
    }

    /// The same for an attempt whenever it is written, and another for each attempt.
    fn handed_on_as(&self) -> Uuid {
        if self.attempt <= 1 {
            return self.uuid;
        }
        let digest =
            Sha256::new().chain_update(self.uuid).chain_update(self.attempt.to_be_bytes()).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::{Conditions, Pattern};

    fn ended(attempt: u32, status: Status) -> Ended<'static> {
        Ended {
            uuid: Uuid::from_u128(7),
            attempt,
            source: "as1",
            command: "UserAddRequest",
            given_by: "admin",
            user: Some("anna@tele.gl"),
            status,
            reason: (status == Status::Failed).then_some("refused"),
            change: None,
            received: SystemTime::UNIX_EPOCH,
        }
    }

    fn failures() -> Vec<Route> {
        let pattern = |text: &str| Pattern::parse(text).expect("a pattern");
        let when = Conditions::new([("status".to_owned(), pattern("failed"))].into());
        let (source, event, to) = (pattern("as*"), pattern("User*"), vec!["b".to_owned(), "a".to_owned()]);
        vec![Route { source, event, when, to, store: false }]
    }

    #[test]
    fn an_event_is_handed_on_as_it_has_ended() {
        assert_eq!(ended(1, Status::Completed).hand_on(&failures()), []);
        let handed_on = ended(1, Status::Failed).hand_on(&failures());
        assert_eq!(handed_on.iter().map(|event| event.topic.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(
            &*handed_on[0].payload,
            r#"{"attempt":1,"event":"UserAddRequest","given_by":"admin","id":"00000000-0000-0000-0000-000000000007","reason":"refused","status":"failed","user":"anna@tele.gl"}"#
        );
    }

    #[test]
    fn every_attempt_is_known_by_an_id_of_its_own() {
        let id = |attempt| ended(attempt, Status::Failed).hand_on(&failures())[0].uuid;
        assert_eq!((id(1), id(2)), (Uuid::from_u128(7), id(2)));
        assert!(id(1) != id(2) && id(2) != id(3));
    }
}
