//! `eventmanager plan`: what would be sent, without sending or storing anything, and exactly as it is then sent.

mod support;

use eventmanager::simulators::broadworks::encode;
use eventmanager::wire::Secret;
use eventmanager::wire::cai3g::server;
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use support::daemon::{Site, eventually};
use support::documents::*;
use support::peers::Peers;
use support::recorder::{Recorded, Recorder};

/// Every secret of the documents and of the configuration.
const SECRETS: [&str; 6] =
    ["sip-secret-1", "trunk-secret-2", "mail-secret-3", "emapass", "mailpass", "domainpass"];

/// What it printed and how it ended.
struct Ended {
    code: i32,
    said: String,
    complained: String,
}

impl Ended {
    /// One value for each command, with `--json`.
    #[track_caller]
    fn json(&self) -> Vec<Value> {
        let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.said.lines().map(line).collect()
    }
}

/// Runs `plan` with this input; no secret is in anything that it prints.
#[track_caller]
fn plan(site: &Site, arguments: &[&str], input: &[u8]) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_eventmanager"))
        .arg("plan")
        .args(arguments)
        .arg("--config")
        .arg(site.config())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // An error says that it does not read its input.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    let ended = Ended {
        code: output.status.code().expect("no signal"),
        said: text(output.stdout),
        complained: text(output.stderr),
    };
    for secret in SECRETS {
        let leaves = ended.said.contains(secret) || ended.complained.contains(secret);
        assert!(!leaves, "{secret} shows in\n{}{}", ended.said, ended.complained);
    }
    ended
}

fn file(site: &Site, documents: &[String]) -> String {
    let path = site.directory.path().join("documents.xml");
    let bytes: Vec<u8> = documents.iter().flat_map(|document| encode(document)).collect();
    std::fs::write(&path, bytes).expect("written");
    path.display().to_string()
}

/// A life in which every kind of request occurs.
fn life() -> Vec<String> {
    let user = "søren<&'@tele.gl";
    let escaped = "søren&lt;&amp;'@tele.gl";
    let kind = "HuntGroup";
    let profile = |phone, identity| Profile { phone, identity };
    let endpoint = |line: &str| {
        let line = format!("<linePort>{line}</linePort>");
        let trunk = format!(
            "<trunkAddressing><trunkGroupDeviceEndpoint>{line}</trunkGroupDeviceEndpoint></trunkAddressing>"
        );
        report(5, "UserModifyRequest", &format!("<userId>{escaped}</userId><endpoint>{trunk}</endpoint>"))
    };
    let city = "<callingLineIdFirstName>S</callingLineIdFirstName><address><stateOrProvince>Nuuk</stateOrProvince></address>";
    vec![
        add(1, escaped),
        set_phone(2, escaped, "+299-321044"),
        set_phone(3, escaped, "321055"),
        report(4, "UserModifyRequest", &format!("<userId>{escaped}</userId>{city}")),
        endpoint("line \"1\"@tele.gl"),
        report(6, "UserModifyRequest", &format!("<userId>{escaped}</userId><endpoint xsi:nil=\"true\"/>")),
        password(7, escaped, "sip-secret-1"),
        voicemail(8, escaped, Some(("søren &=+%@m.gl", "mail-secret-3"))),
        blf(9, escaped, Some("list@tele.gl")),
        trunk(10, "KNI-014", "pilot@tele.gl", "line@tele.gl", "trunk-secret-2"),
        service_add(11, kind, "KNI-014", "hunt@tele.gl", profile(Some("321066"), None)),
        service_modify(12, kind, "hunt@tele.gl", profile(None, Some("sip:reached@tele.gl"))),
        voice_portal(13, "KNI-014", "portal@tele.gl", Some("321077")),
        domain_add(14, "æ&amp;.gl"),
        report(15, "UserDoNotDisturbModifyRequest", ""),
        set_phone(16, "nobody@tele.gl", "1"),
        drop_phone(17, escaped),
        service_delete(18, kind, "hunt@tele.gl"),
        domain_delete(19, "æ&amp;.gl"),
        group_delete(20, "KNI-014"),
        delete(21, user.replace('&', "&amp;").replace('<', "&lt;").as_str()),
    ]
}

/// A gateway that does everything it is asked, and a mail server likewise.
fn obedient() -> Recorder {
    Recorder::start(|request: &Recorded| {
        let body = match server::parse_request(request.body.as_bytes()) {
            Ok(call) if call.operation.name() == "Login" => server::login_response(&Secret::new("session-4")),
            Ok(call) => server::success(&call.operation, call.session.as_ref()),
            Err(_) => String::new(),
        };
        (200, body)
    })
}

