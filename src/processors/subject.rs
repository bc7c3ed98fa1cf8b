//! What an event is about: the names that decide which events may run beside each other.

use crate::plan::Subscriber;
use crate::wire::surgemail::MailAccount;

/// The subscribers, phones, identities, groups and mail domains that an event touches, as far as a document or a row
/// names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    pub users: Vec<String>,
    /// As the SRD holds them; a phone that cannot be read stands here as it is written.
    pub phones: Vec<String>,
    /// SIP URIs without `sip:`.
    pub identities: Vec<String>,
    /// Groups that the users belong to. The events of a group run beside each other.
    pub groups: Vec<String>,
    /// Mail accounts as documents and rows name them: one that moves must be gone before it comes.
    pub mail_accounts: Vec<String>,
    /// Domains of the users' mail accounts, shared as groups are.
    pub mail_domains: Vec<String>,
    /// The group that goes with all its members: nothing of it runs beside that.
    pub whole_group: Option<String>,
    /// The mail domain that comes or goes, likewise.
    pub whole_mail_domain: Option<String>,
}

impl Subject {
    /// What a subscriber holds at the moment.
    pub fn of(subscriber: &Subscriber) -> Subject {
        let mut identities = vec![subscriber.public_identity.clone()];
        identities.extend(subscriber.blf_list.clone());
        let mut subject = Subject {
            users: vec![subscriber.user_id.clone()],
            phones: subscriber.phone.iter().cloned().collect(),
            identities,
            groups: subscriber.group_id.iter().cloned().collect(),
            ..Subject::default()
        };
        subscriber.mail_account.iter().for_each(|account| subject.add_mail_account(account));
        subject
    }

    /// A user and the identity that it has by default, and falls back to.
    pub fn of_user(user_id: &str) -> Subject {
        Subject {
            users: vec![user_id.to_owned()],
            identities: vec![user_id.to_owned()],
            ..Subject::default()
        }
    }

    /// Whom an event is about, in one name: its first user, else its group or mail domain.
    pub fn whose(&self) -> Option<&str> {
        let names = self.users.iter().chain(&self.whole_group).chain(&self.groups);
        names.chain(&self.whole_mail_domain).next().map(String::as_str)
    }

    /// Adds an account with its domain; what is no account has none.
    pub fn add_mail_account(&mut self, account: &str) {
        self.mail_accounts.push(account.to_owned());
        self.mail_domains.extend(MailAccount::parse(account).map(|account| account.domain));
    }
}
