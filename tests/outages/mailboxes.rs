//! Users with mail accounts, and mail domains, as somebody at the portal makes and deletes them.

use crate::load::Sent;
use crate::support::documents::{delete, report};
use std::collections::{BTreeMap, BTreeSet};

/// The SIP domain of these users: nobody else is in it.
pub const DOMAIN: &str = "post.gl";
/// Beyond the ids of the other documents.
const FIRST_NOTIFICATION: u64 = 1_000_000;
/// A user with an account goes when there are more.
const USERS: usize = 12;

/// What was asked for, and what must come of it.
#[derive(Default)]
pub struct Mailboxes {
    acts: u64,
    users: u64,
    /// User to account.
    pub accounts: BTreeMap<String, Option<String>>,
    /// Domain to accounts, as the mail server must hold them.
    pub domains: BTreeMap<String, BTreeSet<String>>,
    domain: String,
}

impl Mailboxes {
    /// A domain now and then, and in between users who come, get an account, get another one, and go.
    pub fn next(&mut self) -> Sent {
        self.acts += 1;
        let without =
            self.accounts.iter().find(|(_, account)| account.is_none()).map(|(user, _)| user.clone());
        match (self.acts % 10, without) {
            (1, _) => self.add_domain(),
            (6, _) if self.domains.len() > 2 => self.delete_domain(),
            (7, _) => self.change_account(),
            (_, Some(user)) => self.give_account(user),
            (8, _) if self.accounts.len() > USERS => self.delete_user(),
            _ => self.add_user(""),
        }
    }

    /// A new user; `body` are further elements.
    pub fn add_user(&mut self, body: &str) -> Sent {
        self.users += 1;
        let user = format!("voice{:05}@{DOMAIN}", self.users);
        self.accounts.insert(user.clone(), None);
        let body = format!("<groupId>POST</groupId><userId>{user}</userId>{body}");
        self.sent(&user, "UserAddRequest17sp4", &body)
    }

    fn give_account(&mut self, user: String) -> Sent {
        let account = format!("box{}@{}", self.acts, self.domain);
        self.domains.entry(self.domain.clone()).or_default().insert(account.clone());
        self.accounts.insert(user.clone(), Some(account.clone()));
        let body = format!(
            "<userId>{user}</userId><groupMailServerUserId>{account}</groupMailServerUserId>\
             <groupMailServerPassword>geheim{}</groupMailServerPassword>",
            self.acts
        );
        self.sent(&user, "UserVoiceMessagingUserModifyAdvancedVoiceManagementRequest", &body)
    }

    /// The account of before stays at the mail server.
    fn change_account(&mut self) -> Sent {
        match self.accounts.keys().next_back().cloned() {
            Some(user) => self.give_account(user),
            None => self.add_user(""),
        }
    }

    fn delete_user(&mut self) -> Sent {
        let (user, account) = self.accounts.pop_first().expect("there are many");
        let account = account.expect("whoever has none gets one first");
        let (_, domain) = account.split_once('@').expect("a domain");
        // The domain may have gone, with its accounts.
        self.domains.get_mut(domain).map(|accounts| accounts.remove(&account));
        Sent::completed(&user, delete(FIRST_NOTIFICATION + self.acts, &user))
    }

    fn add_domain(&mut self) -> Sent {
        self.domain = format!("mail{}.gl", self.acts);
        self.domains.insert(self.domain.clone(), BTreeSet::new());
        let domain = self.domain.clone();
        self.sent(&domain, "SystemDomainAddRequest", &format!("<domain>{domain}</domain>"))
    }

    /// Not the one that is being filled.
    fn delete_domain(&mut self) -> Sent {
        let domain =
            self.domains.keys().find(|domain| **domain != self.domain).cloned().expect("there are more");
        self.domains.remove(&domain);
        self.sent(&domain, "SystemDomainDeleteRequest", &format!("<domain>{domain}</domain>"))
    }

    fn sent(&self, subject: &str, command_type: &str, body: &str) -> Sent {
        // A user is added under a number of its own: several may come without an act between them.
        let id = FIRST_NOTIFICATION + self.acts * 100_000 + self.users;
        Sent::completed(subject, report(id, command_type, body))
    }
}
