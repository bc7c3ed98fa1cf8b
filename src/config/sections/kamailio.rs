//! `[[kamailio]]`, with its `[[kamailio.answer]]`.

use super::{Endpoints, choice};
use crate::config::section::Section;
use crate::config::values::{Answer, AnswerBy, EventKeys, Framing, Kamailio, Overflow, SUBSCRIBER_COLUMNS};
use crate::config::{addresses, defaults, units};
use crate::matching::{Conditions, Pattern, Template, Text};
use crate::wire::evapi::LARGEST_COMMAND;
use crate::wire::{Secret, json};
use std::time::Duration;

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
    fits(&text)?;
    Ok(text)
}

fn fits(command: &str) -> Result<(), String> {
    match command.len() > LARGEST_COMMAND {
        true => Err(format!("is longer than the {LARGEST_COMMAND} bytes that Kamailio reads whole")),
        false => Ok(()),
    }
}

fn max_frame(section: &Section) -> Option<usize> {
    let size = section.size("max_frame")?;
    if size > defaults::LARGEST_FRAME {
        section.problem("max_frame", format!("is more than {}MiB", defaults::LARGEST_FRAME >> 20));
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
    let by = answer_by(section);
    if by != AnswerBy::Rule {
        section.require(&["default"]);
    }
    let read = |key, by: &AnswerBy| section.value(key, |text| quoting(template(text)?, by));
    Answer {
        event: section.value("event", Pattern::parse).unwrap_or_else(Pattern::any),
        when: Conditions::new(section.entries("when", units::text, Pattern::parse)),
        reply: read("reply", &by).unwrap_or_else(Template::empty),
        // Whoever was asked has said nothing then.
        default: read("default", &AnswerBy::Rule),
        deadline: section.value("deadline", deadline).unwrap_or(defaults::ANSWER_DEADLINE),
        by,
    }
}

fn answer_by(section: &Section) -> AnswerBy {
    let webhook = section.hidden("webhook", addresses::webhook);
    let user = section.value("subscriber", Text::parse);
    let when = Conditions::new(section.entries("subscriber_when", column, Pattern::parse));
    if section.has("subscriber_when") && section.lacks("subscriber") {
        section
            .problem("subscriber_when", "has no subscriber to look at: \"subscriber\" says whose row it is");
    }
    match (webhook, user) {
        (Some(_), Some(_)) => {
            section.problem("webhook", "cannot be asked beside the table of subscribers: choose one");
            AnswerBy::Rule
        }
        (Some(url), None) => AnswerBy::Webhook(Secret::new(url)),
        (None, Some(user)) => AnswerBy::Subscriber { user, when },
        (None, None) => AnswerBy::Rule,
    }
}

/// A template in which every key stands once, and which Kamailio takes at least while its fields are empty.
fn template(text: &str) -> Result<Template, String> {
    let template = Template::parse(text)?;
    json::unique(text.as_bytes()).map_err(|error| format!("is not to be understood: {error}"))?;
    fits(&template.fill(|_| None))?;
    Ok(template)
}

/// A template that quotes nobody but whom is asked.
fn quoting(template: Template, by: &AnswerBy) -> Result<Template, String> {
    for field in template.fields() {
        if let Some(name) = field.strip_prefix("subscriber.") {
            column(name).map_err(|error| format!("quotes {{{field}}}, and {name:?} {error}"))?;
            if !matches!(by, AnswerBy::Subscriber { .. }) {
                return Err(format!("quotes {{{field}}} where no subscriber is looked at"));
            }
        }
        if field.starts_with("webhook.") && !matches!(by, AnswerBy::Webhook(_)) {
            return Err(format!("quotes {{{field}}} where no webhook is asked"));
        }
    }
    Ok(template)
}

/// Long enough for somebody to be asked at all.
fn deadline(text: &str) -> Result<Duration, String> {
    let deadline = units::duration(text)?;
    let shortest = defaults::SHORTEST_DEADLINE;
    if deadline < shortest {
        return Err(format!("is shorter than {shortest:?}, in which nobody can be asked"));
    }
    Ok(deadline)
}

/// A column of the table of subscribers that may be looked at.
fn column(text: &str) -> Result<String, String> {
    if SUBSCRIBER_COLUMNS.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("is no column to look at; there are {}", SUBSCRIBER_COLUMNS.join(", ")))
}

