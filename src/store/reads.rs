//! What can be asked of a [`Store`]: the reads of its two databases, which go past their writers.

use super::{
    AuditLine, Changed, Counts, EventFilter, EventPage, EventSummary, Faults, IdPage, Journal, Pause,
    PendingEvent, ReadError, Store, StoredCommand, SubscriberRow, SubscriberSearch, Waiting,
};
use crate::event::{Event, Status};
use crate::plan::Subscriber;
use std::collections::HashMap;
use std::time::SystemTime;
use uuid::Uuid;

/// Of events, their journal, and what operators did.
impl Store {
    /// The systems that operators have paused.
    pub async fn pauses(&self) -> Result<Vec<Pause>, ReadError> {
        self.inner.events.reader.pauses().await
    }

    /// A page of the acts of operators, the latest first; `before` is the id of the last line of the page before,
    /// `i64::MAX` for the first.
    pub async fn audit(&self, before: i64, limit: usize) -> Result<Vec<AuditLine>, ReadError> {
        self.inner.events.reader.audit(before, limit).await
    }

    /// The event with this id at this moment: ids may start anew.
    pub async fn event(&self, id: i64) -> Result<Option<Event>, ReadError> {
        self.inner.events.reader.event(id).await
    }

    /// The event that its sender has given this uuid; unlike ids these never start anew.
    pub async fn event_by_uuid(&self, uuid: Uuid) -> Result<Option<Event>, ReadError> {
        self.inner.events.reader.event_by_uuid(uuid).await
    }

    /// The journal of an event; `None` where nothing has been recorded about it.
    pub async fn journal(&self, uuid: Uuid) -> Result<Option<Journal>, ReadError> {
        self.inner.events.reader.journal(uuid).await
    }

    /// Our pending events, oldest first; not the rows that the Erlang release left pending.
    pub async fn pending(&self, after: i64, limit: usize) -> Result<Vec<PendingEvent>, ReadError> {
        self.inner.events.reader.pending(after, limit).await
    }

    /// Those of our pending events of which something has been sent in their latest attempt, oldest first.
    pub async fn begun(&self, after: i64, limit: usize) -> Result<Vec<PendingEvent>, ReadError> {
        self.inner.events.reader.begun(after, limit).await
    }

    /// Those of these events that are there, oldest first, with their uuids: a row of the Erlang release has none.
    pub async fn uuids(&self, ids: &[i64]) -> Result<Vec<(i64, Option<Uuid>)>, ReadError> {
        self.inner.events.reader.uuids(ids).await
    }

    /// The status of those of these events that are there; `None`: a foreign word.
    pub async fn statuses(&self, uuids: &[Uuid]) -> Result<HashMap<Uuid, Option<Status>>, ReadError> {
        self.inner.events.reader.statuses(uuids).await
    }

    /// Our pending events and those whose failure holds their subject, unless somebody has resolved them; oldest first.
    pub async fn unresolved(&self, after: i64, limit: usize) -> Result<Vec<PendingEvent>, ReadError> {
        self.inner.events.reader.unresolved(after, limit).await
    }

    /// The events that match, oldest first unless the filter says otherwise, without their documents: as many as
    /// `limit`, however long it takes to find them.
    pub async fn list(&self, filter: EventFilter) -> Result<Vec<EventSummary>, ReadError> {
        self.inner.events.reader.list(filter).await
    }

    /// The same for at most some 25 ms of looking: a page may be short, with more behind it.
    pub async fn page(&self, filter: EventFilter) -> Result<EventPage, ReadError> {
        self.inner.events.reader.page(filter).await
    }

    /// The ids of the events that match, as [`Store::page`] finds them. All of them are had by asking again with `after`
    /// set to `next` until there is none.
    pub async fn page_of_ids(&self, filter: EventFilter) -> Result<IdPage, ReadError> {
        self.inner.events.reader.page_of_ids(&filter).await
    }

    /// Those of these events that are there, oldest first.
    pub async fn summaries(&self, ids: &[i64]) -> Result<Vec<EventSummary>, ReadError> {
        self.inner.events.reader.summaries(ids).await
    }

    /// The same by the uuids that their senders have given them.
    pub async fn summaries_by_uuid(&self, uuids: &[Uuid]) -> Result<Vec<EventSummary>, ReadError> {
        self.inner.events.reader.summaries_by_uuid(uuids).await
    }

    /// What the latest failed events failed of, the most frequent first; `since` as in [`EventFilter`].
    pub async fn faults(&self, since: Option<SystemTime>) -> Result<Faults, ReadError> {
        self.inner.events.reader.faults(since).await
    }

    /// The lines of those of the events that are there, the newest first.
    pub async fn lines(&self, events: &[Changed]) -> Result<Vec<EventSummary>, ReadError> {
        self.inner.events.reader.lines(events).await
    }

    /// How many events have which status, and since when the oldest of ours waits. On a large table it takes seconds.
    pub async fn counts(&self) -> Result<Counts, ReadError> {
        self.inner.events.reader.counts().await
    }

