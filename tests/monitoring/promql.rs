//! What a query names. promtool has parsed it; this only finds the names.

use std::collections::BTreeSet;

/// Words that take labels in parentheses behind them.
const GROUPING: [&str; 4] = ["by", "on", "without", "ignoring"];

pub struct Query {
    /// Metrics with the labels that stand in braces behind them.
    pub metrics: Vec<(String, Vec<String>)>,
    /// Labels of `by (…)` and `on (…)`.
    pub grouped: BTreeSet<String>,
}

impl Query {
    pub fn read(expr: &str) -> Query {
        let mut query = Query { metrics: Vec::new(), grouped: BTreeSet::new() };
        let mut rest = expr;
        while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic()) {
            rest = &rest[start..];
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(end);
            rest = behind;
            if GROUPING.contains(&word) {
                query.grouped.extend(cut(&mut rest, '(', ')').split(',').map(|it| it.trim().to_owned()));
            } else if is_metric(word) {
                let labels = matchers(cut(&mut rest, '{', '}'));
                query.metrics.push((word.to_owned(), labels));
            }
        }
        query
    }
}

fn is_metric(word: &str) -> bool {
    word == "up" || word.starts_with("eventmanager_") || word.starts_with("process_")
}

/// What stands between these at the beginning of `rest`, which then goes on behind it; empty where it does not.
fn cut<'a>(rest: &mut &'a str, open: char, close: char) -> &'a str {
    let Some(inside) = rest.trim_start().strip_prefix(open) else { return "" };
    let (inside, behind) = inside.split_once(close).expect("promtool has seen the end");
    *rest = behind;
    inside
}

/// The labels of `a="x", b=~"y"`.
fn matchers(inside: &str) -> Vec<String> {
    let names = inside.split('"').step_by(2).map(|it| it.trim_matches([',', ' ', '=', '~', '!']).to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

/// The labels of `{{system}} {{host}}`.
pub fn legend_labels(legend: &str) -> Vec<String> {
    let parts = legend.split("{{").skip(1).filter_map(|part| part.split_once("}}"));
    parts.map(|(label, _)| label.trim().to_owned()).collect()
}

#[test]
fn names_are_found_in_a_query() {
    let query = Query::read(
        "sum by (le) (rate(eventmanager_a_bucket{b=\"x, up\", c!~\"y\"}[5m])) > 2\nunless on (job) up",
    );
    let metric =
        |name: &str, labels: &[&str]| (name.to_owned(), labels.iter().map(|it| (*it).to_owned()).collect());
    assert_eq!(query.metrics, [metric("eventmanager_a_bucket", &["b", "c"]), metric("up", &[])]);
    assert_eq!(query.grouped, ["job".to_owned(), "le".to_owned()].into());
    assert_eq!(legend_labels("{{ system }} {{host}} p99"), ["system", "host"]);
}
