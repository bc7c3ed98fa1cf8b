//! The last state of each device, as the message that told it.

use crate::wire::manager_json::agent::STATISTICS;
use crate::wire::manager_json::{AgentMessage, Headers, Kind};
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

const DEVICE: &str = "DeviceStateChange";
/// The state of a device of which nobody knows anything.
const INVALID: &str = "INVALID";
/// Events that tell states, and the header that says whose.
const KINDS: [(&str, &str); 2] = [(DEVICE, "Device"), ("PresenceStateChange", "Presentity")];
/// States that are remembered, at most, and bytes of them.
const STATES: usize = 500_000;
const BYTES: usize = 256 << 20;
/// A message that is larger is none that an agent writes of a state, and is not remembered.
const LARGEST: usize = 16 << 10;
/// An agent that has sent nothing for so many times the distance of its reports has no say any more, as the agents themselves see it.
const MISSED: u32 = 4;
/// The same of one of which it is not known how often it reports.
const PATIENCE: Duration = Duration::from_secs(600);
/// An agent that has sent nothing for so long is gone for good, and with it what it has said.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// See the module.
pub struct Retained {
    /// Those whose states are remembered.
    origins: HashMap<String, Agent>,
    states: BTreeMap<Place, [Bytes; 2]>,
    /// Of all places and messages.
    bytes: usize,
    /// Bytes, at most.
    most: usize,
}

/// When an agent was heard.
struct Agent {
    heard: Instant,
    /// When it last reported.
    reported: Option<Instant>,
    /// The longest time between two reports.
    longest: Option<Duration>,
    /// What it has said is invalid, since nothing was heard of it for long.
    is_silent: bool,
}

impl Agent {
    fn new(now: Instant) -> Agent {
        Agent { heard: now, reported: None, longest: None, is_silent: false }
    }

    fn heard(&mut self, is_report: bool, now: Instant) {
        (self.heard, self.is_silent) = (now, false);
        if is_report && let Some(before) = self.reported.replace(now) {
            self.longest = self.longest.max(Some(now - before));
        }
    }

    /// Whether nothing is heard of it for so long that it may be gone; once.
    fn falls_silent(&mut self, now: Instant) -> bool {
        let patience = self.longest.map_or(PATIENCE, |longest| longest * MISSED);
        if self.is_silent || now - self.heard <= patience {
            return false;
        }
        (self.is_silent, self.reported) = (true, None);
        true
    }
}

/// Remembers nothing yet.
impl Default for Retained {
    fn default() -> Retained {
        Retained { origins: HashMap::new(), states: BTreeMap::new(), bytes: 0, most: BYTES }
    }
}

/// What became of a message here; it is forwarded all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is remembered, or tells no state.
    Well,
    /// It tells a state, for which there is no room: nothing is remembered of this device.
    NoRoom,
    /// It is no message of agents.
    NotUnderstood,
}

/// Whose state it is: the agent, the topic, the kind of event, and the name of the device. States are told in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    origin: String,
    topic: Bytes,
    event: &'static str,
    of: String,
}

impl Retained {
    /// Remembers a message that tells a state.
    pub fn keep(&mut self, frames: &[Bytes], now: Instant) -> Kept {
        let Ok(message) = AgentMessage::read(frames) else { return Kept::NotUnderstood };
        let is_report = message.kind == Kind::ActionStatus && message.topic == STATISTICS;
        if let Some(agent) = self.origins.get_mut(&message.origin) {
            agent.heard(is_report, now);
        }
        let event = message.data.get("Event").filter(|_| message.kind == Kind::Event);
        let known = KINDS.into_iter().find(|(name, _)| Some(*name) == event);
        let Some((event, of)) = known else { return Kept::Well };
        let (Some(of), [topic, body]) = (message.data.get(of), frames) else { return Kept::Well };
        // Copies: what was read is part of a buffer that is much larger, and would stay as long as any of it.
        let [topic, body] = [topic, body].map(|frame| Bytes::copy_from_slice(frame));
        let place = Place { topic: topic.clone(), event, of: of.to_owned(), origin: message.origin.clone() };
        if !self.put(place, [topic, body]) {
            return Kept::NoRoom;
        }
        self.origins.entry(message.origin).or_insert_with(|| Agent::new(now));
        Kept::Well
    }

