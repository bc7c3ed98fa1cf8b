//! What the measurements share.

pub mod receive;
mod sender;
pub mod steady;

use crate::trial::{Trial, nobody};
use std::time::Duration;

/// An event of 160 bytes in each format.
pub fn event(format: &str) -> Vec<u8> {
    let (head, tail) = match format {
        "text" => ("E_UL_CONTACT_UPDATE\ndomain::location\naor::anna@example.net\nuser_agent::", "\n\n"),
        _ => (
            "{\"jsonrpc\":\"2.0\",\"method\":\"E_UL_CONTACT_UPDATE\",\"params\":{\"domain\":\"location\",\"aor\":\"anna@example.net\",\"q\":1,\"ua\":\"",
            "\"}}",
        ),
    };
    let fill = 160_usize.saturating_sub(head.len() + tail.len());
    [head.as_bytes(), &b"x".repeat(fill), tail.as_bytes()].concat()
}

/// A daemon that listens, and at whose OpenSIPS nobody answers.
pub fn daemon() -> Trial {
    let keys = format!(
        "mi = \"udp:{}\"\nlisten = \"udp:127.0.0.1:0\"\nevents = [\"E_UL_CONTACT_UPDATE\"]\nqueue = 1000000\n",
        nobody()
    );
    let trial = Trial::start(&keys, "");
    trial.listens_at();
    trial
}

/// What has become of what was sent: read, lost in the kernel, dropped by us.
pub fn accounts(trial: &Trial) -> (f64, f64, f64) {
    let sbc = |name: &str| trial.metric(name, "connection=\"sbc\"");
    (trial.received(), sbc("receive_lost_total"), sbc("dropped_total"))
}

/// Waits until each of so many is accounted for.
pub fn settle(trial: &Trial, sent: f64) -> (f64, f64, f64) {
    crate::support::daemon::eventually("each event is accounted for", || {
        let (read, lost, dropped) = accounts(trial);
        (read + lost + dropped >= sent).then_some((read, lost, dropped))
    })
}

/// How long a measurement lasts.
pub const LONG: Duration = Duration::from_secs(5);
