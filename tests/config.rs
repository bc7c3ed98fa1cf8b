//! The configuration as an operator meets it: files in, values or problems out.

use eventmanager::config::*;
use eventmanager::wire::Secret;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

fn surroundings() -> Surroundings {
    let variables =
        [("EMA_USER", "emauser"), ("SECRET", "hunter2"), ("CREDENTIALS_DIRECTORY", "/run/credentials")];
    Surroundings {
        variables: variables.map(|(name, value)| (name.into(), value.into())).into(),
        directory: "/etc/em".into(),
        host_name: "host1".into(),
        read: |path| match path.to_str() {
            Some("/run/credentials/ema") => Ok("emapass\n".into()),
            Some("/run/credentials/em.ini") => Ok(include_str!("fixtures/config/em.ini").into()),
            Some("/etc/em/half.ini") => Ok("[em_db]\nem_db_host=h\nem_db_password=hunter2\n".into()),
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        },
    }
}

fn toml(text: &str) -> Config {
    loaded(text).config
}

fn loaded(text: &str) -> Loaded {
    parse_toml(text, "a.toml", &surroundings()).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What is wrong with `text`, a line for each problem.
fn problems(text: &str) -> String {
    let problems = parse_toml(text, "a.toml", &surroundings()).expect_err(text).to_string();
    assert!(!problems.contains("hunter2"), "a secret shows: {problems}");
    problems
}

/// `text` has just one problem.
#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(problems(text), format!("a.toml:{expected}"), "{text}");
}

const EMA: &str = "numbering.country_code = '299'\nnumbering.default_phone_context = 'd'\n[service_profiles]\nvirtual = 'v'\nuser = 'u'\npilot = 'p'\n\
                   trunk = 't'\n[ema]\nprimary = 'ema'\nusername = 'u'\n";

