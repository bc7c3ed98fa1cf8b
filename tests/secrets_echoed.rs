//! No secret leaves where peers say back what they were told: in faults, however escaped, in bodies of every status, in
//! headers; and none is in what the commands of the program print.

#[path = "secrets_echoed/links.rs"]
mod links;
#[path = "asterisk/peer.rs"]
#[allow(dead_code)]
mod peer;
mod support;

use eventmanager::simulators::broadworks::encode;
use eventmanager::simulators::surgemail::SurgemailOptions;
use eventmanager::wire::Secret;
use eventmanager::wire::cai3g::server;
use eventmanager::wire::xml::escape::{push_attribute, push_text};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Mutex;
use support::daemon::{Daemon, Site};
use support::documents::*;
use support::peers::Peers;
use support::recorder::{Answer, Recorded, Recorder};

/// Each with letters that are written otherwise in XML, in a query, in JSON or in a log.
const SIP: &str = "sip<&>secret\"1'æ";
const TRUNK: &str = "trunk<&>secret 2";
const MAIL: &str = "mail&=+%secret#3";
const DOMAIN: &str = "domain&secret=4";
const SURGEMAIL: &str = "surge&secret:5";
const EMA: &str = "ema<&>secret\"6";
const TOKEN: &str = "token-secret-7";
const SESSION: &str = "session-secret-8";

/// The ways in which a gateway says back what it was asked.
const ECHOES: [fn(&str) -> Answer; 8] = [
    |asked| (500, server::fault(4006, Some(1), part(asked))),
    |asked| (500, server::fault(4006, Some(1), &text(part(asked)))),
    |asked| (500, fault(&format!("<![CDATA[{}]]>", part(asked)))),
    |asked| (500, fault(&text(part(asked)).replace('"', "&quot;").replace('\'', "&apos;"))),
    |asked| (500, fault(asked.split_once("?>").map_or(asked, |(_, rest)| rest))),
    |asked| (500, part(asked).to_owned()),
    |asked| (200, format!("<html>{asked}</html>")),
    |asked| (503, format!("busy with {asked}")),
];

/// From where the password is not far: texts are cut.
fn part(asked: &str) -> &str {
    let starts = ["<hss:privateUser ", "<cai3:userId>", "<S:Header>"];
    let start = starts.iter().find_map(|start| asked.find(start));
    &asked[start.unwrap_or(0)..]
}

fn fault(inside: &str) -> String {
    format!(
        "<S:Envelope xmlns:S='x'><S:Body><S:Fault><faultstring>{inside}</faultstring><detail><Cai3gFault>\
         <faultcode>4006</faultcode><faultreason><reasonText>{inside}</reasonText></faultreason><details>\
         <errorcode>1</errorcode><errormessage>{inside}</errormessage></details></Cai3gFault></detail></S:Fault>\
         </S:Body></S:Envelope>"
    )
}

fn text(text: &str) -> String {
    let mut escaped = String::new();
    push_text(&mut escaped, text);
    escaped
}

/// Answers each request once with every echo that ends no event. Then it refuses what is about `echo0`, `echo1` and so
/// on, each in its own way, and does the rest.
fn talkative() -> Recorder {
    let asked: Mutex<BTreeSet<(String, usize)>> = Mutex::default();
    Recorder::start(move |request| {
        let mut asked = asked.lock().expect("what was asked");
        let mut first = |echo: usize| asked.insert((request.body.clone(), echo)).then_some(echo);
        let call = server::parse_request(request.body.as_bytes());
        let is_login = call.as_ref().is_ok_and(|call| call.operation.name() == "Login");
        // A login that is refused is tried again; whatever else is refused is over.
        let echoes = match is_login {
            true => 0..ECHOES.len(),
            false => 5..ECHOES.len(),
        };
        if let Some(echo) = echoes.into_iter().find_map(&mut first) {
            return ECHOES[echo](&request.body);
        }
        // Users are added, so that everything else about them is asked.
        let adds = request.body.contains("CreateIMSAssociation") && request.body.contains(">echo");
        let number = |rest: &str| rest.split('@').next()?.parse::<usize>().ok();
        let named = request.body.split("echo").nth(1).and_then(number).filter(|_| !adds);
        match (call, named) {
            (_, Some(echo)) => ECHOES[echo % 5](&request.body),
            (Ok(_), _) if is_login => (200, server::login_response(&Secret::new(SESSION))),
            (Ok(call), _) => (200, server::success(&call.operation, call.session.as_ref())),
            (Err(error), _) => (500, error.to_string()),
        }
    })
}

