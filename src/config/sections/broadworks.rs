//! `[[broadworks]]`.

use super::Endpoints;
use crate::config::defaults;
use crate::config::section::Section;
use crate::config::units;
use crate::config::values::Broadworks;

pub(super) fn broadworks(section: &Section, endpoints: &mut Endpoints) -> Broadworks {
    section.require(&["name", "address"]);
    let name = endpoints.name(section);
    let window = section.value("duplicate_window", units::duration_or_zero);
    Broadworks {
        address: endpoints.address(section, &name),
        name,
        keepalive_timeout: section.duration("keepalive_timeout").unwrap_or(defaults::KEEPALIVE_TIMEOUT),
        cluster: section.text("cluster"),
        max_document: section.size("max_document").unwrap_or(defaults::MAX_DOCUMENT),
        duplicate_window: window.unwrap_or(defaults::DUPLICATE_WINDOW),
    }
}
