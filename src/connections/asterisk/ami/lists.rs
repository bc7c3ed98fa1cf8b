//! What a session does about lists, and changes beside them: it asks, finds items and ends among the events, and tells the manager.

use super::super::listing::{Heard, List, Step};
use super::super::reading::{self, NoChange};
use super::session::{Awaited, Session};
use crate::states::Change;
use crate::wire::ami::{ActionError, Message, unescape};
use tokio::time::Instant;

impl Session<'_> {
    /// Asks for both.
    pub(super) fn ask_lists(&self) -> Result<(), ActionError> {
        List::ALL.into_iter().try_for_each(|list| self.ask(list.action(), &[], Awaited::List(list)))
    }

    /// Asterisk is ready: what was listed before may not be all.
    pub(super) fn booted(&self) {
        if self.around.feed.is_some() && self.listing.borrow_mut().doubt(Instant::now().into()) {
            self.list_again();
        }
    }

    fn list_again(&self) {
        if let Err(error) = self.ask_lists() {
            tracing::error!(connection = self.server.name, %error, "the lists cannot be asked for");
        }
    }

    /// An event tells a change, of what that list has.
    pub(super) fn changed(&self, list: List, event: &Message) {
        let Some(feed) = &self.around.feed else { return };
        match change(list, event) {
            Ok(change) => {
                let heard = self.listing.borrow_mut().heard(&change);
                match heard {
                    Heard::Now => feed.heard(self.id, change),
                    Heard::Later => {}
                    Heard::Dropped => feed.dropped(),
                }
            }
            Err(error) => self.around.no_change(error),
        }
    }

    /// Whether it is an item of a list, or its end. `UserEvent` has the id of the action that sent it, and is none.
    pub(super) fn is_of_list(&self, event: &Message, id: &[u8], now: Instant) -> bool {
        let mut pending = self.pending.borrow_mut();
        let name = event.get("Event").unwrap_or_default();
        let ends = event.get("EventList").map(<[u8]>::to_ascii_lowercase);
        match pending.get(Some(id)) {
            Ok(Awaited::List(list)) => {
                let list = *list;
                if ends.is_none() {
                    let is_item = name.eq_ignore_ascii_case(list.event().as_bytes());
                    if is_item {
                        let item = self.listing.borrow_mut().item(list, change(list, event));
                        item.unwrap_or_else(|error| self.around.no_change(error));
                    }
                    return is_item;
                }
                let _ = pending.take(Some(id), now);
                drop(pending);
                self.has_answered.set(true);
                self.listed(list, event);
                true
            }
            Ok(Awaited::GivenUp) if !name.eq_ignore_ascii_case(b"UserEvent") => {
                if ends.is_some() {
                    let _ = pending.take(Some(id), now);
                }
                true
            }
            Ok(Awaited::Run(run)) if run.is_list() && !name.eq_ignore_ascii_case(b"UserEvent") => {
                if ends.is_none() {
                    run.item(event);
                } else if let Ok(Awaited::Run(run)) = pending.take(Some(id), now) {
                    run.complete(event);
                }
                true
            }
            _ => false,
        }
    }

    fn listed(&self, list: List, end: &Message) {
        let ends = end.get("EventList").unwrap_or_default();
        if !ends.to_ascii_lowercase().starts_with(b"complete") {
            let reason = format!("its list ends as {}", self.shown(ends));
            self.around.cannot_list(list, &reason);
            self.listing.borrow_mut().break_off(list, reason);
            return self.step();
        }
        let items = end.text("ListItems").and_then(|count| count.trim().parse().ok());
        if !self.listing.borrow_mut().complete(list, items) {
            self.around.wrong_count(list, items);
        }
        self.step();
    }

    /// There is no such list.
    pub(super) fn cannot_list(&self, list: List, reason: String) {
        self.around.cannot_list(list, &reason);
        self.listing.borrow_mut().fail(list, reason);
        self.step();
    }

    fn step(&self) {
        let now = Instant::now().into();
        let step = self.listing.borrow_mut().step(now);
        match step {
            Step::Wait => {}
            Step::Repeat => self.list_again(),
            Step::Done(lists) => {
                if let Some(feed) = &self.around.feed {
                    feed.listed(self.id, lists);
                }
                if self.listing.borrow_mut().again(now) {
                    self.list_again();
                }
            }
        }
    }

    /// Goes on without the lists that should be complete by now. What still comes of them is no item of a later one.
    pub(super) fn give_up_lists(&self, now: Instant) {
        let missing = self.listing.borrow_mut().give_up(now.into());
        for awaited in self.pending.borrow_mut().iter_mut() {
            if matches!(awaited, Awaited::List(list) if missing.contains(list)) {
                *awaited = Awaited::GivenUp;
            }
        }
        for &list in &missing {
            self.around.cannot_list(list, "its list does not get complete");
        }
        if !missing.is_empty() {
            self.step();
        }
    }
}

/// What an event says of a state.
fn change(list: List, event: &Message) -> Result<Change, NoChange> {
    match list {
        List::Devices => reading::device(|name| event.get(name)),
        List::Presences => reading::presence(|name| event.get(name).map(unescape)),
    }
}