/// The same of a mail server: it takes an account whose name says so.
fn talkative_mail() -> Recorder {
    Recorder::start(|request: &Recorded| {
        let status = if request.target.contains("good") { 200 } else { 500 };
        (status, format!("{} {} {}", request.target, request.headers, request.body))
    })
}

/// All commands that carry a secret, each for a subscriber over whom the gateway is silent, and over whom it is not.
fn documents() -> Vec<String> {
    let mut documents = Vec::new();
    for name in ["anna", "echo0", "echo1", "echo2", "echo3", "echo4"] {
        let user = format!("{name}@tele.gl");
        documents.extend([
            add(1, &user),
            password(2, &user, SIP),
            trunk(3, "G", &format!("pilot-{user}"), &format!("line-{user}"), TRUNK),
            voicemail(4, &user, Some((&format!("good-{name}@m.gl"), MAIL))),
            voicemail(5, &user, Some((&format!("bad-{name}@m.gl"), MAIL))),
            voicemail(6, &user, Some((&format!("good-{name}@m.gl"), "other-mail-secret"))),
            report(7, "UserModifyRequest", &format!("<userId>{user}</userId><endpoint xsi:nil=\"true\"/>")),
            // Secrets in commands that are not acted on, or lack something.
            report(8, "UserPasscodeModifyRequest", &format!("<newPasscode>{}</newPasscode>", text(SIP))),
            report(
                9,
                "UserAuthenticationModifyRequest",
                &format!("<newPassword>{}</newPassword>", text(SIP)),
            ),
        ]);
    }
    documents.extend([
        password(20, "nobody@tele.gl", SIP),
        domain_add(21, "good.gl"),
        domain_add(22, "bad.gl"),
        domain_delete(23, "bad.gl"),
        delete(24, "anna@tele.gl"),
        group_delete(25, "G"),
        report(26, "UserAddRequest", "<userId>anna@tele.gl</userId><password>s</password"),
    ]);
    documents
}

/// Everything that has left the daemon and the commands, each piece with its name.
fn said(site: &Site, daemon: &Daemon, documents: &[String]) -> Vec<(String, String)> {
    let mut said = Vec::new();
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    let paths = [
        "/events?all=true",
        "/alivecheck",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/v1/tree",
        "/api/v1/status",
        "/api/v1/systems",
        "/api/v1/audit",
    ];
    let events = (1..=documents.len()).flat_map(|id| {
        [format!("/event/{id}"), format!("/api/v1/events/{id}"), format!("/api/v1/events/{id}/plan")]
    });
    for path in paths.map(str::to_owned).into_iter().chain(events) {
        let (status, body) = daemon.get_with(&path, &bearer);
        // The last one cannot be read, so there is no plan for it.
        assert!(status == 200 || (status == 409 && path.ends_with("/plan")), "{path}: {status} {body}");
        said.push((path, body));
    }
    let file = site.directory.path().join("documents.xml");
    let bytes: Vec<u8> = documents.iter().flat_map(|document| encode(document)).collect();
    std::fs::write(&file, bytes).expect("written");
    let (file, url) = (file.display().to_string(), format!("http://{}", daemon.http));
    let mut commands: Vec<Vec<String>> = [
        vec!["check"],
        vec!["compare"],
        vec!["compare", "--json"],
        vec!["plan", &file],
        vec!["plan", &file, "--json"],
        vec!["plan", &file, "--no-store"],
        vec!["status", "--url", &url],
        vec!["status", "--json", "--url", &url],
        vec!["pause", "hss", "--url", &url],
        vec!["resume", "hss", "--url", &url],
    ]
    .map(|words| words.into_iter().map(str::to_owned).collect())
    .to_vec();
    commands.extend(
        (1..=documents.len()).map(|id| ["plan", "--event", &id.to_string()].map(str::to_owned).to_vec()),
    );
    for arguments in commands {
        let output = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
            .args(&arguments)
            .arg("--config")
            .arg(site.config())
            .env("EVENTMANAGER_TOKEN", TOKEN)
            .env("RUST_LOG", "trace")
            .output()
            .expect("the program runs");
        assert!(matches!(output.status.code(), Some(0 | 1)), "{arguments:?}: {output:?}");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!text.is_empty(), "{arguments:?} says nothing");
        said.push((arguments.join(" "), text));
    }
    said.push(("the log".to_owned(), daemon.log()));
    said
}

