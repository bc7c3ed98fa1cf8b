//! The configuration file that we ship never goes stale: it shows every key, with its default.

use eventmanager::config::*;
use eventmanager::simulators::ema::faults;
use eventmanager::simulators::traffic;
use std::collections::BTreeSet;
use std::time::Duration;

const SHIPPED: &str = include_str!("../config/eventmanager.toml");

fn surroundings() -> Surroundings {
    Surroundings {
        variables: [("CREDENTIALS_DIRECTORY".to_string(), "/run/c".to_string())].into(),
        directory: "/etc/em".into(),
        host_name: "em1".into(),
        read: |path| match path.extension() {
            Some(kind) if kind == "key" => Ok("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()),
            Some(_) => Ok(include_str!("fixtures/config/em.ini").into()),
            None => Ok(path.display().to_string()),
        },
    }
}

/// The shipped file with every key in force: a key is commented without a blank, a sentence with one.
fn uncommented() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(key) if !key.is_empty() && !key.starts_with(' ') => key.to_string(),
        _ => line.to_string(),
    };
    SHIPPED.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_shipped_file_is_the_defaults() {
    let load =
        |text: &str| parse_toml(text, "eventmanager.toml", &surroundings()).unwrap_or_else(|p| panic!("{p}"));
    let parse = |text: &str| load(text).config;
    assert_eq!(parse(SHIPPED), parse(""));

    let shown = parse(&uncommented());
    let default = parse("[[broadworks]]\nname = 'as1'\naddress = 'as1.example.net:8025'");
    assert_eq!(shown.node, default.node);
    assert_eq!(shown.log, default.log);
    assert_eq!(shown.store.events, default.store.events);
    assert_eq!(shown.store.subscribers, default.store.subscribers);
    let mut cluster = shown.cluster.clone();
    assert_eq!(cluster.address.take().as_deref(), Some("em1.example.net:8080"));
    assert_eq!(cluster, default.cluster);
    assert_eq!(shown.http.listen, default.http.listen);
    assert_eq!(shown.processing, default.processing);
    let ema = "[numbering]\ncountry_code='299'\ndefault_phone_context='d'\n[service_profiles]\nvirtual='v'\nuser='u'\npilot='p'\ntrunk='t'\n\
               [ema]\nprimary='ema1.example.net'\nsecondary='ema2.example.net'\nusername='eventmanager'\npassword='/run/c/ema'\n";
    assert_eq!(shown.ema, parse(ema).ema);
    let mut broadworks = shown.broadworks[0].clone();
    assert_eq!(broadworks.cluster.take().as_deref(), Some("nuuk"));
    assert_eq!([broadworks], default.broadworks[..]);
    let mut kamailio = shown.kamailio[0].clone();
    assert!(kamailio.tag_command.take().is_some() && kamailio.heartbeat_timeout.take().is_some());
    let answers = std::mem::take(&mut kamailio.answers);
    assert_eq!(kamailio, Kamailio::new("k1", "k1.example.net:8448"));
    assert!(answers.len() == 2 && answers.iter().all(|answer| answer.deadline == Duration::from_secs(2)));
    let Asterisk { transport: AsteriskTransport::Ami(ami), .. } = &shown.asterisk[0] else { panic!("AMI") };
    assert_eq!((ami.login, ami.secret.expose()), (AmiLogin::Md5, "/run/c/pbx-a"));
    assert_eq!(shown.asterisk[0], Asterisk::new("pbx-a", AsteriskTransport::Ami(ami.clone())));
    let AsteriskTransport::Agent(agent) = &shown.asterisk[1].transport else { panic!("an agent") };
    assert_eq!((agent.keepalive, agent.remote_actions.len()), (Duration::from_secs(30), 0));
    let mut opensips = shown.opensips[0].clone();
    assert!(opensips.advertise.take().is_some() && std::mem::take(&mut opensips.events).len() == 3);
    let listen = EventSocket::Udp(([127, 0, 0, 1], 9001).into());
    assert_eq!(opensips, Opensips::new("sbc-1", MiAddress::Udp("sbc-1.example.net:8888".into()), listen));
    assert_eq!(shown.device_state, Some(DeviceStates::default()));
    assert_eq!(shown.zmq_server, Some(ZmqServer::default()));
    let route = &shown.routes[0];
    assert_eq!(
        (route.source.to_string(), route.event.to_string(), route.store),
        ("*".into(), "*".into(), false)
    );
    let mut evapi = shown.evapi_server.expect("[evapi_server]");
    let topics = std::mem::take(&mut evapi.topics);
    assert_eq!(evapi, EvapiServer::new("127.0.0.1:8448".parse().expect("an address")));
    assert!(matches!(&topics[0].send, EvapiSend::Multicast(tag) if tag == "billing"));
    let mut evi = shown.evi.expect("[evi]");
    assert!(evi.udp.take().is_some() && evi.unix.take().is_some());
    assert_eq!(std::mem::take(&mut evi.names)[0].name, "E_BW_USER_ADD");
    assert_eq!(evi, Evi::default());
    let mut events = shown.event_management.expect("[event_management]");
    let peers = std::mem::take(&mut events.peers);
    assert!(events.public_url.take().is_some() && std::mem::take(&mut events.echo).len() == 1);
    assert_eq!(events.topics.pop().as_deref(), Some("calls"), "of the route");
    assert_eq!(events, EventManagement::default());
    let auths: Vec<String> = peers.iter().map(|peer| format!("{:?}", peer.auth).to_lowercase()).collect();
    assert!(
        ["basic", "bearer", "oauth2", "mtls"].iter().zip(&auths).all(|(word, auth)| auth.starts_with(word))
    );
    let signing = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let mut pss = peers[0].clone();
    assert_eq!(std::mem::take(&mut pss.signing_keys)[0].expose(), signing);
    assert!(pss.ca.take().is_some() && pss.token.take().is_some() && pss.query.take().is_some());
    assert_eq!(std::mem::take(&mut pss.subscribe), ["order"]);
    pss.auth = PeerAuth::None;
    assert_eq!(pss, EventPeer::new("pss.example.net:8443"));
    let mut nats = shown.nats.expect("[nats]");
    let consume = nats.consume.take().expect("[nats.consume]");
    assert_eq!(consume.durable, "eventmanager");
    assert!(nats.ca.take().is_some());
    nats.auth = NatsAuth::None;
    assert_eq!(nats, Nats::new(nats.urls.clone()));
    let mail = shown.surgemail.expect("[surgemail]");
    assert_eq!((mail.timeout, mail.delete_replaced), (Duration::from_secs(10), false));
}

