//! `[shadow]`: the databases of the release that we run beside, by name or from its em.ini.

use super::base::database;
use crate::config::section::Section;
use crate::config::values::{Database, Shadow, StoreConfig};
use crate::config::{addresses, em_ini, read_ini};

pub(super) fn shadow(section: &Section, store: &StoreConfig) -> Option<Shadow> {
    let release = section.path_to("release").and_then(|path| {
        let databases = read_ini(&path, section.surroundings()).and_then(|text| em_ini::databases(&text));
        databases.map_err(|error| section.problem("release", format!("{}: {error}", path.display()))).ok()
    });
    let (events, subscribers) = release.unzip();
    let events = database(section, "events").or(events);
    let subscribers = database(section, "subscribers").or(subscribers).or(events.clone());
    // One problem is enough: what a broken em.ini would have said is unknown.
    if section.lacks("events") && section.lacks("release") {
        section.problem("events", "is missing; or name the release's em.ini with release");
    }
    let shadow = Shadow { events: events?, subscribers: subscribers? };
    refuse_our_own(section, store, &shadow);
    Some(shadow)
}

/// A shadow that shared a database with the release would change what the release works with.
fn refuse_our_own(section: &Section, store: &StoreConfig, shadow: &Shadow) {
    let ours = [("store.events", &store.events), ("store.subscribers", &store.subscribers)];
    for (key, theirs) in [("events", &shadow.events), ("subscribers", &shadow.subscribers)] {
        let same = |ours: &Database| addresses::same_database(ours, theirs);
        if let Some((setting, _)) = ours.into_iter().find(|(_, ours)| same(ours)) {
            let key = if section.has(key) || !section.has("release") { key } else { "release" };
            section.problem(
                key,
                format!(
                    "is the database of {setting}: what we write would change what the release works with"
                ),
            );
            return;
        }
    }
}
