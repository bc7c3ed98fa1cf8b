//! Whole files: those of the Erlang release, and how files are told apart and read.

use eventmanager::config::*;
use std::path::Path;

const EM_INI: &str = include_str!("fixtures/config/em.ini");

fn surroundings() -> Surroundings {
    Surroundings {
        variables: [("CREDENTIALS_DIRECTORY".to_string(), "/run/c".to_string())].into(),
        directory: "/etc/em".into(),
        host_name: "em1".into(),
        read: |path| Ok(path.display().to_string()),
    }
}

fn ini(text: &str) -> Result<Loaded, String> {
    parse_ini(text, "em.ini", &surroundings()).map_err(|problems| problems.to_string())
}

#[test]
fn the_file_of_the_release_works_as_it_is() {
    let Loaded { config, warnings } = ini(EM_INI).unwrap();
    let warnings: Vec<_> = warnings.list.into_iter().map(|warning| (warning.key, warning.message)).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].0, "ema");
    assert!(warnings[0].1.starts_with("no code has the class \"absent\""), "{warnings:?}");
    let dsn = |database: &Database| match database {
        Database::Postgres(dsn) => dsn.expose().to_string(),
        Database::Sqlite(path) => panic!("{path:?}"),
    };
    assert_eq!(dsn(&config.store.events), "postgresql://em:ab%3Bc%23d@db1.example.net:5432/em");
    assert_eq!(dsn(&config.store.subscribers), "postgresql://srd:p%40ss%2Fword@db2.example.net:5433/srd");
    let ema = config.ema.expect("[ema]");
    assert_eq!(ema.primary, "http://10.0.0.2:8080/CAI3G1.2/services/CAI3G1.2");
    assert_eq!(ema.secondary.as_deref(), Some("http://10.0.0.3:8080/CAI3G1.2/services/CAI3G1.2"));
    assert_eq!((ema.username.as_str(), ema.password.expose()), ("emauser", "emapass"));
    assert_eq!(ema.faults.keys().copied().collect::<Vec<_>>(), [3012, 3014, 13004]);
    let mail = config.surgemail.expect("[surgemail]");
    assert_eq!((mail.primary.as_str(), mail.secondary.as_deref()), ("10.0.0.4:7027", Some("10.0.0.5:7027")));
    assert_eq!((mail.username.as_str(), mail.password.expose()), ("smuser", "smpass"));
    assert_eq!(mail.domain_password.expose(), "dompass");
    assert_eq!(config.broadworks.len(), 1);
    assert_eq!(
        (config.broadworks[0].name.as_str(), config.broadworks[0].address.as_str()),
        ("broadworks", "10.0.0.1:8025")
    );
    let profiles = config.service_profiles;
    assert_eq!((profiles.r#virtual.as_str(), profiles.user.as_str()), ("sp_virtual", "sp_user"));
    assert_eq!((profiles.pilot.as_str(), profiles.trunk.as_str()), ("sp_pilot", "sp_trunk"));
    assert_eq!(config.log.level, "info");
    assert_eq!(config.http.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(config.numbering.country_code, "299");
    assert_eq!(config.numbering.default_phone_context, "tg.gl");
    assert_eq!(config.numbering.phone_contexts.len(), 18);
    assert_eq!(config.numbering.phone_contexts["Qeqertarsuaq"], "qeq.tg.gl");
}

#[test]
fn an_ini_says_what_it_lacks_and_what_has_no_effect() {
    let errors = |from: &str, to: &str, expected: &str| {
        let told = ini(&EM_INI.replace(from, to)).expect_err("an error");
        let errors: Vec<_> = told.lines().filter(|line| !line.contains(": warning: ")).collect();
        assert_eq!(errors, [expected], "{to}");
    };
    errors("em_db_host=db1.example.net", "", "em.ini:2: em_db.em_db_host: is missing");
    errors("[srd_db]", "[srd]", "em.ini: the section [srd_db] is missing");
    errors("port=7027", "port=x", "em.ini:25: surgemail.port: \"x\" has no port from 1 to 65535");
    errors("[service_profiles]", "[profiles]", "em.ini: the section [service_profiles] is missing");
    errors("trunk_ddi=sp_trunk", "", "em.ini:32: service_profiles.trunk: is missing");
    errors(
        "notice",
        "loud",
        "em.ini:39: em.loglevel: \"loud\" is no level of the release: debug, info, notice, warning, error, critical, alert, emergency",
    );
    errors(
        "[em]",
        "[http]\nlisten=0.0.0.0:80\n[em]",
        "em.ini:39: http.listen: can be reached from other hosts, which needs a token; only a TOML file can name one",
    );

    let warnings = |from: &str, to: &str, expected: &str| {
        let told = ini(&EM_INI.replace(from, to)).unwrap().warnings.to_string();
        let of_lines: Vec<_> = told.lines().filter(|line| !line.contains("no code has the class")).collect();
        assert_eq!(of_lines.join("\n"), expected, "{to}");
    };
    warnings(
        "[broadworks]",
        "[brodworks]",
        "em.ini:29: [brodworks]: unknown section, ignored; did you mean \"broadworks\"?",
    );
    warnings(
        "port=7027",
        "prot=7027",
        "em.ini:25: surgemail.prot: unknown key, ignored; did you mean \"port\"?",
    );
    warnings(
        "[ema]",
        "[node]",
        "em.ini:15: [node]: unknown section, ignored\n\
         em.ini:21: surgemail: has no effect without [ema]: nothing is provisioned",
    );
    warnings(
        "; the release's file, as an operator has it",
        "colour=1",
        "em.ini:1: []: unknown section, ignored",
    );
    warnings("loglevel=notice", "colour=1", "em.ini:39: em.colour: unknown key, ignored");
    warnings("loglevel=notice", "notice", "em.ini:39: neither a section nor KEY=VALUE, ignored");
}

#[test]
fn levels_of_the_release_become_ours() {
    let check = |level: &str, expected: &str| {
        let loaded = ini(&EM_INI.replace("notice", level)).unwrap();
        assert_eq!(loaded.config.log.level, expected, "{level}");
    };
    check("debug", "debug");
    check("info", "info");
    check("notice", "info");
    check("warning", "warn");
    check("error", "error");
    check("critical", "error");
    check("emergency", "error");
}

#[test]
fn files_are_told_apart_by_ending_and_content() {
    let directory = tempfile::tempdir().unwrap();
    let load_as = |name: &str, content: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        load(&path).map(|loaded| loaded.config.broadworks.len()).map_err(|problems| problems.to_string())
    };
    let toml =
        b"[[broadworks]]\nname = 'as1'\naddress = 'as1:1'\n[[broadworks]]\nname = 'as2'\naddress = 'as2:1'\n";
    assert_eq!(load_as("a.toml", toml), Ok(2));
    assert_eq!(load_as("a.conf", toml), Ok(2));
    assert_eq!(load_as("none", toml), Ok(2));
    assert_eq!(load_as("em.ini", EM_INI.as_bytes()), Ok(1));
    assert_eq!(load_as("em.conf", EM_INI.as_bytes()), Ok(1));
    assert_eq!(load_as("em", EM_INI.replace('\n', "\r\n").as_bytes()), Ok(1));
    assert_eq!(load_as("latin1.ini", &[b"; \xe6\xf8\xe5\n", EM_INI.as_bytes()].concat()), Ok(1));
    assert!(load_as("em.toml", EM_INI.as_bytes()).is_err());
    assert!(load_as("broken.conf", b"[log]\nlevel = debug").unwrap_err().contains("broken.conf:2:9:"));
    assert!(
        load_as("bytes.toml", b"[log]\nlevel = '\xe6'")
            .unwrap_err()
            .ends_with("bytes.toml:2: is not UTF-8 text")
    );
    let broker = load_as("config", b"; broker\n[general]\nlog_level = 1x\n").unwrap_err();
    assert!(broker.contains("config:3: general.log_level: \"1x\" is no level"), "{broker}");
    assert!(broker.contains("config: the section [servers] is missing"), "{broker}");
}

#[test]
fn a_file_that_cannot_be_read_is_one_problem() {
    let problems = load(Path::new("/nowhere/em.toml")).expect_err("no such file").to_string();
    assert!(problems.starts_with("/nowhere/em.toml: cannot be read: No such file"), "{problems}");
}

#[test]
fn secrets_in_files_are_found_beside_the_configuration() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("name"), "em7\n").unwrap();
    let path = directory.path().join("a.toml");
    std::fs::write(&path, "[node]\nname = 'file:name'\ndata_dir = 'data'").unwrap();
    let loaded = load(&path).unwrap();
    assert_eq!(
        loaded.config.node,
        Node { name: "em7".into(), data_dir: directory.path().join("data"), core_dumps: false }
    );
}

