//! Which events: the filter that `list`, `retry` and `resolve` share.

use crate::cli::units::moment;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Map, Value};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where the help lists these options.
const HEADING: &str = "Filter";

/// Events for which everything that is given holds.
#[derive(Debug, Clone, Default, Args)]
pub struct Filter {
    /// With this status; several with commas, or given again
    #[arg(long, help_heading = HEADING, value_name = "STATUS", value_delimiter = ',',
        value_parser = ["pending", "completed", "failed", "ignored"])]
    pub status: Vec<String>,
    /// Received at this time or later: "2026-03-01", "2026-03-01 12:00" (UTC), "2h", "7d" (ago)
    #[arg(long, help_heading = HEADING, value_name = "TIME", value_parser = moment)]
    pub since: Option<SystemTime>,
    /// Received at this time or earlier
    #[arg(long, help_heading = HEADING, value_name = "TIME", value_parser = moment)]
    pub until: Option<SystemTime>,
    /// Of this command, such as UserAddRequest: the version at its end does not matter
    #[arg(long, help_heading = HEADING, value_name = "COMMAND", value_parser = NonEmptyStringValueParser::new())]
    pub command: Option<String>,
    /// Given by this user: who has clicked, not whom it is about
    #[arg(long, help_heading = HEADING, value_name = "USER", value_parser = NonEmptyStringValueParser::new())]
    pub user: Option<String>,
    /// With this text in user, command, reason or document, in capitals or not
    #[arg(long, help_heading = HEADING, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub text: Option<String>,
    /// Failed with this fault, a key of /api/v1/faults
    #[arg(long, help_heading = HEADING, value_name = "KEY", value_parser = NonEmptyStringValueParser::new())]
    pub fault: Option<String>,
}

impl Filter {
    /// As the API has it in a query.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        if !self.status.is_empty() {
            pairs.push(("status", self.status.join(",")));
        }
        let times = [("since", self.since), ("until", self.until)];
        pairs.extend(times.into_iter().filter_map(|(name, time)| Some((name, seconds(time?)))));
        let texts =
            [("command", &self.command), ("user", &self.user), ("text", &self.text), ("fault", &self.fault)];
        pairs.extend(texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?))));
        pairs
    }

    /// As the API has it in a body.
    pub fn json(&self) -> Map<String, Value> {
        self.pairs().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
    }
}

/// Seconds of the epoch, with milliseconds.
fn seconds(time: SystemTime) -> String {
    format!("{:.3}", time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_filter_is_said_as_the_api_has_it() {
        assert_eq!(Filter::default().pairs(), []);
        let filter = Filter {
            status: vec!["failed".into(), "pending".into()],
            since: Some(UNIX_EPOCH + Duration::from_millis(1500)),
            user: Some("a&b".into()),
            ..Filter::default()
        };
        assert_eq!(
            filter.pairs(),
            [("status", "failed,pending".to_owned()), ("since", "1.500".into()), ("user", "a&b".into())]
        );
        assert_eq!(filter.json()["status"], "failed,pending");
    }
}
