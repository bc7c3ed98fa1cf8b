//! Which later events stand in the way of a retry: it might undo what they have done.
//!
//! | the event is about | looked at |
//! |---|---|
//! | a subscriber | later events about it; later deletions of its group and comings and goings of its mail domain; later rows of the Erlang release |
//! | a whole group | later events about each who is a member now; whatever came later |
//! | a whole mail domain | whatever came later |
//!
//! Nothing finds the events about a group or a domain, or those that the Erlang release has stored, but their documents. So
//! many of them are read; where there are more, or one cannot be read, it cannot be known what stands in the way.

use crate::event::Status;
use crate::plan::Subscriber;
use crate::processors::attributes::Rules;
use crate::processors::subject::Subject;
use crate::processors::{COMMANDS, command_type, reprovision};
use crate::router::conflicts::Hold;
use crate::router::keys::{Key, keys};
use crate::store::{EventFilter, ReadError, Store, StoredCommand};
use crate::wire::ocir::{Command, Document, Notification};
use std::collections::{BTreeSet, HashMap};
use std::fmt;

/// So many documents are read, at most.
const DOCUMENTS: usize = 1000;
/// So many of them before somebody else has a turn.
const PART: usize = 100;
/// A page of ids comes back when it has taken long enough: so many are asked for.
const PAGES: usize = 10;
/// So many events are named.
const NAMED: usize = 100;

/// What stands in the way of a retry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Later {
    /// Events that came later and have completed, or are about to run; the first ones.
    pub events: Vec<i64>,
    /// Why there may be others.
    pub unknown: Option<Unknown>,
}

/// Why it cannot be known whether a later event concerns a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    #[error("the document of event {0} cannot be read")]
    Unreadable(i64),
    #[error("behind it the old release has stored more events than are looked through ({DOCUMENTS})")]
    Released,
    #[error("the index of the events of the old release is still being built")]
    NoIndex,
    #[error("behind it there are more events than are looked through ({DOCUMENTS})")]
    TooMany,
}

impl Later {
    /// Whether nothing stands in the way.
    pub fn is_nothing(&self) -> bool {
        self.events.is_empty() && self.unknown.is_none()
    }
}

impl fmt::Display for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.events.is_empty() {
            let list = super::refusal::list(&self.events);
            write!(f, "later events about the same subscriber have completed or wait: {list}")?;
        }
        let Some(unknown) = self.unknown else { return Ok(()) };
        match self.events.is_empty() {
            true => write!(f, "whether later events are about the same cannot be known: {unknown}"),
            false => write!(f, "; there may be others: {unknown}"),
        }
    }
}

/// Looks for them.
pub(super) struct Search<'a> {
    store: &'a Store,
    rules: &'a Rules,
    /// Where a failure holds its subject, what is pending waits behind it.
    holds: bool,
    /// The event that is to be retried.
    event: i64,
    sought: Vec<(Key, Hold)>,
    found: BTreeSet<i64>,
    unknown: Option<Unknown>,
}

impl<'a> Search<'a> {
    /// What stands in the way of event `event` of the user `user_id`, which is about `subject`.
    pub async fn run(
        (store, rules, holds): (&'a Store, &'a Rules, bool),
        (event, user_id): (i64, &str),
        subject: &Subject,
    ) -> Result<Later, ReadError> {
        let rows = rows(store, subject).await?;
        let whose = rows.iter().flat_map(|row| keys(&Subject::of(row)));
        let sought = keys(subject).into_iter().chain(whose).collect();
        let (found, unknown) = (BTreeSet::new(), None);
        let mut search = Search { store, rules, holds, event, sought, found, unknown };
        let members = rows.iter().map(|row| &row.user_id);
        let users: BTreeSet<&String> = subject.users.iter().chain(members).collect();
        for user in users {
            search.about(user).await?;
        }
        if subject.whole_group.is_some() || subject.whole_mail_domain.is_some() {
            search.stored(None).await?;
        } else {
            for command in wholes(subject, &rows) {
                search.stored(Some(command)).await?;
            }
            search.released(user_id).await?;
        }
        let events = search.found.into_iter().take(NAMED).collect();
        Ok(Later { events, unknown: search.unknown })
    }

    /// Events that were stored with this subscriber.
    async fn about(&mut self, user: &str) -> Result<(), ReadError> {
        let all = [Status::Completed, Status::Pending];
        let counting: Vec<Status> =
            all.into_iter().filter(|status| self.counts(Some(*status), true)).collect();
        // No more are named, whatever else is found.
        self.found.extend(self.store.later_about(user, self.event, &counting, NAMED).await?);
        Ok(())
    }

    /// All later events that have completed or wait, or those of a command.
    async fn stored(&mut self, command: Option<&str>) -> Result<(), ReadError> {
        let mut filter = EventFilter {
            statuses: vec![Status::Completed, Status::Pending],
            command: command.map(str::to_owned),
            after: Some(self.event),
            limit: DOCUMENTS,
            ..EventFilter::default()
        };
        let mut ids = Vec::new();
        for _ in 0..PAGES {
            let page = self.store.page_of_ids(filter.clone()).await?;
            ids.extend(page.ids);
            filter.after = page.next;
            filter.limit = DOCUMENTS - ids.len().min(DOCUMENTS);
            if filter.after.is_none() || filter.limit == 0 {
                break;
            }
        }
        self.read(&ids).await?;
        if filter.after.is_some() {
            self.unknown.get_or_insert(Unknown::TooMany);
        }
        Ok(())
    }

