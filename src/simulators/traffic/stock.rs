//! What there is to give: phones and identities that nobody has, names, cities and passwords.

use super::person::{FIRST_NAMES, LAST_NAMES};
use super::{Families, Traffic, TrafficOptions};
use crate::plan::Subscriber;
use crate::wire::{Field, Secret};

/// Phones and identities that were given back, and how many of everything there have been.
pub(super) struct Stock {
    phones: Vec<String>,
    /// `None` where identities are never given twice: with users alone.
    identities: Option<Vec<String>>,
    phone_number: u64,
    identity_number: u64,
    /// The last number that made a name unique.
    name_number: u64,
}

impl Stock {
    pub fn new(options: &TrafficOptions) -> Stock {
        Stock {
            phones: Vec::new(),
            identities: (options.families != Families::users_only()).then(Vec::new),
            phone_number: 0,
            identity_number: 0,
            name_number: 0,
        }
    }

    /// A number that no name has had yet.
    pub fn number(&mut self) -> u64 {
        self.name_number += 1;
        self.name_number
    }

    /// Gives a row the phone of a document, and takes back the one that it had.
    pub fn swap_phone(&mut self, row: &mut Subscriber, phone: Field<String>) {
        if !phone.is_absent() {
            let before = std::mem::replace(&mut row.phone, phone.value());
            self.phones.extend(before.filter(|before| row.phone.as_ref() != Some(before)));
        }
    }

    /// Gives a row another identity, and takes back the one that it had.
    pub fn swap_identity(&mut self, row: &mut Subscriber, identity: String) {
        let before = std::mem::replace(&mut row.public_identity, identity);
        if before != row.public_identity {
            self.release_identity(&row.user_id, before);
        }
    }

    /// Takes back an identity that `owner` does not have any more; its own name stays its own.
    fn release_identity(&mut self, owner: &str, identity: String) {
        if let Some(identities) = self.identities.as_mut().filter(|_| identity != owner) {
            identities.push(identity);
        }
    }
}

impl Traffic {
    /// A phone that nobody has: a new one, or one that was released.
    pub(super) fn free_phone(&mut self) -> String {
        let plenty = self.stock.phones.len() > self.options.users;
        if plenty || !self.stock.phones.is_empty() && self.random.bool() {
            return self.stock.phones.swap_remove(self.random.usize(..self.stock.phones.len()));
        }
        self.stock.phone_number += 1;
        format!("{}", 320_000 + self.stock.phone_number)
    }

    /// An identity that nobody has: a new one, or one that was released.
    pub(super) fn free_identity(&mut self, owner: &str) -> String {
        if let Some(identities) = self.stock.identities.as_mut().filter(|identities| !identities.is_empty()) {
            let plenty = identities.len() > self.options.users;
            if plenty || self.random.u8(..3) == 0 {
                return identities.swap_remove(self.random.usize(..identities.len()));
            }
        }
        self.stock.identity_number += 1;
        format!("line{}.{owner}", self.stock.identity_number)
    }

    /// The phone as a form shows it: now and then with its country code.
    pub(super) fn written(&mut self, phone: &Field<String>) -> Field<String> {
        let international = self.random.u8(..8) == 0;
        let country = &self.options.numbering.country_code;
        match phone {
            Field::Value(phone) if international => Field::Value(format!("+{country}-{phone}")),
            phone => phone.clone(),
        }
    }

    /// Takes back all that a deleted subscriber had.
    pub(super) fn take_back(&mut self, row: &Subscriber) {
        self.stock.phones.extend(row.phone.clone());
        self.stock.release_identity(&row.user_id, row.public_identity.clone());
        self.close_mailbox(row);
    }

    /// First and last name, each as written and as a part of a user id.
    pub(super) fn some_name(&mut self) -> [(&'static str, &'static str); 2] {
        let first = FIRST_NAMES[self.random.usize(..FIRST_NAMES.len())];
        [first, LAST_NAMES[self.random.usize(..LAST_NAMES.len())]]
    }

    /// A city that has a phone context of its own, one that has none, or no city at all.
    pub(super) fn some_city(&mut self) -> Option<String> {
        let cities = &self.options.numbering.phone_contexts;
        let chosen = self.random.usize(..cities.len() + 2);
        match cities.keys().nth(chosen) {
            Some(city) => Some(city.clone()),
            None if chosen == cities.len() => Some("Tasiilaq".to_owned()),
            None => None,
        }
    }

    /// A password such as people choose: some have letters that must be escaped on the way.
    pub(super) fn some_password(&mut self) -> Secret {
        let number = self.stock.number();
        let ending = ["Sne", "-Isbjørn", "<&>\"'", " 100% + =?", "#/ænd;"][self.random.usize(..5)];
        Secret::new(format!("Pw{number}{ending}"))
    }
}
