//! Events as lines of a table: where there is little room, what says least is left out.
//!
//! Who has given the command is the same administrator all day, and the year and the seconds are rarely what is looked for; whom
//! it is about, and what became of it, are.

use crate::cli::table::{Cell, Table};
use crate::cli::terminal;
use crate::cli::text::{moment, plain, short_moment};
use serde_json::Value;

/// Columns of a terminal that has room for everything.
const WIDE: usize = 130;

/// A table of events that may come in several parts.
pub struct EventTable {
    table: Table,
    is_wide: bool,
}

impl EventTable {
    /// As wide as standard output.
    pub fn new() -> EventTable {
        EventTable::within(terminal::width())
    }

    fn within(width: Option<usize>) -> EventTable {
        let is_wide = width.is_none_or(|width| width >= WIDE);
        let titles: &[&str] = match is_wide {
            true => &["ID", "STATUS", "RECEIVED (UTC)", "COMMAND", "ABOUT", "USER", "REASON"],
            false => &["ID", "STATUS", "AT (UTC)", "COMMAND", "ABOUT", "REASON"],
        };
        // From the command on they may be cut.
        EventTable { table: Table::within(titles, 3, width), is_wide }
    }

    /// The lines of these events, as the API shows them in lists, with the titles above the first.
    pub fn part<'a>(&mut self, events: impl IntoIterator<Item = &'a Value>) -> String {
        let is_wide = self.is_wide;
        let rows: Vec<_> = events.into_iter().map(|event| row(event, is_wide)).collect();
        self.table.part(&rows)
    }
}

fn row(event: &Value, is_wide: bool) -> Vec<Cell> {
    let received = if is_wide { moment(&event["received"]) } else { short_moment(&event["received"]) };
    let mut row = vec![
        plain(&event["id"]).into(),
        Cell::status(plain(&event["status"])),
        received.into(),
        plain(&event["command"]).into(),
        about(event).into(),
    ];
    if is_wide {
        row.push(plain(&event["user"]).into());
    }
    row.push(reason(event).into());
    row
}

/// The first subscriber, and how many more; of a single event, which says it otherwise, that one.
fn about(event: &Value) -> String {
    let first = if event["about"].is_null() { &event["subscriber"] } else { &event["about"] };
    match event["about_more"].as_u64().unwrap_or_default() {
        0 => plain(first),
        more => format!("{} +{more}", plain(first)),
    }
}

fn reason(event: &Value) -> String {
    let warnings = event["warnings"].as_array().map(Vec::as_slice).unwrap_or_default();
    match (event["reason"].as_str(), warnings.first()) {
        (Some(_), _) => plain(&event["reason"]),
        (None, Some(warning)) => format!("warning: {}", plain(warning)),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event() -> Value {
        json!({
            "id": 11, "status": "failed", "received": 1_772_366_430.5, "command": "UserModifyRequest",
            "about": "pipaluk.broenlund@voice.example.gl", "about_more": 2, "user": "admin@voice.example.gl",
            "reason": "step 4 of 4, create ENUM tel:299320003: fault 4006", "warnings": [],
        })
    }

    #[test]
    fn on_a_narrow_terminal_the_subscriber_and_the_reason_stay_and_the_user_goes() {
        let narrow = EventTable::within(Some(80)).part([&event()]);
        let line = narrow.lines().nth(1).expect("a line");
        assert!(line.chars().count() <= 80, "{line}");
        for kept in ["03-01 12:00", "UserModifyReq", "pipaluk.broe", "step 4 of 4"] {
            assert!(line.contains(kept), "{kept} is not in {line}");
        }
        assert!(!narrow.contains("USER") && !narrow.contains("admin@"), "{narrow}");
    }

    #[test]
    fn where_there_is_room_everything_is_told() {
        let wide = EventTable::within(None).part([&event()]);
        for told in ["2026-03-01 12:00:30", "voice.example.gl +2", "admin@voice.example.gl", "fault 4006"] {
            assert!(wide.contains(told), "{told} is not in {wide}");
        }
        let mut single = event();
        single["about"] = Value::Null;
        single["about_more"] = Value::Null;
        single["subscriber"] = "anna@tele.gl".into();
        assert!(EventTable::within(None).part([&single]).contains("anna@tele.gl"));
    }
}