/// The body with session and passwords as `plan` shows them.
fn masked_body(body: &str) -> String {
    ["cai3:SessionId", "hss:userPassword"].iter().fold(body.to_owned(), |body, name| {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let Some((before, rest)) = body.split_once(&open) else { return body };
        let (_, after) = rest.split_once(&close).expect("an end tag");
        format!("{before}{open}***{close}{after}")
    })
}

/// The same of a query.
fn masked_target(target: &str) -> String {
    let parameter = |parameter: &str| match parameter.split_once('=') {
        Some((name, _)) if name.ends_with("password") => format!("{name}=***"),
        _ => parameter.to_owned(),
    };
    target.split('&').map(parameter).collect::<Vec<_>>().join("&")
}

/// URL and body of each planned request.
fn planned(foreseen: &Value) -> Vec<(String, String)> {
    let requests = foreseen["outcome"]["requests"]["requests"].as_array().cloned().unwrap_or_default();
    let text = |request: &Value, key: &str| request[key].as_str().expect("text").to_owned();
    requests.iter().map(|request| (text(request, "url"), text(request, "body"))).collect()
}

#[test]
fn what_is_printed_is_byte_for_byte_what_the_daemon_then_sends() {
    let peers = Peers::start();
    let (ema, mail) = (obedient(), obedient());
    let config = peers.config("").replace(&peers.ema.addr().to_string(), &ema.address.to_string());
    let site = Site::new(&config.replace(&peers.surgemail.addr().to_string(), &mail.address.to_string()));
    let documents = life();
    let file = file(&site, &documents);
    let before = plan(&site, &[&file, "--no-store", "--json"], b"");
    assert_eq!(before.code, 1, "one command would fail: {}", before.complained);
    let foreseen = before.json();
    assert_eq!(foreseen.len(), documents.len());
    assert_eq!((ema.take(), mail.take()), (vec![], vec![]), "nothing is sent");

    let _daemon = site.start();
    let mut compared = 0;
    for (number, (document, foreseen)) in (1..).zip(documents.iter().zip(&foreseen)) {
        peers.broadworks.send(document);
        site.wait_ended(number);
        let sent = |recorder: &Recorder, masked: fn(&Recorded) -> (String, String)| {
            let is_login =
                |request: &Recorded| request.body.contains("<cai3:Login>") || request.target == "/";
            let requests = recorder.take().into_iter().filter(|request| !is_login(request));
            let whole = |(target, body)| (format!("http://{}{target}", recorder.address), body);
            requests.map(|request| whole(masked(&request))).collect::<Vec<_>>()
        };
        let mut sent_now = sent(&ema, |request| (request.target.clone(), masked_body(&request.body)));
        sent_now.extend(sent(&mail, |request| (masked_target(&request.target), request.body.clone())));
        let mut planned = planned(foreseen);
        // The members of a group go beside each other, and so do recorders.
        if document.contains("GroupDeleteRequest") {
            planned.sort();
            sent_now.sort();
        }
        assert_eq!(sent_now, planned, "{document}");
        compared += planned.len();
        let row = site.events().pop().expect("a row");
        let outcome = &foreseen["outcome"];
        match &*row.status {
            "failed" => assert_eq!(outcome["failed"], *row.reason),
            "ignored" => assert!(outcome["ignored"].is_string(), "{outcome}"),
            _ => assert!(outcome["requests"].is_object(), "{outcome}"),
        }
    }
    assert!(compared > 50, "only {compared} requests were compared");
}

