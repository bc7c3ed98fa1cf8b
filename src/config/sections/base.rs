//! `[node]`, `[log]`, `[store]`, `[cluster]` and `[processing]`.

use super::choice;
use crate::config::addresses;
use crate::config::defaults;
use crate::config::section::Section;
use crate::config::units;
use crate::config::values::*;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

const ORDERS: [(&str, RunOrder); 2] = [("subject", RunOrder::Subject), ("strict", RunOrder::Strict)];
const MODES: [(&str, Mode); 2] = [("active", Mode::Active), ("shadow", Mode::Shadow)];
const FAILURES: [(&str, OnFailure); 2] = [("continue", OnFailure::Continue), ("hold", OnFailure::Hold)];

/// A shorter lease is lost to a busy database, a longer one leaves events waiting.
const LEASES: RangeInclusive<Duration> = Duration::from_secs(1)..=Cluster::LONGEST_LEASE;

pub(super) fn node(file: &Section) -> Node {
    let default = defaults::node(file.surroundings());
    let node = file.section("node", |section| Node {
        name: section.text("name").unwrap_or_else(|| default.name.clone()),
        data_dir: section.path_to("data_dir").unwrap_or_else(|| default.data_dir.clone()),
        core_dumps: section.flag("core_dumps").unwrap_or(default.core_dumps),
    });
    node.unwrap_or(default)
}

pub(super) fn log(section: &Section) -> Log {
    let default = Log::default();
    Log {
        level: section
            .value("level", choice(&LEVELS.map(|level| (level, level))))
            .map_or(default.level, String::from),
        format: section.value("format", log_format).unwrap_or(default.format),
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    if text == "journald" {
        return Err("comes with a later release; \"text\" reaches the journal too".into());
    }
    choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)])(text)
}

pub(super) fn store(file: &Section, data_dir: &Path) -> StoreConfig {
    let store = file.section("store", |section| {
        let events = database(section, "events").unwrap_or_else(|| defaults::events(data_dir));
        let subscribers = database(section, "subscribers").unwrap_or_else(|| events.clone());
        let days = section.number("retention_days", 1..=36_500);
        let retention_days = days.and_then(|days| u32::try_from(days).ok());
        let disk_low = section.value("disk_low", units::disk_low).unwrap_or(defaults::DISK_LOW);
        let topic_log = section.duration("topic_log").unwrap_or(defaults::TOPIC_LOG);
        StoreConfig { events, subscribers, retention_days, topic_log, disk_low }
    });
    store.unwrap_or_else(|| StoreConfig::new(defaults::events(data_dir)))
}

/// A relative SQLite path starts at the file's directory: the commands find the daemon's database from anywhere.
pub(super) fn database(section: &Section, key: &'static str) -> Option<Database> {
    match section.hidden(key, addresses::database)? {
        Database::Sqlite(path) => Some(Database::Sqlite(section.surroundings().directory.join(path))),
        postgres => Some(postgres),
    }
}

/// Who has the lease stands in the database of the events, so that one must be reached by all of them.
pub(super) fn cluster(section: &Section, store: &StoreConfig) -> Cluster {
    let default = Cluster::default();
    let lease = section.duration("lease");
    if lease.is_some_and(|lease| !LEASES.contains(&lease)) {
        section.problem("lease", format!("must be from {:?} to {:?}", LEASES.start(), LEASES.end()));
    }
    let enabled = section.flag("enabled").unwrap_or(default.enabled);
    if enabled && matches!(store.events, Database::Sqlite(_)) {
        section.problem(
            "enabled",
            "needs PostgreSQL for the events (store.events): a file of SQLite is on one host alone",
        );
    }
    if enabled && matches!(store.subscribers, Database::Sqlite(_)) {
        section.problem(
            "enabled",
            "needs PostgreSQL for the subscribers (store.subscribers): a file of SQLite is on one host alone",
        );
    }
    let address = section.value("address", addresses::host_and_port);
    Cluster { enabled, lease: lease.unwrap_or(default.lease), address }
}

pub(super) fn processing(section: &Section) -> Processing {
    let default = Processing::default();
    let processing = Processing {
        order: section.value("order", choice(&ORDERS)).unwrap_or(default.order),
        mode: section.value("mode", choice(&MODES)).unwrap_or(default.mode),
        concurrency: section.number("concurrency", 1..=1024).unwrap_or(default.concurrency),
        on_failure: section.value("on_failure", choice(&FAILURES)).unwrap_or(default.on_failure),
        retry_initial: section.duration("retry_initial").unwrap_or(default.retry_initial),
        retry_max: section.duration("retry_max").unwrap_or(default.retry_max),
    };
    if processing.retry_initial > processing.retry_max {
        let later = if section.has("retry_initial") { "retry_initial" } else { "retry_max" };
        section
            .problem(later, format!("retry_initial is longer than retry_max ({:?})", processing.retry_max));
    }
    processing
}
