//! What it means that two events are paired, or that one is alone.

use super::pairing::Seen;
use std::time::{Duration, SystemTime};

/// So long an event may be under way before that is worth a word.
const UNDER_WAY: Duration = Duration::from_secs(60);

const LEFT_PENDING: &str = "the other release left it pending";
const REPEAT: &str = "a repeat, which is not run again here";
const LETTERS: &str = "letters beyond ASCII, over which the Erlang release fails";
const FURTHER: &str = "a further command of its document, for which the Erlang release keeps one event only";

/// Events that are the same, or one that is alone.
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    Both { there: &'a Seen, here: &'a Seen },
    There(&'a Seen),
    Here(&'a Seen),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    Same,
    /// Too young to say.
    UnderWay,
    /// Differs, and is meant to.
    Known(&'static str),
    Different,
}

/// Judges what was found, at this moment.
pub fn judge(found: Found, now: SystemTime) -> Judgement {
    let is_young = |event: &Seen| now.duration_since(event.received).is_ok_and(|age| age < UNDER_WAY);
    match found {
        Found::Both { there, here } if there.status == here.status => Judgement::Same,
        Found::Both { there, .. } if is_pending(there) => match is_young(there) {
            true => Judgement::UnderWay,
            false => Judgement::Known(LEFT_PENDING),
        },
        Found::Both { here, .. } if is_pending(here) && is_young(here) => Judgement::UnderWay,
        Found::Both { here, .. } if is_repeat(here) => Judgement::Known(REPEAT),
        Found::Both { there, here } if here.letters && there.status == "failed" => Judgement::Known(LETTERS),
        Found::Both { .. } => Judgement::Different,
        Found::There(event) | Found::Here(event) if is_young(event) => Judgement::UnderWay,
        Found::Here(here) if is_repeat(here) => Judgement::Known(REPEAT),
        Found::Here(here) if here.command_index > 0 => Judgement::Known(FURTHER),
        Found::Here(here) if here.letters => Judgement::Known(LETTERS),
        Found::There(_) | Found::Here(_) => Judgement::Different,
    }
}

pub fn is_pending(event: &Seen) -> bool {
    event.status == "pending"
}

fn is_repeat(event: &Seen) -> bool {
    let noted = event.reason.as_deref().is_some_and(|reason| reason.contains("duplicate of "));
    event.status == "ignored" && noted
}

#[cfg(test)]
mod tests {
    use super::super::pairing::tests::seen;
    use super::*;

    fn event(status: &str, document: &str) -> Seen {
        Seen { status: status.into(), ..seen(1000, document, "UserAddRequest") }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn statuses_that_differ_are_judged() {
        let check = |there: &str, here: &str, expected| {
            let (there, here) = (event(there, "x"), event(here, "x"));
            assert_eq!(judge(Found::Both { there: &there, here: &here }, at(5000)), expected, "{there:?}");
        };
        check("completed", "completed", Judgement::Same);
        check("pending", "pending", Judgement::Same);
        check("failed", "completed", Judgement::Different);
        check("completed", "failed", Judgement::Different);
        check("ignored", "completed", Judgement::Different);
        check("completed", "pending", Judgement::Different);
        check("pending", "completed", Judgement::Known(LEFT_PENDING));
        check("strange", "completed", Judgement::Different);
    }

    #[test]
    fn what_is_meant_to_differ_is_known() {
        let repeat = Seen { reason: Some("duplicate of 7".into()), ..event("ignored", "x") };
        let further = Seen { command_index: 1, ..event("completed", "x") };
        let (letters, plain) = (event("completed", "æ"), event("completed", "x"));
        let failed = event("failed", "?");
        let check = |found, expected| assert_eq!(judge(found, at(5000)), expected, "{found:?}");
        check(Found::Here(&repeat), Judgement::Known(REPEAT));
        check(Found::Both { there: &plain, here: &repeat }, Judgement::Known(REPEAT));
        check(Found::Here(&further), Judgement::Known(FURTHER));
        check(Found::Here(&letters), Judgement::Known(LETTERS));
        check(Found::Both { there: &failed, here: &letters }, Judgement::Known(LETTERS));
        check(Found::Here(&plain), Judgement::Different);
        check(Found::There(&plain), Judgement::Different);
        check(Found::There(&letters), Judgement::Different);
    }

    #[test]
    fn what_has_just_come_is_under_way() {
        let (pending, done) = (event("pending", "x"), event("completed", "x"));
        let check = |found| assert_eq!(judge(found, at(1059)), Judgement::UnderWay, "{found:?}");
        check(Found::There(&done));
        check(Found::Here(&done));
        check(Found::Both { there: &pending, here: &done });
        check(Found::Both { there: &done, here: &pending });
        assert_eq!(judge(Found::There(&done), at(1060)), Judgement::Different);
    }
}