#[test]
fn three_lines_make_a_working_file() {
    let config = toml("[[broadworks]]\nname = \"as1\"\naddress = \"as1:8025\"\n");
    let events = Database::Sqlite("/var/lib/eventmanager/events.db".into());
    assert_eq!(
        config.node,
        Node { name: "host1".into(), data_dir: "/var/lib/eventmanager".into(), core_dumps: false }
    );
    assert_eq!(config.store, StoreConfig::new(events));
    assert_eq!(config.http.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!((config.ema, config.surgemail), (None, None));
    let expected = Broadworks {
        name: "as1".into(),
        address: "as1:8025".into(),
        keepalive_timeout: Duration::from_secs(90),
        cluster: None,
        max_document: 1_048_576,
        duplicate_window: Duration::from_secs(300),
    };
    assert_eq!(config.broadworks, [expected]);
    let expected = Processing {
        order: RunOrder::Subject,
        mode: Mode::Active,
        concurrency: 16,
        on_failure: OnFailure::Continue,
        retry_initial: Duration::from_secs(1),
        retry_max: Duration::from_secs(30),
    };
    assert_eq!(config.processing, expected);
}

#[test]
fn every_key_reaches_its_value() {
    let config = toml(include_str!("fixtures/config/full.toml"));
    assert_eq!(config.node, Node { name: "em1".into(), data_dir: "/srv/em".into(), core_dumps: true });
    assert_eq!(config.log, Log { level: "debug".into(), format: LogFormat::Json });
    assert_eq!(config.store.events, Database::Postgres(Secret::new("postgresql://em:p%40ss@db1/em")));
    assert_eq!(config.store.subscribers, Database::Sqlite("/etc/em/srd.db".into()));
    assert_eq!(config.store.retention_days, Some(30));
    assert_eq!(
        config.cluster,
        Cluster {
            enabled: false,
            lease: Duration::from_secs(5),
            address: Some("em1.example.net:8443".into())
        }
    );
    assert_eq!(config.http.listen, "0.0.0.0:8443".parse().unwrap());
    assert_eq!(config.http.tls_cert.as_deref(), Some(Path::new("/etc/em/tls.crt")));
    assert_eq!(config.http.tls_key.as_deref(), Some(Path::new("/etc/ssl/tls.key")));
    let tokens: Vec<_> = config.http.tokens.iter().map(|token| (token.name.as_str(), token.role)).collect();
    assert_eq!(tokens, [("page", Role::Viewer), ("desk", Role::Operator)]);
    let expected = Processing {
        order: RunOrder::Strict,
        mode: Mode::Active,
        concurrency: 4,
        on_failure: OnFailure::Hold,
        retry_initial: Duration::from_millis(300),
        retry_max: Duration::from_secs(900),
    };
    assert_eq!(config.processing, expected);
    assert_eq!(config.numbering.country_code, "45");
    assert_eq!(config.numbering.phone_contexts["Ny By"], "nyb.example.net");
    assert_eq!(config.service_profiles.r#virtual, "v");
    let ema = config.ema.expect("[ema]");
    assert_eq!(ema.primary, "http://ema1:8080/CAI3G1.2/services/CAI3G1.2");
    assert_eq!(ema.secondary.as_deref(), Some("https://ema2:8443/cai"));
    assert_eq!((ema.username.as_str(), ema.password.expose()), ("emauser", "emapass"));
    assert_eq!((ema.sessions, ema.timeout), (2, Duration::from_secs(3)));
    let (session, login, exists) = (FaultClass::Session, FaultClass::Login, FaultClass::Exists);
    let faults = [(1004, login), (3012, session), (3014, FaultClass::Transient), (13004, exists)];
    assert_eq!(ema.faults, BTreeMap::from(faults));
    let mail = config.surgemail.expect("[surgemail]");
    assert_eq!((mail.primary.as_str(), mail.secondary.as_deref()), ("mail1:7026", Some("mail2:7026")));
    assert_eq!((mail.password.expose(), mail.domain_password.expose()), ("one", "two"));
    assert_eq!((mail.timeout, mail.delete_replaced), (Duration::from_secs(4), true));
    assert_eq!(
        (config.broadworks[0].max_document, config.broadworks[0].duplicate_window),
        (2 << 20, Duration::ZERO)
    );
    assert_eq!(config.broadworks[1].address, "[::1]:8025");
    let evapi = config.evapi_server.expect("[evapi_server]");
    assert_eq!(evapi.listen, "0.0.0.0:8448".parse().unwrap());
    let networks: Vec<String> = evapi.allow_from.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "192.0.2.1/32"]);
    assert_eq!((evapi.queue, evapi.max_clients, evapi.envelope), (500, 3, false));
    assert_eq!(evapi.topics[0].topic.to_string(), "calls*");
    assert_eq!(evapi.topics[0].send, EvapiSend::Unicast("billing".into()));
    let evi = config.evi.expect("[evi]");
    assert_eq!((evi.udp, evi.unix), (Some("0.0.0.0:8888".parse().unwrap()), Some("/etc/em/evi.sock".into())));
    assert_eq!((evi.allow_from.len(), evi.allowed_targets.len()), (1, 2));
    assert_eq!(evi.allowed_unix, [std::path::PathBuf::from("/run/subscribers")]);
    assert_eq!((evi.queue, evi.max_subscriptions, evi.max_expire), (600, 5, Duration::from_secs(7200)));
    assert_eq!((evi.names[0].event.to_string(), evi.names[0].name.as_str()), ("call_*".into(), "E_CALL"));
}

