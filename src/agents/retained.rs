//! The last state of each device, as the message that told it.

use crate::wire::manager_json::{AgentMessage, Kind};
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::time::Duration;
use tokio::time::Instant;

/// Events that tell states, and the header that says whose.
const KINDS: [(&str, &str); 2] = [("DeviceStateChange", "Device"), ("PresenceStateChange", "Presentity")];
/// States that are remembered, at most, and bytes of them.
const STATES: usize = 500_000;
const BYTES: usize = 256 << 20;
/// A message that is larger is none that an agent writes of a state, and is not remembered.
const LARGEST: usize = 16 << 10;
/// An agent that has sent nothing for so long is gone for good, and with it what it has said.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// See the module.
pub struct Retained {
    /// When each agent was last heard.
    origins: HashMap<String, Instant>,
    states: BTreeMap<Place, [Bytes; 2]>,
    /// Of all places and messages.
    bytes: usize,
    /// Bytes, at most.
    most: usize,
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
        if let Some(heard) = self.origins.get_mut(&message.origin) {
            *heard = now;
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
        self.origins.insert(message.origin, now);
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

    /// Forgets those who are gone.
    pub fn forget(&mut self, now: Instant) {
        let before = self.origins.len();
        self.origins.retain(|_, heard| now - *heard < FORGOTTEN);
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