/// A secret as it may be written.
fn forms(secret: &str) -> BTreeSet<String> {
    let text = text(secret);
    let mut attribute = String::new();
    push_attribute(&mut attribute, secret);
    let percent =
        percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
    let quoted = format!("{secret:?}").trim_matches('"').to_owned();
    let quoted_text = format!("{text:?}").trim_matches('"').to_owned();
    [secret.to_owned(), self::text(&text), text, attribute, percent, quoted, quoted_text].into()
}

fn check(rust_log: &str) {
    let peers = Peers::start();
    let (ema, mail) = (talkative(), talkative_mail());
    let SurgemailOptions { password, domain_password, .. } = SurgemailOptions::default();
    let sha256: String = Sha256::digest(TOKEN).iter().map(|byte| format!("{byte:02x}")).collect();
    let config = peers
        .config("")
        .replace(&peers.ema.addr().to_string(), &ema.address.to_string())
        .replace(&peers.surgemail.addr().to_string(), &mail.address.to_string())
        .replace("\"emapass\"", &format!("{EMA:?}"))
        .replace(&format!("{:?}", password.expose()), &format!("{SURGEMAIL:?}"))
        .replace(&format!("{:?}", domain_password.unwrap_or_default().expose()), &format!("{DOMAIN:?}"));
    let token = format!("[[http.token]]\nname = \"noc\"\nrole = \"operator\"\nsha256 = \"{sha256}\"\n");
    let site = Site::new(&(config + &token));
    let daemon = Daemon::start_logging(&site.config(), rust_log);
    let documents = documents();
    documents.iter().for_each(|document| peers.broadworks.send(document));
    site.wait_ended(documents.len() as u64);
    let completed = site.count(&["completed"]);
    assert!(completed > 20, "only {completed} completed: {:?}", site.events());
    let said = said(&site, &daemon, &documents);

    let mut secrets =
        vec![SIP, TRUNK, MAIL, DOMAIN, SURGEMAIL, EMA, TOKEN, SESSION, "other-mail-secret", &*sha256];
    let requests = [ema.take(), mail.take()].concat();
    let random: BTreeSet<&str> = requests
        .iter()
        .filter_map(|request| request.body.split("userPassword>").nth(1)?.strip_suffix("</hss:"))
        .filter(|password| password.bytes().all(|byte| byte.is_ascii_lowercase()))
        .collect();
    assert!(random.len() >= 6, "every user that is added gets a password: {random:?}");
    secrets.extend(random);
    let login = requests.iter().find_map(|request| {
        request
            .headers
            .lines()
            .find_map(|line| line.to_lowercase().starts_with("authorization: basic ").then(|| &line[21..]))
    });
    secrets.push(login.expect("the mail server is told who asks"));
    let all = |secret: &str| {
        requests.iter().any(|r| forms(secret).iter().any(|form| (r.target.clone() + &r.body).contains(form)))
    };
    for secret in [SIP, TRUNK, MAIL, DOMAIN, EMA, SESSION] {
        assert!(all(secret), "{secret} was never sent");
    }
    for form in secrets.iter().flat_map(|secret| forms(secret)) {
        for (place, text) in &said {
            let Some(at) = text.find(&form) else { continue };
            let start = text[..at].rfind('\n').map_or(0, |start| start + 1);
            let line: String = text[start..].lines().next().unwrap_or_default().chars().take(2000).collect();
            panic!("{form:?} leaves in {place}: {line}");
        }
    }
    let told = said.iter().filter(|(_, text)| text.contains("4006")).count();
    assert!(told > 5, "faults are told");
}

#[test]
fn what_peers_say_back_and_what_commands_print_holds_no_secret_at_level_debug() {
    check("debug");
}

#[test]
fn what_peers_say_back_and_what_commands_print_holds_no_secret_at_level_trace_of_everything() {
    check("trace");
}