/// Makes a pipe that nobody writes into.
fn pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
    assert!(made.success());
}

#[test]
fn what_is_no_file_of_a_plausible_size_is_refused_and_keeps_nobody_waiting() {
    let directory = tempfile::tempdir().unwrap();
    pipe(&directory.path().join("pipe"));
    std::fs::write(directory.path().join("large"), vec![b'x'; (1 << 20) + 1]).unwrap();
    let path = directory.path().join("a.toml");
    let check = |name: &str, expected: &str| {
        std::fs::write(&path, format!("[log]\nlevel = 'info'\n[node]\nname = 'file:{name}'")).unwrap();
        let problem = load(&path).expect_err(name).to_string();
        assert!(problem.contains("a.toml:4:8: node.name: cannot read "), "{name}: {problem}");
        assert!(problem.ends_with(expected), "{name}: {problem}");
    };
    check("pipe", "pipe: it is not a file");
    check(".", ": it is not a file");
    check("/dev/zero", "/dev/zero: it is not a file");
    check("large", "large: it has more than 1048576 bytes");
    let problem = load(&directory.path().join("pipe")).expect_err("a pipe").to_string();
    assert!(problem.ends_with("pipe: cannot be read: it is not a file"), "{problem}");
}

#[test]
fn the_address_of_the_daemon_is_found_whatever_else_is_wrong_with_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let address = |name: &str, content: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        let found = load_http_address(&path).map_err(|problems| problems.to_string())?;
        Ok::<_, String>((found.listen.to_string(), found.tls))
    };
    let at = |listen: &str, tls| Ok((listen.to_owned(), tls));
    assert_eq!(address("a.toml", ""), at("127.0.0.1:8080", false));
    let secret = "[ema]\npassword = 'file:${NO_SUCH_DIRECTORY}/ema'\nfuture = 1\n";
    assert_eq!(address("a.toml", secret), at("127.0.0.1:8080", false));
    let tls = "[http]\nlisten = '0.0.0.0:8443'\ntls_cert = '${NO_SUCH_DIRECTORY}/cert'\n";
    assert_eq!(address("a.toml", &format!("{tls}{secret}")), at("0.0.0.0:8443", true));
    assert_eq!(address("em.ini", EM_INI), at("127.0.0.1:8080", false));
    assert_eq!(address("em.ini", "[http]\nlisten=127.0.0.1:8081\n"), at("127.0.0.1:8081", false));
    let refused = address("a.toml", "[http]\nlisten = 'nowhere'\n").unwrap_err();
    assert!(refused.contains("a.toml:2:") && refused.contains("http.listen"), "{refused}");
    let refused = address("a.toml", "[http]\nlisten 127.0.0.1:9\n").unwrap_err();
    assert!(refused.contains("a.toml:2:"), "{refused}");
    assert!(load_http_address(Path::new("/nowhere/em.toml")).is_err());
}
