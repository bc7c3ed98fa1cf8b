//! Events and subscribers read from the store itself, where the daemon is down. The answers are those of the API.

use super::Query;
use crate::api::events::Summary;
use crate::api::health::DiskStatus;
use crate::api::status::EventCounts;
use crate::api::{event, event_plan, subscribers};
use crate::cli::client::Refused;
use crate::config::{self, Config, Database};
use crate::event::{Event, Status};
use crate::processors::attributes::Rules;
use crate::store::{self, Disk, EventFilter, Reading};
use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use tokio::runtime::Runtime;

/// The store of a daemon that is down. Nothing of it is changed, and it may be one of the Erlang release.
pub struct Offline {
    path: PathBuf,
    config: Config,
    reading: Reading,
    /// Whether the tables have our columns.
    is_ours: bool,
    runtime: Runtime,
}

impl Offline {
    /// The store that a configuration names.
    pub fn open(path: &Path) -> anyhow::Result<Offline> {
        let config = config::load_for_reading(path)?;
        if let Database::Sqlite(file) = &config.store.events
            && !file.exists()
        {
            bail!("{} is not there", file.display());
        }
        let names = ["store.events", "store.subscribers"];
        let reading = Reading::open(&config.store.events, &config.store.subscribers, names)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let is_ours = runtime.block_on(reading.is_ours())?;
        Ok(Offline { path: path.to_owned(), config, reading, is_ours, runtime })
    }

    /// Where it is, without passwords.
    pub fn place(&self) -> &str {
        self.reading.place()
    }

    /// As `GET /api/v1/events`.
    pub fn list(&self, query: &Query) -> anyhow::Result<Value> {
        let filter = filter(query)?;
        let page = self.runtime.block_on(async {
            match self.is_ours {
                true => self.reading.page(filter).await,
                false => self.reading.released_page(&filter).await,
            }
        })?;
        let events: Vec<_> = page.events.into_iter().map(Summary::from).collect();
        let searched_to = page.searched_to.map(|place| {
            json!({"id": place.id, "at": place.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()})
        });
        let next = page.next.map(|id| id.to_string());
        Ok(json!({"events": events, "next": next, "searched_to": searched_to}))
    }

    /// As `GET /api/v1/events/{id}`.
    pub fn event(&self, id: i64) -> anyhow::Result<Value> {
        let event = self.stored(id)?;
        let journal = match event.uuid {
            Some(uuid) => self.runtime.block_on(self.reading.journal(uuid))?,
            None => None,
        };
        Ok(serde_json::to_value(event::describe(event, journal.unwrap_or_default(), &self.config))?)
    }

    /// As `GET /api/v1/events/{id}/plan`.
    pub fn plan(&self, id: i64) -> anyhow::Result<Value> {
        let event = self.stored(id)?;
        let config =
            config::load(&self.path).context("to plan, the whole configuration must be readable")?.config;
        let foreseen = self.runtime.block_on(async {
            // Nothing of it is run that writes: it is only read.
            let store = store::open(&config.store)?.0;
            let foreseen = event_plan::foresee(Arc::new(config), &store, &event).await;
            foreseen.with_context(|| format!("event {id} cannot be planned"))
        })?;
        Ok(serde_json::to_value(foreseen)?)
    }

    /// As `GET /api/v1/subscribers` with this query.
    pub fn subscribers(&self, query: &str) -> anyhow::Result<Value> {
        let search = subscribers::Search::of_query(query).map_err(anyhow::Error::msg)?;
        let wanted = search.in_store(&Rules::of(&self.config));
        let rows = self.runtime.block_on(self.reading.search_subscribers(&wanted))?;
        Ok(serde_json::to_value(search.page(rows))?)
    }

    /// As `GET /api/v1/subscribers/{user}`. Of whom the events of the Erlang release are stands nowhere.
    pub fn subscriber(&self, user: &str) -> anyhow::Result<Value> {
        let (row, events) = self.runtime.block_on(async {
            let row = self.reading.subscriber_row(user).await?;
            let events = match self.is_ours {
                true => self.reading.events_about(user, subscribers::EVENTS).await?,
                false => Vec::new(),
            };
            anyhow::Ok((row, events))
        })?;
        let shown = subscribers::shown(user, row, events).map_err(Refused::missing)?;
        Ok(serde_json::to_value(shown)?)
    }

    /// What the store and its disks alone tell of `GET /api/v1/status`.
    pub fn status(&self) -> anyhow::Result<Value> {
        let counts = self.runtime.block_on(async {
            match self.is_ours {
                true => self.reading.counts().await,
                false => self.reading.released_counts().await,
            }
        })?;
        let (node, store) = (&self.config.node.name, &self.config.store);
        // A directory that cannot be measured is left out, as the daemon does.
        let disks = store::disk::directories(store).into_iter();
        let disks = disks.filter_map(|path| Disk::measure(&path, store.disk_low, false).ok());
        let disks: Vec<DiskStatus> = disks.map(|disk| DiskStatus::from(&disk)).collect();
        Ok(json!({"node": node, "up": false, "disks": disks, "events": EventCounts::from(&counts)}))
    }

    fn stored(&self, id: i64) -> anyhow::Result<Event> {
        let event = self.runtime.block_on(async {
            match self.is_ours {
                true => self.reading.event(id).await,
                false => self.reading.released_event(id).await,
            }
        })?;
        Ok(event.ok_or_else(|| Refused::missing(format!("there is no event {id}")))?)
    }
}

fn filter(query: &Query) -> anyhow::Result<EventFilter> {
    let given = query.filter;
    let cursor = query.cursor.map(str::parse).transpose().context("the cursor is none of ours")?;
    Ok(EventFilter {
        since: given.since,
        until: given.until,
        statuses: given.status.iter().filter_map(|word| Status::parse(word)).collect(),
        command: given.command.clone(),
        user_id: given.user.clone(),
        text: given.text.clone(),
        fault: given.fault.clone(),
        after: cursor,
        limit: query.limit,
        newest_first: !query.oldest_first,
    })
}