    /// Later rows of the Erlang release; where there are too many, at least those of whom has given this command.
    async fn released(&mut self, user_id: &str) -> Result<(), ReadError> {
        let Some(mut ids) = self.store.released_after(self.event, DOCUMENTS + 1).await? else {
            self.unknown.get_or_insert(Unknown::NoIndex);
            return Ok(());
        };
        if ids.len() > DOCUMENTS {
            self.unknown.get_or_insert(Unknown::Released);
            ids.truncate(DOCUMENTS);
            let last = ids.last().copied().unwrap_or(self.event);
            ids.extend(self.store.given_after(user_id, last, DOCUMENTS).await?);
        }
        self.read(&ids).await
    }

    /// Reads whom these events are about, and keeps those that concern the retry.
    async fn read(&mut self, mut ids: &[i64]) -> Result<(), ReadError> {
        while !ids.is_empty() {
            let (commands, covered) = self.store.commands(&ids[..ids.len().min(PART)]).await?;
            ids = &ids[covered..];
            let mut subjects = Vec::new();
            for other in &commands {
                if !self.counts(other.status, other.uuid.is_some()) {
                    continue;
                }
                match subjects_of(other, self.rules) {
                    Ok(of_it) => subjects.extend(of_it.into_iter().map(|subject| (other, subject))),
                    Err(unknown) => drop(self.unknown.get_or_insert(unknown)),
                }
            }
            let rows = self.rows_sent_again(&subjects).await?;
            for (other, subject) in &subjects {
                let user = subject.users.first().filter(|_| other.command == reprovision::COMMAND);
                let row = user.and_then(|user| rows.get(user));
                let of_row = row.map(|row| keys(&Subject::of(row))).unwrap_or_default();
                if shares_a_key(&self.sought, keys(subject).into_iter().chain(of_row)) {
                    self.found.insert(other.id);
                }
            }
        }
        Ok(())
    }

    /// Rows of subscribers that were sent once more: their documents name the user alone.
    async fn rows_sent_again(
        &self,
        subjects: &[(&StoredCommand, Subject)],
    ) -> Result<HashMap<String, Subscriber>, ReadError> {
        let sent_again = subjects.iter().filter(|(other, _)| other.command == reprovision::COMMAND);
        let users: Vec<String> = sent_again.flat_map(|(_, subject)| subject.users.clone()).collect();
        if users.is_empty() { Ok(HashMap::new()) } else { self.store.subscribers(users).await }
    }

    /// Whether it has done something, or is about to. What the Erlang release has left pending may have been sent.
    fn counts(&self, status: Option<Status>, is_ours: bool) -> bool {
        match status {
            Some(Status::Completed) => true,
            Some(Status::Pending) => !(is_ours && self.holds),
            Some(Status::Failed | Status::Ignored) => false,
            None => !is_ours,
        }
    }
}

/// The rows of those whom the event is about; of a group its members: whoever is one now would be deleted with it.
async fn rows(store: &Store, subject: &Subject) -> Result<Vec<Subscriber>, ReadError> {
    let mut rows: Vec<Subscriber> = store.subscribers(subject.users.clone()).await?.into_values().collect();
    if let Some(group) = &subject.whole_group {
        rows.extend(store.group_members(group).await?.into_iter().flatten());
    }
    Ok(rows)
}

/// The commands about something whole that the subscriber of an event belongs to: when that came or went, the subscriber
/// may not have been there to be named with it.
fn wholes(subject: &Subject, rows: &[Subscriber]) -> Vec<&'static str> {
    let in_group = !subject.groups.is_empty() || rows.iter().any(|row| row.group_id.is_some());
    let in_domain = !subject.mail_domains.is_empty();
    let is_one = |processor| match processor {
        "delete_group" => in_group,
        "create_domain" | "delete_domain" => in_domain,
        _ => false,
    };
    COMMANDS.iter().filter(|entry| is_one(entry.processor)).map(|entry| entry.command).collect()
}

/// What a stored command is about; of a row of the Erlang release all that its document says, since it does not tell which
/// of its commands it means. Nothing where it is not acted on.
fn subjects_of(stored: &StoredCommand, rules: &Rules) -> Result<Vec<Subject>, Unknown> {
    let stem = stored.command.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default();
    if command_type(stem).is_none() && !stem.is_empty() {
        return Ok(Vec::new());
    }
    let document = Document::from_text(stored.document.clone());
    let is_meant =
        |command: &&Command| stored.uuid.is_none() || command.index == stored.command_index as usize;
    let commands: Vec<&Command> = document.commands().filter(is_meant).collect();
    let reports = document.content.iter().flatten().filter_map(Notification::report);
    let is_whole = reports.into_iter().all(|report| report.commands.is_ok());
    if commands.is_empty() || (stored.uuid.is_none() && !is_whole) {
        return Err(Unknown::Unreadable(stored.id));
    }
    let of = |command: &Command| Some((command_type(command.command_type())?.subject)(command, rules));
    Ok(commands.into_iter().filter_map(of).collect())
}

/// Whether one has to wait for the other: not where both belong to the same group or domain, and no more than that.
fn shares_a_key(sought: &[(Key, Hold)], others: impl IntoIterator<Item = (Key, Hold)>) -> bool {
    let mut others = others.into_iter();
    others.any(|(key, hold)| {
        let is_exclusive = |other: Hold| hold == Hold::Exclusive || other == Hold::Exclusive;
        sought.iter().any(|(own, own_hold)| *own == key && is_exclusive(*own_hold))
    })
}
