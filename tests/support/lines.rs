//! The line of an event, as lists and the stream of the API have it.

use serde_json::Value;

/// Members of a line, in the order of their names.
const MEMBERS: [&str; 12] = [
    "about",
    "about_more",
    "attempt",
    "command",
    "id",
    "reason",
    "received",
    "source",
    "status",
    "user",
    "uuid",
    "warnings",
];

/// The line has these members and no others.
#[track_caller]
pub fn check_members(line: &Value) {
    let mut members: Vec<&str> = line.as_object().expect("a line").keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, MEMBERS);
}
