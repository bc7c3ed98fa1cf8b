//! The commands that ask a running daemon.

use crate::given::*;
use crate::support::daemon::eventually;
use crate::support::documents::add;
use serde_json::Value;

#[test]
fn the_commands_pause_and_resume_and_tell_how_it_is() {
    let (peers, site) = site();
    let daemon = start(&site);
    eventually("connected", || (daemon.metric("eventmanager_connection_up", "") == 1.0).then_some(()));
    let check = |args: &[&str], says: &[&str]| {
        let (code, said) = ask(&daemon, args);
        assert_eq!(code, Some(0), "{args:?}: {said}");
        says.iter().for_each(|says| assert!(said.contains(says), "{says:?} is not in {said}"));
    };
    check(&["pause", "hss", "--reason", "upgrade of the HSS"], &["hss is paused"]);
    check(&["pause", "hss"], &["hss was paused already, by local (anna) ", " ago: upgrade of the HSS"]);
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    wait_waiting(&daemon, "hss", 1);
    assert_eq!(requests(&peers), []);
    // Counts may be some moments old.
    eventually("counted", || (json(&daemon, "/api/v1/status")["events"]["pending"] == 1).then_some(()));
    check(
        &["status"],
        &[
            "eventmanager 0.1.0, up ",
            "events up, subscribers up",
            "as1          up ",
            "hss          PAUSED by local (anna) ",
            "upgrade of the HSS",
            "enum         running",
            "mail         running",
            "1 unfinished, 0 running, 1 wait for paused hss",
            "1 pending, 0 failed",
            "restarts     0",
        ],
    );
    check(&["resume"], &["hss goes on", "enum was not paused", "mail was not paused"]);
    site.wait_ended(1);
    check(&["pause"], &["hss is paused", "enum is paused", "mail is paused"]);
    assert_eq!(audit(&daemon)[0], "local (anna) | pause | hss | upgrade of the HSS");
    assert_eq!(audit(&daemon).len(), 8);

    eventually("counted", || (json(&daemon, "/api/v1/status")["events"]["completed"] == 1).then_some(()));
    let output = program(&["status", "--json", "--url", &format!("http://{}", daemon.http)]);
    let status: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&status["systems"][0]["state"], &status["events"]["completed"]),
        (&"paused".into(), &1.into())
    );
    assert_eq!((&status["store"]["events"]["up"], &status["restarts"]), (&true.into(), &0.into()));

    let (code, said) = ask(&daemon, &["pause", "dns"]);
    assert!(code == Some(2) && said.contains("hss, enum or mail"), "{said}");
    let long = "x".repeat(501);
    let (code, said) = ask(&daemon, &["pause", "hss", "--reason", &long]);
    assert!(code == Some(1) && said.contains("501 characters"), "{said}");
}

#[test]
fn a_command_finds_the_daemon_by_its_configuration_and_says_when_it_is_not_there() {
    let (_peers, site) = site();
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let config = site.config().display().to_string();
    // What only the daemon can read is no hindrance.
    configure(&site, "127.0.0.1:0", &format!("127.0.0.1:{port}"));
    let url = format!("http://127.0.0.1:{port}");
    let daemon = start(&site);
    configure(&site, "password = \"emapass\"", "password = \"file:${NO_SUCH_DIRECTORY}/ema\"");
    let output = program(&["status", "--config", &config]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    drop(daemon);
    let check = |args: &[&str], says: &[&str]| {
        let output = program(args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
        says.iter().for_each(|says| assert!(error.contains(says), "{says:?} is not in {error}"));
    };
    check(&["pause", "--config", &config], &[&url, "no daemon answers", "systemctl start eventmanager"]);
    check(&["status", "--config", "/no/such/file.toml"], &["/no/such/file.toml", "--url"]);
    check(&["status", "--url", "ftp://host"], &["ftp://host"]);
    configure(&site, &format!("127.0.0.1:{port}"), "nowhere");
    check(&["status", "--config", &config], &["http.listen", "--url"]);
}

#[test]
fn a_command_speaks_tls_with_a_daemon_that_does() {
    let (_peers, site) = site();
    site.make_certificate();
    let path = |name: &str| site.directory.path().join(name).display().to_string();
    configure(&site, "[log]\n", "tls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n[log]\n");
    let daemon = site.start();
    let url = format!("https://localhost:{}", daemon.http.port());
    let trusting = program(&["status", "--url", &url, "--ca", &path("cert.pem")]);
    assert_eq!(trusting.status.code(), Some(0), "{}", String::from_utf8_lossy(&trusting.stderr));
    let error = |args: &[&str]| String::from_utf8_lossy(&program(args).stderr).into_owned();
    let said = error(&["status", "--url", &url, "--ca", &path("key.pem")]);
    assert!(said.contains("key.pem"), "{said}");
    let said = error(&["status", "--url", &url.replace("https", "http")]);
    assert!(said.contains("http://localhost") && said.contains("https://"), "{said}");
    let said = error(&["status", "--url", &url]);
    assert!(said.contains("is not trusted") && said.contains("--ca FILE names"), "{said}");
}

/// What `status` says of a daemon whose certificate, of these names and made with these arguments, is trusted as it is.
fn said_of_certificate(names: &str, more: &[&str]) -> String {
    let (_peers, site) = site();
    site.make_certificate_of(names, more);
    let path = site.directory.path().join("cert.pem").display().to_string();
    configure(&site, "[log]\n", "tls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n[log]\n");
    let daemon = site.start();
    let url = format!("https://localhost:{}", daemon.http.port());
    let said = program(&["status", "--url", &url, "--ca", &path]);
    assert_eq!(said.status.code(), Some(1), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8_lossy(&said.stderr).into_owned()
}

#[test]
fn a_certificate_that_is_trusted_and_does_not_fit_is_refused_with_what_to_do() {
    let said = said_of_certificate("DNS:localhost", &[]);
    assert!(said.contains("is not trusted") && said.contains("CA:FALSE"), "{said}");
    assert!(!said.contains("--ca FILE"), "it was given: {said}");
    let no_authority = ["-addext", "basicConstraints=critical,CA:FALSE"];
    let said = said_of_certificate("DNS:em1.example.net", &no_authority);
    assert!(said.contains("em1.example.net") && said.contains("is for another name: --url"), "{said}");
}

#[test]
fn an_answer_that_is_no_daemon_s_is_no_success() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let commands: [&[&str]; 3] = [&["pause", "hss"], &["resume", "hss"], &["status"]];
    let asked = commands.len();
    let peer = std::thread::spawn(move || {
        for _ in 0..asked {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = [0; 4096];
            let _ = std::io::Read::read(&mut stream, &mut request).expect("a request");
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
            std::io::Write::write_all(&mut stream, answer.as_bytes()).expect("an answer");
        }
    });
    for command in commands {
        let output = program(&[command, &["--url", &url]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
        assert!(said.contains("no eventmanager"), "{command:?}: {said}");
    }
    peer.join().expect("it was asked");
}