    /// Whether there was room. Where there is none the state of before is not true any more either.
    fn put(&mut self, place: Place, frames: [Bytes; 2]) -> bool {
        if let Some(before) = self.states.remove(&place) {
            self.bytes -= size(&place, &before);
        }
        let size = size(&place, &frames);
        let is_small = frames.iter().map(Bytes::len).sum::<usize>() <= LARGEST;
        let has_room = is_small && self.states.len() < STATES && self.bytes + size <= self.most;
        if has_room {
            self.bytes += size;
            self.states.insert(place, frames);
        }
        has_room
    }

    /// What stands behind a place, or everything.
    pub fn after(&self, place: Option<&Place>) -> impl Iterator<Item = (&Place, &[Bytes; 2])> {
        let from = place.map_or(Bound::Unbounded, Bound::Excluded);
        self.states.range((from, Bound::Unbounded))
    }

    /// Forgets those who are gone. Until then the devices of those who may be gone are invalid: whoever comes is told so, and not what they
    /// were.
    pub fn forget(&mut self, now: Instant) {
        let silent = self.origins.iter_mut().filter(|(_, agent)| !agent.is_silent);
        let silent = silent.filter_map(|(name, agent)| agent.falls_silent(now).then(|| name.clone()));
        for origin in silent.collect::<Vec<_>>() {
            self.invalidate(&origin);
        }
        let before = self.origins.len();
        self.origins.retain(|_, agent| now - agent.heard < FORGOTTEN);
        if self.origins.len() < before {
            let Retained { origins, states, bytes, .. } = self;
            states.retain(|place, frames| {
                let is_known = origins.contains_key(&place.origin);
                if !is_known {
                    *bytes -= size(place, frames);
                }
                is_known
            });
        }
    }

    fn invalidate(&mut self, origin: &str) {
        let first = Place { origin: origin.to_owned(), ..Place::default() };
        let theirs = self.states.range_mut(first..).take_while(|(place, _)| place.origin == origin);
        for (place, frames) in theirs.filter(|(place, _)| place.event == DEVICE) {
            let data = Headers::new().with("Event", DEVICE).with("Device", &place.of);
            let data = data.with("State", INVALID);
            let topic = String::from_utf8_lossy(&place.topic).into_owned();
            let (uuid, origin) = (Uuid::now_v7().to_string(), origin.to_owned());
            let invalid = AgentMessage { topic, kind: Kind::Event, uuid, origin, data }.frames();
            self.bytes = self.bytes + size(place, &invalid) - size(place, frames);
            *frames = invalid;
        }
    }

    /// States that are remembered.
    pub fn len(&self) -> usize {
        self.states.len()
    }
}

