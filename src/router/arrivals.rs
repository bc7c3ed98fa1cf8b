//! How events come to the router: from the store at a start and when there is room again, from the intake as they
//! arrive; then they get their keys.
//!
//! Their order is that of the store, but for what had begun before a start: that comes first. What is announced while the
//! store is being read comes after what was there.

use super::actor::{Announced, Router, State};
use super::conflicts::Hold;
use super::keys::{Key, each_once, keys};
use crate::config::{OnFailure, RunOrder};
use crate::plan::Subscriber;
use crate::processors::attributes::Rules;
use crate::processors::command_type;
use crate::processors::subject::Subject;
use crate::store::{PendingEvent, ReadError, Store};
use crate::wire::ocir::Document;
use actix::prelude::*;
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

/// So many events are known at most; further ones stay in the store until there is room.
pub(super) const KNOWN_LIMIT: usize = 100_000;
/// So many failed events hold their subjects at most, before nothing is taken in any more until some are resolved: those behind them
/// must not overtake what is not known.
pub(super) const HELD_LIMIT: usize = 100_000;
/// So many are read from the store at a time.
const PAGE: usize = 100;
/// So many rows of subscribers are read at a time.
const ARRIVALS_AT_ONCE: usize = 256;

/// What is read of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pages {
    /// At a start, before all others: of what has begun, whose keys nobody may have before it, however late it came.
    Begun,
    /// At a start where failures hold their subject: of what waits and what holds.
    Unresolved,
    /// Of what waits.
    Pending,
}

impl Router {
    /// Reads what is unfinished in the store as soon as it can be read.
    ///
    /// Until then events that are announced are left to the reading, so that they come after those of before. The
    /// mailbox stays open: a shutdown does not wait for a database.
    pub(super) fn load(&mut self, ctx: &mut Context<Self>) {
        self.state.loading = true;
        self.state.more_in_store = true;
        let store = self.executor.store.clone();
        let up = async move { store.wait_until_events_up().await };
        ctx.spawn(up.into_actor(self).map(|(), this, ctx| {
            this.state.more_in_store = false;
            if this.state.tenure.is_none() {
                this.watch_tenure(ctx);
            }
            this.load_page(ctx, this.first_pages(), 0);
        }));
    }

    fn first_pages(&self) -> Pages {
        match (self.state.knows_begun, self.state.knows_held, self.processing().on_failure) {
            (false, _, _) => Pages::Begun,
            (true, false, OnFailure::Hold) => Pages::Unresolved,
            (true, _, _) => Pages::Pending,
        }
    }

    /// Reads a page, and then the next, until all is known or there is no room.
    fn load_page(&mut self, ctx: &mut Context<Self>, pages: Pages, after: i64) {
        let (store, rules) = (self.executor.store.clone(), self.executor.rules.get());
        let page = async move {
            let rows = match pages {
                Pages::Begun => store.begun(after, PAGE).await?,
                Pages::Unresolved => store.unresolved(after, PAGE).await?,
                Pages::Pending => store.pending(after, PAGE).await?,
            };
            let mut unfinished = Vec::with_capacity(rows.len());
            for row in rows {
                let mut subject = subject(&row, &rules);
                if pages == Pages::Begun {
                    add_requests(&mut subject, &store, row.uuid, &rules).await?;
                }
                unfinished.push((row.id, Announced { event: row.uuid, subject }));
            }
            Ok::<_, ReadError>(unfinished)
        };
        ctx.spawn(page.into_actor(self).map(move |page, this, ctx| match page {
            Ok(unfinished) => this.loaded(pages, unfinished, ctx),
            Err(error) => {
                tracing::warn!(%error, "pending events cannot be read: trying again");
                this.state.more_in_store = true;
                let delay = this.read_delay();
                ctx.run_later(delay, Self::load);
            }
        }));
    }

