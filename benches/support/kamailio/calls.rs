//! Calls of sipp, each of which our rule accepts.

use super::ours::Ours;
use crate::real::Kamailio;
use crate::row::Row;
use std::collections::HashMap;
use std::process::{Command, Stdio};

const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/support/kamailio/call.xml");
const CALLS: u32 = 2_500;
const RATE: u32 = 500;
const RULE: &str = r#"[[kamailio.answer]]
event = "question"
reply = '{"cmd":"reply","tr_index":"{tr_index}","tr_label":"{tr_label}","code":"200","reason":"OK"}'"#;

/// Prints how many calls failed.
pub fn print() {
    let kamailio = Kamailio::start(&[]);
    let ours = Ours::start(&kamailio.evapi(), RULE);
    let directory = tempfile::tempdir().expect("a directory");
    let statistics = directory.path().join("statistics");
    let number = |number: u32| number.to_string();
    let status = Command::new("sipp")
        .args([kamailio.sip().to_string().as_str(), "-sf", SCENARIO, "-i", "127.0.0.1", "-nostdin"])
        .args(["-m", &number(CALLS), "-r", &number(RATE), "-l", &number(CALLS), "-timeout", "60"])
        .args(["-trace_stat", "-fd", "1", "-stf"])
        .arg(&statistics)
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("sipp is installed: ./tests/run does that");
    let last = last_row(&std::fs::read_to_string(&statistics).expect("its statistics"));
    let value = |name: &str| last.get(name).map_or("?", String::as_str);
    let measured = format!(
        "{} ended well, {} failed, {} messages sent again; {} answered by our rule",
        value("SuccessfulCall(C)"),
        value("FailedCall(C)"),
        value("Retransmissions(C)"),
        ours.metric("kamailio_answers_total", "outcome=\"rule\""),
    );
    Row::new(format!("{CALLS} calls of sipp at {RATE}/s"), measured)
        .budget("none fails", status.success() && value("FailedCall(C)") == "0")
        .print();
}

/// The totals by name.
fn last_row(statistics: &str) -> HashMap<String, String> {
    let names = statistics.lines().next().unwrap_or_default().split(';');
    let values = statistics.lines().last().unwrap_or_default().split(';');
    names.zip(values).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
