//! What a suspended transaction is answered, as far as that is known at once.

use crate::config::{Answer, AnswerBy, EventKeys};
use crate::wire::evapi::Event;

/// What is to be done.
#[derive(Debug, PartialEq)]
pub enum Decision<'a> {
    /// It is no suspended transaction.
    NotAsked,
    /// No rule is about it: another client may answer, or nobody.
    NoRule,
    Reply(String),
    /// Somebody has to be asked first.
    Ask(&'a Answer),
    /// A key that matters came twice: one of its values is somebody's who should not decide. What is answered is the
    /// default, where there is one.
    Doubtful(&'a Answer),
}

/// Decides by the rules, in their order.
pub fn decide<'a>(event: &Event, keys: &EventKeys, answers: &'a [Answer]) -> Decision<'a> {
    let first = |names: &[String]| event.first_text(names.iter().map(String::as_str));
    if first(&keys.index).is_none() || first(&keys.label).is_none() {
        return Decision::NotAsked;
    }
    let name = first(&keys.event);
    let fits =
        |rule: &&Answer| rule.event.means(name.as_deref()) && rule.when.hold(|field| event.text(field));
    let Some(rule) = answers.iter().find(fits) else { return Decision::NoRule };
    if is_doubtful(event, keys, rule) {
        return Decision::Doubtful(rule);
    }
    match rule.by {
        AnswerBy::Rule => Decision::Reply(rule.reply.fill(|field| event.text(field))),
        AnswerBy::Subscriber { .. } | AnswerBy::Webhook(_) => Decision::Ask(rule),
    }
}

/// Whether something that the answer depends on came twice. A webhook is given all of it.
fn is_doubtful(event: &Event, keys: &EventKeys, rule: &Answer) -> bool {
    if event.duplicates.is_empty() {
        return false;
    }
    let EventKeys { event: name, index, label, .. } = keys;
    let mut keys = [name, index, label].into_iter().flatten().map(String::as_str).collect::<Vec<_>>();
    keys.extend(rule.when.fields().chain(rule.reply.fields()));
    match &rule.by {
        AnswerBy::Webhook(_) => return true,
        AnswerBy::Subscriber { user, .. } => keys.extend(user.fields()),
        AnswerBy::Rule => {}
    }
    keys.into_iter().any(|key| event.is_doubtful(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::{Conditions, Pattern, Template, Text};
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
        let webhook = AnswerBy::Webhook("http://127.0.0.1:1/".to_owned());
        let user = Text::parse("{from}@tele.gl").expect("a text");
        let subscriber = AnswerBy::Subscriber { user, when: Conditions::default() };
        vec![
            rule("AUTH", &[("method", "MESSAGE")], r#"{"cmd":"reply","tr_index":"{tr_index}","to":"{to}"}"#),
            Answer { by: webhook, ..rule("AUTH", &[("method", "SUBSCRIBE")], "{}") },
            Answer { by: subscriber, ..rule("CGR_*", &[], "{}") },
        ]
    }

    #[track_caller]
    fn check(payload: &str, expected: impl FnOnce(&[Answer]) -> Decision<'_>) {
        let (rules, event) = (rules(), Event::parse(payload.to_owned().into()).expect("an event"));
        assert_eq!(decide(&event, &EventKeys::default(), &rules), expected(&rules), "{payload}");
    }

    #[test]
    fn the_first_rule_that_fits_answers_a_suspended_transaction() {
        let asked = r#"{"event":"AUTH","method":"MESSAGE","tr_index":"491","tr_label":7,"to":"bo"}"#;
        check(asked, |_| Decision::Reply(r#"{"cmd":"reply","to":"bo","tr_index":"491"}"#.to_owned()));
        check(&asked.replace("MESSAGE", "SUBSCRIBE"), |rules| Decision::Ask(&rules[1]));
        check(&asked.replace("MESSAGE", "INFO"), |_| Decision::NoRule);
        check(&asked.replace("tr_label", "x"), |_| Decision::NotAsked);
        check(&asked.replace(":7", ":<null>"), |_| Decision::NotAsked);
        let cgr =
            r#"{"Event":"CGR_AUTH_REQUEST","TransactionIndex":"1","TransactionLabel":"2","from":"anna"}"#;
        check(cgr, |rules| Decision::Ask(&rules[2]));
    }

    #[test]
    fn what_came_twice_decides_nothing() {
        let asked = |more: &str| {
            format!(r#"{{"event":"AUTH","method":"MESSAGE","tr_index":"1","tr_label":"2","to":"bo",{more}}}"#)
        };
        for forged in [r#""event":"CGR_X""#, r#""method":"X""#, r#""tr_index":"9""#, r#""to":"x""#] {
            check(&asked(forged), |rules| Decision::Doubtful(&rules[0]));
        }
        // Of no matter for this answer.
        let reply = r#"{"cmd":"reply","to":"bo","tr_index":"1"}"#;
        check(&asked(r#""from":"a","from":"b""#), |_| Decision::Reply(reply.to_owned()));
        // A webhook may look at anything.
        let webhook = asked(r#""from":"a","from":"b""#).replace("MESSAGE", "SUBSCRIBE");
        check(&webhook, |rules| Decision::Doubtful(&rules[1]));
    }
}