#[test]
fn every_key_of_event_management_reaches_its_value() {
    let config = toml(include_str!("fixtures/config/full.toml"));
    let secs = Duration::from_secs;
    let mut events = config.event_management.expect("[event_management]");
    let echo: Vec<String> = events.echo.drain(..).map(|pattern| pattern.to_string()).collect();
    assert_eq!(echo, ["numbers"]);
    let mut peers = std::mem::take(&mut events.peers);
    let expected = EventManagement {
        base_path: "/em/v1".into(),
        topics: ["order", "inquiry", "alarm", "numbers", "fed"].map(String::from).into(),
        echo: Vec::new(),
        public_url: Some("https://em.example.net:8443".into()),
        retry_initial: secs(2),
        retry_max: secs(600),
        give_up_after: secs(24 * 3600),
        connect_timeout: secs(3),
        timeout: secs(10),
        max_hubs: 50,
        max_hubs_per_owner: 20,
        max_body: 64 << 10,
        keep_backlog: secs(7 * 24 * 3600),
        verify: secs(30),
        peers: Vec::new(),
    };
    assert_eq!(events, expected);
    assert_eq!(peers.len(), 2);
    let plain = EventPeer { allow_http: true, allow_private: true, ..EventPeer::new("10.0.0.9:8080") };
    let url = "http://10.0.0.9:8080/psi-api/event/v2".into();
    assert_eq!(peers.remove(1), EventPeer { url, ..plain });
    let expected = EventPeer {
        host: "pss.example.net:8443".into(),
        allow_http: false,
        allow_private: true,
        allow_tls12: true,
        ca: Some("/etc/em/pss-ca.pem".into()),
        auth: PeerAuth::Basic { username: "em".into(), password: Secret::new("three") },
        signing_keys: vec![Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        topics: eventmanager::matching::Pattern::parse("order|inquiry").expect("a pattern"),
        token: Some("page".into()),
        subscribe: vec!["order".into()],
        query: Some("state=pending".into()),
        url: "https://pss.example.net:8443/event/v2".into(),
    };
    assert_eq!(peers.remove(0), expected);
    let nats = config.nats.expect("[nats]");
    let expected = Nats {
        urls: ["tls://n1:4222", "tls://n2:4222"].map(String::from).into(),
        stream: "EM".into(),
        subject_prefix: "em.a".into(),
        auth: NatsAuth::User { username: "em".into(), password: Secret::new("hunter2") },
        ca: Some("/etc/em/nats-ca.pem".into()),
        in_flight: 10,
        keep_backlog: secs(8 * 24 * 3600),
        consume: Some(NatsConsume {
            stream: "IN".into(),
            subject: "in.>".into(),
            durable: "em1".into(),
            topic: "fed".into(),
        }),
    };
    assert_eq!(nats, expected);
}

fn shadow(text: &str) -> Shadow {
    let config = toml(&format!("[processing]\nmode = 'shadow'\n[shadow]\n{text}"));
    assert_eq!(config.processing.mode, Mode::Shadow);
    config.shadow.expect("[shadow]")
}

#[test]
fn the_release_beside_is_named_by_its_databases_or_by_its_em_ini() {
    let dsn = |text: &str| Database::Postgres(Secret::new(text));
    let named = shadow("events = 'postgresql://em:${SECRET}@db1/em'");
    assert_eq!(named.events, dsn("postgresql://em:hunter2@db1/em"));
    assert_eq!(named.subscribers, named.events);
    assert!(!format!("{named:?}").contains("hunter2"), "{named:?}");
    let two = shadow("events = 'postgresql://em@db1/em'\nsubscribers = 'sqlite:srd.db'");
    assert_eq!(two.subscribers, Database::Sqlite("/etc/em/srd.db".into()));
    let (events, subscribers) = (
        dsn("postgresql://em:ab%3Bc%23d@db1.example.net:5432/em"),
        dsn("postgresql://srd:p%40ss%2Fword@db2.example.net:5433/srd"),
    );
    let release = shadow("release = '${CREDENTIALS_DIRECTORY}/em.ini'");
    assert_eq!(release, Shadow { events: events.clone(), subscribers });
    let mixed = shadow("release = '/run/credentials/em.ini'\nsubscribers = 'sqlite:srd.db'");
    assert_eq!(mixed, Shadow { events, subscribers: Database::Sqlite("/etc/em/srd.db".into()) });
    assert!(toml("[shadow]\nevents = 'sqlite:em.db'").shadow.is_some(), "an active daemon may compare too");
}

#[test]
fn a_release_that_shares_our_database_or_has_none_is_an_error() {
    let shared = "what we write would change what the release works with";
    check(
        "[store]\nevents = 'postgresql://a:x@db1/em'\n[shadow]\nevents = 'postgresql://b:y@DB1:5432/em'",
        &format!("4:10: shadow.events: is the database of store.events: {shared}"),
    );
    check(
        "[shadow]\nevents = 'postgresql://b@db1/em'\nsubscribers = 'sqlite:srd.db'\n[store]\nsubscribers = 'sqlite:srd.db'",
        &format!("3:15: shadow.subscribers: is the database of store.subscribers: {shared}"),
    );
    check(
        "[store]\nevents = 'postgresql://x@db1.example.net/em'\n[shadow]\nrelease = '/run/credentials/em.ini'",
        &format!("4:11: shadow.release: is the database of store.events: {shared}"),
    );
    check("[shadow]\n", "1:1: shadow.events: is missing; or name the release's em.ini with release");
    check(
        "[shadow]\nrelease = 'half.ini'",
        "2:11: shadow.release: /etc/em/half.ini: the section [srd_db] is missing; 1: em_db.em_db_database: is missing; \
         1: em_db.em_db_username: is missing",
    );
    let found = problems("[shadow]\nrelease = 'none.ini'");
    assert!(found.starts_with("a.toml:2:11: shadow.release: /etc/em/none.ini: "), "{found}");
}

#[test]
fn the_state_directory_of_systemd_is_honoured() {
    let mut surroundings = surroundings();
    surroundings.variables.insert("STATE_DIRECTORY".into(), "/var/lib/private/em:/other".into());
    let config = parse_toml("", "a.toml", &surroundings).unwrap().config;
    assert_eq!(config.store.events, Database::Sqlite("/var/lib/private/em/events.db".into()));
    let config = parse_toml("[node]\ndata_dir = 'here'", "a.toml", &surroundings).unwrap().config;
    assert_eq!(config.store.events, Database::Sqlite("/etc/em/here/events.db".into()));
}

#[test]
fn unknown_names_are_told_with_the_likely_one() {
    check(
        "[http]\nlisten = '127.0.0.1:80'\ntls_crt = 'x'",
        "3:1: http.tls_crt: unknown key; did you mean \"tls_cert\"?",
    );
    check("[procesing]\n", "1:2: procesing: unknown section; did you mean \"processing\"?");
    check("[log]\n  colour = true", "2:3: log.colour: unknown key; known here: format, level");
    check(
        "[[freeswitch]]\nname = 'a'",
        "1:3: freeswitch: unknown section; known here: asterisk, broadworks, cluster, device_state, ema, evapi_server, event_management, evi, http, kamailio, log, nats, node, numbering, opensips, processing, route, service_profiles, shadow, store, surgemail, zmq_server",
    );
    check("[log]\n\"a b\" = 1", "2:1: log.\"a b\": unknown key; known here: format, level");
}

#[test]
fn wrong_types_are_told() {
    check("[log]\nlevel = 1", "2:9: log.level: must be a string in quotes, not of type integer");
    check("log = 1", "1:7: log: is one section, written [log]");
    check("[[log]]", "1:1: log: is one section, written [log]");
    check("[broadworks]\nname = 'a'", "1:1: broadworks: is written [[broadworks]], once for each");
    check("broadworks = [1]", "1:14: broadworks: is written [[broadworks]], once for each");
    check(
        "[processing]\nconcurrency = '4'",
        "2:15: processing.concurrency: must be a whole number, not of type string",
    );
    check(
        "[processing]\nretry_max = 5",
        "2:13: processing.retry_max: must be a string in quotes, not of type integer",
    );
    check(
        &format!("{EMA}password = 12345"),
        "11:12: ema.password: must be a string in quotes, not of type integer",
    );
}

#[test]
fn bad_values_are_told() {
    check("[processing]\nconcurrency = 0", "2:15: processing.concurrency: must be from 1 to 1024");
    check("[processing]\nconcurrency = -1", "2:15: processing.concurrency: must be from 1 to 1024");
    check("[processing]\nconcurrency = 0x401", "2:15: processing.concurrency: must be from 1 to 1024");
    check(
        "[processing]\norder = 'sbject'",
        "2:9: processing.order: \"sbject\" is not one of \"subject\", \"strict\"",
    );
    check(
        "[processing]\nmode = 'shadwo'",
        "2:8: processing.mode: \"shadwo\" is not one of \"active\", \"shadow\"",
    );
    check(
        "[processing]\nretry_max = '5x'",
        "2:13: processing.retry_max: \"5x\" is not a duration such as \"300ms\", \"5s\", \"15m\", \"72h\" or \"1d\"",
    );
    check(
        "[log]\nformat = 'journald'",
        "2:10: log.format: \"journald\" comes with a later release; \"text\" reaches the journal too",
    );
    check(
        "[http]\nlisten = 'localhost:80'",
        "2:10: http.listen: \"localhost:80\" is not IP:PORT such as 127.0.0.1:8080",
    );
    check("[http]\nlisten = ''", "2:10: http.listen: \"\" is not IP:PORT such as 127.0.0.1:8080");
    check("[node]\nname = ' '", "2:8: node.name: \" \" must not be empty");
    check(
        "[[broadworks]]\nname = 'AS1'\naddress = 'as1:1'",
        "2:8: broadworks.name: \"AS1\" is not a name of a-z, 0-9, \"_\", \".\" and \"-\"",
    );
    check(
        "[[broadworks]]\nname = 'as1'\naddress = 'as1'",
        "3:11: broadworks.address: \"as1\" is not HOST:PORT, the port is missing",
    );
    check(
        "[[broadworks]]\nname = 'as1'\naddress = 'as1:1'\nmax_document = 1",
        "4:16: broadworks.max_document: 1 is not from 1KiB to 1GiB",
    );
    check(
        "[store]\ndisk_low = \"lots\"",
        "2:12: store.disk_low: \"lots\" is not a size such as \"1GiB\", \"500MiB\" or \"5%\"",
    );
    check("[store]\ndisk_low = 5", "2:12: store.disk_low: must be a string in quotes, not of type integer");
    check("[store]\nretention_days = 0", "2:18: store.retention_days: must be from 1 to 36500");
    check(
        &format!("{EMA}password = 'x'\nfaults = {{ 1x = 'absent' }}"),
        "12:12: ema.faults.1x: is not a fault code, a number",
    );
    check(
        &format!("{EMA}password = 'x'\n[ema.faults]\n1 = 'gone'"),
        "13:5: ema.faults.1: \"gone\" is not one of \"exists\", \"absent\", \"session\", \"login\", \"transient\", \"permanent\"",
    );
}

#[test]
fn missing_keys_and_contradictions_are_told() {
    check("[[broadworks]]\nname = 'as1'", "1:1: broadworks.address: is missing");
    check(
        "[numbering]\n",
        "1:1: numbering.country_code: is missing\na.toml:1:1: numbering.default_phone_context: is missing",
    );
    check(
        "[processing]\nretry_initial = '1m'",
        "2:17: processing.retry_initial: retry_initial is longer than retry_max (30s)",
    );
    check(
        "[processing]\nretry_max = '1ms'",
        "2:13: processing.retry_max: retry_initial is longer than retry_max (1ms)",
    );
    check("[http]\ntls_cert = 'x'", "2:12: http.tls_cert: works only together with tls_key");
    check("[http]\ntls_key = 'x'", "2:11: http.tls_key: works only together with tls_cert");
    check(
        "[http]\nlisten = '[::]:80'",
        "2:10: http.listen: can be reached from other hosts, which needs a [[http.token]]",
    );
    for address in ["0.0.0.0:80", "192.0.2.1:80", "[fe80::1]:80", "[::ffff:192.0.2.1]:80"] {
        check(
            &format!("[http]\nlisten = '{address}'\ntoken = []"),
            "2:10: http.listen: can be reached from other hosts, which needs a [[http.token]]",
        );
    }
    check(
        "[http]\ntls_cert = 'x'\ntls_key = 'file:x'",
        "3:11: http.tls_key: is a path already, write it without \"file:\"",
    );
    let two = |name: &str, address: &str| {
        let one = "[[broadworks]]\nname = 'as1'\naddress = 'as1:1'\n";
        format!("{one}[[broadworks]]\nname = '{name}'\naddress = '{address}'\n")
    };
    check(&two("as1", "as2:1"), "5:8: broadworks.name: \"as1\" is the name of another endpoint already");
    check(
        &two("as2", "AS1:1"),
        "6:11: broadworks.address: \"AS1:1\" is the address of \"as1\" already: every event would run twice",
    );
    let both = "a.toml:1:1: ema: needs [numbering] with country_code and default_phone_context\na.toml:1:1: ema: needs [service_profiles]";
    assert_eq!(problems("[ema]\nprimary = 'x'\nusername = 'x'\npassword = 'x'"), both);
}

#[test]
fn a_mail_user_whose_name_cannot_be_sent_is_refused() {
    let mail = "[surgemail]\nprimary = 'm:1'\nusername = 'sm:user'\npassword = 'x'\ndomain_password = 'x'\n";
    assert_eq!(
        problems(mail),
        "a.toml:3:12: surgemail.username: \"sm:user\" must not hold a colon, which ends a name in Basic authentication"
    );
}

#[test]
fn a_mail_server_that_nothing_is_provisioned_at_is_a_warning() {
    let mail = "\n[surgemail]\nprimary = 'm:1'\nusername = 'u'\npassword = 'x'\ndomain_password = 'x'\n";
    let check = |text: &str, expected: &str| {
        assert_eq!(loaded(&format!("{text}{mail}")).warnings.to_string(), expected)
    };
    check("", "a.toml:2:1: surgemail: has no effect without [ema]: nothing is provisioned");
    check(&format!("{EMA}password = 'x'\n[ema.faults]\n13005 = 'absent'"), "");
}

#[test]
fn an_ema_that_cannot_say_that_nothing_is_there_is_a_warning() {
    let check = |faults: &str, line: Option<usize>| {
        let warnings = loaded(&format!("{EMA}password = 'x'\n{faults}")).warnings;
        assert_eq!(warnings.list.first().and_then(|warning| warning.line), line, "{faults}");
        assert_eq!(warnings.to_string().contains("no code has the class \"absent\""), line.is_some());
    };
    let line = EMA.lines().position(|line| line == "[ema]").expect("[ema]") + 1;
    check("", Some(line));
    let faults = EMA.lines().count() + 2;
    check("[ema.faults]\n15004 = 'exists'", Some(faults));
    check("[ema.faults]\n13005 = 'absent'", None);
}

#[test]
fn every_problem_of_a_file_shows_at_once() {
    let text = "[http]\nlisten = '1'\ncolour = 1\n[processing]\norder = 'x'\n[[broadworks]]\nname = 'ÆØÅ'\n";
    let found = problems(text);
    let places: Vec<_> =
        found.lines().map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "a.toml:2:10 http.listen",
        "a.toml:3:1 http.colour",
        "a.toml:5:9 processing.order",
        "a.toml:6:1 broadworks.address",
        "a.toml:7:8 broadworks.name",
    ];
    assert_eq!(places, expected, "{found}");
}

