//! Conflict keys: two events that share one run one after the other.

use super::conflicts::Hold;
use crate::processors::subject::Subject;
use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// A user, phone, identity, mail account, group or mail domain, as the hash of its kind and name.
///
/// A hash instead of the text keeps a hundred thousand waiting events small; two names that share one wait for each
/// other without need, which is harmless. The last bit says whether it is the name of something that many belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(u64);

const COLLECTIVE: u64 = 1;

impl Key {
    /// The key that every event holds where order is strict.
    pub const ALL: Key = Key(0);

    /// The key of a subscriber.
    pub fn user(user_id: &str) -> Key {
        Key::single("user", user_id)
    }

    /// The key of a group.
    pub fn group(group_id: &str) -> Key {
        Key(hash("group", group_id) | COLLECTIVE)
    }

    /// The key of a mail domain. Domains are compared without case (RFC 1035, 2.3.3).
    pub fn mail_domain(domain: &str) -> Key {
        Key(hash("mail domain", &domain.to_ascii_lowercase()) | COLLECTIVE)
    }

    /// The key of a mail account; what differs in case alone may be the same one.
    pub fn mail_account(account: &str) -> Key {
        Key::single("mail account", &account.to_ascii_lowercase())
    }

    fn single(kind: &str, name: &str) -> Key {
        Key(hash(kind, name) & !COLLECTIVE)
    }

    /// How an event holds it that does something to one subscriber.
    pub fn hold(self) -> Hold {
        if self.0 & COLLECTIVE == 0 { Hold::Exclusive } else { Hold::Shared }
    }
}

fn hash(kind: &str, name: &str) -> u64 {
    // Not random, so that the same run of events meets the same schedule in every test.
    let mut hasher = DefaultHasher::new();
    (kind, name).hash(&mut hasher);
    hasher.finish()
}

/// The keys of all names in `subject`, each once.
pub fn keys(subject: &Subject) -> Vec<(Key, Hold)> {
    let users = named(&subject.users).map(Key::user);
    let phones = named(&subject.phones).map(|phone| Key::single("phone", phone));
    let identities = named(&subject.identities).map(|identity| Key::single("identity", identity));
    let groups = named(&subject.groups).map(Key::group);
    let accounts = named(&subject.mail_accounts).map(Key::mail_account);
    let domains = named(&subject.mail_domains).map(Key::mail_domain);
    let whole_group = named(&subject.whole_group).map(Key::group);
    let whole_domain = named(&subject.whole_mail_domain).map(Key::mail_domain);
    let whole = whole_group.chain(whole_domain).map(|key| (key, Hold::Exclusive));
    let parts = users.chain(phones).chain(identities).chain(accounts).chain(groups).chain(domains);
    each_once(whole.chain(parts.map(|key| (key, key.hold()))))
}

/// The names that are names: an empty element says nothing, and all that have one are not about the same.
fn named<'a>(names: impl IntoIterator<Item = &'a String>) -> impl Iterator<Item = &'a str> {
    names.into_iter().map(String::as_str).filter(|name| !name.is_empty())
}

/// Leaves out keys that stand further in front already.
pub fn each_once(keys: impl IntoIterator<Item = (Key, Hold)>) -> Vec<(Key, Hold)> {
    let mut seen = HashSet::new();
    keys.into_iter().filter(|(key, _)| seen.insert(*key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_element_is_nobodys_key() {
        let of = |user: &str| {
            let mut subject = Subject::of_user(user);
            subject.identities.push(String::new());
            Subject { phones: vec![String::new()], whole_group: Some(String::new()), ..subject }
        };
        let (anna, bo) = (keys(&of("anna")), keys(&of("bo")));
        assert!(anna.iter().all(|key| !bo.contains(key)), "they have nothing in common");
        assert_eq!(anna, keys(&Subject::of_user("anna")));
    }
}
