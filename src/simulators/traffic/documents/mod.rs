//! The bodies of commands as the portal's pages send them.

pub(super) mod group;
pub(super) mod mail;
pub(super) mod service;
pub(super) mod user;

use crate::wire::Field;
use crate::wire::xml::escape::push_text;

/// Adds an element with its text.
fn push_element(body: &mut String, name: &str, text: &str) {
    body.push_str(&format!("<{name}>"));
    push_text(body, text);
    body.push_str(&format!("</{name}>"));
}

/// Adds a phone as the addresses pages send it, with its extension; a form field left empty is an empty element.
fn push_phone(body: &mut String, phone: &Field<String>) {
    match phone {
        Field::Absent => {}
        Field::Nil => body.push_str("<phoneNumber xsi:nil=\"true\"/><extension xsi:nil=\"true\"/>"),
        Field::Value(phone) if phone.is_empty() => body.push_str("<phoneNumber/>"),
        Field::Value(phone) => {
            push_element(body, "phoneNumber", phone);
            push_element(body, "extension", &phone[phone.len().saturating_sub(4)..]);
        }
    }
}