#[test]
fn repeated_names_are_told() {
    check("[log]\nlevel = 'info'\nlevel = 'debug'", "3:1: duplicate key");
    check("[http]\n[log]\n[http]\nlisten = '127.0.0.1:1'", "3:2: duplicate key");
}

/// The lines of `text` that have problems; nothing is called missing in a broken file.
#[track_caller]
fn check_broken(text: &str, expected: &[usize]) {
    let problems = parse_toml(text, "a.toml", &surroundings()).expect_err(text);
    let lines: Vec<_> = problems.list.iter().filter_map(|problem| problem.line).collect();
    assert_eq!(lines, expected, "{text}\n{problems}");
    assert!(!problems.to_string().contains("is missing"), "{problems}");
}

#[test]
fn a_file_of_nothing_but_wrong_lines_is_told_soon() {
    for line in ["p\n", "[x]\n", "\"é\n"] {
        let began = std::time::Instant::now();
        let text = line.repeat(30_000);
        let problems = parse_toml(&text, "a.toml", &surroundings()).expect_err("lines that are none").list;
        assert!(problems.len() > 10_000, "{line:?}: {}", problems.len());
        assert!(began.elapsed() < Duration::from_secs(20), "{line:?}: {:?}", began.elapsed());
    }
}

#[test]
fn broken_syntax_hides_nothing_else_and_adds_nothing() {
    check_broken("[log]\nlevel = debug\n[processing]\nconcurrency = 0\n", &[2, 4]);
    check_broken("[ema]\nprimary\npassword = 'x\nusername=\n[processing]\nconcurrency = 0\n", &[2, 3, 4, 6]);
    check_broken("[[broadworks]]\nname = 'as1\"\naddress 'x:1'\n[log]\nlevel = 'x'", &[2, 3, 5]);
    check_broken("[log\nlevel = 'x'\n[http]\nlisten = '0'", &[1, 4]);
    check_broken("x\n[http]\nlisten = '0'\n[http]\nlisten = '1'\ny y\n", &[1, 3, 4, 5, 6]);
    check_broken("\u{1}\n}\n=\n[log]\nlevel = 'x'", &[1, 2, 3, 5]);
}

