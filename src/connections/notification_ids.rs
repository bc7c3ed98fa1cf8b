//! Watching the `<id>` of notifications: it grows, and a gap may mean that something was lost on the way.

/// What an id says beside the one before.
#[derive(Debug, PartialEq, Eq)]
pub enum Succession {
    /// The next one, or nothing can be said.
    Next,
    /// So many are missing in between.
    Gap(u64),
    /// The same or an earlier one.
    Back,
}

/// The last id of a connection.
#[derive(Debug, Default)]
pub struct NotificationIds {
    last: Option<u64>,
}

impl NotificationIds {
    /// Compares an id like `write264` with the one before; ids without a number say nothing.
    pub fn follow(&mut self, id: &str) -> Succession {
        let digits = id.trim_start_matches(|letter: char| !letter.is_ascii_digit());
        let Ok(number) = digits.parse::<u64>() else { return Succession::Next };
        let Some(last) = self.last.replace(number) else { return Succession::Next };
        match number.checked_sub(last) {
            None | Some(0) => Succession::Back,
            Some(1) => Succession::Next,
            Some(distance) => Succession::Gap(distance - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_compared_with_the_one_before() {
        let check = |ids: &[&str], expected: Succession| {
            let mut watch = NotificationIds::default();
            let last = ids.iter().map(|id| watch.follow(id)).last();
            assert_eq!(last, Some(expected), "{ids:?}");
        };
        check(&["write264"], Succession::Next);
        check(&["write264", "write265"], Succession::Next);
        check(&["write264", "write268"], Succession::Gap(3));
        check(&["write264", "write264"], Succession::Back);
        check(&["write264", "write3"], Succession::Back);
        check(&["write264", "", "write265"], Succession::Next);
        check(&["write264", "no number"], Succession::Next);
        check(&["w99999999999999999999999", "w1"], Succession::Next);
    }
}
