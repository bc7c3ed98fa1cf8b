//! `[[http.token]]` and the files of TLS.

use crate::given::World;
use crate::support::daemon::{Daemon, Site};

/// `printf %s sesame | sha256sum`
const SESAME: &str = "d0c04f4b1951e4aeaaec8223ed2039e542f3aae805a6fa7f6d794e5afff5d272";
const BEARER: &str = "Authorization: Bearer sesame\r\n";

fn section(role: &str) -> String {
    format!("[[http.token]]\nname = \"desk\"\nrole = {role:?}\nsha256 = {SESAME:?}\n")
}

#[test]
fn a_token_counts_from_the_reload_on_until_it_is_gone() {
    let world = World::start();
    let asked = |headers: &str| world.daemon.get_with("/api/v1/tree", headers).0;
    assert_eq!(asked(""), 200);
    world.append(&section("viewer"));
    assert_eq!(world.reload(), "applied");
    assert_eq!((asked(""), asked(BEARER)), (401, 200));
    assert!(world.logged(&["http.token.desk.sha256: (not set) → ***"]).contains("configuration changed"));
    assert_eq!(world.post("/api/v1/log", "{\"level\":\"debug\"}").status, 401);
    world.change(&section("viewer"), "");
    assert_eq!(asked(""), 200);
    assert!(!world.daemon.log().contains(SESAME));
}

/// The serial number of the certificate that the daemon shows.
fn serial(daemon: &Daemon) -> String {
    let script = format!(
        "openssl s_client -connect {} -servername localhost </dev/null 2>/dev/null | openssl x509 -noout -serial",
        daemon.http
    );
    let output = std::process::Command::new("sh").args(["-c", &script]).output().expect("openssl runs");
    String::from_utf8(output.stdout).expect("text")
}

/// Files of TLS that do not fit together, or are none, are refused as any other error; see `refused`.
#[test]
fn a_new_certificate_is_shown_after_a_reload_and_one_that_is_none_is_refused() {
    let site = Site::quiet("");
    site.make_certificate();
    let text = std::fs::read_to_string(site.config()).expect("a configuration");
    let listen = "listen = \"127.0.0.1:0\"\n";
    let tls = format!("{listen}tls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n");
    std::fs::write(site.config(), text.replace(listen, &tls)).expect("written");
    let daemon = site.start();
    let reload = |outcome: &str| {
        let count = daemon.log().matches("reload ended").count();
        daemon.signal("HUP");
        crate::support::daemon::eventually("a reload ends", || {
            (daemon.log().matches("reload ended").count() > count).then_some(())
        });
        let log = daemon.log();
        let ended = log.lines().rfind(|line| line.contains("reload ended"));
        assert!(ended.is_some_and(|line| line.contains(outcome)), "{log}");
    };
    let first = serial(&daemon);
    assert!(first.starts_with("serial="), "{first}");
    site.make_certificate();
    reload("unchanged");
    let second = serial(&daemon);
    assert!(second.starts_with("serial=") && second != first, "{second}");
    std::fs::write(site.directory.path().join("cert.pem"), "no certificate").expect("written");
    reload("refused");
    daemon.logged(&["configuration refused", "tls_cert"]);
    assert_eq!(serial(&daemon), second, "the one of before stays");
    // Nobody ever writes into it.
    let pipe = site.directory.path().join("cert.pem");
    std::fs::remove_file(&pipe).expect("removed");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    reload("refused");
    assert!(daemon.logged(&["configuration refused", "it is not a file"]).contains("tls_cert"));
    assert_eq!(serial(&daemon), second, "and it is served on");
}
