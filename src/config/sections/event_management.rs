//! `[event_management]`; its `[[event_management.peer]]` are in `event_peer`.

use super::Endpoints;
use super::event_peer::{Neighbours, peer};
use super::route::topic;
use crate::config::addresses;
use crate::config::defaults::TOPICS_OF_SOURCES;
use crate::config::section::Section;
use crate::config::values::{Config, EventManagement, TOPICS_ALWAYS};
use crate::matching::Pattern;
use std::collections::BTreeSet;
use std::time::Duration;

/// Where a base path would begin with a path of ours.
const OUR_OWN: [&str; 9] =
    ["api", "assets", "alivecheck", "events", "healthz", "readyz", "metrics", "mi", "openapi.json"];
/// A body is in memory whole.
const LARGEST_BODY: usize = 16 << 20;

/// The section of a file of which `file` is the rest.
pub(super) fn event_management(section: &Section, file: &Config, endpoints: &Endpoints) -> EventManagement {
    let default = EventManagement::default();
    let topics = topics(section, file);
    let public_url = section.hidden("public_url", addresses::base_url);
    let mut neighbours = Neighbours {
        tokens: &file.http.tokens,
        endpoints,
        topics: &topics,
        has_public_url: !section.lacks("public_url"),
        hosts: BTreeSet::new(),
        subscribers: BTreeSet::new(),
    };
    let peers = section.sections("peer", |section| peer(section, &mut neighbours));
    let time = |key, default| section.duration(key).unwrap_or(default);
    let max_hubs = section.number("max_hubs", 1..=100_000).unwrap_or(default.max_hubs);
    let per_owner = section.number("max_hubs_per_owner", 1..=100_000);
    let config = EventManagement {
        base_path: section.value("base_path", base_path).unwrap_or(default.base_path),
        echo: section.list("echo", Pattern::parse).unwrap_or(default.echo),
        public_url,
        retry_initial: time("retry_initial", default.retry_initial),
        retry_max: time("retry_max", default.retry_max),
        give_up_after: time("give_up_after", default.give_up_after),
        connect_timeout: time("connect_timeout", default.connect_timeout),
        timeout: time("timeout", default.timeout),
        max_hubs,
        // Nobody takes all of them alone.
        max_hubs_per_owner: per_owner.unwrap_or(max_hubs.div_ceil(2)),
        max_body: max_body(section).unwrap_or(default.max_body),
        keep_backlog: time("keep_backlog", default.keep_backlog),
        verify: time("verify", default.verify),
        topics,
        peers,
    };
    check_times(section, &config, file.store.topic_log);
    config
}

