//! What delivers the events of one hub: in their order, one request under way, the first one again until it is taken or given up.

use super::Shared;
use super::judge::{Verdict, judge};
use super::keeper::Keeper;
use super::log_window::Row;
use super::messages::Failing;
use super::peers::{NoPeer, allowed};
use super::progress::{Behind, Progress};
use super::reading::{Found, Reading};
use super::request::{Place, headers};
use super::retry::{Failures, Next, Retries};
use super::tally::Outcome;
use super::wanted::is_wanted;
use super::{alarms, outbound};
use crate::failpoints;
use crate::sockets::until;
use crate::steady::Steady;
use crate::store::{Cursor, Hub, HubAttempt, HubChange, HubState, Replay};
use crate::wire::event_management::{Callback, Filter};
use reqwest::Method;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// So many events that a hub does not get are passed before its place is kept: they are looked at once more after a crash.
const PASSED: u64 = 64;

/// See the module.
pub struct Courier {
    pub shared: Arc<Shared>,
    pub hub: Hub,
    pub cursor: Cursor,
    pub keeper: Keeper,
    callback: Arc<Callback>,
    filter: Filter,
    reading: Reading,
    /// The event that is to be delivered.
    head: Option<Arc<Row>>,
    failures: Option<Failures>,
    /// By which it is given up: nobody sets it.
    clock: Steady,
    /// Attempts before the start, which may be of the event that is to be delivered.
    remembered: Vec<HubAttempt>,
    /// When the next attempt is; `None`: at once.
    due: Option<Instant>,
    /// How many have been passed since the place was kept.
    passed: u64,
    progress: Arc<Progress>,
}

/// One that was made.
pub struct Attempt {
    row: Arc<Row>,
    at: SystemTime,
    took: std::time::Duration,
    verdict: Verdict,
}

impl Courier {
    /// Goes on where the hub is; `remembered` are its latest attempts. Fails where its callback or filter cannot be read.
    pub fn new(
        shared: Arc<Shared>,
        progress: Arc<Progress>,
        remembered: Vec<HubAttempt>,
    ) -> Result<Courier, String> {
        let (hub, cursor) = {
            let now = progress.lock();
            (now.hub.clone(), now.cursor)
        };
        let callback = Arc::new(Callback::parse(&hub.callback).map_err(|error| error.to_string())?);
        let filter =
            Filter::parse(hub.query.as_deref().unwrap_or_default()).map_err(|error| error.to_string())?;
        let place = hub.replay.map_or(cursor.sequence, |replay| replay.at);
        let reading = Reading::new(&shared.window, &hub.topic, place);
        let keeper = Keeper::new(shared.store.clone(), hub.id);
        let (head, failures, due, passed) = (None, None, None, 0);
        let courier = Courier {
            shared,
            hub,
            cursor,
            keeper,
            callback,
            filter,
            reading,
            head,
            failures,
            clock: Steady::start(),
            remembered,
            due,
            passed,
            progress,
        };
        Ok(courier)
    }

    /// Whether nothing is delivered until somebody resumes it.
    pub fn is_halted(&self) -> bool {
        matches!(self.hub.state, HubState::Halted { .. })
    }

    /// Resolves when there is an event to be delivered, and its time has come; what has happened is durable by then. Dropping the
    /// future loses nothing.
    pub async fn ready(&mut self) {
        while !self.find().await {
            tokio::select! {
                () = self.reading.grown() => {}
                never = self.keeper.run() => match never {},
            }
        }
        // So no more waits for a database that is away than one attempt; and where another daemon has taken it over, that one delivers.
        self.keeper.events().await;
        self.keeper.keep_up().await;
        self.shared.store.wait_until_events_up().await;
        tokio::select! {
            biased;
            () = until(self.due), if self.due.is_some() => {}
            never = self.keeper.run(), if self.due.is_some() => match never {},
            else => {}
        }
    }

    /// Looks for the next event of this hub; whether there is one by now.
    pub async fn find(&mut self) -> bool {
        while self.head.is_none() {
            match self.reading.next(&self.shared.window).await {
                Found::Row(row) => self.found(row),
                Found::Nothing { .. } if self.hub.replay.is_some() => self.end_replay(),
                Found::Nothing { total } => {
                    self.has_all(total);
                    return false;
                }
            }
        }
        true
    }

    fn found(&mut self, row: Arc<Row>) {
        let sequence = row.logged.sequence;
        if self.hub.replay.is_some_and(|replay| sequence > replay.to) {
            return self.end_replay();
        }
        let (config, node) = (self.shared.config.get(), &self.shared.node);
        if !is_wanted(&config, &self.callback, &self.filter, &row.logged.event, || row.envelope(node)) {
            self.pass(sequence, false);
            if self.passed >= PASSED {
                self.keep();
            }
            return;
        }
        let retries = Retries::of(&config);
        self.failures = retries.remembered(&std::mem::take(&mut self.remembered), sequence);
        self.head = Some(row);
    }

