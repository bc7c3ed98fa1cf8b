//! Domains of the platform, which are domains of the mail server too.

use super::documents::mail as documents;
use super::{Expected, OciMessage, Traffic};
use crate::simulators::surgemail::Domain;
use std::collections::BTreeMap;

const ADD: &str = "SystemDomainAddRequest";
const DELETE: &str = "SystemDomainDeleteRequest";

/// Domains made at the portal at the same time, at most.
const DOMAINS: usize = 10;

impl Traffic {
    pub(super) fn domain_act(&mut self) -> OciMessage {
        let has_room = self.domains.len() < DOMAINS;
        if self.domains.is_empty() || has_room && self.random.bool() {
            return self.add_domain();
        }
        let name = self.domains.swap_remove(self.random.usize(..self.domains.len()));
        self.mail.domains.remove(&name);
        self.versioned(DELETE, &name, &documents::domain(&name), Expected::Completed)
    }

    fn add_domain(&mut self) -> OciMessage {
        let name = format!("bygd{}.example.gl", self.stock.number());
        let surgemail = &self.options.surgemail;
        let domain = Domain {
            manager: surgemail.username.clone(),
            manager_password: surgemail.password.clone(),
            accounts: BTreeMap::new(),
        };
        self.mail.domains.insert(name.clone(), domain);
        self.domains.push(name.clone());
        self.versioned(ADD, &name, &documents::domain(&name), Expected::Completed)
    }
}
