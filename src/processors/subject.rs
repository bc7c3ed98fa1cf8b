//! What an event is about: the names that decide which events may run beside each other.

use crate::plan::Subscriber;

/// The subscribers, phones and identities that an event touches, as far as a document or a row names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    pub users: Vec<String>,
    /// As the SRD holds them; a phone that cannot be read stands here as it is written.
    pub phones: Vec<String>,
    /// SIP URIs without `sip:`.
    pub identities: Vec<String>,
}

impl Subject {
    /// What a subscriber holds at the moment.
    pub fn of(subscriber: &Subscriber) -> Subject {
        let mut identities = vec![subscriber.public_identity.clone()];
        identities.extend(subscriber.blf_list.clone());
        Subject {
            users: vec![subscriber.user_id.clone()],
            phones: subscriber.phone.iter().cloned().collect(),
            identities,
        }
    }
}