    /// Our pending events, by their index.
    pub async fn waiting(&self) -> Result<Waiting, ReadError> {
        self.inner.events.reader.waiting().await
    }

    /// How many events have failed, by their index.
    pub async fn failed(&self) -> Result<u64, ReadError> {
        self.inner.events.reader.failed().await
    }

    /// The uuids of the latest events, the newest first, back to `since`: those that are made of the time come in its order.
    pub async fn recent_uuids(&self, since: Uuid, limit: usize) -> Result<Vec<Uuid>, ReadError> {
        self.inner.events.reader.recent_uuids(since, limit).await
    }

    /// The id of the last notification of this source that was received before then, as far as it is among the latest
    /// rows; duplicates count.
    pub async fn last_notification_id(
        &self,
        source: &str,
        before: SystemTime,
    ) -> Result<Option<String>, ReadError> {
        self.inner.events.reader.last_notification_id(source, before).await
    }

    /// The latest events about a subscriber, whoever gave them, the latest first.
    pub async fn events_about(&self, user_id: &str, limit: usize) -> Result<Vec<EventSummary>, ReadError> {
        self.inner.events.reader.events_about(user_id, limit).await
    }

    /// The first events behind this id that are about a subscriber and have one of these statuses.
    pub async fn later_about(
        &self,
        user_id: &str,
        after: i64,
        statuses: &[Status],
        limit: usize,
    ) -> Result<Vec<i64>, ReadError> {
        self.inner.events.reader.later_about(user_id, after, statuses, limit).await
    }

    /// The first event with this command, spelled so, that is about the subscriber and pending.
    pub async fn pending_about(&self, user_id: &str, command: &str) -> Result<Option<i64>, ReadError> {
        self.inner.events.reader.pending_about(user_id, command).await
    }

    /// The ids of the next events of the Erlang release behind this id; `None` while their index is being built.
    pub async fn released_after(&self, after: i64, limit: usize) -> Result<Option<Vec<i64>>, ReadError> {
        self.inner.events.reader.released_after(after, limit).await
    }

    /// The ids of the next events behind this id whose commands a user has given; none while their index is being built.
    pub async fn given_after(&self, user_id: &str, after: i64, limit: usize) -> Result<Vec<i64>, ReadError> {
        self.inner.events.reader.given_after(user_id, after, limit).await
    }

    /// The commands of the first of these events, oldest first, and how many of the ids that covers: as many as fit into a
    /// few megabytes, one at least.
    pub async fn commands(&self, ids: &[i64]) -> Result<(Vec<StoredCommand>, usize), ReadError> {
        self.inner.events.reader.commands(ids).await
    }
}

/// Of subscribers.
impl Store {
    /// The row of a user; `None` for one that is no subscriber.
    pub async fn subscriber(&self, user_id: &str) -> Result<Option<Subscriber>, ReadError> {
        let ids = [user_id.to_owned()];
        self.inner.subscribers.reader.subscribers(&ids).await?.pop().transpose()
    }

    /// Those of the users that are subscribers, by id. A row that cannot be read is left out: whoever needs it alone
    /// is told why.
    pub async fn subscribers(&self, ids: Vec<String>) -> Result<HashMap<String, Subscriber>, ReadError> {
        let found = self.inner.subscribers.reader.subscribers(&ids).await?;
        Ok(found.into_iter().flatten().map(|subscriber| (subscriber.user_id.clone(), subscriber)).collect())
    }

    /// Whose rows hold one of these phones: user and phone.
    pub async fn holders(&self, phones: &[String]) -> Result<Vec<(String, String)>, ReadError> {
        self.inner.subscribers.reader.holders(phones).await
    }

    /// The members of a group, by id; a row that cannot be read stands among them as its error.
    pub async fn group_members(
        &self,
        group_id: &str,
    ) -> Result<Vec<Result<Subscriber, ReadError>>, ReadError> {
        self.inner.subscribers.reader.group_members(group_id).await
    }

    /// A page of all subscribers, ordered by id; `after` is the last id of the page before, empty for the first.
    pub async fn subscriber_page(&self, after: &str, limit: usize) -> Result<Vec<Subscriber>, ReadError> {
        self.inner.subscribers.reader.subscriber_page(after, limit).await
    }

    /// A page of all rows, readable or not, each with its id, in the order of the ids' bytes.
    pub async fn subscribers_in_order(
        &self,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, Result<Subscriber, ReadError>)>, ReadError> {
        self.inner.subscribers.reader.subscribers_in_order(after, limit).await
    }

    /// A page of the subscribers that match, as they stand, without their passwords.
    pub async fn search_subscribers(
        &self,
        search: &SubscriberSearch,
    ) -> Result<Vec<SubscriberRow>, ReadError> {
        self.inner.subscribers.reader.search_subscribers(search).await
    }

    /// The row of a user as it stands, without its password.
    pub async fn subscriber_row(&self, user_id: &str) -> Result<Option<SubscriberRow>, ReadError> {
        self.inner.subscribers.reader.subscriber_row(user_id).await
    }
}
