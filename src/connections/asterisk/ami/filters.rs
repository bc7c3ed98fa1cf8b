//! Which events a server is asked to send: no more than are needed.
//!
//! A filter is a regular expression that is searched in the text of the whole event; with `!` in front what matches is left out.

use super::super::reading;
use crate::config::{Asterisk, Route};
use crate::matching::Pattern;

/// Its message stands in it as it is, line ends and all, so that a message can forge events.
const PRESENCE_STATUS: &str = "PresenceStatus";
/// What we set on a server comes back as events of devices that begin so.
const MIRRORED: &str = "Custom:";
/// What a session needs for itself.
const ALWAYS: [&str; 3] = ["FullyBooted", "Shutdown", "Reload"];

/// The filters of a session with `server`, of which these routes want events; `mirrors`: its states are mirrored.
pub fn filters(server: &Asterisk, routes: &[Route], mirrors: bool) -> Vec<String> {
    let mut filters = vec![format!("!^Event: {PRESENCE_STATUS}")];
    let own: &[&str] = if mirrors { &[reading::DEVICE, reading::PRESENCE] } else { &[] };
    if let Some(names) = wanted(routes) {
        let events = own.iter().chain(&ALWAYS).map(|name| (*name).to_owned()).chain(names);
        filters.extend(events.map(|name| format!("^Event: {}", expression(&name))));
    }
    // Half of what a server would send, for nothing: every state that we set on it comes back as an event.
    if leaves_out_mirrored(server) && !routes.iter().any(|route| route.event.means(Some(reading::DEVICE))) {
        filters.push(format!("!^Event: {}.*Device: {MIRRORED}", reading::DEVICE));
    }
    filters
}

/// The names that routes want; `None`: any may be wanted.
fn wanted(routes: &[Route]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for route in routes {
        let choices = route.event.choices()?;
        if choices.iter().any(|choice| choice == "*") {
            return None;
        }
        names.extend(choices.iter().cloned());
    }
    Some(names)
}

fn leaves_out_mirrored(server: &Asterisk) -> bool {
    let covers = |choice: &String| {
        choice.split_once('*').is_some_and(|(begin, rest)| rest.is_empty() && MIRRORED.starts_with(begin))
    };
    let leaves_out = |pattern: &Pattern| pattern.choices().is_some_and(|choices| choices.iter().any(covers));
    server.exclude.iter().any(leaves_out)
}

/// A choice of a pattern as a regular expression. One that ends without `*` is taken for a beginning: a few events too many are no
/// matter.
fn expression(choice: &str) -> String {
    let mut expression = String::new();
    for letter in choice.chars() {
        match letter {
            '*' => expression.push_str(".*"),
            '.' | '\\' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' => {
                expression.extend(['\\', letter]);
            }
            // No name has one, and it would end the line.
            letter if letter.is_control() => expression.push('.'),
            letter => expression.push(letter),
        }
    }
    expression
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Ami, AsteriskTransport};
    use crate::matching::Conditions;
    use crate::wire::Secret;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).expect("a pattern")
    }

    #[track_caller]
    fn check(exclude: &[&str], events: &[&str], mirrors: bool, expected: &[&str]) {
        let ami = Ami::new("pbx-a:5038", "em", Secret::new("s"));
        let mut server = Asterisk::new("pbx-a", AsteriskTransport::Ami(ami));
        server.exclude = exclude.iter().map(|text| pattern(text)).collect();
        let route = |event: &&str| Route {
            source: Pattern::any(),
            event: pattern(event),
            when: Conditions::default(),
            to: Vec::new(),
            store: true,
        };
        let routes: Vec<Route> = events.iter().map(route).collect();
        assert_eq!(filters(&server, &routes, mirrors), expected, "{exclude:?} {events:?}");
    }

    const NO_STATUS: &str = "!^Event: PresenceStatus";
    const OWN: [&str; 3] = ["^Event: FullyBooted", "^Event: Shutdown", "^Event: Reload"];
    const NOT_MIRRORED: &str = "!^Event: DeviceStateChange.*Device: Custom:";

    #[test]
    fn only_what_is_needed_is_asked_for() {
        let states = ["^Event: DeviceStateChange", "^Event: PresenceStateChange"];
        let all = |more: &[&'static str]| [&[NO_STATUS], &states[..], &OWN, more].concat();
        check(&["Custom:*", "Local/*"], &[], true, &all(&[NOT_MIRRORED]));
        check(&["SIP/1*|Cust*"], &[], true, &all(&[NOT_MIRRORED]));
        check(&["Custom:SIP/*"], &[], true, &all(&[]));
        check(&["!Custom:*"], &[], true, &all(&[]));
        check(&[], &["Hangup|CEL*x.y"], true, &all(&["^Event: Hangup", r"^Event: CEL.*x\.y"]));
        check(&["*"], &["DeviceState*"], true, &all(&["^Event: DeviceState.*"]));
        check(&[], &["Hangup"], false, &[&[NO_STATUS][..], &OWN, &["^Event: Hangup"]].concat());
    }

    #[test]
    fn where_anything_may_be_wanted_nothing_is_left_out_but_what_can_be_forged() {
        check(&[], &["*"], true, &[NO_STATUS]);
        check(&[], &["Hangup", "!Cdr"], true, &[NO_STATUS]);
        check(&["Custom:*"], &["!DeviceStateChange"], true, &[NO_STATUS, NOT_MIRRORED]);
    }
}
