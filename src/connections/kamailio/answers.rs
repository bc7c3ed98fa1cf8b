//! What a suspended transaction is answered, as far as that is known at once.

use crate::config::{Answer, AnswerBy, EventKeys};
use crate::wire::evapi::Event;

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is no suspended transaction.
    NotAsked,
    /// No rule is about it: another client may answer, or nobody.
    NoRule,
    /// This, by the rule at that place.
    Reply(usize, String),
    /// Somebody has to be asked first, as that rule says.
    Ask(usize),
    /// A key that matters came twice, or under two names: one of its values is somebody's who should not decide. What is answered is the
    /// default, where there is one.
    Doubtful(usize),
}

/// Decides about the event of this name by the rules, in their order.
pub fn decide(event: &Event, name: Option<&str>, keys: &EventKeys, answers: &[Answer]) -> Decision {
    if event.first_text(&keys.index).is_none() || event.first_text(&keys.label).is_none() {
        return Decision::NotAsked;
    }
    // Which rule it is must not depend on a key that came twice either.
    let may_fit = |rule: &Answer| {
        rule.event.means(name)
            && rule.when.may_hold(|field| !keys.is_doubtful(event, field), |field| event.text(field))
    };
    let Some(at) = answers.iter().position(may_fit) else { return Decision::NoRule };
    let rule = &answers[at];
    if is_doubtful(event, keys, rule) {
        return Decision::Doubtful(at);
    }
    match rule.by {
        AnswerBy::Rule => Decision::Reply(at, rule.reply.fill(|field| event.text(field))),
        AnswerBy::Subscriber { .. } | AnswerBy::Webhook(_) => Decision::Ask(at),
    }
}

/// Whether something that the answer depends on came twice. A webhook is given all of it.
fn is_doubtful(event: &Event, keys: &EventKeys, rule: &Answer) -> bool {
    if !keys.find_doubtful(event) {
        return false;
    }
    let EventKeys { event: name, index, label, .. } = keys;
    let mut fields = [name, index, label].into_iter().flatten().map(String::as_str).collect::<Vec<_>>();
    fields.extend(rule.when.fields().chain(rule.reply.fields()));
    match &rule.by {
        AnswerBy::Webhook(_) => return true,
        AnswerBy::Subscriber { user, .. } => fields.extend(user.fields()),
        AnswerBy::Rule => {}
    }
    fields.into_iter().any(|field| keys.is_doubtful(event, field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::{Conditions, Pattern, Template, Text};
    use crate::wire::Secret;
    use std::time::Duration;

    fn rule(event: &str, when: &[(&str, &str)], reply: &str) -> Answer {
        let pattern = |text: &str| Pattern::parse(text).expect("a pattern");
        let when = when.iter().map(|(field, text)| (field.to_string(), pattern(text))).collect();
        Answer {
            event: pattern(event),
            when: Conditions::new(when),
            by: AnswerBy::Rule,
            reply: Template::parse(reply).expect("a template"),
            default: None,
            deadline: Duration::from_secs(1),
        }
    }

    fn rules() -> Vec<Answer> {
        let webhook = AnswerBy::Webhook(Secret::new("http://127.0.0.1:1/"));
        let user = Text::parse("{from}@tele.gl").expect("a text");
        let subscriber = AnswerBy::Subscriber { user, when: Conditions::default() };
        vec![
            rule("AUTH", &[("method", "MESSAGE")], r#"{"cmd":"reply","tr_index":"{tr_index}","to":"{to}"}"#),
            Answer { by: webhook, ..rule("AUTH", &[("method", "SUBSCRIBE")], "{}") },
            Answer { by: subscriber, ..rule("CGR_*", &[], "{}") },
        ]
    }

    #[track_caller]
    fn check(payload: &str, expected: Decision) {
        let event = Event::parse(payload.to_owned().into()).expect("an event");
        let keys = EventKeys::default();
        let name = event.first_text(&keys.event);
        assert_eq!(decide(&event, name.as_deref(), &keys, &rules()), expected, "{payload}");
    }

    #[test]
    fn the_first_rule_that_fits_answers_a_suspended_transaction() {
        let asked = r#"{"event":"AUTH","method":"MESSAGE","tr_index":"491","tr_label":7,"to":"bo"}"#;
        check(asked, Decision::Reply(0, r#"{"cmd":"reply","to":"bo","tr_index":"491"}"#.to_owned()));
        check(&asked.replace("MESSAGE", "SUBSCRIBE"), Decision::Ask(1));
        check(&asked.replace("MESSAGE", "INFO"), Decision::NoRule);
        check(&asked.replace("tr_label", "x"), Decision::NotAsked);
        check(&asked.replace(":7", ":<null>"), Decision::NotAsked);
        let cgr =
            r#"{"Event":"CGR_AUTH_REQUEST","TransactionIndex":"1","TransactionLabel":"2","from":"anna"}"#;
        check(cgr, Decision::Ask(2));
    }

    #[test]
    fn what_came_twice_decides_nothing() {
        let asked = |more: &str| {
            format!(r#"{{"event":"AUTH","method":"MESSAGE","tr_index":"1","tr_label":"2","to":"bo",{more}}}"#)
        };
        for forged in [r#""event":"CGR_X""#, r#""method":"X""#, r#""tr_index":"9""#, r#""to":"x""#] {
            check(&asked(forged), Decision::Doubtful(0));
        }
        // With its other value the first rule would answer.
        let skipped =
            asked(r#""x":1"#).replace(r#""method":"MESSAGE""#, r#""method":"INFO","method":"MESSAGE""#);
        check(&skipped, Decision::Doubtful(0));
        check(&skipped.replace("AUTH", "OTHER"), Decision::NoRule);
        // The same under another name of it.
        for forged in [r#""Event":"CGR_X""#, r#""TransactionIndex":"9""#, r#""TransactionLabel":null"#] {
            check(&asked(forged), Decision::Doubtful(0));
        }
        let cgr = r#"{"Event":"CGR_X","TransactionIndex":"7","TransactionLabel":"8","from":"anna","event":"AUTH","method":"MESSAGE"}"#;
        check(cgr, Decision::Doubtful(2));
        // Of no matter for this answer.
        let reply = r#"{"cmd":"reply","to":"bo","tr_index":"1"}"#;
        check(&asked(r#""from":"a","from":"b""#), Decision::Reply(0, reply.to_owned()));
        // A webhook may look at anything.
        let webhook = asked(r#""from":"a","from":"b""#).replace("MESSAGE", "SUBSCRIBE");
        check(&webhook, Decision::Doubtful(1));
    }
}