    fn loaded(&mut self, pages: Pages, unfinished: Vec<(i64, Announced)>, ctx: &mut Context<Self>) {
        self.state.read_failures = 0;
        let next = unfinished.last().map(|(id, _)| *id).filter(|_| unfinished.len() == PAGE);
        unfinished.into_iter().for_each(|(_, announced)| self.know(announced));
        match next {
            Some(id) if self.state.has_room() && !self.state.superseded => self.load_page(ctx, pages, id),
            None if pages == Pages::Begun && !self.state.superseded => {
                self.state.knows_begun = true;
                self.load_page(ctx, self.first_pages(), 0);
            }
            rest => {
                self.state.loading = false;
                // What fails from now on is held without being read.
                self.state.knows_held |= rest.is_none();
                self.state.more_in_store |= rest.is_some();
                let meanwhile = std::mem::take(&mut self.state.meanwhile);
                meanwhile.into_iter().for_each(|announced| self.announce(announced));
            }
        }
        self.admit(ctx);
    }

    /// Takes a stored event in, unless that has to wait for its turn.
    pub(super) fn announce(&mut self, announced: Announced) {
        let state = &mut self.state;
        if !state.has_room() || state.more_in_store {
            // It is in the store, and has its turn after those that are there already.
            state.more_in_store = true;
        } else if state.loading {
            state.meanwhile.push(announced);
        } else {
            self.know(announced);
        }
    }

    fn know(&mut self, announced: Announced) {
        if self.state.known.insert(announced.event) {
            self.state.arrivals.push_back(announced);
        }
    }

    /// Reads the subscribers of the next arrivals, then gives each its keys. One reading at a time keeps the order.
    pub(super) fn admit(&mut self, ctx: &mut Context<Self>) {
        if self.state.reading || self.state.arrivals.is_empty() || self.state.superseded {
            return;
        }
        let count = self.state.arrivals.len().min(ARRIVALS_AT_ONCE);
        let batch: Vec<Announced> = self.state.arrivals.drain(..count).collect();
        self.state.reading = true;
        self.read_subscribers(batch, ctx);
    }

    fn read_subscribers(&mut self, batch: Vec<Announced>, ctx: &mut Context<Self>) {
        self.state.conflicts.remember_left();
        let users: Vec<String> = batch.iter().flat_map(|arrival| arrival.subject.users.clone()).collect();
        let groups: Vec<String> =
            batch.iter().filter_map(|arrival| arrival.subject.whole_group.clone()).collect();
        let rows = SubjectRows::read(self.executor.store.clone(), users, groups);
        let read = rows.into_actor(self).map(move |rows, this, ctx| {
            let rows = match rows {
                Ok(rows) => rows,
                Err(error) => {
                    tracing::warn!(%error, "subscribers cannot be read: trying again");
                    let delay = this.read_delay();
                    ctx.run_later(delay, move |this, ctx| this.read_subscribers(batch, ctx));
                    return;
                }
            };
            this.state.read_failures = 0;
            this.state.reading = false;
            for arrival in batch {
                let current = rows.of(&arrival.subject).flat_map(|row| keys(&Subject::of(row))).collect();
                this.enter(arrival, current);
            }
            this.state.conflicts.forget_left();
            this.dispatch(ctx);
            this.admit(ctx);
        });
        ctx.spawn(read);
    }

    fn read_delay(&mut self) -> Duration {
        self.state.read_failures += 1;
        self.retry().delay(self.state.read_failures - 1)
    }

    /// Enters an event with the names in its document, in the rows of its subscribers, and in what may have changed
    /// these since they were read; for a whole group, also with what unfinished events will make of its members.
    fn enter(&mut self, arrival: Announced, current: Vec<(Key, Hold)>) {
        let Announced { event, subject } = arrival;
        let conflicts = &mut self.state.conflicts;
        let user = subject.users.first().map(|user| Key::user(user));
        let whole_group = subject.whole_group.as_ref().map(|group| Key::group(group));
        let all = (self.order == RunOrder::Strict).then_some((Key::ALL, Hold::Exclusive));
        let own = all.into_iter().chain(keys(&subject)).chain(current);
        let left = user.into_iter().chain(whole_group).flat_map(|whose| conflicts.left(whose));
        let members = whole_group.into_iter().flat_map(|group| conflicts.all_keys_beside(group));
        let held = each_once(own.chain(left).chain(members));
        if conflicts.enter(event, user, held) {
            self.state.ready.push_back(event);
        }
    }
}

