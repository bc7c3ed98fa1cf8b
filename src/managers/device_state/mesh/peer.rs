//! What is known of one server, and what is on its way to it.

use super::cell::{At, Token};
use super::entries::Unwritable;
use crate::config::Asterisk;
use crate::managers::device_state::messages::{PeerName, Session};
use crate::states::naming::{CUSTOM, LONGEST_NAME};
use crate::states::{Key, Kind, NameTemplate, Value};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Writes that a server has not answered, at most: enough to keep it busy, few enough to tell it the latest value soon.
pub const WINDOW: usize = 256;
/// Custom devices of a server that nobody is known to be mirrored as, at most.
const MOST_CUSTOM: usize = 150_000;
/// Keys that are in doubt, at most; there are few, and a listing finds all others too.
const MOST_DOUBTS: usize = 1_000;
/// Keys that one server may have a say on, at most: half of all, so that one alone does not take the room of the others.
pub const MOST_SAID: usize = 150_000;
/// Presentities, at most: they are everybody's, and leave room for devices whoever makes them up.
pub const MOST_PRESENTITIES: usize = 100_000;

/// A server that has refused something may take it later, and one whose list was not complete may give all of it: it is listed after this
/// time, then after twice as long, and so on.
const UNSETTLED: Duration = Duration::from_secs(120);

/// See the module.
#[derive(Debug)]
pub struct Peer {
    pub name: PeerName,
    pub config: Arc<Asterisk>,
    /// Whether it is told what others say; else it is only heard.
    pub is_told: bool,
    /// `None`: it is lost, or was never there.
    pub session: Option<Session>,
    /// When it was lost; what it said counts no more when the grace is over.
    pub lost_at: Option<At>,
    /// When the listing that was compared last had come.
    pub listed_at: Option<At>,
    /// When it was asked to list, and has not done so yet.
    pub asked_at: Option<At>,
    /// Why its lists are missing, or not all of them was there last: devices, presentities.
    pub missing: [Option<String>; 2],
    /// Whether it has these lists at all.
    pub has_list: [bool; 2],
    /// How often it was asked in vain to take what it had refused, or for all of its lists.
    pub retries: u32,
    /// When that was last done without a list.
    pub retried_at: Option<At>,
    /// Since when it has not been told something because it is away.
    pub behind_since: Option<At>,
    pub queue: VecDeque<u32>,
    pub window: VecDeque<Flight>,
    /// Its custom devices that are not known to be mirrors, as they were listed or heard: they may turn out to be.
    pub custom: HashMap<Arc<[u8]>, Token>,
    /// Keys that are not written again.
    pub held: usize,
    /// Why, of some of them.
    pub reasons: HashMap<u32, String>,
    /// Keys of which an event that should have been an old echo was the last, and since when: it may have been a change.
    pub doubts: HashMap<u32, Doubt>,
    /// Keys it has a say on.
    pub says: usize,
    pub diverged: usize,
    pub stats: Stats,
}

/// A write that is not answered.
#[derive(Debug, Clone, Copy)]
pub struct Flight {
    pub entry: u32,
    pub token: Token,
    /// When what it tells was heard.
    pub since: At,
}

/// An event that may have been a change.
#[derive(Debug)]
pub struct Doubt {
    /// When the first of its key was heard.
    pub since: At,
    /// What was heard last. Not its token, which may come to stand for something else.
    pub heard: Value,
}

/// What has been counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Changes that it had a say in.
    pub changes: u64,
    /// Changes that a later one of the same key has replaced before they were written.
    pub coalesced: u64,
    pub resyncs: u64,
    pub rejected: [u64; Unwritable::ALL.len()],
}

impl Stats {
    /// Something was not written, or will not be.
    pub fn reject(&mut self, reason: Unwritable) {
        self.rejected[reason as usize] += 1;
    }
}

impl Peer {
    pub fn new(name: PeerName, config: Arc<Asterisk>) -> Peer {
        Peer {
            name,
            config,
            is_told: true,
            session: None,
            lost_at: None,
            listed_at: None,
            asked_at: None,
            missing: [None, None],
            has_list: [true, true],
            retries: 0,
            retried_at: None,
            behind_since: None,
            queue: VecDeque::new(),
            window: VecDeque::new(),
            custom: HashMap::new(),
            held: 0,
            reasons: HashMap::new(),
            doubts: HashMap::new(),
            says: 0,
            diverged: 0,
            stats: Stats::default(),
        }
    }

    /// Whether it may have a say on a key under this name.
    pub fn includes(&self, key: &Key, template: &NameTemplate) -> bool {
        if key.kind == Kind::Presence {
            return true;
        }
        if template.has_made(&key.name) {
            return false;
        }
        self.config.includes(&String::from_utf8_lossy(&key.name))
    }

    /// It has a custom device in this state that is not known to be a mirror.
    pub fn note_custom(&mut self, name: &Arc<[u8]>, token: Token) {
        if let Some(state) = self.custom.get_mut(name) {
            *state = token;
        } else if self.custom.len() < MOST_CUSTOM && name.len() <= CUSTOM.len() + LONGEST_NAME {
            self.custom.insert(Arc::clone(name), token);
        }
    }

    /// It was heard to have a value that was written to it: the one that it should have by now, or an older one.
    pub fn echoed(&mut self, id: u32, is_latest: bool, heard: Value, now: At) {
        if is_latest {
            self.doubts.remove(&id);
        } else if let Some(doubt) = self.doubts.get_mut(&id) {
            doubt.heard = heard;
        } else if self.doubts.len() < MOST_DOUBTS {
            self.doubts.insert(id, Doubt { since: now, heard });
        }
    }

    /// Whether there may be more of this kind than it has listed.
    pub fn is_missing(&self, kind: Kind) -> bool {
        let [devices, presences] = &self.missing;
        match kind {
            Kind::Device => devices.is_some(),
            Kind::Presence => presences.is_some(),
        }
    }

    /// Whether asking it to list would tell anything.
    pub fn has_lists(&self) -> bool {
        self.has_list.contains(&true)
    }

    /// Whether it has refused something, or has not listed everything.
    pub fn is_unsettled(&self) -> bool {
        let mut lists = self.has_list.iter().zip(&self.missing);
        self.held > 0 || lists.any(|(has_list, flaw)| *has_list && flaw.is_some())
    }

    /// How long it is left in peace, between two times that it is listed to `verify` it: not so long where it is unsettled, and the longer
    /// the more often that was in vain.
    pub fn patience(&self, verify: Duration) -> Duration {
        match self.is_unsettled() {
            true => verify.min(UNSETTLED.saturating_mul(1 << self.retries.min(16))),
            false => verify,
        }
    }

    /// Room in the window worth a message: rather some writes together than each alone while there is much to write.
    pub fn room(&self) -> usize {
        let room = WINDOW - self.window.len();
        if room >= WINDOW / 4 { room } else { 0 }
    }

    /// The age of the oldest change that it has not confirmed; nothing at rest.
    pub fn lag(&self, now: At, queued_since: Option<At>) -> Duration {
        let in_flight = self.window.iter().map(|flight| flight.since).min();
        let oldest = [in_flight, queued_since, self.behind_since].into_iter().flatten().min();
        oldest.map_or(Duration::ZERO, |oldest| oldest.until(now))
    }
}