/// All topics, each once: also those under which rules hand on, and others feed events in. A list of the file replaces those of the kinds of sources.
fn topics(section: &Section, file: &Config) -> Vec<String> {
    let owned = |topics: &[&str]| topics.iter().map(|topic| (*topic).to_owned()).collect::<Vec<_>>();
    let named = section.list("topics", topic).unwrap_or_else(|| owned(&TOPICS_OF_SOURCES));
    let of_routes = file.routes.iter().flat_map(|route| route.to.clone());
    let fed_in = file.nats.iter().filter_map(|nats| Some(nats.consume.as_ref()?.topic.clone()));
    let mut topics = owned(&TOPICS_ALWAYS);
    for topic in named.into_iter().chain(of_routes).chain(fed_in) {
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    topics
}

fn base_path(text: &str) -> Result<String, String> {
    let segments = text.strip_prefix('/').ok_or("does not begin with \"/\"")?;
    let is_plain = |segment: &str| {
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !segment.is_empty() && segment.bytes().all(is_fine) && !segment.bytes().all(|byte| byte == b'.')
    };
    if !segments.split('/').all(is_plain) {
        return Err(
            "is no path of letters, digits and any of \"-_.\" between slashes, without one at its end"
                .to_owned(),
        );
    }
    let first = segments.split('/').next().unwrap_or_default();
    if OUR_OWN.contains(&first) || segments == "event" {
        return Err("is where other paths of ours are".to_owned());
    }
    Ok(text.to_owned())
}

fn max_body(section: &Section) -> Option<usize> {
    let size = section.size("max_body")?;
    if size > LARGEST_BODY {
        section.problem("max_body", "is more than 16MiB");
    }
    Some(size)
}

fn check_times(section: &Section, config: &EventManagement, topic_log: Duration) {
    let EventManagement { retry_initial, retry_max, connect_timeout, timeout, .. } = config;
    for (shorter, short, longer, long) in [
        ("retry_initial", retry_initial, "retry_max", retry_max),
        ("connect_timeout", connect_timeout, "timeout", timeout),
    ] {
        if short > long {
            let key = if section.has(shorter) { shorter } else { longer };
            section.problem(key, format!("{shorter} is longer than {longer} ({long:?})"));
        }
    }
    if config.keep_backlog.max(topic_log) < config.give_up_after {
        let why =
            "keep_backlog is shorter than give_up_after: a hub that is away loses events before it is halted";
        let key = if section.has("keep_backlog") { "keep_backlog" } else { "give_up_after" };
        section.warn(key, why);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{BASE_PATHS, EventManagement, Loaded, Surroundings, parse_toml};
    use std::path::Path;

    fn load(text: &str) -> Result<Loaded, String> {
        parse_toml(text, "a.toml", &Surroundings::of_process(Path::new(".")))
            .map_err(|problems| problems.to_string())
    }

    fn parse(keys: &str) -> EventManagement {
        let loaded = load(&format!("[event_management]\n{keys}\n")).expect(keys);
        loaded.config.event_management.expect("the section")
    }

    #[track_caller]
    fn check(keys: &str, problem: &str) {
        let problems = load(&format!("[event_management]\n{keys}\n")).expect_err(keys);
        assert!(problems.contains(problem) && problems.lines().count() == 1, "{keys}: {problems:?}");
    }

    #[test]
    fn an_empty_section_offers_the_topics_that_there_are_always() {
        assert_eq!(parse(""), EventManagement::default());
        assert_eq!(load("").expect("nothing").config.event_management, None);
    }

    #[test]
    fn a_topic_is_one_that_is_named_or_that_a_rule_hands_on_under() {
        let topics = |keys: &str| parse(keys).topics.join(" ");
        let routes = "[[route]]\nto = ['calls', 'order']\n[[route]]\nto = ['calls']";
        assert_eq!(topics(routes), "order inquiry alarm broadworks asterisk kamailio opensips calls");
        assert_eq!(topics("topics = ['numbers', 'alarm', 'numbers']"), "order inquiry alarm numbers");
        let nats =
            "[nats]\nurls = ['nats://n1:4222']\nconsume = { stream = 'S', subject = 'in', topic = 'fed' }";
        assert_eq!(topics(&format!("topics = []\n{nats}")), "order inquiry alarm fed");
        check("topics = ['a b']", "is no topic");
    }

    #[test]
    fn a_base_path_is_plain_and_not_one_of_ours() {
        for path in BASE_PATHS.iter().chain(&["/x", "/a-b/c_d/v1.0"]) {
            assert_eq!(parse(&format!("base_path = '{path}'")).base_path, *path);
        }
        check("base_path = 'event/v2'", "does not begin with \"/\"");
        for path in ["/", "/event/v2/", "//event", "/a b", "/{id}", "/a/../b", "/a?b", "/é", "/%41"] {
            check(&format!("base_path = '{path}'"), "is no path of letters");
        }
        for path in ["/api/v1", "/event", "/mi", "/metrics/x", "/openapi.json"] {
            check(&format!("base_path = '{path}'"), "where other paths of ours are");
        }
    }

    #[test]
    fn the_public_url_has_no_slash_at_its_end() {
        let url = |text: &str| parse(&format!("public_url = '{text}'")).public_url.expect("a URL");
        assert_eq!(url("https://em.example.net:8443"), "https://em.example.net:8443");
        assert_eq!(url("http://127.0.0.1:8080/em/"), "http://127.0.0.1:8080/em");
        check("public_url = 'em:8443'", "is not a URL");
        check("public_url = 'https://em/?a=b'", "must not hold");
        check("public_url = 'https://u:p@em'", "must not hold");
    }

    #[test]
    fn times_fit_each_other() {
        check("retry_initial = '1h'", "retry_initial is longer than retry_max (900s)");
        check("timeout = '1s'", "connect_timeout is longer than timeout (1s)");
        check("max_body = '17MiB'", "is more than 16MiB");
        check("max_hubs = 0", "must be from 1");
        check("max_hubs_per_owner = 0", "must be from 1");
        let shares = |keys: &str| (parse(keys).max_hubs, parse(keys).max_hubs_per_owner);
        assert_eq!(shares("max_hubs = 7"), (7, 4), "half of them");
        assert_eq!(shares("max_hubs = 7\nmax_hubs_per_owner = 6"), (7, 6));
        let warnings = |text: &str| load(text).expect(text).warnings.to_string();
        assert!(warnings("[event_management]\nkeep_backlog = '1h'").is_empty(), "the log is kept for 72h");
        let short = "[store]\ntopic_log = '1h'\n[event_management]\nkeep_backlog = '2h'";
        assert!(warnings(short).contains("event_management.keep_backlog: keep_backlog is shorter"));
    }
}
