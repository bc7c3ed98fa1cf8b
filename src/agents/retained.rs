//! The last state of each device, as the message that told it.

use crate::wire::manager_json::{AgentMessage, Kind};
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::time::Duration;
use tokio::time::Instant;

/// Events that tell states, and the header that says whose.
const KINDS: [(&str, &str); 2] = [("DeviceStateChange", "Device"), ("PresenceStateChange", "Presentity")];
/// States that are remembered, at most.
const STATES: usize = 500_000;
/// An agent that has sent nothing for so long is gone for good, and with it what it has said.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// See the module.
#[derive(Default)]
pub struct Retained {
    /// When each agent was last heard.
    origins: HashMap<String, Instant>,
    states: BTreeMap<Place, [Bytes; 2]>,
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
    /// Remembers a message that tells a state; whether it is understood at all. What is not is forwarded nevertheless.
    pub fn keep(&mut self, frames: &[Bytes], now: Instant) -> bool {
        let Ok(message) = AgentMessage::read(frames) else { return false };
        if let Some(heard) = self.origins.get_mut(&message.origin) {
            *heard = now;
        }
        let event = message.data.get("Event").filter(|_| message.kind == Kind::Event);
        let Some((event, of)) = KINDS.into_iter().find(|(name, _)| Some(*name) == event) else { return true };
        if let (Some(of), [topic, body]) = (message.data.get(of), frames) {
            let place =
                Place { topic: topic.clone(), event, of: of.to_owned(), origin: message.origin.clone() };
            if self.states.len() < STATES || self.states.contains_key(&place) {
                self.states.insert(place, [topic.clone(), body.clone()]);
                self.origins.insert(message.origin, now);
            }
        }
        true
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
            self.states.retain(|place, _| self.origins.contains_key(&place.origin));
        }
    }

    /// States that are remembered.
    pub fn len(&self) -> usize {
        self.states.len()
    }
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
            assert!(retained.keep(frames, now));
        }
        let reload = message("[*]", "S0", r#"{"Event":"Reload","Status":"0","Module":"All"}"#);
        assert!(retained.keep(&reload, now) && !retained.keep(&[Bytes::new(), Bytes::new()], now));
        let all =
            |retained: &Retained| retained.after(None).map(|(_, frames)| frames.clone()).collect::<Vec<_>>();
        assert_eq!(all(&retained), [state("S0", "SIP/1", "RINGING"), state("S1", "SIP/1", "BUSY")]);
        let first = retained.after(None).next().map(|(place, _)| place.clone());
        assert_eq!((retained.after(first.as_ref()).count(), retained.len()), (1, 2));

        assert!(retained.keep(&state("S1", "SIP/2", "BUSY"), now + FORGOTTEN));
        retained.forget(now + FORGOTTEN);
        let others = [state("S1", "SIP/1", "BUSY"), state("S1", "SIP/2", "BUSY")];
        assert_eq!(all(&retained), others, "S0 is gone, and S1 is not");
    }
}