    /// The topic has nothing behind its place.
    fn has_all(&self, total: Option<u64>) {
        if let Some(total) = total {
            self.progress.lock().behind = Behind { counted: 0, total, passed: 0 };
        }
    }

    fn end_replay(&mut self) {
        self.hub.replay = None;
        self.keeper.replay(None);
        self.reading.seek(self.cursor.sequence);
        self.progress.lock().hub.replay = None;
    }

    /// Behind this row there are others; `has_got` it.
    fn pass(&mut self, sequence: i64, has_got: bool) {
        self.passed += 1;
        let mut progress = self.progress.lock();
        if let Some(replay) = &mut self.hub.replay {
            replay.at = sequence;
            progress.hub.replay = self.hub.replay;
            return;
        }
        self.cursor = Cursor { sequence, number: self.cursor.number + i64::from(has_got) };
        progress.cursor = self.cursor;
        progress.behind.passed += 1;
    }

    /// Keeps its place.
    pub fn keep(&mut self) {
        if self.passed == 0 {
            return;
        }
        self.passed = 0;
        match self.hub.replay {
            Some(replay) => self.keeper.replay(Some(replay)),
            None => self.keeper.cursor(self.cursor),
        }
    }

    /// Sends the event that [`Courier::ready`] has found. Dropping the future makes it not sent, or sent and not known.
    pub fn attempt(&self) -> impl Future<Output = Option<Attempt>> + use<> {
        let place = match self.hub.replay {
            Some(_) => Place::Replay,
            None => Place::Number(self.cursor.number + 1),
        };
        let (shared, callback) = (Arc::clone(&self.shared), Arc::clone(&self.callback));
        let head = self.head.clone();
        async move {
            let row = head?;
            let (at, began) = (SystemTime::now(), Instant::now());
            failpoints::pass("hub.send.before").await;
            let verdict = send(&shared, &callback, &row, (place, at)).await;
            failpoints::pass("hub.answer.after").await;
            Some(Attempt { row, at, took: began.elapsed(), verdict })
        }
    }

    /// What became of it.
    pub fn conclude(&mut self, attempt: Attempt) {
        match &attempt.verdict {
            Verdict::Delivered => self.delivered(&attempt),
            Verdict::Halt { status, reason } => {
                let outcome = if *status == Some(410) { Outcome::Gone } else { Outcome::Halted };
                self.failed(&attempt, outcome, (*status, reason));
                self.halt(reason.clone());
            }
            Verdict::Again { status, wanted, reason } => {
                let now = self.clock.now();
                let since = self.failures.map_or(now - attempt.took, |failures| failures.since);
                let attempts = self.failures.map_or(0, |failures| failures.attempts) + 1;
                let failures = Failures { attempts, since };
                let retries = Retries::of(&self.shared.config.get());
                match retries.next(failures, *wanted, now, fastrand::f64()) {
                    Next::Again(pause) => {
                        self.failed(&attempt, Outcome::Retried, (*status, reason));
                        self.wait(&attempt, failures, pause, reason);
                    }
                    Next::GiveUp => {
                        self.failed(&attempt, Outcome::Halted, (*status, reason));
                        self.halt(format!("given up after {attempts} attempts: {reason}"));
                    }
                }
            }
        }
    }

    fn delivered(&mut self, attempt: &Attempt) {
        metrics::histogram!("eventmanager_hub_delivery_seconds").record(attempt.took);
        self.count(Outcome::Delivered);
        if let Some(failures) = self.failures.take() {
            let (hub, attempts) = (self.hub.id, failures.attempts + 1);
            self.record(attempt, attempts, Outcome::Delivered.as_str(), (None, None));
            tracing::info!(%hub, attempts, "events are delivered again");
            self.progress.lock().failing = None;
        }
        (self.head, self.due) = (None, None);
        self.pass(attempt.row.logged.sequence, true);
        self.keep();
    }

    fn failed(&mut self, attempt: &Attempt, outcome: Outcome, (status, reason): (Option<u16>, &str)) {
        let attempts = self.failures.map_or(0, |failures| failures.attempts) + 1;
        self.count(outcome);
        self.record(attempt, attempts, outcome.as_str(), (status, Some(reason)));
    }

    fn count(&self, outcome: Outcome) {
        self.shared.tally.count(self.hub.id, outcome);
    }

