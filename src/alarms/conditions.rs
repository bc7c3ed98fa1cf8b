//! How connections and hosts are, and which alarms that raises and clears: purely.

use crate::connections::LinkState;
use crate::event::TopicEvent;
use crate::managers::hosts::{BreakerState, HostState};
use crate::store::{Alarm, AlarmChange};
use crate::topics::alarms::event::{BREAKER_OPEN, CONNECTION_LOST, MAJOR, cleared, id, raised};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A connection that is back sooner was not lost.
const PATIENCE: Duration = Duration::from_secs(5);
/// The kinds of alarms that are raised here; others clear their own.
const KINDS: [&str; 2] = [CONNECTION_LOST, BREAKER_OPEN];

/// Something that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    kind: &'static str,
    object: String,
    object_type: &'static str,
    problem: String,
    reason: Option<String>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fine,
    /// It believes itself to be fine, and nobody has tried.
    Untried,
    /// Not for long enough.
    Doubtful,
    Wrong,
}

/// What is to be stored, and what is handed on of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub alarms: Vec<AlarmChange>,
    pub handed_on: Vec<TopicEvent>,
}

/// A connection at this time.
pub fn of_link(link: &LinkState, now: SystemTime) -> Watched {
    let since = UNIX_EPOCH + Duration::from_secs(link.since);
    // It is given in whole seconds.
    let is_over = now.duration_since(since).is_ok_and(|down| down > PATIENCE);
    let state = match link.up {
        true => State::Fine,
        false if is_over => State::Wrong,
        false => State::Doubtful,
    };
    Watched {
        kind: CONNECTION_LOST,
        object: link.name.clone(),
        object_type: "connection",
        problem: format!("no connection to {}", link.address),
        reason: link.reason.clone(),
        state,
    }
}

/// A host of a provisioning system.
pub fn of_host(host: &HostState) -> Watched {
    Watched {
        kind: BREAKER_OPEN,
        object: host.host.clone(),
        object_type: "host",
        problem: format!("the {} host does not answer as it should and is left alone", host.system),
        reason: host.failing.as_ref().map(|failing| failing.reason.clone()),
        state: match host.breaker {
            // Who lets us in was tried, and is fine.
            BreakerState::Closed if host.sessions > 0 => State::Fine,
            BreakerState::Closed => State::Untried,
            BreakerState::Open | BreakerState::HalfOpen => State::Wrong,
        },
    }
}

/// What is to be raised and cleared where `stored` are raised. Until `is_settled` things come up still: what is not there, or was not
/// tried, clears nothing that an earlier run has raised.
pub fn changes(now: &[Watched], stored: &[Alarm], at: SystemTime, is_settled: bool) -> Changes {
    let mut changes = Changes::default();
    for watched in now.iter().filter(|it| it.state == State::Wrong) {
        if stored.iter().all(|alarm| !watched.is(alarm)) {
            changes.raise(watched, at);
        }
    }
    for alarm in stored.iter().filter(|alarm| KINDS.contains(&alarm.kind.as_str())) {
        let watched = now.iter().find(|watched| watched.is(alarm));
        let is_over = match watched.map(|watched| watched.state) {
            Some(State::Fine) => true,
            Some(State::Untried) | None => is_settled,
            Some(State::Doubtful | State::Wrong) => false,
        };
        if is_over {
            changes.clear(alarm, watched, at);
        }
    }
    changes
}

impl Watched {
    fn is(&self, alarm: &Alarm) -> bool {
        self.kind == alarm.kind && self.object == alarm.object
    }
}

impl Changes {
    fn raise(&mut self, watched: &Watched, at: SystemTime) {
        let Watched { kind, object, object_type, problem, reason, .. } = watched;
        let uuid = id(kind, object, at);
        let problem = match reason {
            Some(reason) => format!("{problem}: {reason}"),
            None => problem.clone(),
        };
        self.handed_on.push(raised(kind, object, object_type, MAJOR, &problem, at, uuid));
        let (kind, object) = ((*kind).to_owned(), object.clone());
        self.alarms.push(AlarmChange::Raise(Alarm { kind, object, uuid, raised: at }));
    }

