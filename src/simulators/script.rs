//! Scripted misbehaviour: rules that say which requests are answered otherwise than they should be.
//!
//! A script is a list of rules; of those that match a request, the first that is neither skipping nor used up
//! applies. `eventmanager simulate ema --script FILE` reads them from JSON (`src/cli/manual/script.rs` tells its users):
//!
//! ```json
//! [ {"match": {"op": "Create", "mo": "DNSSubscription", "contains": "299555"},
//!    "skip": 0, "times": 1, "action": {"fault": [4006, 13004]}},
//!   {"match": {"op": "Set"}, "skip": 10, "times": 1, "action": {"process_and_drop": true}},
//!   {"action": {"delay": 0.5, "status": 503}} ]
//! ```
//!
//! Every key of `match` may be missing; without `times` a rule applies for ever. Actions: `fault` (with `style`
//! `errorcode` or `respCode`), `status`, `drop`, `process_and_drop`, `delay` (seconds, alone or before another), `hang`,
//! `process_and_hang`, `body` (with `status`, default 200).

use serde::Deserialize;
use std::time::Duration;

/// What a simulator does instead of answering as it should.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Action {
    /// Answers as it should (after the rule's delay).
    #[default]
    Process,
    /// Refuses with a fault and changes nothing.
    Fault { code: u32, detail_code: Option<u32>, style: FaultStyle },
    /// Answers with this HTTP status and changes nothing.
    Status(u16),
    /// Closes the connection and changes nothing.
    Drop,
    /// Does what was asked, then closes the connection without an answer.
    ProcessAndDrop,
    /// Changes nothing and never answers.
    Hang,
    /// Does what was asked and never answers.
    ProcessAndHang,
    /// Changes nothing and answers with these bytes.
    Body { status: u16, body: String },
}

/// In which element a fault carries its detail code: both were seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum FaultStyle {
    #[default]
    #[serde(rename = "errorcode")]
    ErrorCode,
    #[serde(rename = "respCode")]
    RespCode,
}

/// Which requests a rule means; what is `None` matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matching {
    /// `Create`, `Set`, `Delete`, `Login`, `Logout`; SurgeMail: the HTTP method.
    pub op: Option<String>,
    /// Beginning of the managed object's type: `IMSAssociation`, `DNSSubscription`; SurgeMail: of the path.
    pub mo: Option<String>,
    /// A part of the request's body; SurgeMail: of its query.
    pub contains: Option<String>,
}

/// One rule of a script.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RuleFile")]
pub struct Rule {
    pub matching: Matching,
    /// Matching requests that pass first.
    pub skip: u64,
    /// Requests that it applies to; `None` is all.
    pub times: Option<u64>,
    /// Waited before anything is done.
    pub delay: Duration,
    pub action: Action,
}

impl Rule {
    /// A rule that does `action` to every request; narrow it with the methods below.
    pub fn new(action: Action) -> Rule {
        Rule { action, ..Rule::default() }
    }

    /// A rule that delays every request and then answers it as it should.
    pub fn delay(delay: Duration) -> Rule {
        Rule { delay, ..Rule::default() }
    }

    /// Only requests with this operation.
    pub fn op(mut self, op: &str) -> Rule {
        self.matching.op = Some(op.to_owned());
        self
    }

    /// Only requests for managed objects whose type begins so.
    pub fn mo(mut self, mo: &str) -> Rule {
        self.matching.mo = Some(mo.to_owned());
        self
    }

    /// Only requests that contain `text`.
    pub fn contains(mut self, text: &str) -> Rule {
        self.matching.contains = Some(text.to_owned());
        self
    }

    /// Lets the first `requests` that match pass.
    pub fn skip(mut self, requests: u64) -> Rule {
        self.skip = requests;
        self
    }

    /// Applies to so many requests only.
    pub fn times(mut self, requests: u64) -> Rule {
        self.times = Some(requests);
        self
    }
}

/// The rules of a JSON file's text.
pub fn parse(json: &str) -> serde_json::Result<Vec<Rule>> {
    serde_json::from_str(json)
}

/// A script under way.
#[derive(Debug, Default)]
pub(super) struct Script {
    rules: Vec<Rule>,
}

impl Script {
    pub fn new(rules: Vec<Rule>) -> Script {
        Script { rules }
    }

