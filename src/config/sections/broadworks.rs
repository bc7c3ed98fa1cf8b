//! `[[broadworks]]`.

use super::Endpoints;
use crate::config::addresses;
use crate::config::defaults;
use crate::config::section::Section;
use crate::config::units;
use crate::config::values::Broadworks;

pub(super) fn broadworks(section: &Section, endpoints: &mut Endpoints) -> Broadworks {
    section.require(&["name", "address"]);
    let window = section.value("duplicate_window", units::duration_or_zero);
    Broadworks {
        name: endpoints.name(section),
        address: section.value("address", addresses::host_and_port).unwrap_or_default(),
        keepalive_timeout: section.duration("keepalive_timeout").unwrap_or(defaults::KEEPALIVE_TIMEOUT),
        cluster: section.text("cluster"),
        max_document: section.size("max_document").unwrap_or(defaults::MAX_DOCUMENT),
        duplicate_window: window.unwrap_or(defaults::DUPLICATE_WINDOW),
    }
}