    fn record(
        &mut self,
        attempt: &Attempt,
        number: u32,
        outcome: &str,
        (status, detail): (Option<u16>, Option<&str>),
    ) {
        let logged = &attempt.row.logged;
        let recorded = HubAttempt {
            hub: self.hub.id,
            event: logged.event.uuid,
            sequence: logged.sequence,
            attempt: number,
            at: attempt.at,
            outcome: outcome.to_owned(),
            status,
            millis: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
            detail: detail.map(str::to_owned),
        };
        self.keeper.event(self.shared.store.record_attempt(recorded));
    }

    fn wait(&mut self, attempt: &Attempt, failures: Failures, pause: std::time::Duration, reason: &str) {
        if failures.attempts == 1 {
            let (hub, host) = (self.hub.id, self.callback.authority());
            tracing::warn!(%hub, host, reason, "an event cannot be delivered: trying again");
        }
        self.failures = Some(failures);
        self.due = Some(Instant::now() + pause);
        // It may be for days: what was read ahead is read again then.
        self.reading.seek(attempt.row.logged.sequence);
        self.progress.lock().failing = Some(Failing {
            since: failures.since,
            attempts: failures.attempts,
            next_attempt: SystemTime::now() + pause,
            last: reason.to_owned(),
            event: attempt.row.logged.event.uuid,
        });
    }

    /// Halts the hub where the configuration does not let its events go there any more: it is not told by the next one alone.
    pub fn check_allowed(&mut self) {
        let config = self.shared.config.get();
        let checked = allowed(&config, &self.callback, &self.hub.topic).map(drop);
        if let Err(reason) = checked
            && !self.is_halted()
        {
            self.halt(reason);
        }
    }

    /// Delivers nothing more until somebody resumes it. What waits stays in the log.
    fn halt(&mut self, reason: String) {
        let (hub, host) = (self.hub.id, self.callback.authority());
        tracing::error!(%hub, host, reason, "hub halted: it has to be resumed by an operator");
        let since = SystemTime::now();
        self.set_state(HubState::Halted { since, reason: reason.clone() });
        let change = HubChange::State { id: hub, state: self.hub.state.clone() };
        let alarm = alarms::halted(&self.hub, since, &reason);
        self.keeper.event(self.shared.store.change_hubs(vec![change], vec![alarm], None));
        self.rewind();
    }

    /// What is in force from now on.
    pub fn set_state(&mut self, state: HubState) {
        self.hub.state = state.clone();
        // From now on it is counted anew.
        self.remembered.clear();
        let mut progress = self.progress.lock();
        progress.hub.state = state;
        progress.failing = None;
    }

    /// Sends these once more before it goes on.
    pub fn set_replay(&mut self, replay: Replay) {
        // The place of a replay that is given up must not be kept behind the one of this.
        match self.hub.replay {
            Some(_) => self.passed = 0,
            None => self.keep(),
        }
        self.hub.replay = Some(replay);
        self.progress.lock().hub.replay = Some(replay);
        self.rewind();
    }

    /// The event that is to be delivered, for somebody who wants it skipped.
    pub async fn next_to_skip(&mut self) -> Option<Arc<Row>> {
        self.find().await;
        self.head.clone()
    }

    /// Where it is when it has passed this row: its place in the log, and in a replay that is under way.
    pub fn place_behind(&self, row: &Row) -> (Cursor, Option<Replay>) {
        let sequence = row.logged.sequence;
        match self.hub.replay {
            Some(replay) => (self.cursor, Some(Replay { at: sequence, ..replay })),
            // It keeps its number: whoever got it and did not say so would take the next event for it.
            None => (Cursor { sequence, number: self.cursor.number + 1 }, None),
        }
    }

    /// The event that was to be delivered is a dead letter by now.
    pub fn skip_head(&mut self) {
        let Some(row) = self.head.take() else { return };
        self.count(Outcome::Skipped);
        self.pass(row.logged.sequence, true);
        self.passed = 0;
    }

    /// Reads again from its place, and holds nothing meanwhile.
    pub fn rewind(&mut self) {
        let place = self.hub.replay.map_or(self.cursor.sequence, |replay| replay.at);
        self.reading.seek(place);
        (self.head, self.failures, self.due) = (None, None, None);
    }
}

async fn send(shared: &Shared, callback: &Callback, row: &Row, (place, at): (Place, SystemTime)) -> Verdict {
    let event = &row.logged.event;
    let peer = match shared.peers.get(callback, &event.topic) {
        Ok(peer) => peer,
        Err(NoPeer::NotAllowed(reason)) => return Verdict::Halt { status: None, reason },
        Err(NoPeer::Unusable(reason)) => return Verdict::Again { status: None, wanted: None, reason },
    };
    let timestamp = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let body = row.body(&shared.node);
    let headers = headers(event.uuid, place, timestamp, &body, &peer.keys);
    let request = outbound::Request { method: Method::POST, url: callback, headers, body };
    judge(&peer.outbound.send(request).await)
}
