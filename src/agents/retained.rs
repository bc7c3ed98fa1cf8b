//! The last state of each device, as the message that told it.

use crate::wire::manager_json::agent::STATISTICS;
use crate::wire::manager_json::{AgentMessage, Distances, Headers, Kind};
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
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
    /// Its connection: in another one it reports at once, whenever it has done so before.
    peer: SocketAddr,
    heard: Instant,
    /// When it last reported in this connection.
    reported: Option<Instant>,
    distances: Distances,
    /// What it has said is invalid, since nothing was heard of it for long.
    is_silent: bool,
}

impl Agent {
    fn new(peer: SocketAddr, now: Instant) -> Agent {
        Agent { peer, heard: now, reported: None, distances: Distances::default(), is_silent: false }
    }

    /// Something came of it. Whether what it has said still counts: not if it was silent and comes back in another connection.
    fn heard(&mut self, peer: SocketAddr, is_report: bool, now: Instant) -> bool {
        let was_silent = std::mem::take(&mut self.is_silent);
        let is_another = std::mem::replace(&mut self.peer, peer) != peer;
        self.heard = now;
        if is_another {
            self.reported = None;
        }
        if is_report && let Some(before) = self.reported.replace(now) {
            self.distances.add(now - before);
        }
        !(was_silent && is_another)
    }

