//! The HTTP API of a running daemon: requests made of its own description, and broken ones.
//!
//! Whatever is asked: nothing panics, no actor starts anew, no answer is a 5xx but a 503 where the description says so, errors are
//! explained, and memory is bounded.

mod answers;
mod description;
mod requests;

use crate::engine::Effort;
use crate::support::daemon::{Daemon, Site, eventually};
use crate::support::documents::{add, report, set_phone};
use crate::support::peers::Peers;
use answers::{Answer, exchange, judge};
use description::Description;
use requests::Requests;
use std::time::{Duration, Instant};

/// Requests of each kind, and how long they go on in the long form.
const USUAL: usize = 6_000;
const LONG: Duration = Duration::from_secs(20);
/// So much more memory, in MiB: hubs and events are there that were not before.
const GROWS: u64 = 150;
/// Event Management and EVI have paths and methods of their own.
const CONFIG: &str = "[evi]\n[event_management]\ntopics = [\"numbers\"]\nmax_hubs = 20\n[[event_management.peer]]\nhost = \"127.0.0.1:9\"\n\
                      allow_http = true\nallow_private = true\n";

/// The HTTP library panics over a header's name of more than 64 KiB, which ends that connection alone: see
/// `a_name_of_a_header_that_is_too_long_ends_its_connection_and_nothing_else`.
const KNOWN: &str = "value: InvalidHeaderName";

struct Trial {
    _peers: Peers,
    _site: Site,
    daemon: Daemon,
    description: Description,
    effort: Effort,
}

impl Trial {
    fn start() -> Trial {
        let peers = Peers::start();
        let site = Site::quiet(&format!("{}\n{CONFIG}", peers.config("")));
        let daemon = site.start();
        eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
        peers.broadworks.send(&add(1, "anna@tele.gl"));
        peers.broadworks.send(&set_phone(2, "nobody@tele.gl", "321044"));
        peers.broadworks.send(&report(3, "UserDoNotDisturbModifyRequest", "<isActive>true</isActive>"));
        site.wait_ended(3);
        let description = Description::read(&daemon.get("/openapi.json").1);
        Trial { _peers: peers, _site: site, daemon, description, effort: Effort::usual(USUAL, LONG) }
    }

    /// Asks for a while, and looks at the daemon afterwards.
    fn run(&self, mut ask: impl FnMut(&mut Requests)) {
        let Effort { seed, most, time } = self.effort;
        let mut requests = Requests::new(&self.description, seed);
        let before = self.daemon.resident();
        let (began, mut asked) = (Instant::now(), 0);
        while asked < most && began.elapsed() < time {
            ask(&mut requests);
            asked += 1;
        }
        println!("{asked} requests, EVENTMANAGER_SEED={seed}");
        assert_eq!(self.daemon.get("/healthz").0, 200, "{}", self.replay());
        assert_eq!(self.daemon.metric("eventmanager_actor_restarts_total", ""), 0.0, "{}", self.replay());
        let log = self.daemon.log();
        let (panics, known) = (log.matches("panicked").count(), log.matches(KNOWN).count());
        assert!(panics <= known, "{}\n{log}", self.replay());
        let grown = self.daemon.resident().saturating_sub(before);
        assert!(grown < GROWS, "{grown} MiB more after {asked} requests; {}", self.replay());
    }

    fn replay(&self) -> String {
        format!("EVENTMANAGER_SEED={} asks the same again", self.effort.seed)
    }
}

#[test]
fn no_request_makes_the_api_fail_and_every_refusal_is_explained() {
    let trial = Trial::start();
    let mut statuses = std::collections::BTreeMap::new();
    trial.run(|requests| {
        let request = requests.whole();
        let answer = exchange(trial.daemon.http, &request.bytes);
        let wrong = match &answer {
            Ok(answer) => judge(&request, answer),
            Err(error) => Some(format!("no answer: {error}")),
        };
        if let Some(wrong) = wrong {
            let shown = answer.map(|answer| answer.to_string()).unwrap_or_default();
            panic!("{wrong}\n{}\n→ {}\n← {shown}", trial.replay(), request.bytes.escape_ascii());
        }
        if let Ok(answer) = answer {
            requests.learn(&answer);
            *statuses.entry(answer.status).or_insert(0) += 1;
        }
    });
    // Else it is not the API that was asked.
    println!("{statuses:?}");
    assert!(statuses.len() >= 5 && statuses.contains_key(&200), "{statuses:?}");
}

#[test]
fn what_is_no_http_is_refused_and_harms_nobody() {
    let trial = Trial::start();
    trial.run(|requests| {
        let bytes = requests.broken();
        match exchange(trial.daemon.http, &bytes) {
            Ok(Answer { status, .. }) if status >= 500 && ![501, 503, 505].contains(&status) => {
                panic!("{status}; {}\n→ {}", trial.replay(), bytes.escape_ascii());
            }
            // It may close without an answer.
            _ => {}
        }
    });
}