#[cfg(test)]
mod tests {
    use crate::config::{Surroundings, parse_toml};
    use crate::wire::evapi::LARGEST_COMMAND;
    use std::path::Path;

    /// The problems of an answer with these keys.
    fn problems(keys: &str) -> String {
        let text = format!(
            "[[kamailio]]\nname = 'k1'\naddress = 'k1:8448'\n[[kamailio.answer]]\nevent = 'q'\n{keys}\n"
        );
        match parse_toml(&text, "a.toml", &Surroundings::of_process(Path::new("."))) {
            Ok(_) => String::new(),
            Err(problems) => problems.to_string(),
        }
    }

    #[track_caller]
    fn check(keys: &str, problem: &str) {
        let problems = problems(keys);
        assert!(problems.contains(problem) && problems.lines().count() == 1, "{keys}: {problems:?}");
    }

    #[test]
    fn an_answer_quotes_whom_it_asks() {
        const ASKED: &str = "subscriber = '{from}'\ndefault = '{}'\n";
        assert_eq!(problems(&format!("{ASKED}reply = '{{\"a\":\"{{subscriber.e164}}\"}}'")), "");
        check("reply = '{\"a\":\"{subscriber.e164}\"}'", "where no subscriber is looked at");
        check("reply = '{\"a\":\"{webhook.code}\"}'", "where no webhook is asked");
        let default = "subscriber = 'x'\nreply = '{}'\ndefault = '{\"a\":\"{subscriber.e164}\"}'";
        check(default, "where no subscriber is looked at");
        check(
            &format!("{ASKED}reply = '{{\"a\":\"{{subscriber.vmail_password}}\"}}'"),
            "is no column to look at",
        );
        check("reply = '{}'\nsubscriber_when = { user_type = 'user' }", "has no subscriber to look at");
    }

    #[test]
    fn a_webhook_is_a_url_of_its_own_and_shows_in_no_problem() {
        let with = |url: &str| format!("reply = '{{}}'\ndefault = '{{}}'\nwebhook = '{url}'");
        assert_eq!(problems(&with("http://127.0.0.1:9000")), "");
        check(&with("127.0.0.1:9000/t0ken"), "is not a URL");
        check(&with("http://anna:t0ken@127.0.0.1/"), "must not hold a user");
        assert!(!problems(&with("http://anna:t0ken@127.0.0.1/")).contains("t0ken"));
    }

    #[test]
    fn a_template_that_could_not_be_sent_or_understood_is_a_problem() {
        let long = |letters: usize| format!("{{\"a\":\"{}{{from}}\"}}", "x".repeat(letters));
        assert_eq!(problems(&format!("reply = '{}'", long(LARGEST_COMMAND - 8))), "");
        check(&format!("reply = '{}'", long(LARGEST_COMMAND - 7)), "is longer than the 8000 bytes");
        check(
            &format!("reply = '{{}}'\ndefault = '{}'", long(LARGEST_COMMAND)),
            "is longer than the 8000 bytes",
        );
        check("reply = '{\"code\":\"403\",\"code\":\"202\"}'", "\"code\" stands in it twice");
        check("reply = '{\"a\":{\"b\":\"1\",\"b\":\"2\"}}'", "\"b\" stands in it twice");
    }

    #[test]
    fn a_deadline_is_long_enough_for_somebody_to_be_asked() {
        assert_eq!(problems("reply = '{}'\ndeadline = '100ms'"), "");
        check("reply = '{}'\ndeadline = '99ms'", "shorter than 100ms");
    }
}