    /// Whether nothing is heard of it for so long that it may be gone, as the agents themselves see it. How often it reports is found out
    /// anew then: it may be less often than before.
    fn fall_silent(&mut self, now: Instant) {
        if !self.is_silent && now - self.heard > self.distances.patience() {
            *self = Agent { heard: self.heard, is_silent: true, ..Agent::new(self.peer, now) };
        }
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
    /// Remembers a message that tells a state, and came in the connection of `peer`.
    pub fn keep(&mut self, peer: SocketAddr, frames: &[Bytes], now: Instant) -> Kept {
        let Ok(message) = AgentMessage::read(frames) else { return Kept::NotUnderstood };
        let is_report = message.kind == Kind::ActionStatus && message.topic == STATISTICS;
        if let Some(agent) = self.origins.get_mut(&message.origin)
            && !agent.heard(peer, is_report, now)
        {
            self.invalidate(&message.origin);
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
        self.origins.entry(message.origin).or_insert_with(|| Agent::new(peer, now));
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

    /// What is told in place of these frames, which stand there: the devices of those who may be gone are invalid, and whoever comes is told so
    /// and not what they were. They count again as soon as anything is heard of them in the same connection.
    pub fn told<'f>(&self, place: &Place, frames: &'f [Bytes; 2]) -> Cow<'f, [Bytes; 2]> {
        let is_silent = self.origins.get(&place.origin).is_some_and(|agent| agent.is_silent);
        match is_silent && place.event == DEVICE {
            true => Cow::Owned(invalid(place)),
            false => Cow::Borrowed(frames),
        }
    }

    /// An agent has come back that may be another process, and was told that its devices are invalid, as everybody was: it tells
    /// what they are now.
    fn invalidate(&mut self, origin: &str) {
        let first = Place { origin: origin.to_owned(), ..Place::default() };
        let theirs = self.states.range_mut(first..).take_while(|(place, _)| place.origin == origin);
        for (place, frames) in theirs.filter(|(place, _)| place.event == DEVICE) {
            let invalid = invalid(place);
            self.bytes = self.bytes + size(place, &invalid) - size(place, frames);
            *frames = invalid;
        }
    }

    /// Finds out who may be gone, and forgets those who are.
    pub fn forget(&mut self, now: Instant) {
        self.origins.values_mut().for_each(|agent| agent.fall_silent(now));
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

    /// States that are remembered.
    pub fn len(&self) -> usize {
        self.states.len()
    }
}

/// The message that a device is invalid.
fn invalid(place: &Place) -> [Bytes; 2] {
    let data = Headers::new().with("Event", DEVICE).with("Device", &place.of).with("State", INVALID);
    let topic = String::from_utf8_lossy(&place.topic).into_owned();
    let (uuid, origin) = (Uuid::now_v7().to_string(), place.origin.clone());
    AgentMessage { topic, kind: Kind::Event, uuid, origin, data }.frames()
}

/// Bytes that a state takes; its place and its message share the topic.
fn size(place: &Place, [topic, body]: &[Bytes; 2]) -> usize {
    place.origin.len() + place.of.len() + topic.len() + body.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::manager_json::distances::PATIENCE;

    const PEER: ([u8; 4], u16) = ([127, 0, 0, 1], 1);

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
            assert_eq!(retained.keep(PEER.into(), frames, now), Kept::Well);
        }
        let reload = message("[*]", "S0", r#"{"Event":"Reload","Status":"0","Module":"All"}"#);
        assert_eq!(retained.keep(PEER.into(), &reload, now), Kept::Well);
        assert_eq!(retained.keep(PEER.into(), &[Bytes::new(), Bytes::new()], now), Kept::NotUnderstood);
        let all =
            |retained: &Retained| retained.after(None).map(|(_, frames)| frames.clone()).collect::<Vec<_>>();
        assert_eq!(all(&retained), [state("S0", "SIP/1", "RINGING"), state("S1", "SIP/1", "BUSY")]);
        let first = retained.after(None).next().map(|(place, _)| place.clone());
        assert_eq!((retained.after(first.as_ref()).count(), retained.len()), (1, 2));

        assert_eq!(retained.keep(PEER.into(), &state("S1", "SIP/2", "BUSY"), now + FORGOTTEN), Kept::Well);
        retained.forget(now + FORGOTTEN);
        let others = [state("S1", "SIP/1", "BUSY"), state("S1", "SIP/2", "BUSY")];
        assert_eq!(all(&retained), others, "S0 is gone, and S1 is not");
        let sizes = retained.after(None).map(|(place, frames)| size(place, frames));
        assert_eq!(retained.bytes, sizes.sum::<usize>());
    }

    fn report(origin: &str) -> [Bytes; 2] {
        let body = format!(
            r#"{{"msg_type":"AsteriskActionStatus","uuid":"1","origin":"{origin}","x_data":{{"Action":"Ping"}}}}"#
        );
        [STATISTICS.into(), body.into()]
    }

    /// Each origin, and the state that is told of its device.
    fn told(retained: &Retained) -> Vec<(String, String)> {
        let told = |(place, frames): (&Place, &[Bytes; 2])| {
            let frames = retained.told(place, frames);
            let message = AgentMessage::read(&*frames).expect("a message");
            assert_eq!((&frames[0], message.data.get("Device")), (&place.topic, Some("SIP/1")));
            (message.origin, message.data.get("State").unwrap_or_default().to_owned())
        };
        retained.after(None).map(told).collect()
    }

    /// S0 and S1 have said something, and S0 has reported at these seconds, each time in the connection of this port.
    fn reporting(begin: Instant, reports: &[(u16, u64)]) -> Retained {
        let mut retained = Retained::default();
        for (origin, word) in [("S0", "INUSE"), ("S1", "BUSY")] {
            let kept =
                retained.keep(([127, 0, 0, 1], reports[0].0).into(), &state(origin, "SIP/1", word), begin);
            assert_eq!(kept, Kept::Well);
        }
        for &(port, second) in reports {
            let (peer, now) = (([127, 0, 0, 1], port).into(), begin + Duration::from_secs(second));
            retained.forget(now);
            assert_eq!(retained.keep(peer, &report("S0"), now), Kept::Well);
        }
        retained
    }

    fn both(one: &str, other: &str) -> Vec<(String, String)> {
        [("S0", one), ("S1", other)].map(|(origin, word)| (origin.to_owned(), word.to_owned())).to_vec()
    }

    #[tokio::test(start_paused = true)]
    async fn the_devices_of_an_agent_that_is_silent_for_some_reports_are_invalid_until_it_is_heard_again() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut retained = reporting(begin, &[0, 10, 20, 30, 40, 50].map(|second| (1, second)));
        retained.forget(at(90));
        assert_eq!(told(&retained), both("INUSE", "BUSY"));
        retained.forget(at(91));
        assert_eq!(told(&retained), both("INVALID", "BUSY"));
        retained.keep(PEER.into(), &report("S0"), at(100));
        assert_eq!(told(&retained), both("INUSE", "BUSY"), "what it has said is not lost");
        retained.forget(begin + PATIENCE + Duration::from_secs(1));
        assert_eq!(told(&retained), both("INUSE", "INVALID"), "how often it reports is not known any more");
        let sizes = retained.after(None).map(|(place, frames)| size(place, frames));
        assert_eq!(retained.bytes, sizes.sum::<usize>());
    }