impl State {
    /// Events that are known and not merely held until somebody resolves them.
    pub(super) fn unheld(&self) -> usize {
        self.known.len() - self.held.len()
    }

    /// Whether another event may be known.
    fn has_room(&self) -> bool {
        self.unheld() + self.meanwhile.len() < KNOWN_LIMIT && !self.holds_too_many()
    }

    /// Whether so many hold their subjects that nothing is taken in.
    pub(super) fn holds_too_many(&self) -> bool {
        self.held.len() >= HELD_LIMIT
    }
}

/// The rows of subscribers that a batch of arrivals is about.
struct SubjectRows {
    users: HashMap<String, Subscriber>,
    groups: HashMap<String, Vec<Subscriber>>,
}

impl SubjectRows {
    async fn read(store: Store, users: Vec<String>, groups: Vec<String>) -> Result<SubjectRows, ReadError> {
        let mut rows = SubjectRows { users: store.subscribers(users).await?, groups: HashMap::new() };
        for group in groups {
            // A row that cannot be read fails its member when the event runs.
            let members = store.group_members(&group).await?.into_iter().flatten().collect();
            rows.groups.insert(group, members);
        }
        Ok(rows)
    }

    /// Those of one event.
    fn of(&self, subject: &Subject) -> impl Iterator<Item = &Subscriber> {
        let users = subject.users.iter().filter_map(|user| self.users.get(user));
        users.chain(subject.whole_group.iter().filter_map(|group| self.groups.get(group)).flatten())
    }
}

/// The names in a stored event; an event that cannot be read has none, and fails when it is run.
fn subject(row: &PendingEvent, rules: &Rules) -> Subject {
    let document = Document::from_text(row.document.to_string());
    match (command_type(&row.command), document.into_command(row.command_index)) {
        (Some(entry), Ok(Some(command))) => (entry.subject)(&command, rules),
        _ => Subject::default(),
    }
}

/// Adds what the requests are about that an event which has begun has still to send, or may have to send again. Its row may
/// not say so any more: where subscribers live in another database, that is changed before the answer is journalled.
async fn add_requests(
    subject: &mut Subject,
    store: &Store,
    event: Uuid,
    rules: &Rules,
) -> Result<(), ReadError> {
    let journal = match store.journal(event).await {
        Ok(journal) => journal.unwrap_or_default(),
        // It fails when it runs.
        Err(ReadError::Row { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    let Some(plan) = &journal.plan else { return Ok(()) };
    let is_done = |position: usize| journal.step(position as u32).is_some_and(|mark| mark.state.is_done());
    let left = plan.steps.iter().enumerate().filter(|(position, _)| !is_done(*position));
    left.for_each(|(_, step)| subject.add_request(&step.request, rules));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_what_waits_nor_what_is_held_is_known_without_end() {
        let of = |known: u128, held: u128| State {
            known: (0..known).map(Uuid::from_u128).collect(),
            held: (0..held).map(Uuid::from_u128).collect(),
            ..State::default()
        };
        let check = |state: State, has_room| assert_eq!(state.has_room(), has_room, "{}", state.unheld());
        let (most, most_held) = (KNOWN_LIMIT as u128, HELD_LIMIT as u128);
        check(of(most - 1, 0), true);
        check(of(most, 0), false);
        // What is held leaves its room to others, up to its own bound.
        check(of(most, 1), true);
        check(of(most_held, most_held - 1), true);
        check(of(most_held, most_held), false);
    }
}