    fn clear(&mut self, alarm: &Alarm, watched: Option<&Watched>, at: SystemTime) {
        let Alarm { kind, object, uuid, raised } = alarm;
        let (object_type, problem) = match watched {
            Some(watched) => (watched.object_type, watched.problem.as_str()),
            None => ("", "it is not configured any more"),
        };
        let object_type = match (object_type, kind.as_str()) {
            ("", BREAKER_OPEN) => "host",
            ("", _) => "connection",
            (known, _) => known,
        };
        self.handed_on.push(cleared(kind, object, object_type, problem, *raised, *uuid, at));
        self.alarms.push(AlarmChange::Clear { kind: kind.clone(), object: object.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::managers::hosts::Failing;

    const NOW: SystemTime = UNIX_EPOCH;

    fn now() -> SystemTime {
        NOW + Duration::from_secs(100)
    }

    fn link(up: bool, since: u64) -> Watched {
        let (name, address) = ("as1".to_owned(), "as1:8025".to_owned());
        of_link(&LinkState { name, address, up, since, reason: Some("refused".to_owned()) }, now())
    }

    fn host(breaker: BreakerState) -> Watched {
        host_with(breaker, 0)
    }

    fn host_with(breaker: BreakerState, sessions: usize) -> Watched {
        let failing = Some(Failing { since: NOW, reason: "late".to_owned() });
        of_host(&HostState {
            system: "ema",
            host: "ema1:8080".to_owned(),
            rank: 0,
            breaker,
            sessions,
            failing,
        })
    }

    fn alarm(kind: &str, object: &str) -> Alarm {
        Alarm { kind: kind.to_owned(), object: object.to_owned(), uuid: id(kind, object, NOW), raised: NOW }
    }

    /// Kind and change of what is handed on, each with a change of the table.
    #[track_caller]
    fn check(watched: &[Watched], stored: &[Alarm], is_settled: bool, expected: &[&str]) {
        let changes = changes(watched, stored, now(), is_settled);
        let told: Vec<String> = changes
            .handed_on
            .iter()
            .map(|event| {
                let payload: serde_json::Value = serde_json::from_str(&event.payload).expect("JSON");
                let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
                let object = text(&payload["entity"]["alarmedObject"]["id"]);
                format!("{} {} {object}", text(&payload["change"]), event.name)
            })
            .collect();
        assert_eq!(told, expected);
        assert_eq!(changes.alarms.len(), expected.len());
    }

    #[test]
    fn a_connection_is_lost_after_five_seconds_and_back_at_once() {
        let lost = [alarm(CONNECTION_LOST, "as1")];
        check(&[link(false, 94)], &[], true, &["created connection_lost as1"]);
        check(&[link(false, 95)], &[], true, &[]);
        check(&[link(false, 200)], &[], true, &[]);
        check(&[link(false, 0)], &lost, true, &[]);
        check(&[link(false, 100)], &lost, true, &[]);
        check(&[link(true, 100)], &lost, false, &["deleted connection_lost as1"]);
        check(&[link(true, 100)], &[], true, &[]);
    }

    #[test]
    fn a_host_that_is_left_alone_is_an_alarm_also_while_it_is_probed() {
        let open = [alarm(BREAKER_OPEN, "ema1:8080")];
        check(&[host(BreakerState::Open)], &[], true, &["created breaker_open ema1:8080"]);
        check(&[host(BreakerState::HalfOpen)], &open, true, &[]);
        check(&[host(BreakerState::Closed)], &open, true, &["deleted breaker_open ema1:8080"]);
    }

    #[test]
    fn what_an_earlier_run_has_raised_stays_until_it_is_known_to_be_over() {
        let stored = [alarm(BREAKER_OPEN, "ema1:8080"), alarm(CONNECTION_LOST, "as1")];
        check(&[host(BreakerState::Closed), link(false, 99)], &stored, false, &[]);
        check(&[], &stored, false, &[]);
        check(&[host_with(BreakerState::Open, 4)], &stored, false, &[]);
        let is_back = [host_with(BreakerState::Closed, 1), link(false, 99)];
        check(&is_back, &stored, false, &["deleted breaker_open ema1:8080"]);
        let over = ["deleted breaker_open ema1:8080", "deleted connection_lost as1"];
        check(&[], &stored, true, &over);
    }

    #[test]
    fn alarms_of_others_are_theirs() {
        check(&[], &[alarm("hub_halted", "h"), alarm("event_failed", "e")], true, &[]);
        check(&[link(false, 0)], &[alarm(BREAKER_OPEN, "as1")], false, &["created connection_lost as1"]);
    }

    #[test]
    fn what_is_cleared_is_what_was_raised() {
        let raised = changes(&[link(false, 0)], &[], NOW, true);
        let AlarmChange::Raise(alarm) = &raised.alarms[0] else { panic!("it is raised") };
        let cleared = changes(&[link(true, 100)], std::slice::from_ref(alarm), now(), true);
        let entity = |event: &TopicEvent| -> serde_json::Value {
            serde_json::from_str::<serde_json::Value>(&event.payload).expect("JSON")["entity"].take()
        };
        let (up, down) = (entity(&raised.handed_on[0]), entity(&cleared.handed_on[0]));
        assert_eq!((&up["id"], &up["alarmRaisedTime"]), (&down["id"], &down["alarmRaisedTime"]));
        assert_eq!(up["specificProblem"], "no connection to as1:8025: refused");
    }
}
