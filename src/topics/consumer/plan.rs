//! Which of our registrations at one peer is to be looked after next: pure, with the time as a parameter.
//!
//! Nothing tells us that a peer has lost a registration, or that it has made one whose answer was lost: so its list is looked at before
//! anything is registered, and again and again. What leads to us with the filter that is wanted is ours, whoever has made it. Only what we
//! know to be of our making is ended.

use super::wanted::{Job, Times, Wanted};
use crate::store::{Registration, RegistrationChange};
use crate::wire::event_management::Callback;
use std::time::{Duration, Instant, SystemTime};

/// The registrations at one peer.
pub struct Plan {
    desks: Vec<Desk>,
    peer: String,
    times: Times,
}

/// One topic at one base path of the peer.
struct Desk {
    url: String,
    topic: String,
    /// `None`: whatever is there is to be ended.
    wanted: Option<Wanted>,
    /// As the store has it.
    kept: Option<Registration>,
    state: State,
    /// What is to be ended, once what replaces it is there.
    ends: Vec<String>,
    end_at: Instant,
    failures: u32,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    /// Whether it is there is to be seen.
    Unknown { at: Instant },
    /// It is not there.
    Missing { at: Instant },
    /// It is there, as far as can be known.
    Held { hub: String, look_at: Instant, is_seen: bool },
}

/// What is to be done. A place names its topic.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Ask which registrations there are.
    Look(Place),
    Register(Place, Wanted),
    End(Place, String),
    Wait(Instant),
    /// There is nothing left to do, ever.
    Over,
}

/// A topic of the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Where the paths of the peer begin.
    pub url: String,
    pub topic: String,
}

/// A registration as a peer shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub id: String,
    pub callback: String,
    pub query: Option<String>,
}

impl Plan {
    /// `kept` is what the store has of this peer.
    pub fn new(job: &Job, kept: Vec<Registration>, now: Instant) -> Plan {
        let mut kept = kept;
        let desk = |url: &str, topic: &str| Desk {
            url: url.to_owned(),
            topic: topic.to_owned(),
            wanted: None,
            kept: None,
            state: State::Unknown { at: now },
            ends: Vec::new(),
            end_at: now,
            failures: 0,
        };
        let mut desks = Vec::new();
        for wanted in &job.wanted {
            let is_it = |it: &Registration| it.url == job.peer.url && it.topic == wanted.topic;
            let kept = kept.iter().position(is_it).map(|at| kept.remove(at));
            desks.push(Desk { wanted: Some(wanted.clone()), kept, ..desk(&job.peer.url, &wanted.topic) });
        }
        for left in kept {
            let ends = vec![left.hub.clone()];
            desks.push(Desk { ends, ..desk(&left.url, &left.topic) }.keeping(left));
        }
        Plan { desks, peer: job.peer.host.clone(), times: job.times }
    }

    /// The most urgent step.
    pub fn step(&self, now: Instant) -> Step {
        let next = self.desks.iter().filter_map(|desk| Some((desk.due()?, desk))).min_by_key(|(due, _)| *due);
        match next {
            None => Step::Over,
            Some((due, _)) if due > now => Step::Wait(due),
            Some((_, desk)) => desk.step(now),
        }
    }

    /// Whether all that is wanted is there.
    pub fn is_held(&self) -> bool {
        let wanted = self.desks.iter().filter(|desk| desk.wanted.is_some());
        wanted.map(|desk| &desk.state).all(|state| matches!(state, State::Held { is_seen: true, .. }))
    }

    /// Which registrations there are; what is to be stored, and whether one was lost.
    pub fn listed(
        &mut self,
        place: &Place,
        listed: &[Listed],
        now: Instant,
        at: SystemTime,
    ) -> (Vec<RegistrationChange>, bool) {
        let verify = self.times.verify;
        let Some(desk) = self.desk(place) else { return Default::default() };
        let Some(wanted) = &desk.wanted else { return Default::default() };
        let was_held = matches!(desk.state, State::Held { .. });
        let kept = desk.kept.as_ref().map(|kept| kept.hub.as_str());
        // Of several that are right the one that we know is kept.
        let right = listed.iter().filter(|hub| wanted.is(hub));
        let chosen = right.max_by_key(|hub| kept == Some(hub.id.as_str())).map(|hub| hub.id.clone());
        let is_there = |id: &&str| listed.iter().any(|hub| hub.id == **id) && chosen.as_deref() != Some(*id);
        desk.ends = kept.filter(is_there).map(str::to_owned).into_iter().collect();
        desk.end_at = now;
        match chosen {
            Some(hub) => {
                desk.failures = 0;
                desk.state = State::Held { hub, look_at: now + verify, is_seen: true };
                (self.settle(place, at), false)
            }
            None => {
                desk.state = State::Missing { at: now };
                (Vec::new(), was_held)
            }
        }
    }