#[test]
fn nothing_is_stored_and_the_text_tells_each_command_with_its_place() {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let file = file(&site, &life());
    let names = || {
        let entries = std::fs::read_dir(site.directory.path()).expect("a directory");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let ended = plan(&site, &[&file], b"");
    assert_eq!(ended.code, 1, "{}", ended.said);
    assert!(ended.complained.contains("there is no database yet"), "it is told: {}", ended.complained);
    assert_eq!(names(), before, "a database was made");
    let ended = plan(&site, &[&file, "--no-store"], b"");
    for told in [
        "document 1, command 1: UserAddRequest given by admin@tele.gl\n  create_user: 1 request\n",
        "  modify_user: 2 requests\n  1. hss: set tel:+299321044\n",
        "document 15, command 1: UserDoNotDisturbModifyRequest given by admin@tele.gl\n  ignored: this command is not acted on\n",
        "  fails: subscriber \"nobody@tele.gl\" is not known\n",
        "  warning: lost SIP password\n",
        "requests for 3 members\n",
        "lpassword=***",
        "<hss:userPassword>***</hss:userPassword>",
        "<cai3:SessionId>***</cai3:SessionId>",
    ] {
        assert!(ended.said.contains(told), "{told:?} is not in\n{}", ended.said);
    }
    assert_eq!(names(), before, "something was stored");
    let whole = plan(&site, &["-", "--no-store"], &std::fs::read(&file).expect("the file"));
    assert_eq!((whole.said, whole.code), (ended.said, ended.code), "standard input is a file like any other");
    assert_eq!((peers.ema.counts().requests, peers.surgemail.requests()), (0, 0));
}

#[test]
fn beside_a_running_daemon_it_plans_against_its_rows_and_leaves_them_alone() {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let _daemon = site.start();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    peers.broadworks.send(&set_phone(2, "anna@tele.gl", "321044"));
    site.wait_ended(2);
    let before = (peers.ema.counts().requests, site.events());
    // Against the row as it stands; and a later document against what an earlier one would leave.
    let documents =
        [set_phone(3, "anna@tele.gl", "321055"), delete(4, "anna@tele.gl"), delete(5, "anna@tele.gl")];
    let ended = plan(&site, &[&file(&site, &documents), "--json"], b"");
    let requests: Vec<usize> = ended.json().iter().map(|foreseen| planned(foreseen).len()).collect();
    assert_eq!((ended.code, requests), (0, vec![4, 3, 1]), "{}", ended.said);
    assert!(ended.said.contains("tel:+299321044") && ended.said.contains("delete tel:+299321055"));
    // Stored events, planned anew.
    let ended = plan(&site, &["--event", "1"], b"");
    assert_eq!(ended.code, 1);
    assert!(
        ended.said.contains("event 1: UserAddRequest") && ended.said.contains("exists already"),
        "{}",
        ended.said
    );
    let ended = plan(&site, &["--event", "2", "--json"], b"");
    assert_eq!((ended.code, planned(&ended.json()[0]).len()), (0, 0), "there is nothing left to change");
    for (id, reason) in [("77", "there is no event 77"), ("-1", "there is no event -1")] {
        let ended = plan(&site, &[&format!("--event={id}")], b"");
        assert_eq!((ended.code, &*ended.said), (1, ""));
        assert!(ended.complained.contains(reason), "{}", ended.complained);
    }
    assert_eq!((peers.ema.counts().requests, site.events()), before, "something was sent or stored");
}

#[test]
fn an_event_that_waits_is_planned_as_it_is_then_sent() {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let _daemon = site.start();
    peers.ema.refuse(true).expect("refused");
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    eventually("it waits", || (site.count(&["pending"]) == 1).then_some(()));
    let ended = plan(&site, &["--event", "1"], b"");
    assert!(
        ended.code == 0 && ended.said.contains("hss: create association of anna@tele.gl"),
        "{}",
        ended.said
    );
    peers.ema.refuse(false).expect("listening again");
    site.wait_ended(1);
    assert_eq!((site.count(&["completed"]), peers.ema.holds()), (1, (1, 0)));
}

#[test]
fn what_cannot_be_read_is_told_and_what_can_is_planned_all_the_same() {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let good = encode(&add(1, "anna@tele.gl")).to_vec();
    let cut = [&good[..], b"<BroadsoftOCIReportingDocument><password>sip-secret-1"].concat();
    let bad = encode("<BroadsoftOCIReportingDocument><password>sip-secret-1</BroadsoftOCIReportingDocument>")
        .to_vec();
    let cases: [(&str, &[u8], bool, &str); 7] = [
        ("cut off", &cut, true, "what stands at the end is no whole document"),
        ("unreadable", &[&bad[..], &good].concat(), true, "document 1: the document cannot be read"),
        ("stray", &[b"sip-secret-1 \x00\xff\n", &good[..]].concat(), true, "between documents"),
        ("rubbish", b"\x00\x01\xff sip-secret-1", false, "holds no OCI-R document"),
        ("empty", b"", false, "holds no OCI-R document"),
        ("blank", b" \r\n\n", false, "holds no OCI-R document"),
        ("another document", b"<html/>\n", false, "holds no OCI-R document"),
    ];
    for (what, bytes, is_planned, reason) in cases {
        let ended = plan(&site, &["-", "--no-store"], bytes);
        assert_eq!(
            (ended.code, ended.said.contains("create association")),
            (1, is_planned),
            "{what}: {}",
            ended.said
        );
        assert!(ended.complained.contains(reason), "{what}: {}", ended.complained);
    }
    let missing = site.directory.path().join("missing.xml").display().to_string();
    let ended = plan(&site, &[&missing, "--no-store"], b"");
    assert!(ended.code == 1 && ended.complained.contains(&missing), "{}", ended.complained);
    let directory = site.directory.path().display().to_string();
    assert_eq!(plan(&site, &[&directory, "--no-store"], b"").code, 1);
    // Wrong arguments.
    for arguments in [&[][..], &["-", "--event", "1"], &["--event", "one"], &["--event", "1", "--no-store"]] {
        assert_eq!(plan(&site, arguments, b"").code, 2, "{arguments:?}");
    }
    assert!(!Path::new(&site.directory.path().join("events.db")).exists());
}
