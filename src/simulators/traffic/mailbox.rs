//! Voicemail: accounts of users at the mail server.

use super::documents::mail as documents;
use super::{Expected, OciMessage, Traffic};
use crate::plan::Subscriber;
use crate::simulators::surgemail::Domain;
use crate::wire::Secret;
use crate::wire::surgemail::MailAccount;
use std::collections::BTreeMap;

const MODIFY: &str = "UserVoiceMessagingUserModifyAdvancedVoiceManagementRequest";

/// Domains that were made long before the stream began; those made at the portal have no accounts of ours.
const DOMAINS: [&str; 2] = ["mail.example.gl", "post.example.gl"];

impl Traffic {
    /// A new account, the page saved again, another password (which changes nothing), or no account.
    pub(super) fn voicemail_act(&mut self) -> OciMessage {
        let person = self.somebody();
        let row = &self.people[person].row;
        let known = row.mail_account.clone().zip(row.mail_password.clone());
        match (known, self.random.u8(..10)) {
            (_, 0..2) => self.save_without_account(person),
            (Some((account, password)), 2..5) => self.save_voicemail(person, &account, &password),
            (Some((account, _)), 5) => {
                let other = self.some_password();
                self.save_voicemail(person, &account, &other)
            }
            _ => self.open_mailbox(person),
        }
    }

    /// An account that nobody has had: the one before, if any, stays at the mail server.
    fn open_mailbox(&mut self, person: usize) -> OciMessage {
        let number = self.stock.number();
        let name = ["nivi", "søren.næss", "malik+vm", "drift&salg"][self.random.usize(..4)];
        let account = MailAccount {
            local_part: format!("{name}{number}"),
            domain: DOMAINS[self.random.usize(..DOMAINS.len())].to_owned(),
        };
        let password = self.some_password();
        self.domain(&account.domain).accounts.insert(account.local_part.clone(), password.clone());
        let row = &mut self.people[person].row;
        row.mail_account = Some(account.to_string());
        row.mail_password = Some(password.clone());
        self.save_voicemail(person, &account.to_string(), &password)
    }

    fn save_voicemail(&mut self, person: usize, account: &str, password: &Secret) -> OciMessage {
        let user_id = self.people[person].row.user_id.clone();
        let body = documents::voicemail(&user_id, account, password);
        self.versioned(MODIFY, &user_id, &body, Expected::Completed)
    }

    /// Changes nothing, whether there was an account or not.
    fn save_without_account(&mut self, person: usize) -> OciMessage {
        let user_id = self.people[person].row.user_id.clone();
        let body = documents::no_voicemail(&user_id, self.random.bool());
        self.versioned(MODIFY, &user_id, &body, Expected::Completed)
    }

    /// The account goes with its user; the domain stays.
    pub(super) fn close_mailbox(&mut self, row: &Subscriber) {
        if let Some(account) = row.mail_account.as_deref().and_then(MailAccount::parse) {
            self.domain(&account.domain).accounts.remove(&account.local_part);
        }
    }

    /// What the mail server holds of a domain that nobody made at the portal.
    fn domain(&mut self, name: &str) -> &mut Domain {
        let options = &self.options.surgemail;
        self.mail.domains.entry(name.to_owned()).or_insert_with(|| Domain {
            manager: format!("admin@{name}"),
            manager_password: options.domain_password.clone().unwrap_or_default(),
            accounts: BTreeMap::new(),
        })
    }
}
