//! Peers to whom we show a secret at the begin of a connection, and who say it back: in what they greet us with, in refusals, and later.

use crate::peer::{Asked, BANNER, Peer};
use crate::support::daemon::{Daemon, Site, eventually};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

const AMI: &str = "ami\"secret\\9";
const NATS: &str = "nats-secret-10";
/// What is told of a session of the Asterisk that goes on, in place of what it has said.
const REPLACED: &str = "***";

/// Everything that leaves the daemon about its connections.
fn said(daemon: &Daemon) -> Vec<(&'static str, String)> {
    let paths = ["/readyz", "/metrics", "/api/v1/status", "/api/v1/tree"];
    let mut said: Vec<_> = paths.iter().map(|path| (*path, daemon.get(path).1)).collect();
    said.push(("the log", daemon.log()));
    said
}

/// None of these is in it, as it is or as a log, JSON or the quotes of either write it.
#[track_caller]
fn check(daemon: &Daemon, secrets: &[String]) {
    let said = said(daemon);
    for secret in secrets {
        let escaped: String = secret.escape_debug().collect();
        for form in [secret, &escaped, &escaped.escape_debug().collect()] {
            for (place, text) in &said {
                let line = text.lines().find(|line| line.contains(form.as_str()));
                assert!(line.is_none(), "{form:?} leaves in {place}: {line:?}");
            }
        }
    }
}

fn quoted(asked: &Asked, login: &str) -> String {
    let shown = if login == "plain" { "Secret" } else { "Key" };
    let secret = asked.get(shown);
    assert!(!secret.is_empty(), "{asked:?}");
    // A hash may be written in either case.
    let again = if login == "md5" { secret.to_uppercase() } else { secret.to_owned() };
    format!("{secret} {again} {AMI}")
}

/// Until its login has come.
fn login(client: &mut crate::peer::Client, login: &str) -> Asked {
    if login == "md5" {
        let challenge = client.next();
        client.answer(&challenge, "Success", "Challenge: 200423041\r\n");
    }
    client.next()
}

fn echoing_asterisk(way: &str) {
    let peer = Peer::start();
    let site = Site::new(&format!(
        "[[asterisk]]\nname = \"pbx-a\"\naddress = \"{}\"\nusername = \"em\"\nsecret = {AMI:?}\nlogin = \"{way}\"\n",
        peer.address()
    ));
    let daemon = Daemon::start_logging(&site.config(), "debug");
    let mut secrets = vec![AMI.to_owned()];
    let mut refuse = |why: &str| {
        let mut client = peer.accept();
        client.send(BANNER);
        let asked = login(&mut client, way);
        if way == "md5" {
            secrets.extend([asked.get("Key").to_owned(), asked.get("Key").to_uppercase()]);
        }
        let echo = quoted(&asked, way);
        client.answer(&asked, "Error", &format!("Message: {why} {echo}\r\n"));
    };
    // A refusal that is tried again soon.
    refuse("already in use:");
    daemon.logged(&["not connected to asterisk", "already in use: *** ***"]);
    // Who has been shown it knows it at the next time.
    let mut client = peer.accept();
    client.send(format!("Asterisk? {AMI}\r\n").as_bytes());
    drop(client);
    daemon.logged(&["not AMI: it begins with", REPLACED]);
    // One that lets us in, and answers what was not asked.
    let mut client = peer.accept();
    client.send(BANNER);
    let asked = login(&mut client, way);
    client.answer(&asked, "Success", "");
    client.send(format!("Response: Error\r\nActionID: x\r\nMessage: no {AMI} here\r\n\r\n").as_bytes());
    daemon.logged(&["asterisk answers what was not asked", "no *** here"]);
    drop(client);
    // A refusal for good.
    refuse("go away,");
    daemon.logged(&["asterisk refuses the login", "go away, *** ***"]);
    eventually("it is told", || daemon.get("/readyz").1.contains("go away, *** ***").then_some(()));
    check(&daemon, &secrets);
}

#[test]
fn what_an_asterisk_says_back_of_its_login_is_told_without_the_secret() {
    echoing_asterisk("plain");
}

#[test]
fn what_an_asterisk_says_back_of_its_login_is_told_without_the_hash_of_the_secret() {
    echoing_asterisk("md5");
}

/// A server of NATS that answers the login with what it was sent: at once, or after it has let us in.
fn echoing_nats() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for (at, stream) in listener.incoming().flatten().enumerate() {
            // Who goes away meanwhile comes again.
            let _ = echo(stream, at % 2 == 1);
        }
    });
    address
}

fn echo(stream: TcpStream, lets_in: bool) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    writer.write_all(b"INFO {\"server_id\":\"x\",\"version\":\"2.10.0\",\"max_payload\":1048576,\"proto\":1,\"headers\":true,\"auth_required\":true}\r\n")?;
    let mut connect = None;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if line.starts_with("CONNECT ") {
            assert!(line.contains(NATS), "the token was never sent: {line}");
            connect = Some(line.replace('\'', ""));
        } else if line == "PING" {
            if lets_in {
                writer.write_all(b"PONG\r\n")?;
            }
            let said = connect.as_deref().unwrap_or_default();
            return writer.write_all(format!("-ERR 'no room for {said}'\r\n").as_bytes());
        }
    }
    Ok(())
}

#[test]
fn what_a_server_of_nats_says_back_of_its_login_is_told_without_the_token() {
    let site = Site::new(&format!(
        "[nats]\nurls = [\"nats://{}\"]\ntoken = {NATS:?}\n[[route]]\nto = [\"order\"]\n",
        echoing_nats()
    ));
    let daemon = Daemon::start_logging(&site.config(), "debug");
    let told = daemon.logged(&["nats does not take or give anything", "no room for"]);
    assert!(told.contains(REPLACED), "{told}");
    check(&daemon, &[NATS.to_owned()]);
}
