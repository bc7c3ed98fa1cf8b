//! `[[kamailio]]`, with its `[[kamailio.answer]]`.

use super::{Endpoints, choice};
use crate::config::section::Section;
use crate::config::values::{Answer, AnswerBy, EventKeys, Framing, Kamailio, Overflow, SUBSCRIBER_COLUMNS};
use crate::config::{addresses, defaults, units};
use crate::matching::{Conditions, Pattern, Template, Text};

pub(super) fn kamailio(section: &Section, endpoints: &mut Endpoints) -> Kamailio {
    section.require(&["name", "address"]);
    let name = endpoints.name(section);
    let framings = [("netstring", Framing::Netstring), ("none", Framing::None)];
    let overflows = [("drop_oldest", Overflow::DropOldest), ("disconnect", Overflow::Disconnect)];
    let window = section.value("duplicate_window", units::duration_or_zero);
    let default = Kamailio::new(name.clone(), "");
    Kamailio {
        address: endpoints.address(section, &name),
        framing: section.value("framing", choice(&framings)).unwrap_or(default.framing),
        tag_command: section.value("tag_command", command),
        heartbeat_timeout: section.duration("heartbeat_timeout"),
        frame_timeout: section.duration("frame_timeout").unwrap_or(default.frame_timeout),
        max_frame: max_frame(section).unwrap_or(default.max_frame),
        queue: section.number("queue", 1..=1_000_000).unwrap_or(default.queue),
        on_overflow: section.value("on_overflow", choice(&overflows)).unwrap_or(default.on_overflow),
        max_bad: section.number("max_bad", 1..=1_000_000).unwrap_or(default.max_bad),
        duplicate_window: window.unwrap_or(default.duplicate_window),
        keys: section.section("keys", keys).unwrap_or(default.keys),
        answers: section.sections("answer", answer),
        name,
    }
}

/// A command must fit the parser of the far side, which loses frames that it reads in two parts.
fn command(text: &str) -> Result<String, String> {
    let text = units::text(text)?;
    if text.len() > defaults::MAX_COMMAND {
        return Err(format!("is longer than the {} bytes that Kamailio reads whole", defaults::MAX_COMMAND));
    }
    Ok(text)
}

fn max_frame(section: &Section) -> Option<usize> {
    let size = section.size("max_frame")?;
    if size > defaults::LARGEST_FRAME {
        section.problem("max_frame", "is more than 16MiB");
        return None;
    }
    Some(size)
}

fn keys(section: &Section) -> EventKeys {
    let default = EventKeys::default();
    let names = |key| section.value(key, names);
    EventKeys {
        event: names("event").unwrap_or(default.event),
        index: names("index").unwrap_or(default.index),
        label: names("label").unwrap_or(default.label),
        call_id: names("call_id").unwrap_or(default.call_id),
        identity: names("identity").unwrap_or(default.identity),
    }
}

/// Names with commas between them.
fn names(text: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> = units::text(text)?.split(',').map(|name| name.trim().to_owned()).collect();
    if names.iter().any(String::is_empty) {
        return Err("has an empty name between its commas".to_owned());
    }
    Ok(names)
}

fn answer(section: &Section) -> Answer {
    section.require(&["event", "reply"]);
    let webhook = section.hidden("webhook", addresses::webhook);
    let user = section.value("subscriber", Text::parse);
    let when = Conditions::new(section.entries("subscriber_when", column, Pattern::parse));
    let by = match (webhook, user) {
        (Some(_), Some(_)) => {
            section.problem("webhook", "cannot be asked beside the table of subscribers: choose one");
            AnswerBy::Rule
        }
        (Some(url), None) => AnswerBy::Webhook(url),
        (None, Some(user)) => AnswerBy::Subscriber { user, when },
        (None, None) => AnswerBy::Rule,
    };
    if by != AnswerBy::Rule {
        section.require(&["default"]);
    }
    let template = |key| section.value(key, Template::parse);
    Answer {
        event: section.value("event", Pattern::parse).unwrap_or_else(Pattern::any),
        when: Conditions::new(section.entries("when", units::text, Pattern::parse)),
        by,
        reply: template("reply").unwrap_or_else(Template::empty),
        default: template("default"),
        deadline: section.duration("deadline").unwrap_or(defaults::ANSWER_DEADLINE),
    }
}

/// A column of the table of subscribers that may be looked at.
fn column(text: &str) -> Result<String, String> {
    if SUBSCRIBER_COLUMNS.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("is no column to look at; there are {}", SUBSCRIBER_COLUMNS.join(", ")))
}
