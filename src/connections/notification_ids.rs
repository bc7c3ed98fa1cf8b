//! Watching the `<id>` of notifications: it grows, and a gap may mean that something was lost on the way.
//!
//! The ids are those of one server, over all its connections and over restarts of ours: between two connections is
//! where something may be lost.

/// What an id says beside the one before.
#[derive(Debug, PartialEq, Eq)]
enum Succession {
    /// The next one, or nothing can be said.
    Next,
    /// So many are missing in between.
    Gap(u64),
    /// The same or an earlier one.
    Back,
}

/// Counts what the ids of one server say, and logs it once for each connection.
#[derive(Debug)]
pub(super) struct NotificationWatch {
    server: String,
    ids: NotificationIds,
    gap_logged: bool,
    back_logged: bool,
}

impl NotificationWatch {
    pub fn new(server: &str) -> Self {
        metrics::counter!("eventmanager_notification_gaps_total", "connection" => server.to_owned())
            .absolute(0);
        NotificationWatch {
            server: server.to_owned(),
            ids: NotificationIds::default(),
            gap_logged: false,
            back_logged: false,
        }
    }

    /// A new connection stands: what it brings may be logged again.
    pub fn connected(&mut self) {
        self.gap_logged = false;
        self.back_logged = false;
    }

    /// The next id.
    pub fn follow(&mut self, id: &str) {
        let succession = self.ids.follow(id);
        self.tell(id, succession);
    }

    /// The last id of before our start, which may be known only after the first ones of now.
    pub fn came_before(&mut self, id: &str) {
        let succession = self.ids.came_before(id);
        let first = self.ids.first.as_ref().map_or(String::new(), |(_, id)| id.clone());
        self.tell(&first, succession);
    }

    /// `id` is the one that does not follow: what is missing is before it.
    fn tell(&mut self, id: &str, succession: Succession) {
        let server = &self.server;
        match succession {
            Succession::Next => {}
            Succession::Gap(missing) => {
                metrics::counter!("eventmanager_notification_gaps_total", "connection" => server.clone())
                    .increment(missing);
                if !std::mem::replace(&mut self.gap_logged, true) {
                    tracing::warn!(connection = server, id, missing, "gap in notification ids");
                }
            }
            Succession::Back => {
                metrics::counter!("eventmanager_notification_backs_total", "connection" => server.clone())
                    .increment(1);
                if !std::mem::replace(&mut self.back_logged, true) {
                    tracing::warn!(connection = server, id, "notification id goes back");
                }
            }
        }
    }
}

/// The first and the last id of a server.
#[derive(Debug, Default)]
struct NotificationIds {
    /// As it was written, too.
    first: Option<(u64, String)>,
    last: Option<u64>,
}

impl NotificationIds {
    /// Compares an id like `write264` with the one before; ids without a number say nothing.
    fn follow(&mut self, id: &str) -> Succession {
        let Some(number) = number(id) else { return Succession::Next };
        self.first.get_or_insert_with(|| (number, id.to_owned()));
        self.last.replace(number).map_or(Succession::Next, |last| compare(last, number))
    }

    /// Compares the first id with the last one of before; where none has come yet, the first will be compared.
    fn came_before(&mut self, id: &str) -> Succession {
        let Some(number) = number(id) else { return Succession::Next };
        match &self.first {
            Some((first, _)) => compare(number, *first),
            None => {
                self.last = Some(number);
                Succession::Next
            }
        }
    }
}

fn number(id: &str) -> Option<u64> {
    id.trim_start_matches(|letter: char| !letter.is_ascii_digit()).parse().ok()
}

fn compare(last: u64, number: u64) -> Succession {
    match number.checked_sub(last) {
        None | Some(0) => Succession::Back,
        Some(1) => Succession::Next,
        Some(distance) => Succession::Gap(distance - 1),
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
        check(&["write264", "write3", "write4"], Succession::Next);
        check(&["write264", "", "write265"], Succession::Next);
        check(&["write264", "no number"], Succession::Next);
        check(&["w99999999999999999999999", "w1"], Succession::Next);
    }

    #[test]
    fn the_last_id_of_before_a_start_is_compared_with_the_first_one_after_it() {
        let check = |after: &[&str], before: &str, late: Succession, next: &str, expected: Succession| {
            let mut watch = NotificationIds::default();
            for id in after {
                watch.follow(id);
            }
            assert_eq!(watch.came_before(before), late, "{after:?}");
            let first = watch.first.as_ref().map(|(_, id)| id.as_str());
            assert_eq!(first, after.first().copied(), "the one that is compared with the one before");
            assert_eq!(watch.follow(next), expected, "{after:?}");
        };
        check(&[], "write1", Succession::Next, "write10", Succession::Gap(8));
        check(&[], "write1", Succession::Next, "write2", Succession::Next);
        check(&["write10", "write11"], "write1", Succession::Gap(8), "write12", Succession::Next);
        check(&["write1", "write2"], "write900", Succession::Back, "write3", Succession::Next);
        check(&["write1"], "no number", Succession::Next, "write2", Succession::Next);
    }
}