    #[tokio::test(start_paused = true)]
    async fn an_agent_that_comes_back_in_another_connection_tells_anew_what_its_devices_are() {
        let begin = Instant::now();
        let mut retained = reporting(begin, &[(1, 0)]);
        let now = begin + PATIENCE + Duration::from_secs(1);
        retained.forget(now);
        retained.keep(([127, 0, 0, 1], 2).into(), &report("S0"), now);
        assert_eq!(told(&retained), both("INVALID", "INVALID"));
        let sizes = retained.after(None).map(|(place, frames)| size(place, frames));
        assert_eq!(retained.bytes, sizes.sum::<usize>());
        retained.keep(([127, 0, 0, 1], 2).into(), &state("S0", "SIP/1", "RINGING"), now);
        assert_eq!(told(&retained), both("RINGING", "INVALID"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_agent_that_connects_anew_again_and_again_is_not_taken_for_silent_before_its_next_report() {
        let begin = Instant::now();
        let mut retained = reporting(begin, &[(1, 0), (2, 3)]);
        retained.forget(begin + Duration::from_secs(32));
        assert_eq!(told(&retained), both("INUSE", "BUSY"));
        let connects: Vec<(u16, u64)> = (0..20).map(|number| (number, u64::from(number))).collect();
        let mut retained = reporting(begin, &connects);
        retained.forget(begin + Duration::from_secs(48));
        assert_eq!(told(&retained), both("INUSE", "BUSY"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_agent_that_was_away_for_a_while_is_taken_for_silent_as_soon_as_before() {
        let begin = Instant::now();
        let reports = [0, 10, 20, 30, 40, 50, 85];
        let mut retained = reporting(begin, &reports.map(|second| (1, second)));
        retained.forget(begin + Duration::from_secs(85 + 41));
        assert_eq!(told(&retained), both("INVALID", "BUSY"));
    }

    #[tokio::test]
    async fn what_is_remembered_is_copied_out_of_what_was_read() {
        let [topic, body] = state("S0", "SIP/1", "INUSE");
        let read = Bytes::from([&topic[..], &body[..], &[0; 100_000]].concat());
        let frames = [read.slice(..topic.len()), read.slice(topic.len()..topic.len() + body.len())];
        let mut retained = Retained::default();
        assert_eq!(retained.keep(PEER.into(), &frames, Instant::now()), Kept::Well);
        drop(frames);
        assert!(read.is_unique(), "nobody else has a part of the buffer");
    }

    #[tokio::test]
    async fn what_is_too_large_is_not_remembered_nor_is_what_it_replaces() {
        let (mut retained, now) = (Retained { most: 1_000, ..Retained::default() }, Instant::now());
        let mut pad = |device: &str, size: usize| {
            let [topic, body] = state("S0", device, "INUSE");
            let body = [&body[..], &vec![b' '; size][..]].concat();
            let kept = retained.keep(PEER.into(), &[topic, body.into()], now);
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
