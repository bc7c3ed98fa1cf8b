//! The parts of the page, compiled in.

/// A file as the browser gets it.
pub struct Asset {
    pub name: &'static str,
    pub text: &'static str,
}

/// The page itself, which names the rest.
pub const INDEX: Asset = part("index.html", include_str!("assets/index.html"));

/// All that lies below `/assets/`.
pub const ALL: &[Asset] = &[
    part("acts.js", include_str!("assets/acts.js")),
    part("announce.js", include_str!("assets/announce.js")),
    part("api.js", include_str!("assets/api.js")),
    part("audit.js", include_str!("assets/audit.js")),
    part("bulk.js", include_str!("assets/bulk.js")),
    part("dialogs.js", include_str!("assets/dialogs.js")),
    part("dom.js", include_str!("assets/dom.js")),
    part("event.js", include_str!("assets/event.js")),
    part("events.js", include_str!("assets/events.js")),
    part("faults.js", include_str!("assets/faults.js")),
    part("filters.js", include_str!("assets/filters.js")),
    part("format.js", include_str!("assets/format.js")),
    part("hub.js", include_str!("assets/hub.js")),
    part("hubs.js", include_str!("assets/hubs.js")),
    part("icon.svg", include_str!("assets/icon.svg")),
    part("keys.js", include_str!("assets/keys.js")),
    part("live.js", include_str!("assets/live.js")),
    part("main.js", include_str!("assets/main.js")),
    part("overview.js", include_str!("assets/overview.js")),
    part("plan.js", include_str!("assets/plan.js")),
    part("router.js", include_str!("assets/router.js")),
    part("rows.js", include_str!("assets/rows.js")),
    part("session.js", include_str!("assets/session.js")),
    part("states.js", include_str!("assets/states.js")),
    part("stream.js", include_str!("assets/stream.js")),
    part("style.css", include_str!("assets/style.css")),
    part("subscriber.js", include_str!("assets/subscriber.js")),
    part("subscribers.js", include_str!("assets/subscribers.js")),
    part("systems.js", include_str!("assets/systems.js")),
    part("tree.js", include_str!("assets/tree.js")),
];

const fn part(name: &'static str, text: &'static str) -> Asset {
    Asset { name, text }
}

/// The part of this name.
pub fn find(name: &str) -> Option<&'static Asset> {
    ALL.iter().find(|asset| asset.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_file_of_the_folder_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/page/assets");
        let files = std::fs::read_dir(folder).expect("the folder");
        let name = |file: std::io::Result<std::fs::DirEntry>| {
            file.expect("a file").file_name().into_string().expect("a name")
        };
        let there: BTreeSet<String> = files.map(name).filter(|name| name != INDEX.name).collect();
        assert_eq!(there, ALL.iter().map(|asset| asset.name.to_owned()).collect());
    }

    #[test]
    fn no_part_takes_data_for_markup() {
        for asset in ALL {
            for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                assert!(!asset.text.contains(word), "{} has {word}", asset.name);
            }
        }
    }
}
