//! What a script calls the fields that matter.

use crate::config::EventKeys;
use crate::wire::evapi::Event;

impl EventKeys {
    /// Those of which an event has one each.
    fn groups(&self) -> [&[String]; 4] {
        [&self.event, &self.index, &self.label, &self.call_id]
    }

    /// Whether some key came more than once, or under two of its names.
    pub fn find_doubtful(&self, event: &Event) -> bool {
        !event.duplicates.is_empty() || self.groups().iter().any(|names| event.has_several(names))
    }

    /// Whether the value of this field may be somebody's who should not decide: it came more than once, or under two names.
    pub fn is_doubtful(&self, event: &Event, field: &str) -> bool {
        let is_of = |names: &&&[String]| names.iter().any(|name| name == field);
        event.is_doubtful(field) || self.groups().iter().filter(is_of).any(|names| event.has_several(names))
    }
}