    /// What to do with this request, and how long to wait before that.
    pub fn react(&mut self, op: &str, mo: &str, body: &[u8]) -> (Duration, Action) {
        for rule in &mut self.rules {
            if rule.times == Some(0) || !rule.matching.matches(op, mo, body) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if let Some(times) = &mut rule.times {
                *times -= 1;
            }
            return (rule.delay, rule.action.clone());
        }
        (Duration::ZERO, Action::Process)
    }
}

impl Matching {
    fn matches(&self, op: &str, mo: &str, body: &[u8]) -> bool {
        self.op.as_deref().is_none_or(|wanted| wanted == op)
            && self.mo.as_deref().is_none_or(|wanted| mo.starts_with(wanted))
            && self
                .contains
                .as_deref()
                .is_none_or(|text| memchr::memmem::find(body, text.as_bytes()).is_some())
    }
}

/// A rule as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    #[serde(default, rename = "match")]
    matching: Matching,
    #[serde(default)]
    skip: u64,
    times: Option<u64>,
    action: ActionFile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionFile {
    fault: Option<(u32, Option<u32>)>,
    #[serde(default)]
    style: FaultStyle,
    status: Option<u16>,
    body: Option<String>,
    #[serde(default)]
    drop: bool,
    #[serde(default)]
    process_and_drop: bool,
    #[serde(default)]
    hang: bool,
    #[serde(default)]
    process_and_hang: bool,
    delay: Option<f64>,
}

impl TryFrom<RuleFile> for Rule {
    type Error = String;

    fn try_from(file: RuleFile) -> Result<Rule, String> {
        let delay = match file.action.delay {
            None => Duration::ZERO,
            Some(seconds) => {
                Duration::try_from_secs_f64(seconds).map_err(|error| format!("delay: {error}"))?
            }
        };
        let action = Action::from(file.action);
        Ok(Rule { matching: file.matching, skip: file.skip, times: file.times, delay, action })
    }
}

impl From<ActionFile> for Action {
    fn from(file: ActionFile) -> Action {
        if let Some((code, detail_code)) = file.fault {
            return Action::Fault { code, detail_code, style: file.style };
        }
        if let Some(body) = file.body {
            return Action::Body { status: file.status.unwrap_or(200), body };
        }
        if let Some(status) = file.status {
            return Action::Status(status);
        }
        match file {
            ActionFile { drop: true, .. } => Action::Drop,
            ActionFile { process_and_drop: true, .. } => Action::ProcessAndDrop,
            ActionFile { hang: true, .. } => Action::Hang,
            ActionFile { process_and_hang: true, .. } => Action::ProcessAndHang,
            _ => Action::Process,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Rule) {
        assert_eq!(parse(&format!("[{json}]")).expect(json), [expected]);
    }

    #[test]
    fn a_rule_reads_as_it_is_written() {
        let fault = |detail_code, style| Action::Fault { code: 4006, detail_code, style };
        check(
            r#"{"action": {"fault": [4006, 13004]}}"#,
            Rule::new(fault(Some(13004), FaultStyle::ErrorCode)),
        );
        check(
            r#"{"action": {"fault": [4006, null], "style": "respCode"}, "times": 1}"#,
            Rule::new(fault(None, FaultStyle::RespCode)).times(1),
        );
        check(
            r#"{"match": {"op": "Set", "mo": "IMS", "contains": "x"}, "skip": 2, "action": {"process_and_drop": true}}"#,
            Rule::new(Action::ProcessAndDrop).op("Set").mo("IMS").contains("x").skip(2),
        );
        check(r#"{"action": {"delay": 0.25}}"#, Rule::delay(Duration::from_millis(250)));
        check(r#"{"action": {"body": "?"}}"#, Rule::new(Action::Body { status: 200, body: "?".to_owned() }));
        assert!(parse(r#"[{"action": {"falut": [1, 2]}}]"#).is_err(), "a misspelt action is an error");
        assert!(parse(r#"[{"action": {"delay": -1}}]"#).is_err(), "so is a delay into the past");
    }

    #[test]
    fn a_rule_skips_then_applies_then_is_used_up() {
        let mut script = Script::new(vec![Rule::new(Action::Drop).op("Set").skip(1).times(2)]);
        let mut react = |op| script.react(op, "IMSAssociation@x", b"").1;
        assert_eq!(react("Set"), Action::Process);
        assert_eq!(react("Create"), Action::Process);
        assert_eq!(react("Set"), Action::Drop);
        assert_eq!(react("Set"), Action::Drop);
        assert_eq!(react("Set"), Action::Process);
    }
}
