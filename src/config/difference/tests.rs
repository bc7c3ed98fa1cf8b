//! What a reload says of two files, and what is in force afterwards.

use super::*;
use crate::config::{Surroundings, parse_toml};

const FULL: &str = include_str!("../../../tests/fixtures/config/full.toml");

fn parse(text: &str) -> Config {
    let surroundings = Surroundings {
        variables: [("EMA_USER".to_owned(), "user".to_owned())].into(),
        directory: "/etc/em".into(),
        host_name: "em1".into(),
        read: |_| Ok("of a file".into()),
    };
    parse_toml(text, "em.toml", &surroundings).unwrap_or_else(|problems| panic!("{problems}")).config
}

/// The lines of the changes from the full file to the one with `from` replaced, those that wait for a restart marked.
#[track_caller]
fn changes(from: &str, to: &str) -> Vec<String> {
    assert!(FULL.contains(from), "{from}");
    lines_of(&difference(&parse(FULL), &parse(&FULL.replace(from, to))))
}

fn lines_of(difference: &Difference) -> Vec<String> {
    let line = |change: &Change| match change.restart {
        Some(_) => format!("! {change}"),
        None => change.to_string(),
    };
    difference.changes.iter().map(line).collect()
}

#[test]
fn what_is_the_same_changes_nothing() {
    let config = parse(FULL);
    let same = difference(&config, &parse(&format!("# a remark\n{FULL}")));
    assert_eq!(same, Difference { changes: Vec::new(), in_force: config });
}

#[test]
fn a_change_is_told_by_its_key_with_both_values() {
    let check = |from, to, expected: &[&str]| assert_eq!(changes(from, to), expected, "{to}");
    check("level = \"debug\"", "level = \"warn\"", &["log.level: debug → warn"]);
    check("retention_days = 30", "", &["store.retention_days: 30 → (not set)"]);
    check("concurrency = 4", "concurrency = 5", &["processing.concurrency: 4 → 5"]);
    check("\"hold\"", "\"continue\"", &["processing.on_failure: hold → continue"]);
    check("\"300ms\"", "\"2s\"", &["processing.retry_initial: 300ms → 2s"]);
    check(
        "1004 = \"login\"",
        "13005 = \"absent\"",
        &["ema.faults.1004: login → (not set)", "ema.faults.13005: (not set) → absent"],
    );
    check("\"nuk.example.net\"", "\"n.gl\"", &["numbering.phone_contexts.\"Nuuk\": nuk.example.net → n.gl"]);
    check("\"as1:8025\"", "\"as3:8025\"", &["broadworks.as1.address: as1:8025 → as3:8025"]);
    check("cluster = \"nuuk\"", "", &["broadworks.as1.cluster: nuuk → (not set)"]);
    check("\"viewer\"", "\"operator\"", &["http.token.page.role: viewer → operator"]);
    check("192.0.2.1", "::1", &["evapi_server.allow_from: 10.0.0.0/8, 192.0.2.1/32 → 10.0.0.0/8, ::1/128"]);
    check("\"unicast\"", "\"multicast\"", &["evapi_server.topic.1.send: unicast → multicast"]);
    check("\"billing\"", "\"b\"", &["evapi_server.topic.1.tag: billing → b"]);
    check("\"E_CALL\"", "\"E_C\"", &["evi.names.\"call_*\": E_CALL → E_C"]);
    check("\"2h\"", "\"1h\"", &["evi.max_expire: 7200s → 3600s"]);
    check("max_hubs = 50", "max_hubs = 51", &["event_management.max_hubs: 50 → 51"]);
    check("lease = \"5s\"", "lease = \"6s\"", &["! cluster.lease: 5s → 6s"]);
    check("in.>", "in.*", &["! nats.consume.subject: in.> → in.*"]);
    let peer = "event_management.peer.pss.example.net:8443";
    check("state=pending", "state=x", &[&format!("{peer}.query: state=pending → state=x")]);
    check("order|inquiry", "*", &[&format!("{peer}.topics: order|inquiry → *")]);
}

