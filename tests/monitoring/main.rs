//! The alerts and the dashboard of `deploy/` say what Prometheus understands, and about metrics that there are.

#[path = "../support/mod.rs"]
mod support;

mod documented;
mod files;
mod promql;
mod promtool;

use documented::{Documented, labels_of_series};
use files::{ALERTS, ALERTS_TEST, RUNBOOK, alerts, dashboard_queries};
use promql::Query;
use std::collections::{BTreeMap, BTreeSet};
use support::daemon::Site;
use support::documents::add;
use support::peers::Peers;

/// Labels that Prometheus itself adds.
const ADDED: [&str; 3] = ["job", "instance", "le"];

/// Every query of the alerts and of the dashboard, with where it stands.
fn queries() -> Vec<(String, Query)> {
    let alerts = alerts().into_iter().map(|alert| (alert.name, alert.expr));
    let panels = dashboard_queries().into_iter().map(|query| (query.panel, query.expr));
    alerts.chain(panels).map(|(place, expr)| (place, Query::read(&expr))).collect()
}

#[test]
fn every_alert_fires_and_does_not_fire_without_its_cause() {
    promtool::run(&["check", "rules", "deploy/prometheus/alerts.yml"]);
    promtool::run(&["test", "rules", "deploy/prometheus/alerts_test.yml"]);
    for alert in alerts() {
        let quiet = format!("alertname: {}, exp_alerts: []", alert.name);
        assert!(ALERTS_TEST.matches(&quiet).count() >= 2, "{}: no test that it does not fire", alert.name);
        let fires = format!("alertname: {}\n        exp_alerts:\n          - exp_labels:", alert.name);
        assert!(ALERTS_TEST.contains(&fires), "{}: no test that it fires", alert.name);
    }
}

#[test]
fn every_alert_has_its_section_in_the_runbook() {
    let sections: BTreeSet<&str> = RUNBOOK.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let alerts = alerts();
    assert!(alerts.len() > 20, "{} alerts", alerts.len());
    for alert in &alerts {
        let link = format!("file:///opt/eventmanager/docs/runbook.md#{}", alert.name.to_lowercase());
        assert_eq!(alert.runbook_url, link, "{}", alert.name);
        assert!(sections.contains(alert.name.as_str()), "docs/runbook.md has no section {}", alert.name);
        assert!(["critical", "warning", "info"].contains(&alert.severity.as_str()), "{}", alert.name);
    }
    let named: BTreeSet<&str> = alerts.iter().map(|alert| alert.name.as_str()).collect();
    let stale: Vec<_> =
        sections.iter().filter(|it| it.starts_with("Eventmanager") && !named.contains(*it)).collect();
    assert!(stale.is_empty(), "sections without an alert: {stale:?}");
}

#[test]
fn every_reason_of_a_bad_frame_is_explained_in_the_runbook() {
    let sources = [
        include_str!("../../src/connections/session.rs"),
        include_str!("../../src/connections/documents.rs"),
        include_str!("../../src/connections/kamailio/session.rs"),
        include_str!("../../src/connections/kamailio/decoder.rs"),
        include_str!("../../src/wire/evapi/event.rs"),
    ];
    let given = sources.iter().flat_map(|source| source.lines());
    let marks = ["unreadable(", "Bad { label:", "count_bad(\"", "=> (\"", "NotAnEvent::"];
    let given = given.filter(|line| marks.iter().any(|mark| line.contains(mark)));
    let is_label =
        |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let labels: BTreeSet<&str> =
        given.flat_map(|line| line.split('"').skip(1).step_by(2)).filter(is_label).collect();
    let section =
        RUNBOOK.split("## EventmanagerFramesBad\n").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows =
        section.expect("a section").lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.collect::<BTreeSet<_>>(), labels);
}

