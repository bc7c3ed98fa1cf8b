//! Conditions that no database looks at: a text anywhere in an event, and what a failed one failed of.
//!
//! A document is looked at as it is shown, with its secrets masked: else whoever may read could guess a password letter by
//! letter.

use super::errors::ReadError;
use super::events::LATEST_ATTEMPT;
use super::faults::Fault;
use super::reader::{Reader, Row};
use crate::wire::mask_secrets;

/// What to look for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sought {
    /// In lower case.
    text: Option<String>,
    fault: Option<String>,
}

impl Sought {
    /// Blank texts are none.
    pub fn new(text: Option<&str>, fault: Option<&str>) -> Self {
        let text = text.map(str::trim).filter(|text| !text.is_empty());
        Sought { text: text.map(str::to_lowercase), fault: fault.map(str::to_owned) }
    }

    /// Whether every row will do.
    pub fn is_anything(&self) -> bool {
        self.text.is_none() && self.fault.is_none()
    }

    /// Whether documents are looked at.
    pub fn in_documents(&self) -> bool {
        self.text.is_some()
    }

    fn is_met(&self, user: &str, command: &str, reason: &str, document: &str) -> bool {
        let fault = self.fault.as_ref().is_none_or(|key| Fault::of(reason).key == *key);
        let text = self.text.as_ref().is_none_or(|text| {
            [user, command, reason].iter().any(|place| contains(place, text)) || shows(document, text)
        });
        fault && text
    }
}

fn contains(place: &str, text: &str) -> bool {
    place.to_lowercase().contains(text)
}

/// Whether a document contains a text outside its secrets; what does not contain it at all is not masked.
fn shows(document: &str, text: &str) -> bool {
    contains(document, text) && contains(&mask_secrets(document), text)
}

impl Reader {
    /// Those of the events that are what is sought.
    pub async fn sift(&self, ids: &[i64], sought: &Sought) -> Result<Vec<i64>, ReadError> {
        let document = if sought.in_documents() { "cast(e.event as text)" } else { "cast(null as text)" };
        let sql = format!(
            "select cast(e.id as bigint), cast(e.user_id as text), cast(e.command as text),
                coalesce(cast(j.reason as text), cast(e.note as text)), {document}
             from em_event e {LATEST_ATTEMPT} where {}",
            self.dialect().among("e.id", "$1"),
        );
        let rows = self.rows_planned(sql, vec![self.dialect().list(ids)]).await?;
        Ok(rows.into_iter().filter_map(|row| is_sought(row, sought)).collect())
    }
}

fn is_sought(mut row: Row, sought: &Sought) -> Option<i64> {
    let mut text = |column| row.text(column).unwrap_or_default();
    let (user, command, reason, document) = (text(1), text(2), text(3), text(4));
    sought.is_met(&user, &command, &reason, &document).then_some(row.int(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_whatever_case_but_not_in_a_secret() {
        let document = "<a><firstName>Ærø</firstName><password>Geheim</password></a>";
        let check = |text: &str, expected: bool| {
            let sought = Sought::new(Some(text), None);
            let met = sought.is_met("Admin@tele.gl", "UserAddRequest", "Fault 4006", document);
            assert_eq!(met, expected, "{text}");
        };
        check("admin@", true);
        check("USERADD", true);
        check("fault 4006", true);
        check("ærØ", true);
        check(" ærø ", true);
        check("geheim", false);
        check("Geh", false);
        check("</password>", true);
        check("berta", false);
        assert!(Sought::new(Some(" "), None).is_anything());
    }

    #[test]
    fn a_fault_is_that_of_the_reason() {
        let reason = "step 2 of 5, create ENUM tel:+299321044 to sip:a: no";
        let sought = Sought::new(None, Some(&Fault::of(reason).key));
        assert!(sought.is_met("u", "c", "step 1 of 3, create ENUM tel:+299321055 to sip:b: no", ""));
        assert!(!sought.is_met("u", "c", "step 1 of 3, delete ENUM tel:+299321055: no", ""));
    }
}