#[test]
fn a_secret_shows_as_asterisks_and_its_change_is_seen() {
    let check = |from, to, expected: &[&str]| assert_eq!(changes(from, to), expected, "{to}");
    check("password = \"one\"", "password = \"three\"", &["surgemail.password: *** → ***"]);
    check("\"two\"", "\"four\"", &["surgemail.domain_password: *** → ***"]);
    check("\"file:/run/credentials/ema\"", "\"hunter2\"", &["ema.password: *** → ***"]);
    check("0123456789abcdef01", "1123456789abcdef01", &["http.token.page.sha256: *** → ***"]);
    check("p%40ss", "other", &["! store.events: *** → ***"]);
    let peer = "event_management.peer.pss.example.net:8443";
    check("whsec_MfKQ", "whsec_MfKR", &[&format!("{peer}.signing_keys.1: *** → ***")]);
    check(
        "auth = \"basic\"\nusername = \"em\"\npassword = \"three\"",
        "auth = \"bearer\"\nbearer = \"hunter2\"",
        &[
            &format!("{peer}.auth: basic → bearer"),
            &format!("{peer}.bearer: (not set) → ***"),
            &format!("{peer}.password: *** → (not set)"),
            &format!("{peer}.username: em → (not set)"),
        ],
    );
    check("password = \"hunter2\"", "password = \"hunter3\"", &["! nats.password: *** → ***"]);
    check(
        "https://ema2:8443",
        "https://ema2:8443/x?key=hunter2&y=",
        &["ema.secondary: https://ema2:8443/cai → ***"],
    );
}

#[test]
fn secrets_of_commands_and_answers_do_not_show() {
    let parse = |password: &str, code: &str| {
        parse(&format!(
            "[[kamailio]]\nname = 'k1'\naddress = 'k1:8448'\ntag_command = '{{\"cmd\":\"auth\",\"word\":\"{password}\"}}'\n\
             [[kamailio.answer]]\nevent = 'q'\nreply = '{{\"code\":\"{code}\",\"password\":\"{password}\"}}'\n\
             default = '{{\"password\":\"{password}\"}}'\n"
        ))
    };
    assert_eq!(
        lines_of(&difference(&parse("hunter1", "202"), &parse("hunter2", "403"))),
        [
            "kamailio.k1.answer.1.default: {\"password\":\"***\"} → {\"password\":\"***\"}",
            "kamailio.k1.answer.1.reply: {\"code\":\"202\",\"password\":\"***\"} → {\"code\":\"403\",\"password\":\"***\"}",
            "kamailio.k1.tag_command: *** → ***",
        ]
    );
}

#[test]
fn what_waits_for_a_restart_is_not_in_force_and_the_rest_is() {
    let old = parse(FULL);
    let new = FULL
        .replace("\"/srv/em\"", "\"/srv/other\"")
        .replace("\"json\"", "\"text\"")
        .replace("8443\"\ntls", "9443\"\ntls")
        .replace("\"strict\"", "\"subject\"")
        .replace("country_code = \"45\"", "country_code = \"299\"")
        .replace("\"warn\"", "\"info\"")
        .replace("retention_days = 30", "retention_days = 40");
    let difference = difference(&old, &parse(&new));
    assert_eq!(
        lines_of(&difference),
        [
            "! http.listen: 0.0.0.0:8443 → 0.0.0.0:9443",
            "! log.format: json → text",
            "! node.data_dir: /srv/em → /srv/other",
            "! numbering.country_code: 45 → 299",
            "! processing.order: strict → subject",
            "store.retention_days: 30 → 40",
        ]
    );
    let store = StoreConfig { retention_days: Some(40), ..old.store.clone() };
    assert_eq!(difference.in_force, Config { store, ..old });
}

#[test]
fn without_ema_the_numbers_of_what_is_in_force_stay() {
    let old = parse(FULL);
    let bare: String = FULL.split("[numbering]").next().unwrap_or_default().into();
    let difference = difference(&old, &parse(&bare));
    let late = |section: &str| {
        difference.changes.iter().filter(|it| it.key.starts_with(section)).all(|it| it.restart.is_some())
    };
    assert!(late("ema") && late("surgemail") && late("numbering") && late("service_profiles"));
    assert_eq!(difference.in_force, Config { broadworks: Vec::new(), ..old });
}

