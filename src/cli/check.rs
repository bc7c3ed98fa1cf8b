//! `eventmanager check`: what is wrong with a configuration, all of it.

use super::{complain, say};
use crate::config::{self, Answer, Config, Kamailio, Loaded, Route, STATE_DIRECTORY};
use crate::store;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// The timer of a transaction that Kamailio has suspended (`fr_timer` of `tm`) where its script sets none.
const TRANSACTION: Duration = Duration::from_secs(30);

/// Prints every problem with its line; exit code 1 if there is one.
pub fn check(path: &Path) -> anyhow::Result<ExitCode> {
    match config::load(path) {
        Ok(loaded) => {
            let Loaded { config, warnings } = loaded;
            for warning in warnings.list {
                complain(&format!("{}:{}\n", warnings.file, warning.into_warning()));
            }
            for remark in remarks(&config) {
                complain(&format!("warning: {remark}\n"));
            }
            for directory in store::missing_directories(&config.store) {
                complain(&format!("{}\n", on_missing(&directory)));
            }
            say(&format!("{}: ok\n", path.display()));
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => {
            complain(&format!("{problems}\n"));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What is to be said of a directory that the store needs. That of the service is there once systemd has started it.
fn on_missing(directory: &Path) -> String {
    if directory == Path::new(STATE_DIRECTORY) {
        return format!(
            "note: directory {STATE_DIRECTORY} does not exist yet: the service makes it when it is started; for \
             \"eventmanager run\" by hand make it first"
        );
    }
    format!("warning: {}", missing(directory))
}

/// A directory without which nothing works.
pub fn missing(directory: &Path) -> String {
    format!("directory {} does not exist (node.data_dir or [store]): nothing is stored", directory.display())
}

/// What a configuration without an error leaves undone, which may not be meant; `run` logs the same.
pub fn remarks(config: &Config) -> Vec<String> {
    let mut remarks = Vec::new();
    if sources(config).is_empty() && config.zmq_server.is_none() {
        remarks.push(
            "no [[broadworks]], [[kamailio]], [[asterisk]], [[opensips]], [evi], [event_management], [nats.consume] or [zmq_server]: \
             nothing is received"
                .to_owned(),
        );
    }
    if config.ema.is_none() && !config.broadworks.is_empty() {
        remarks.push("no [ema]: events are stored as ignored, and are not run once there is one".to_owned());
    }
    let routes = config.routes.iter().enumerate();
    remarks.extend(routes.flat_map(|(at, route)| of_route(config, at + 1, route)));
    remarks.extend(config.kamailio.iter().flat_map(of_answers));
    remarks
}

/// All sources whose events pass the rules: endpoints, who raises over EVI, who posts, and what is fed in over NATS.
fn sources(config: &Config) -> Vec<String> {
    let mut sources: Vec<String> =
        config.endpoints().iter().map(|endpoint| endpoint.name().to_owned()).collect();
    sources.extend(config.evi.iter().map(|_| config::EVI_SOURCE.to_owned()));
    if let Some(management) = &config.event_management {
        sources.push(config::EVENT_MANAGEMENT_SOURCE.to_owned());
        // A peer is known by the token that it shows: without one its events are those of nobody in particular.
        sources.extend(management.peers.iter().filter_map(|peer| peer.token.clone()));
    }
    let fed_in = config.nats.iter().filter(|nats| nats.consume.is_some());
    sources.extend(fed_in.map(|_| config::NATS_SOURCE.to_owned()));
    sources
}

fn of_route(config: &Config, number: usize, route: &Route) -> Vec<String> {
    let mut remarks = Vec::new();
    if !sources(config).iter().any(|source| route.source.means(Some(source))) {
        remarks.push(format!("[[route]] {number}: nothing has the source {:?}", route.source.to_string()));
    }
    if route.to.is_empty() && !route.store {
        remarks.push(format!("[[route]] {number}: without \"to\" and \"store\" it has no effect"));
    }
    remarks
}

fn of_answers(server: &Kamailio) -> Vec<String> {
    let mut remarks = Vec::new();
    for (at, answer) in server.answers.iter().enumerate() {
        let name = format!("[[kamailio.answer]] {} of {}", at + 1, server.name);
        if answer.deadline > TRANSACTION {
            let deadline = answer.deadline;
            remarks.push(format!(
                "{name}: the deadline of {deadline:?} is longer than a transaction lives, {TRANSACTION:?} unless its script says \
                 otherwise: nobody waits for the answer any more"
            ));
        }
        if let Some(first) = server.answers[..at].iter().position(|first| hides(first, answer)) {
            remarks.push(format!("{name}: number {} fits first, so that it answers nothing", first + 1));
        }
    }
    remarks
}

/// Whether `first` fits wherever `other` does, as far as that can be seen from how they are written.
fn hides(first: &Answer, other: &Answer) -> bool {
    let is_wider = first.event == other.event || first.event.to_string() == "*";
    is_wider && first.when.patterns().all(|condition| other.when.patterns().any(|other| other == condition))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The remarks about a file with these sections.
    fn remarks_of(text: &str) -> String {
        let surroundings = config::Surroundings::of_process(Path::new("."));
        let loaded = config::parse_toml(text, "a.toml", &surroundings);
        remarks(&loaded.unwrap_or_else(|problems| panic!("{problems}")).config).join("\n")
    }

    /// The remarks about a file with one Kamailio, `k1`, and these sections.
    #[track_caller]
    fn check(more: &str, expected: &[&str]) {
        let text = format!("[[kamailio]]\nname = 'k1'\naddress = 'k1:8448'\n{more}");
        let remarks = remarks_of(&text);
        assert_eq!(remarks.lines().count(), expected.len(), "{more}: {remarks}");
        for (remark, expected) in remarks.lines().zip(expected) {
            assert!(remark.contains(expected), "{more}: {remark:?} is not {expected:?}");
        }
    }

    #[test]
    fn nothing_is_received_only_where_nothing_could_come_from() {
        let nothing = remarks_of("[nats]\nurls = ['nats://n:4222']");
        assert!(nothing.contains("[[opensips]]") && nothing.contains("nothing is received"), "{nothing}");
        for section in [
            "[evi]",
            "[event_management]",
            "[[opensips]]\nname = 'o1'\nmi = 'http://o1:8888/mi'\nlisten = 'udp:127.0.0.1:9011'\nevents = ['E_X']",
            "[zmq_server]",
            "[nats]\nurls = ['nats://n:4222']\n[nats.consume]\nstream = 'S'\nsubject = 's.>'\ntopic = 'order'",
        ] {
            assert_eq!(remarks_of(section), "", "{section}");
        }
        check("", &[]);
        let as1 = remarks_of("[[broadworks]]\nname = 'as1'\naddress = 'as1:8025'");
        assert!(as1.starts_with("no [ema]") && as1.lines().count() == 1, "{as1}");
    }

    #[test]
    fn a_route_that_does_nothing_is_named() {
        check("[[route]]\nsource = 'k*|as1'\nto = ['calls']", &[]);
        check("[[route]]\nstore = true", &[]);
        check(
            "[[route]]\nstore = true\n[[route]]\nsource = 'k9'\nstore = true",
            &["[[route]] 2: nothing has"],
        );
        check("[[route]]\nevent = 'x'", &["[[route]] 1: without"]);
        check("[[route]]\nsource = 'evi'\nto = ['a']\n[evi]", &[]);
        let posted = "[[route]]\nsource = 'event_management'\nto = ['a']\n";
        check(posted, &["[[route]] 1: nothing has"]);
        check(&format!("{posted}[event_management]"), &[]);
        let peer = "[[http.token]]\nname = 'pss'\nrole = 'peer'\nsha256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'\n\
                    [event_management]\n[[event_management.peer]]\nhost = 'pss.example:443'\n";
        let by_peer = "[[route]]\nsource = 'pss'\nto = ['a']\n";
        check(&format!("{by_peer}{peer}token = 'pss'"), &[]);
        check(&format!("{by_peer}{peer}"), &["[[route]] 1: nothing has"]);
        let fed_in = "[[route]]\nsource = 'nats'\nto = ['a']\n[nats]\nurls = ['nats://n:4222']\n";
        check(fed_in, &["[[route]] 1: nothing has"]);
        check(&format!("{fed_in}[nats.consume]\nstream = 'S'\nsubject = 's.>'\ntopic = 'order'"), &[]);
        check("[[route]]\nsource = '!k1'", &["nothing has the source \"!k1\"", "it has no effect"]);
    }

    #[test]
    fn an_answer_that_comes_too_late_or_never_is_named() {
        let answer = |keys: &str| format!("[[kamailio.answer]]\nreply = '{{}}'\n{keys}\n");
        check(&answer("event = 'q'\ndeadline = '30s'"), &[]);
        check(&answer("event = 'q'\ndeadline = '1h'"), &["1 of k1: the deadline of 3600s is longer"]);
        let (all, one) = (answer("event = 'q'"), answer("event = 'q'\nwhen = { method = 'INFO' }"));
        check(&format!("{one}{all}"), &[]);
        check(&format!("{all}{one}"), &["2 of k1: number 1 fits first"]);
        check(&format!("{one}{one}"), &["2 of k1: number 1 fits first"]);
        check(&format!("{}{one}", answer("event = '*'")), &["2 of k1: number 1 fits first"]);
        check(&format!("{}{one}", answer("event = 'p'")), &[]);
    }

    #[test]
    fn the_directory_of_the_service_is_no_reason_to_warn() {
        assert!(on_missing(Path::new(STATE_DIRECTORY)).starts_with("note: "));
        let other = on_missing(Path::new("/srv/em"));
        assert_eq!(
            other,
            "warning: directory /srv/em does not exist (node.data_dir or [store]): nothing is stored"
        );
    }
}