#[test]
fn every_reason_of_what_an_opensips_sends_is_explained_in_its_page() {
    let sources = [
        include_str!("../../src/connections/opensips/receiver/drain.rs"),
        include_str!("../../src/connections/opensips/receiver/stream.rs"),
        include_str!("../../src/connections/opensips/routing.rs"),
        include_str!("../../src/wire/evi/mod.rs"),
    ];
    let lines = sources.iter().flat_map(|source| source.lines());
    let marks = ["refuse(\"", "bad(\"", "ome((\"", "count_bad_frame(", "NotAnEvent::"];
    let lines = lines.filter(|line| marks.iter().any(|mark| line.contains(mark)));
    let given: BTreeSet<&str> = lines.filter_map(|line| line.split('"').nth(1)).collect();
    let page = include_str!("../../docs/opensips.md");
    let told = page.split("`frames_bad_total` by reason:").nth(1).expect("a paragraph");
    let told = told.split("\n\n").next().unwrap_or_default().split('`').skip(1).step_by(2);
    let told: BTreeSet<&str> = told.filter(|word| *word != "allow_from").chain(["ambiguous"]).collect();
    assert_eq!(told, given);
}

#[test]
fn every_query_of_the_dashboard_is_promql() {
    let rules: Vec<_> = dashboard_queries()
        .into_iter()
        .enumerate()
        .map(|(number, query)| serde_json::json!({"record": format!("panel:{number}"), "expr": query.expr}))
        .collect();
    assert!(rules.len() > 30, "{} queries", rules.len());
    // JSON is YAML too.
    let file = serde_json::json!({"groups": [{"name": "dashboard", "rules": rules}]}).to_string();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("dashboard.yml");
    std::fs::write(&path, file).expect("written");
    promtool::run(&["check", "rules", &path.display().to_string()]);
}

#[test]
fn alerts_and_dashboard_name_metrics_and_labels_that_are_documented() {
    let documented = Documented::read();
    for (place, query) in queries() {
        assert!(!query.metrics.is_empty(), "{place}: no metric");
        let mut known: BTreeSet<&str> = ADDED.into();
        for (metric, labels) in &query.metrics {
            if metric == "up" {
                continue;
            }
            let there = documented.labels(metric).unwrap_or_else(|| panic!("{place}: no metric {metric}"));
            for label in labels {
                let fits = ADDED.contains(&label.as_str()) || there.contains(label);
                assert!(fits, "{place}: {metric} has no label {label}");
            }
            known.extend(there.iter().map(String::as_str));
        }
        for label in &query.grouped {
            assert!(known.contains(label.as_str()), "{place}: nothing has the label {label}");
        }
    }
    for query in dashboard_queries() {
        let grouped = Query::read(&query.expr).grouped;
        for label in promql::legend_labels(&query.legend) {
            assert!(grouped.is_empty() || grouped.contains(&label), "{}: {label} is not kept", query.panel);
        }
    }
}

#[test]
fn what_the_daemon_measures_is_documented_and_what_is_documented_is_measured() {
    let documented = Documented::read();
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let daemon = site.start();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send("<nonsense/>");
    site.wait_ended(1);
    let text = daemon.get("/metrics").1;
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, labels) = labels_of_series(line);
        seen.entry(name).or_default().extend(labels);
    }
    for (name, labels) in &seen {
        let there = documented.labels(name).unwrap_or_else(|| panic!("docs/operations.md lacks {name}"));
        let labels: BTreeSet<String> = labels.iter().filter(|it| it.as_str() != "le").cloned().collect();
        assert_eq!(&labels, there, "labels of {name} in docs/operations.md");
    }
    for name in documented.names() {
        let made = seen.keys().any(|it| documented::family(it) == name) || documented::in_source(name);
        assert!(made, "docs/operations.md has {name}, which nothing makes");
    }
    // Alerts about what has not happened yet need the series from the start.
    for name in ["ready", "store_up", "events_pending", "oldest_pending_seconds", "connection_up", "paused"] {
        assert!(seen.contains_key(&format!("eventmanager_{name}")), "{name} is not there from the start");
    }
    assert!(daemon.metric("process_resident_memory_bytes", "") > 1e6, "{text}");
    assert!(daemon.metric("process_open_fds", "") > 3.0, "{text}");
    assert_eq!(daemon.metric("eventmanager_ready", ""), 1.0, "{text}");
    assert!(ALERTS.contains("eventmanager_ready == 0"));
}
