//! What an event is about: the names that decide which events may run beside each other.

use super::attributes::Rules;
use crate::plan::{Request, Subscriber};
use crate::wire::cai3g::{EnumRequest, HssRequest};
use crate::wire::surgemail::{MailAccount, MailRequest};

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

    /// Adds what a request gives or takes away, as far as it says so by name: an association that is deleted is named by a
    /// digest.
    pub fn add_request(&mut self, request: &Request, rules: &Rules) {
        match request {
            Request::Hss(HssRequest::CreateAssociation(association)) => {
                self.add_public_identity(&association.public_data.public_id, rules);
            }
            Request::Hss(HssRequest::SetPublicIdentity { public_data, .. }) => {
                self.add_public_identity(&public_data.public_id, rules);
            }
            Request::Hss(HssRequest::DeletePublicIdentity { public_id, .. }) => {
                self.add_public_identity(public_id, rules);
            }
            Request::Hss(_) => {}
            Request::Enum(EnumRequest::Create { msisdn, .. } | EnumRequest::Delete { msisdn }) => {
                self.add_public_identity(msisdn, rules);
            }
            Request::Mail(
                MailRequest::CreateAccount { account, .. } | MailRequest::DeleteAccount { account },
            ) => self.add_mail_account(&account.to_string()),
            Request::Mail(MailRequest::SaveDomain { .. } | MailRequest::DeleteDomain { .. }) => {}
        }
    }

    /// With its scheme; `tel` also as ENUM has it.
    fn add_public_identity(&mut self, public_id: &str, rules: &Rules) {
        self.identities.extend(public_id.strip_prefix("sip:").map(str::to_owned));
        self.phones.extend(rules.phone_of(public_id).map(str::to_owned));
    }

    /// Adds an account with its domain; what is no account has none.
    pub fn add_mail_account(&mut self, account: &str) {
        self.mail_accounts.push(account.to_owned());
        self.mail_domains.extend(MailAccount::parse(account).map(|account| account.domain));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Numbering, ServiceProfiles};

    #[test]
    fn a_request_names_what_it_gives_or_takes_away() {
        let numbering = Numbering { country_code: "299".into(), ..Numbering::default() };
        let rules = Rules { numbering, service_profiles: ServiceProfiles::default(), mail: None };
        let check = |request: Request, phones: &[&str], identities: &[&str], accounts: &[&str]| {
            let mut subject = Subject::default();
            subject.add_request(&request, &rules);
            let Subject { phones: found, identities: named, mail_accounts, .. } = subject;
            assert_eq!(
                (found.as_slice(), named.as_slice(), mail_accounts.as_slice()),
                (
                    &phones.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()[..],
                    &identities.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()[..],
                    &accounts.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()[..],
                ),
                "{request}"
            );
        };
        let delete = |public_id: &str| {
            let (association_id, public_id) = ("4711".to_owned(), public_id.to_owned());
            Request::Hss(HssRequest::DeletePublicIdentity { association_id, public_id })
        };
        check(delete(&rules.tel_uri("321044")), &["321044"], &[], &[]);
        check(delete("sip:anna@tele.gl"), &[], &["anna@tele.gl"], &[]);
        check(delete("tel:+45321044"), &[], &[], &[]);
        check(Request::Enum(EnumRequest::Delete { msisdn: rules.msisdn("321044") }), &["321044"], &[], &[]);
        let account = MailAccount::parse("anna@mail.gl").expect("an account");
        check(Request::Mail(MailRequest::DeleteAccount { account }), &[], &[], &["anna@mail.gl"]);
        let association_id = "4711".to_owned();
        check(Request::Hss(HssRequest::DeleteAssociation { association_id }), &[], &[], &[]);
    }
}