#[test]
fn a_secret_never_shows_in_a_problem() {
    let check = |text: String| assert!(!problems(&text).contains("is missing"), "{text}");
    check(format!("{EMA}password = hunter2"));
    check(format!("{EMA}password = 'hunter2"));
    check(format!("{EMA}password = \"hunter2\\q\""));
    check(format!("{EMA}password = ['hunter2']"));
    check(format!("{EMA}passwort = 'hunter2'").replace("'u'\npass", "'u'\npassword='x'\npass"));
    check(format!("{EMA}password = 'x'\n[ema.faults]\npassword = 'hunter2'"));
    check("[store]\nevents = 'postgresql://u:hunter2@h:x/em'".into());
    check("[store]\nevents = 'postgresql://u:p@h/em?hunter2=1'".into());
    check("[store]\nevents = 'mysql://hunter2'".into());
    check("[shadow]\nevents = 'postgresql://u:hunter2@h:x/em'".into());
    check("[shadow]\nrelease = 'half.ini'\nsubscribers = 'hunter2'".replace("half.ini", "none.ini"));
    check("[processing]\norder = '${SECRET}'".into());
    check(format!("{EMA}password = 'file:${{SECRET}}'"));
    check("[[http.token]]\nname = 'x'\nrole = 'viewer'\nsha256 = 'hunter2'".into());
    check(EMA.replace("'ema'", "'http://u:hunter2@ema/'") + "password = 'x'");
}

#[test]
fn what_is_missing_outside_the_file_is_named() {
    check("[node]\nname = 'em-${NOBODY}'", "2:8: node.name: the environment has no NOBODY");
    let found = problems(&format!("{EMA}password = 'file:${{CREDENTIALS_DIRECTORY}}/other'"));
    let expected = "a.toml:11:12: ema.password: cannot read ${CREDENTIALS_DIRECTORY}/other: ";
    assert!(found.starts_with(expected), "{found}");
}

#[test]
fn no_input_makes_it_panic() {
    let text = include_str!("fixtures/config/full.toml");
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        let _ = parse_toml(&text[..end], "a.toml", &surroundings());
        let _ = parse_toml(&text[end..], "a.toml", &surroundings());
        let _ = parse_ini(&text[end..], "a.ini", &surroundings());
    }
}
