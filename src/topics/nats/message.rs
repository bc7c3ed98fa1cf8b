//! An event as a message: its subject, its headers and its id.

use crate::topics::happenings::Happening;
use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// Subjects stand in lines of bounded length.
const TOKEN: usize = 128;
const TIME: &[BorrowedFormatItem] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// `PREFIX.SOURCE.EVENT`.
pub(super) fn subject(prefix: &str, happening: &Happening) -> String {
    format!("{prefix}.{}.{}", token(&happening.event.source), token(&happening.event.name))
}

/// A text as a part of a subject: letters, digits, `_` and `-`; all else would have a meaning there, or none.
fn token(text: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    match text {
        "" => "_".to_owned(),
        text => text.chars().take(TOKEN).map(plain).collect(),
    }
}

/// The message, which no other stream than this one may take.
pub(super) fn message(stream: &str, happening: &Happening) -> PublishMessage {
    let event = &happening.event;
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, event.uuid.to_string());
    headers.insert(NATS_EXPECTED_STREAM, stream);
    headers.insert("Event-Topics", line(&happening.topics.join(",")));
    headers.insert("Event-Source", line(&event.source));
    headers.insert("Event-Name", line(&event.name));
    if let Ok(time) = OffsetDateTime::from(event.at).format(TIME) {
        headers.insert("Event-Time", time);
    }
    if let Some(form) = event.form.word() {
        headers.insert("Event-Form", form);
    }
    PublishMessage::build().headers(headers).payload(Bytes::copy_from_slice(event.payload.as_bytes()))
}

/// A header ends with its line.
fn line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Form;
    use crate::topics::TopicEvent;
    use std::time::{Duration, SystemTime};
    use uuid::Uuid;

    fn happening(source: &str, name: &str) -> Happening {
        let event = TopicEvent {
            uuid: Uuid::from_u128(7),
            topic: "users".to_owned(),
            source: source.into(),
            name: name.into(),
            at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_772_366_400_123),
            payload: r#"{"user":"anna"}"#.into(),
            form: Form::Change,
        };
        Happening { sequence: 1, topics: vec!["users".to_owned(), "all".to_owned()], event }
    }

    #[test]
    fn what_would_mean_something_in_a_subject_is_no_part_of_it() {
        let check = |source: &str, name: &str, expected: &str| {
            assert_eq!(subject("em", &happening(source, name)), expected, "{source} {name}");
        };
        check("as1", "UserAddRequest", "em.as1.UserAddRequest");
        check("k-1_a", "dialog:end", "em.k-1_a.dialog_end");
        check("a.b", "*.>", "em.a_b.___");
        check("", "", "em._._");
        check("a b\r\nPUB x", "é\t漢", "em.a_b__PUB_x.___");
        let long = subject("em", &happening("as1", &"x".repeat(5_000)));
        assert_eq!(long.len(), "em.as1.".len() + 128);
    }

    #[test]
    fn no_header_is_more_than_a_line() {
        assert_eq!(line("a\r\nNats-Msg-Id: 8\0é"), "a  Nats-Msg-Id: 8 é");
    }
}