#[test]
fn the_shipped_file_shows_every_key() {
    // An unknown key in each section makes the parser list what it knows there.
    let probe =
        |line: &str| if line.starts_with('[') { format!("{line}\n\"?\" = 1") } else { line.to_string() };
    let text = uncommented().lines().map(probe).collect::<Vec<_>>().join("\n");
    let text = format!("\"?\" = 1\n{text}");
    let problems = parse_toml(&text, "eventmanager.toml", &surroundings()).expect_err("unknown keys");
    let mut sections = 0;
    for problem in &problems.list {
        let Some((_, known)) = problem.message.split_once("known here: ") else { continue };
        sections += 1;
        let section = problem.key.trim_end_matches("\"?\"").trim_end_matches('.');
        let shown = keys_shown(section);
        for key in known.split(", ") {
            assert!(shown.contains(key), "{section}.{key} is not in the shipped file");
        }
    }
    assert_eq!(sections, 35, "{problems}");
}

/// The keys and the sections that the shipped file has in `section`.
fn keys_shown(section: &str) -> BTreeSet<String> {
    let mut here = String::new();
    let mut shown = BTreeSet::new();
    for line in uncommented().lines().filter(|line| !line.starts_with("# ")) {
        if line.starts_with('[') {
            here = line.trim_matches(['[', ']']).to_string();
            let (parent, name) = here.rsplit_once('.').unwrap_or(("", &here));
            if parent == section {
                shown.insert(name.to_string());
            }
        } else if let Some((key, _)) = line.split_once(" = ")
            && here == section
        {
            shown.insert(key.to_string());
        }
    }
    shown
}

#[test]
fn the_toml_that_the_guide_makes_of_an_em_ini_says_the_same() {
    let page = include_str!("../docs/configuration.md");
    let block = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    let simulated = include_str!("../config/simulated.toml");
    let cities = simulated.split_once("[numbering.phone_contexts]").expect("cities").1;
    let cities = cities.split("\n[").next().expect("an end");
    let text = format!("{block}\n[numbering.phone_contexts]{cities}");
    let toml = parse_toml(&text, "eventmanager.toml", &surroundings()).unwrap_or_else(|p| panic!("{p}"));
    let ini = include_str!("fixtures/config/em.ini");
    let mut ini = parse_ini(ini, "em.ini", &surroundings()).unwrap_or_else(|p| panic!("{p}")).config;
    ini.ema.as_mut().expect("[ema]").faults.insert(13005, FaultClass::Absent);
    assert_eq!(toml.config, ini);
    assert!(toml.warnings.is_empty(), "{}", toml.warnings);
}

/// The default of `option` that `eventmanager simulate PEER --help` tells.
fn default_of(peer: &str, option: &str) -> String {
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_eventmanager"))
        .args(["simulate", peer, "--help"])
        .output()
        .expect("the program runs");
    let help = String::from_utf8(program.stdout).expect("text");
    let after = help.split_once(&format!("--{option} ")).expect("the option").1;
    let default = after.split_once("[default: ").expect("a default").1;
    default.split_once(']').expect("its end").0.to_owned()
}

#[test]
fn the_file_for_simulated_peers_fits_their_defaults() {
    let text = include_str!("../config/simulated.toml");
    let Loaded { config, warnings } =
        parse_toml(text, "simulated.toml", &surroundings()).expect("no problem");
    assert!(warnings.is_empty(), "{warnings}");
    assert_eq!(config.numbering, traffic::numbering());
    assert_eq!(config.service_profiles, traffic::service_profiles());
    assert_eq!(config.broadworks[0].address, default_of("broadworks", "listen"));
    let ema = config.ema.expect("[ema]");
    assert!(ema.primary.starts_with(&format!("http://{}/", default_of("ema", "listen"))), "{}", ema.primary);
    assert_eq!(ema.username, default_of("ema", "username"));
    assert_eq!(ema.password.expose(), default_of("ema", "password"));
    let class = |code: &u32| ema.faults.get(code).copied();
    assert!(faults::EXISTS.iter().all(|code| class(code) == Some(FaultClass::Exists)));
    assert!(faults::ABSENT.iter().all(|code| class(code) == Some(FaultClass::Absent)));
    let mail = config.surgemail.expect("[surgemail]");
    assert_eq!(mail.primary, default_of("surgemail", "listen"));
    assert_eq!(mail.username, default_of("surgemail", "username"));
    assert_eq!(mail.password.expose(), default_of("surgemail", "password"));
    assert_eq!(mail.domain_password.expose(), default_of("surgemail", "domain-password"));
    assert_ne!(default_of("ema", "listen"), config.http.listen.to_string(), "both on one machine");
}
