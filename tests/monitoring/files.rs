//! The files of `deploy/`, and what stands in them.

use serde_json::Value;

pub const ALERTS: &str = include_str!("../../deploy/prometheus/alerts.yml");
pub const ALERTS_TEST: &str = include_str!("../../deploy/prometheus/alerts_test.yml");
pub const RUNBOOK: &str = include_str!("../../docs/runbook.md");
const DASHBOARD: &str = include_str!("../../deploy/grafana/eventmanager.json");

#[derive(Default)]
pub struct Alert {
    pub name: String,
    pub expr: String,
    pub severity: String,
    pub runbook_url: String,
}

/// The alerts. promtool has read the file as YAML; here its lines are enough.
pub fn alerts() -> Vec<Alert> {
    let mut alerts: Vec<Alert> = Vec::new();
    let mut in_expr = false;
    for line in ALERTS.lines() {
        let text = line.trim();
        if let Some(name) = text.strip_prefix("- alert: ") {
            alerts.push(Alert { name: name.to_owned(), ..Alert::default() });
        }
        let Some(alert) = alerts.last_mut() else { continue };
        // The lines of a query of several are indented further than the keys.
        in_expr = in_expr && line.starts_with("          ");
        if let Some(expr) = text.strip_prefix("expr: ") {
            in_expr = expr == "|";
            alert.expr = if in_expr { String::new() } else { expr.to_owned() };
        } else if in_expr {
            alert.expr += text;
            alert.expr.push('\n');
        } else if let Some(severity) = text.strip_prefix("severity: ") {
            alert.severity = severity.to_owned();
        } else if let Some(link) = text.strip_prefix("runbook_url: ") {
            alert.runbook_url = link.to_owned();
        }
    }
    alerts
}

pub struct PanelQuery {
    pub panel: String,
    pub expr: String,
    pub legend: String,
}

/// The queries of the dashboard, of its annotations too, with its variables filled in.
pub fn dashboard_queries() -> Vec<PanelQuery> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut queries = Vec::new();
    for panel in list(&dashboard["panels"]) {
        queries.extend(list(&panel["targets"]).iter().map(|target| query(&panel["title"], target)));
    }
    for annotation in list(&dashboard["annotations"]["list"]) {
        queries.push(query(&annotation["name"], &annotation));
    }
    queries
}

fn query(title: &Value, target: &Value) -> PanelQuery {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    // All data comes from the source that is chosen above, of the nodes that are chosen there.
    assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
    let expr = text(&target["expr"]);
    assert!(expr.contains("instance=~\"$instance\""), "{title}: {expr}");
    PanelQuery {
        panel: text(title),
        expr: expr.replace("$__rate_interval", "5m").replace("$instance", ".*"),
        legend: text(&target["legendFormat"]),
    }
}
