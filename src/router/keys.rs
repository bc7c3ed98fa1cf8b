//! Conflict keys: two events that share one run one after the other.

use crate::processors::subject::Subject;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// A user, phone or identity, as the hash of its kind and name.
///
/// A hash instead of the text keeps a hundred thousand waiting events small; two names that share one wait for each
/// other without need, which is harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(u64);

impl Key {
    /// The key that every event holds where order is strict.
    pub const ALL: Key = Key(0);

    /// The key of a subscriber.
    pub fn user(user_id: &str) -> Key {
        Key::of("user", user_id)
    }

    fn of(kind: &str, name: &str) -> Key {
        // Not random, so that the same run of events meets the same schedule in every test.
        let mut hasher = DefaultHasher::new();
        (kind, name).hash(&mut hasher);
        Key(hasher.finish())
    }
}

/// The keys of all names in `subject`, each once.
pub fn keys(subject: &Subject) -> Vec<Key> {
    let users = subject.users.iter().map(|user| Key::user(user));
    let phones = subject.phones.iter().map(|phone| Key::of("phone", phone));
    let identities = subject.identities.iter().map(|identity| Key::of("identity", identity));
    let mut keys: Vec<Key> = users.chain(phones).chain(identities).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}
