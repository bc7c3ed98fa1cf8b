//! Users and pilots as the portal knows them.

use super::TrafficOptions;
use crate::plan::{Subscriber, UserType};
use crate::wire::Secret;
use md5::{Digest, Md5};
use std::fmt::Write;

/// As written, and as a part of a user id.
pub(super) const FIRST_NAMES: [(&str, &str); 8] = [
    ("Nivi", "nivi"),
    ("Aqqaluk", "aqqaluk"),
    ("Pipaluk", "pipaluk"),
    ("Søren", "soeren"),
    ("Åse", "aase"),
    ("Kæreste-Märta", "kaereste"),
    ("Malik", "malik"),
    ("Bjørn", "bjoern"),
];
/// As written, and as a part of a user id.
pub(super) const LAST_NAMES: [(&str, &str); 6] = [
    ("Petersen", "petersen"),
    ("Kleist", "kleist"),
    ("Brønlund", "broenlund"),
    ("Næss", "naess"),
    ("Håkansson", "haakansson"),
    ("Lynge", "lynge"),
];

/// A user or pilot.
#[derive(Debug, Clone)]
pub(super) struct Person {
    /// What our table must hold.
    pub row: Subscriber,
    pub first_name: &'static str,
    pub last_name: &'static str,
    /// `None` where the address form was left empty.
    pub city: Option<String>,
    /// The SIP password, where one was set at the portal; others are random.
    pub password: Option<Secret>,
}

impl Person {
    /// Moves to a city, and so into its phone context.
    pub fn move_to(&mut self, city: Option<String>, options: &TrafficOptions) {
        let contexts = &options.numbering.phone_contexts;
        let known = city.as_ref().and_then(|city| contexts.get(city));
        self.row.phone_context = Some(known.unwrap_or(&options.numbering.default_phone_context).clone());
        self.city = city;
    }
}

/// The row of a subscriber that has nothing but its name, in the default phone context.
pub(super) fn new_row(
    user_id: &str,
    group_id: &str,
    user_type: UserType,
    options: &TrafficOptions,
) -> Subscriber {
    Subscriber {
        user_id: user_id.to_owned(),
        group_id: Some(group_id.to_owned()),
        public_identity: user_id.to_owned(),
        user_type,
        phone_context: Some(options.numbering.default_phone_context.clone()),
        association_id: association_id(user_id),
        phone: None,
        mail_account: None,
        mail_password: None,
        blf_list: None,
    }
}

/// The association id: lower-case hex MD5 of the user id.
pub(super) fn association_id(user_id: &str) -> String {
    let mut hex = String::with_capacity(32);
    for byte in Md5::digest(user_id.as_bytes()) {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
    }
    hex
}