#[test]
fn the_last_token_stays_while_other_hosts_can_ask() {
    let tokens = FULL.find("[[http.token]]").zip(FULL.find("[processing]")).map(|(from, to)| &FULL[from..to]);
    let without = FULL
        .replace(tokens.expect("tokens"), "")
        .replace("token = \"page\"\n", "")
        .replace("0.0.0.0:8443", "127.0.0.1:8443");
    let (old, new) = (parse(FULL), parse(&without));
    assert_eq!(difference(&old, &new).in_force.http, old.http);
    // Where it listens on loopback already they go.
    let local = parse(&FULL.replace("0.0.0.0:8443", "127.0.0.1:8443"));
    assert_eq!(difference(&local, &new).in_force, new);
}

#[test]
fn tls_is_not_turned_off_but_its_files_may_change() {
    let old = parse(FULL);
    let other = parse(&FULL.replace("\"tls.crt\"", "\"new.crt\""));
    assert_eq!(difference(&old, &other).in_force, other);
    let plain = parse(&FULL.replace("tls_cert = \"tls.crt\"\ntls_key = \"/etc/ssl/tls.key\"", ""));
    assert_eq!(difference(&old, &plain).in_force, old);
}

#[test]
fn the_evapi_server_stays_where_it_listens_and_changes_otherwise() {
    let old = parse(FULL);
    let new = FULL.replace("0.0.0.0:8448", "127.0.0.1:8448").replace("max_clients = 3", "max_clients = 4");
    let difference = difference(&old, &parse(&new));
    assert_eq!(
        lines_of(&difference),
        ["! evapi_server.listen: 0.0.0.0:8448 → 127.0.0.1:8448", "evapi_server.max_clients: 3 → 4"]
    );
    let server = difference.in_force.evapi_server.expect("it stays");
    assert_eq!((server.listen, server.max_clients), ("0.0.0.0:8448".parse().expect("an address"), 4));
}

#[test]
fn an_evapi_server_that_comes_or_goes_waits_for_a_restart() {
    let (with, without) = (parse(FULL), parse(FULL.split("[evapi_server]").next().expect("the rest")));
    for (old, new) in [(&with, &without), (&without, &with)] {
        let difference = difference(old, new);
        assert!(!difference.changes.is_empty() && difference.changes.iter().all(|it| it.restart.is_some()));
        assert_eq!(difference.in_force, *old);
    }
}

#[test]
fn evi_stays_where_it_listens_and_changes_otherwise() {
    let old = parse(FULL);
    let new = FULL.replace("0.0.0.0:8888", "127.0.0.1:8888").replace("evi.sock", "e.sock");
    let difference = difference(&old, &parse(&new.replace("queue = 600", "queue = 700")));
    let told = [
        "evi.queue: 600 → 700",
        "! evi.udp: 0.0.0.0:8888 → 127.0.0.1:8888",
        "! evi.unix: /etc/em/evi.sock → /etc/em/e.sock",
    ];
    assert_eq!(lines_of(&difference), told);
    let evi = difference.in_force.evi.expect("it stays");
    assert_eq!((evi.unix, evi.queue), (old.evi.expect("[evi]").unix, 700));
}

#[test]
fn event_management_changes_while_it_runs_and_comes_and_goes_at_a_restart() {
    let cut = |text: &str| text.split("[event_management]").next().expect("the rest").to_owned();
    let (with, without) = (parse(FULL), parse(&cut(FULL)));
    for (old, new) in [(&with, &without), (&without, &with)] {
        let difference = difference(old, new);
        assert!(!difference.changes.is_empty() && difference.changes.iter().all(|it| it.restart.is_some()));
        assert_eq!(difference.in_force, *old);
    }
    let other = parse(&FULL.replace("\"2s\"", "\"3s\"").replace("in_flight = 10", "in_flight = 20"));
    let in_force = difference(&with, &other).in_force;
    assert_eq!((in_force.event_management, in_force.nats), (other.event_management, with.nats));
}