    /// The peer does not show its list.
    pub fn not_shown(&mut self, place: &Place, now: Instant) {
        let verify = self.times.verify;
        let Some(desk) = self.desk(place) else { return };
        let of_store = desk
            .kept
            .as_ref()
            .filter(|kept| desk.wanted.as_ref().is_some_and(|it| it.callback == kept.callback));
        let known = match &desk.state {
            State::Held { hub, .. } => Some(hub.clone()),
            _ => of_store.map(|kept| kept.hub.clone()),
        };
        match known {
            Some(hub) => {
                desk.failures = 0;
                desk.state = State::Held { hub, look_at: now + verify, is_seen: true };
            }
            None => {
                desk.ends = desk.kept.iter().map(|kept| kept.hub.clone()).collect();
                desk.state = State::Missing { at: now };
            }
        }
    }

    /// It was registered; what is to be stored.
    pub fn registered(
        &mut self,
        place: &Place,
        hub: String,
        now: Instant,
        at: SystemTime,
    ) -> Vec<RegistrationChange> {
        let verify = self.times.verify;
        let Some(desk) = self.desk(place) else { return Vec::new() };
        desk.failures = 0;
        // A peer may give the one that there is.
        desk.ends.retain(|id| *id != hub);
        desk.state = State::Held { hub, look_at: now + verify, is_seen: true };
        self.settle(place, at)
    }

    /// It has been ended, or was not there; what is to be stored.
    pub fn ended(&mut self, place: &Place, hub: &str, at: SystemTime) -> Vec<RegistrationChange> {
        let Some(desk) = self.desk(place) else { return Vec::new() };
        desk.ends.retain(|id| id != hub);
        desk.failures = 0;
        self.settle(place, at)
    }

    /// A step has failed: it is tried again, and not before `pause` is over.
    pub fn failed(&mut self, step: &Step, pause: Option<Duration>, now: Instant) {
        let times = self.times;
        let (Step::Look(place) | Step::Register(place, _) | Step::End(place, _)) = step else { return };
        let Some(desk) = self.desk(place) else { return };
        let pause = pause.unwrap_or_default().min(times.longest_pause);
        let at = now + times.retry.delay(desk.failures).max(pause);
        desk.failures += 1;
        match (step, &mut desk.state) {
            (Step::End(..), _) => desk.end_at = at,
            (_, State::Held { look_at, is_seen, .. }) => (*look_at, *is_seen) = (at, false),
            // What a lost answer has made is to be seen.
            (_, state) => *state = State::Unknown { at },
        }
    }

    /// What the store has to know now. What is replaced is remembered until it has been ended, so that a later run ends it.
    fn settle(&mut self, place: &Place, at: SystemTime) -> Vec<RegistrationChange> {
        let peer = self.peer.clone();
        let Some(index) = self.desks.iter().position(|desk| desk.is_at(place)) else { return Vec::new() };
        let desk = &mut self.desks[index];
        if desk.kept.as_ref().is_some_and(|kept| desk.ends.contains(&kept.hub)) {
            return Vec::new();
        }
        let Some(wanted) = &desk.wanted else {
            self.desks.remove(index);
            return vec![RegistrationChange::Forget { url: place.url.clone(), topic: place.topic.clone() }];
        };
        let State::Held { hub, .. } = &desk.state else { return Vec::new() };
        if desk.kept.as_ref().is_some_and(|kept| kept.hub == *hub && kept.callback == wanted.callback) {
            return Vec::new();
        }
        let registration = Registration {
            peer,
            url: desk.url.clone(),
            topic: desk.topic.clone(),
            callback: wanted.callback.clone(),
            hub: hub.clone(),
            created: at,
        };
        desk.kept = Some(registration.clone());
        vec![RegistrationChange::Keep(registration)]
    }

    fn desk(&mut self, place: &Place) -> Option<&mut Desk> {
        self.desks.iter_mut().find(|desk| desk.is_at(place))
    }
}

impl Desk {
    fn keeping(self, kept: Registration) -> Desk {
        Desk { kept: Some(kept), ..self }
    }

    fn is_at(&self, place: &Place) -> bool {
        self.url == place.url && self.topic == place.topic
    }

    fn due(&self) -> Option<Instant> {
        let end_at = (!self.ends.is_empty()).then_some(self.end_at);
        match (&self.wanted, &self.state) {
            (None, _) => end_at,
            (Some(_), State::Unknown { at } | State::Missing { at }) => Some(*at),
            (Some(_), State::Held { look_at, .. }) => Some(end_at.map_or(*look_at, |at| at.min(*look_at))),
        }
    }

    fn step(&self, now: Instant) -> Step {
        let place = Place { url: self.url.clone(), topic: self.topic.clone() };
        let end = self.ends.first().filter(|_| self.end_at <= now);
        match (&self.wanted, &self.state, end) {
            (None, _, Some(hub)) | (_, State::Held { .. }, Some(hub)) => Step::End(place, hub.clone()),
            (Some(wanted), State::Missing { .. }, _) => Step::Register(place, wanted.clone()),
            _ => Step::Look(place),
        }
    }
}

impl Wanted {
    /// However the peer writes it.
    fn is(&self, hub: &Listed) -> bool {
        let url = |text: &str| Callback::parse(text).map(|callback| callback.url).ok();
        let plain =
            |query: &Option<String>| query.as_deref().unwrap_or("").trim_start_matches('?').to_owned();
        let leads_to_us = url(&self.callback).is_some_and(|ours| url(&hub.callback) == Some(ours));
        leads_to_us && plain(&self.query) == plain(&hub.query)
    }
}

#[cfg(test)]
mod tests;