/// Bytes that a state takes; its place and its message share the topic.
fn size(place: &Place, [topic, body]: &[Bytes; 2]) -> usize {
    place.origin.len() + place.of.len() + topic.len() + body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(topic: &str, origin: &str, event: &str) -> [Bytes; 2] {
        let body =
            format!(r#"{{"msg_type":"AsteriskEvent","uuid":"1","origin":"{origin}","x_data":{event}}}"#);
        [topic.to_owned().into(), body.into()]
    }

    fn state(origin: &str, device: &str, state: &str) -> [Bytes; 2] {
        let event = format!(r#"{{"Event":"DeviceStateChange","Device":"{device}","State":"{state}"}}"#);
        message("[*]", origin, &event)
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_state_of_each_device_of_each_agent_is_remembered() {
        let (mut retained, now) = (Retained::default(), Instant::now());
        let first = state("S0", "SIP/1", "INUSE");
        for frames in [&first, &state("S1", "SIP/1", "BUSY"), &state("S0", "SIP/1", "RINGING")] {
            assert_eq!(retained.keep(frames, now), Kept::Well);
        }
        let reload = message("[*]", "S0", r#"{"Event":"Reload","Status":"0","Module":"All"}"#);
        assert_eq!(retained.keep(&reload, now), Kept::Well);
        assert_eq!(retained.keep(&[Bytes::new(), Bytes::new()], now), Kept::NotUnderstood);
        let all =
            |retained: &Retained| retained.after(None).map(|(_, frames)| frames.clone()).collect::<Vec<_>>();
        assert_eq!(all(&retained), [state("S0", "SIP/1", "RINGING"), state("S1", "SIP/1", "BUSY")]);
        let first = retained.after(None).next().map(|(place, _)| place.clone());
        assert_eq!((retained.after(first.as_ref()).count(), retained.len()), (1, 2));

        assert_eq!(retained.keep(&state("S1", "SIP/2", "BUSY"), now + FORGOTTEN), Kept::Well);
        retained.forget(now + FORGOTTEN);
        let others = [state("S1", "SIP/1", "BUSY"), state("S1", "SIP/2", "BUSY")];
        assert_eq!(all(&retained), others, "S0 is gone, and S1 is not");
        let sizes = retained.after(None).map(|(place, frames)| size(place, frames));
        assert_eq!(retained.bytes, sizes.sum::<usize>());
    }

    #[tokio::test(start_paused = true)]
    async fn the_devices_of_an_agent_that_is_silent_for_some_reports_are_invalid_until_it_tells_them_anew() {
        let (mut retained, now) = (Retained::default(), Instant::now());
        let report =
            r#"{"msg_type":"AsteriskActionStatus","uuid":"1","origin":"S0","x_data":{"Action":"Ping"}}"#;
        let report: [Bytes; 2] = [STATISTICS.into(), report.into()];
        for (frames, seconds) in [(&state("S0", "SIP/1", "INUSE"), 0), (&report, 0), (&report, 10)] {
            assert_eq!(retained.keep(frames, now + Duration::from_secs(seconds)), Kept::Well);
        }
        let other = state("S1", "SIP/1", "BUSY");
        assert_eq!(retained.keep(&other, now), Kept::Well);
        let states = |retained: &Retained| {
            let state = |frames: &[Bytes; 2]| {
                let message = AgentMessage::read(frames).expect("a message");
                (message.origin, message.data.get("State").unwrap_or_default().to_owned())
            };
            retained.after(None).map(|(_, frames)| state(frames)).collect::<Vec<_>>()
        };
        let of = |one: &str| vec![("S0".to_owned(), one.to_owned()), ("S1".to_owned(), "BUSY".to_owned())];
        retained.forget(now + Duration::from_secs(50));
        assert_eq!(states(&retained), of("INUSE"));
        retained.forget(now + Duration::from_secs(51));
        assert_eq!(states(&retained), of("INVALID"));
        let sizes = retained.after(None).map(|(place, frames)| size(place, frames));
        assert_eq!(retained.bytes, sizes.sum::<usize>());
        retained.keep(&state("S0", "SIP/1", "INUSE"), now + Duration::from_secs(60));
        retained.forget(now + Duration::from_secs(100));
        assert_eq!(states(&retained), of("INUSE"));
        retained.forget(now + PATIENCE + Duration::from_secs(1));
        assert_eq!(states(&retained).pop(), Some(("S1".to_owned(), "INVALID".to_owned())));
    }

    #[tokio::test]
    async fn what_is_remembered_is_copied_out_of_what_was_read() {
        let [topic, body] = state("S0", "SIP/1", "INUSE");
        let read = Bytes::from([&topic[..], &body[..], &[0; 100_000]].concat());
        let frames = [read.slice(..topic.len()), read.slice(topic.len()..topic.len() + body.len())];
        let mut retained = Retained::default();
        assert_eq!(retained.keep(&frames, Instant::now()), Kept::Well);
        drop(frames);
        assert!(read.is_unique(), "nobody else has a part of the buffer");
    }

    #[tokio::test]
    async fn what_is_too_large_is_not_remembered_nor_is_what_it_replaces() {
        let (mut retained, now) = (Retained { most: 1_000, ..Retained::default() }, Instant::now());
        let mut pad = |device: &str, size: usize| {
            let [topic, body] = state("S0", device, "INUSE");
            let body = [&body[..], &vec![b' '; size][..]].concat();
            let kept = retained.keep(&[topic, body.into()], now);
            (kept, retained.len(), retained.bytes)
        };
        assert_eq!(pad("SIP/1", 0).0, Kept::Well);
        assert_eq!(pad("SIP/1", LARGEST), (Kept::NoRoom, 0, 0));
        let told = ["SIP/1", "SIP/2", "SIP/3"].map(|device| pad(device, 300));
        assert_eq!(told.map(|(kept, ..)| kept), [Kept::Well, Kept::Well, Kept::NoRoom]);
        assert!(told.iter().all(|(.., bytes)| *bytes <= 1_000));
        assert_eq!(pad("SIP/1", 1_000).0, Kept::NoRoom);
        assert_eq!(pad("SIP/3", 300).0, Kept::Well, "what was left out leaves room");
    }
}
