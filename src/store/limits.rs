//! How wide the columns are, as found in the database, and what is done with text that is wider.
//!
//! `user_id` and `command` of an event are cut, because an event must be stored whatever it says. A subscriber's
//! value that does not fit fails its event before anything is sent, because the row must say what the core holds.

use crate::plan::Subscriber;
use std::borrow::Cow;
use std::collections::HashMap;

/// Widths in characters; `None` is unbounded.
pub(crate) type Widths = HashMap<String, Option<usize>>;

/// Widths of the columns of `srd_user`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscriberLimits {
    widths: Widths,
}

impl SubscriberLimits {
    pub(crate) fn new(widths: Widths) -> Self {
        SubscriberLimits { widths }
    }

    /// The width of a column of `srd_user`, in characters; `None` where it is unbounded or not yet known.
    pub fn width(&self, column: &str) -> Option<usize> {
        self.widths.get(column).copied().flatten()
    }

    /// Whether every value fits its column; the error names the first that does not.
    pub fn check(&self, subscriber: &Subscriber) -> Result<(), String> {
        let columns = [
            ("id", Some(subscriber.user_id.as_str())),
            ("group_id", subscriber.group_id.as_deref()),
            ("sipurl", Some(&subscriber.public_identity)),
            ("user_type", Some(subscriber.user_type.as_str())),
            ("phonecontext", subscriber.phone_context.as_deref()),
            ("association_id", Some(&subscriber.association_id)),
            ("e164", subscriber.phone.as_deref()),
            ("vmail_user", subscriber.mail_account.as_deref()),
            ("vmail_password", subscriber.mail_password.as_ref().map(|secret| secret.expose())),
            ("blf_user", subscriber.blf_list.as_deref()),
        ];
        for (column, value) in columns {
            let (Some(width), Some(value)) = (self.width(column), value) else { continue };
            let length = value.chars().count();
            if length > width {
                return Err(format!("{length} characters do not fit column {column} of srd_user ({width})"));
            }
        }
        Ok(())
    }
}

/// Widths of the columns of `em_event` that are cut.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EventWidths {
    pub user_id: Option<usize>,
    pub command: Option<usize>,
}

impl EventWidths {
    pub fn new(widths: &Widths) -> Self {
        let width = |column: &str| widths.get(column).copied().flatten();
        EventWidths { user_id: width("user_id"), command: width("command") }
    }
}

/// Text that PostgreSQL can hold: NUL becomes U+FFFD.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    match memchr::memchr(0, text.as_bytes()) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.replace('\0', "\u{FFFD}")),
    }
}

/// The id of a subscriber as `em_subject` holds it. No index holds what is much longer.
pub(crate) fn subject_name(user_id: &str) -> Cow<'_, str> {
    cut(user_id, Some(255))
}

/// Clean text of at most `width` characters.
pub(crate) fn cut(text: &str, width: Option<usize>) -> Cow<'_, str> {
    let end = width.and_then(|width| text.char_indices().nth(width)).map_or(text.len(), |(at, _)| at);
    clean(&text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_characters_and_cleaned() {
        let check = |text: &str, width, expected: &str| assert_eq!(cut(text, width), expected);
        check("anna", None, "anna");
        check("anna", Some(4), "anna");
        check("anna", Some(2), "an");
        check("æøå", Some(2), "æø");
        check("a\0b", Some(2), "a\u{FFFD}");
        check("", Some(0), "");
    }
}
