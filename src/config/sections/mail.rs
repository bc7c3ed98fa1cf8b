//! `[surgemail]`.

use crate::config::addresses;
use crate::config::defaults;
use crate::config::section::Section;
use crate::config::units;
use crate::config::values::SurgeMail;

pub(super) fn surgemail(section: &Section) -> SurgeMail {
    section.require(&["primary", "username", "password", "domain_password"]);
    SurgeMail {
        primary: section.value("primary", addresses::host_and_port).unwrap_or_default(),
        secondary: section.value("secondary", addresses::host_and_port),
        username: section.value("username", units::user_name).unwrap_or_default(),
        password: section.secret("password").unwrap_or_default(),
        domain_password: section.secret("domain_password").unwrap_or_default(),
        timeout: section.duration("timeout").unwrap_or(defaults::REQUEST_TIMEOUT),
        delete_replaced: section.flag("delete_replaced").unwrap_or(false),
    }
}
