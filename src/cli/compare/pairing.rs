//! Which event there is which event here.
//!
//! Both come in the order in which they were stored, interleaved by time. An event is paired with the first of the other
//! side that waits with the same content and command. Where letters may be broken on one side the content is not the
//! same; there the id of the notification and the command decide.

use crate::store::RecordedEvent;
use crate::wire::ocir::ROOT;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::SystemTime;

/// What is kept of an event until its partner comes.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub id: i64,
    pub received: SystemTime,
    pub user_id: String,
    pub command: String,
    pub status: String,
    pub command_index: u32,
    pub reason: Option<String>,
    /// The document has letters beyond ASCII.
    pub letters: bool,
    /// A digest of document and command.
    pub content: u64,
    /// A digest of notification id and command.
    pub notification: Option<u64>,
}

impl From<RecordedEvent> for Seen {
    fn from(event: RecordedEvent) -> Seen {
        let document = &event.document;
        Seen {
            letters: !document.is_ascii(),
            content: digest(content(document), &event.command),
            notification: notification_id(document).map(|id| digest(id.bytes(), &event.command)),
            id: event.id,
            received: event.received,
            user_id: event.user_id,
            command: event.command,
            status: event.status,
            command_index: event.command_index,
            reason: event.reason,
        }
    }
}

fn digest(bytes: impl Iterator<Item = u8>, command: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.for_each(|byte| hasher.write_u8(byte));
    command.hash(&mut hasher);
    hasher.finish()
}

/// The document without what stands around it, and without the difference between CRLF and LF.
fn content(document: &str) -> impl Iterator<Item = u8> {
    let root = document.find(ROOT).and_then(|at| document[..at].rfind('<'));
    document[root.unwrap_or(0)..].trim().bytes().filter(|byte| *byte != b'\r')
}

/// The text of the first `<id>`, which is that of the first report.
fn notification_id(document: &str) -> Option<&str> {
    let (_, after) = document.split_once("<id>")?;
    after.split_once("</id>").map(|(id, _)| id.trim()).filter(|id| !id.is_empty())
}

/// Events of one side that wait for their partner, in the order in which they came.
#[derive(Debug, Default)]
pub struct Waiting {
    events: BTreeMap<u64, Seen>,
    by_content: HashMap<u64, Vec<u64>>,
    by_notification: HashMap<u64, Vec<u64>>,
    next: u64,
}

impl Waiting {
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Lets an event wait.
    pub fn add(&mut self, event: Seen) {
        let number = self.next;
        self.next += 1;
        self.by_content.entry(event.content).or_default().push(number);
        if let Some(notification) = event.notification {
            self.by_notification.entry(notification).or_default().push(number);
        }
        self.events.insert(number, event);
    }

    /// Takes out the event that is the same as this one of the other side.
    pub fn take_partner(&mut self, other: &Seen) -> Option<Seen> {
        let same = self.by_content.get(&other.content).and_then(|numbers| numbers.first());
        let number = same.copied().or_else(|| self.with_broken_letters(other))?;
        self.take(number)
    }

    fn with_broken_letters(&self, other: &Seen) -> Option<u64> {
        let numbers = self.by_notification.get(&other.notification?)?;
        numbers.iter().copied().find(|number| other.letters || self.events[number].letters)
    }

    /// Takes out the event that has waited longest, if it came before this time.
    pub fn take_before(&mut self, time: SystemTime) -> Option<Seen> {
        let (number, _) = self.events.first_key_value().filter(|(_, event)| event.received < time)?;
        self.take(*number)
    }

    /// Takes out the event that has waited longest.
    pub fn take_first(&mut self) -> Option<Seen> {
        let (number, _) = self.events.first_key_value()?;
        self.take(*number)
    }

    fn take(&mut self, number: u64) -> Option<Seen> {
        let event = self.events.remove(&number)?;
        forget(&mut self.by_content, event.content, number);
        if let Some(notification) = event.notification {
            forget(&mut self.by_notification, notification, number);
        }
        Some(event)
    }
}

fn forget(index: &mut HashMap<u64, Vec<u64>>, key: u64, number: u64) {
    if let Some(numbers) = index.get_mut(&key) {
        numbers.retain(|other| *other != number);
        if numbers.is_empty() {
            index.remove(&key);
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::time::Duration;

    pub fn seen(id: i64, document: &str, command: &str) -> Seen {
        Seen::from(RecordedEvent {
            id,
            received: SystemTime::UNIX_EPOCH + Duration::from_secs(id.unsigned_abs()),
            user_id: "anna@tele.gl".into(),
            command: command.into(),
            document: document.into(),
            status: "completed".into(),
            command_index: 0,
            reason: None,
        })
    }

    fn document(id: u32, text: &str) -> String {
        format!("<{ROOT}><command><id>write{id}</id>{text}</command></{ROOT}>")
    }

    #[test]
    fn the_same_document_is_the_same_event() {
        let check = |there: &str, here: &str, expected: bool| {
            let mut waiting = Waiting::default();
            waiting.add(seen(1, there, "UserAddRequest"));
            let partner = waiting.take_partner(&seen(2, here, "UserAddRequest"));
            assert_eq!(partner.is_some(), expected, "{there}\n{here}");
        };
        let one = document(1, "anna\n");
        check(&one, &one, true);
        check(&format!("<?xml version=\"1.0\"?>\r\n{one}\r\n"), &one.replace('\n', "\r\n"), true);
        check(&one, &document(2, "anna\n"), false);
        check(&one, &document(1, "bo\n"), false);
        check(&document(1, "S?ren"), &document(1, "Søren"), true);
        check(&document(1, "SÃ¸ren"), &document(1, "Søren"), true);
        check(&document(1, "S?ren"), &document(2, "Søren"), false);
        check("rubbish", "rubbish", true);
        check("rubbish", "Rubbish", false);
    }

    #[test]
    fn another_command_is_another_event_and_order_decides_among_equals() {
        let mut waiting = Waiting::default();
        let one = document(1, "Søren");
        waiting.add(seen(1, &one, "UserAddRequest"));
        waiting.add(seen(2, &one, "UserModifyRequest"));
        waiting.add(seen(3, &one, "UserAddRequest"));
        let mut partner = |command| waiting.take_partner(&seen(9, &one, command)).map(|event| event.id);
        assert_eq!(partner("UserDeleteRequest"), None);
        assert_eq!(partner("UserAddRequest"), Some(1));
        assert_eq!(partner("UserAddRequest"), Some(3));
        assert_eq!(partner("UserAddRequest"), None);
        assert_eq!(partner("UserModifyRequest"), Some(2));
        assert_eq!((waiting.len(), waiting.by_content.len(), waiting.by_notification.len()), (0, 0, 0));
    }

    #[test]
    fn who_has_waited_long_enough_is_given_up_in_order() {
        let mut waiting = Waiting::default();
        (1..=3).for_each(|id| waiting.add(seen(id, &document(7, "x"), "A")));
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(2);
        assert_eq!(waiting.take_before(until).map(|event| event.id), Some(1));
        assert_eq!(waiting.take_before(until), None);
        assert_eq!(waiting.take_first().map(|event| event.id), Some(2));
        assert_eq!(waiting.take_partner(&seen(9, &document(7, "x"), "A")).map(|event| event.id), Some(3));
    }
}
