//! Whatever an application server sends: a clear reason, a metric, and the good document after it is provisioned.

mod support;

use eventmanager::simulators::broadworks::{
    BroadworksHandle, BroadworksOptions, BroadworksSimulator, encode,
};
use eventmanager::wire::ocir::write;
use std::time::{Duration, Instant};
use support::daemon::{Daemon, Row, Site, eventually};
use support::documents::{add, delete, report, set_phone};
use support::peers::{Peers, any};

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

fn site(server: &str) -> (Peers, Site) {
    let peers = Peers::start();
    let site = Site::new(&format!("{}{server}\n", peers.config("")));
    (peers, site)
}

/// A document with these outer commands.
fn document(commands: &str) -> String {
    format!(
        "<BroadsoftOCIReportingDocument protocol=\"OCIReporting\" xmlns:xsi=\"{XSI}\">{commands}\
         </BroadsoftOCIReportingDocument>"
    )
}

/// A report with this request.
fn with_request(id: &str, request: &str) -> String {
    document(&format!(
        "<command xsi:type=\"OCIReportingReportNotification\"><id>{id}</id><userId>provadmin</userId>\
         <loginType>System</loginType><request><![CDATA[{request}]]></request></command>"
    ))
}

/// A daemon that has been sent something bad, and after it something good.
struct Trial {
    peers: Peers,
    site: Site,
    daemon: Daemon,
    good: u64,
    /// Rows that were there before the last trial.
    seen: usize,
}

impl Trial {
    fn new(server: &str) -> Trial {
        let (peers, site) = site(server);
        let daemon = site.start();
        eventually("it is ready", || (daemon.get("/readyz").0 == 200).then_some(()));
        Trial { peers, site, daemon, good: 0, seen: 0 }
    }

    /// Sends these bytes, then a good document; gives the rows of the bytes once the good one is provisioned.
    #[track_caller]
    fn send(&mut self, bytes: impl Into<bytes::Bytes>) -> Vec<Row> {
        self.peers.broadworks.send_bytes(bytes);
        self.good += 1;
        self.peers.broadworks.send(&add(self.good, &format!("good{}@tele.gl", self.good)));
        eventually("the good document is provisioned, and what came before it has ended", || {
            let sql = "select count(*) from em_event where status = 'completed' and event like ?";
            let this = format!("%<userId>good{}@tele.gl%", self.good);
            let good = self.site.database().query_row(sql, [this], |row| row.get::<_, i64>(0));
            (good == Ok(1) && self.site.count(&["pending"]) == 0).then_some(())
        });
        let mut rows = self.site.events().split_off(self.seen);
        self.seen += rows.len();
        rows.pop().expect("the good one is the last");
        rows
    }

    fn bad(&self, reason: &str) -> f64 {
        self.daemon
            .metric("eventmanager_frames_bad_total", &format!("connection=\"as1\",reason=\"{reason}\""))
    }

    /// One failed event, whose reason holds `text`, counted with `reason`, and logged with the connection's name.
    #[track_caller]
    fn check_bad(&mut self, what: &str, bytes: impl Into<bytes::Bytes>, reason: &str, text: &str) {
        let before = self.bad(reason);
        let rows = self.send(bytes);
        assert_eq!(rows.len(), 1, "{what}: {rows:?}");
        let row = &rows[0];
        assert_eq!((row.status.as_str(), row.command.as_str()), ("failed", ""), "{what}: {row:?}");
        assert!(row.reason.contains(text), "{what}: {:?} does not hold {text:?}", row.reason);
        assert_eq!(self.bad(reason) - before, 1.0, "{what} is not counted as {reason}");
        let log = self.daemon.log();
        let logged = log.lines().any(|line| line.contains("connection=as1") && line.contains(text));
        assert!(logged, "{what}: {text:?} is not in\n{log}");
    }

    /// No event, nothing counted as bad.
    #[track_caller]
    fn check_nothing(&mut self, what: &str, bytes: impl Into<bytes::Bytes>) {
        let before = self.bad("");
        let rows = self.send(bytes);
        assert!(rows.is_empty(), "{what}: {rows:?}");
        assert_eq!(self.bad(""), before, "{what}");
    }
}

#[test]
fn what_cannot_be_read_is_a_failed_event_with_its_reason_and_the_stream_goes_on() {
    let mut trial = Trial::new("max_document = \"64KiB\"");
    let root = |inside: &str| encode(&document(inside));
    trial.check_bad("malformed", root("<command>"), "unreadable", "not well-formed");
    trial.check_bad("a stray ampersand", root("<command>a & b</command>"), "unreadable", "cannot be read");
    trial.check_bad("an unknown entity", root("<command>&who;</command>"), "unreadable", "unknown entity");
    let doctype = format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{}", document("<command/>"));
    trial.check_bad("a DOCTYPE", doctype.into_bytes(), "stray", "between documents");
    let inner_doctype = root("<!DOCTYPE x><command/>");
    trial.check_bad("a DOCTYPE inside", inner_doctype, "unreadable", "DOCTYPE");
    trial.check_bad("a depth bomb", root(&"<a>".repeat(20_000)), "unreadable", "deep");
    let large = root(&format!("<command>{}</command>", "x".repeat(80_000)));
    trial.check_bad("oversize", large, "oversize", "more than the 65536");
    let other = b"<?xml version=\"1.0\"?><OtherDocument><command/></OtherDocument>\n".to_vec();
    let before = trial.bad("other_root");
    let rows = trial.send(other);
    assert_eq!(rows, [], "documents of another root are dropped");
    assert_eq!(trial.bad("other_root") - before, 1.0);
    assert!(trial.daemon.log().contains("the document element is OtherDocument"));
    trial.check_bad("garbage", b"\x00\x01garbage\xff\xfe\r\n".to_vec(), "stray", "between documents");
    let start = b"<BroadsoftOCIReportingDocument><command>".to_vec();
    trial.check_bad("a document that another interrupts", start, "unfinished", "without its end");
    let ascii = format!("<?xml version=\"1.0\" encoding=\"klingon\"?>{}", document("<command/>"));
    trial.check_bad("an unknown encoding", ascii.into_bytes(), "unreadable", "klingon");
    let mut utf8 = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_vec();
    utf8.extend(document("<command>S\u{f8}ren</command>").chars().map(|letter| letter as u8));
    trial.check_bad("Latin-1 declared as UTF-8", utf8, "unreadable", "UTF-8");
    trial.check_bad("a NUL inside", root("<command>a\0b</command>"), "unreadable", "cannot be read");
    trial.check_bad(
        "a control character",
        root("<command>a\u{1}b</command>"),
        "unreadable",
        "cannot be read",
    );
    let events = trial.daemon.metric("eventmanager_events_received_total", "as1");
    assert_eq!(events, trial.good as f64, "what cannot be parsed counts only as bad");
}

#[test]
fn a_request_that_cannot_be_read_fails_with_its_user_and_reason() {
    let mut trial = Trial::new("");
    let mut check = |what: &str, bytes: String, text: &str| {
        let before = trial.bad("unreadable_request");
        let rows = trial.send(encode(&bytes));
        assert_eq!(rows.len(), 1, "{what}: {rows:?}");
        assert_eq!((rows[0].status.as_str(), rows[0].user.as_str()), ("failed", "provadmin"), "{what}");
        assert!(rows[0].reason.contains(text), "{what}: {:?}", rows[0].reason);
        assert_eq!(trial.bad("unreadable_request") - before, 1.0, "{what}");
    };
    check("no XML", with_request("w1", "this is no XML"), "request");
    check("cut", with_request("w2", "<BroadsoftDocument><command xsi:type=\"UserAddRequest\">"), "request");
    check("another root", with_request("w3", "<Other/>"), "BroadsoftDocument");
    check("a DOCTYPE", with_request("w4", "<!DOCTYPE a><BroadsoftDocument/>"), "DOCTYPE");
    check("deep", with_request("w5", &format!("<BroadsoftDocument>{}", "<a>".repeat(5_000))), "deep");
    check(
        "untyped",
        with_request("w6", "<BroadsoftDocument><command/></BroadsoftDocument>"),
        "without a type",
    );
    let none = "<command xsi:type=\"OCIReportingReportNotification\"><id>w7</id><userId>provadmin</userId></command>";
    check("no request", document(none), "no request");
}

#[test]
fn a_command_without_what_it_needs_fails_before_anything_is_sent() {
    let mut trial = Trial::new("");
    let mut check = |kind: &str, body: &str, text: &str| {
        let calls = |trial: &Trial| trial.peers.ema.counts().hss + trial.peers.ema.counts().enumerations;
        let before = calls(&trial);
        let rows = trial.send(encode(&report(1, kind, body)));
        assert_eq!(rows.len(), 1, "{kind} {body}: {rows:?}");
        assert_eq!((rows[0].status.as_str(), rows[0].command.as_str()), ("failed", kind), "{body}");
        assert!(rows[0].reason.contains(text), "{kind} {body}: {:?}", rows[0].reason);
        assert_eq!(calls(&trial) - before, 1, "{kind} {body}: only the good one was sent");
    };
    check("UserAddRequest", "<groupId>g</groupId>", "userId");
    check("UserAddRequest", "<userId/>", "userId");
    check("UserAddRequest", "<userId>  \t</userId>", "userId");
    check("UserAddRequest", "<userId xsi:nil=\"true\"/>", "userId");
    check("UserModifyRequest", "<phoneNumber>321044</phoneNumber>", "userId");
    check("UserDeleteRequest", "<userId></userId>", "userId");
    for phone in ["12a4", "+45-321044", "321 044", "+299321044", "-", "٣٢١٠٤٤"] {
        let body = format!("<userId>good1@tele.gl</userId><phoneNumber>{phone}</phoneNumber>");
        let encoded = body.replace("٣٢١٠٤٤", "&#1635;&#1634;&#1633;");
        check("UserModifyRequest", &encoded, "phone");
    }
    let long = format!("<userId>{}@tele.gl</userId>", "x".repeat(300));
    let rows = trial.send(encode(&report(1, "UserAddRequest", &long)));
    assert_eq!(rows.len(), 1);
}

#[test]
fn what_is_no_event_leaves_no_row() {
    let mut trial = Trial::new("");
    trial.check_nothing("server status", encode(&write::server_status(1)));
    let admin =
        write::report("w1", "*XS localhost Admin*", "admin", "UserAddRequest", "<userId>x@tele.gl</userId>");
    trial.check_nothing("BroadWorks' own user", encode(&admin));
    let identity = "<command xsi:type=\"OCIReportingReportPublicIdentityNotification\"><id>w2</id></command>";
    trial.check_nothing("a public identity notification", encode(&document(identity)));
    trial.check_nothing("another kind", encode(&document("<command xsi:type=\"OCIReportingNews\"/>")));
    trial.check_nothing("nothing", encode(&document("")));
    trial.check_nothing("white space", b"\r\n\r\n   \t\n\n".to_vec());
    let kinds = trial.daemon.metric("eventmanager_notifications_total", "as1");
    assert_eq!(kinds, 3.0, "they are counted");
}

#[test]
fn unknown_commands_and_lookalikes_are_ignored() {
    let mut trial = Trial::new("");
    for kind in ["UserAddRequests", "XUserAddRequest", "userAddRequest", "UserAdd", "UserAddRequest_x", "U"] {
        let rows = trial.send(encode(&report(1, kind, "<userId>evil@tele.gl</userId>")));
        assert_eq!(rows.len(), 1, "{kind}: {rows:?}");
        assert_eq!(rows[0].status, "ignored", "{kind}");
    }
    assert!(!format!("{:?}", trial.peers.ema.state()).contains("evil"));
}

#[test]
fn several_commands_of_one_document_are_events_in_their_order() {
    let mut trial = Trial::new("");
    let command = |kind: &str, body: &str| {
        format!("<command xsi:type=\"{kind}\" xmlns=\"\" xmlns:xsi=\"{XSI}\">{body}</command>")
    };
    let commands = [
        command("UserAddRequest17sp4", "<userId>anna@tele.gl</userId>"),
        command("UserDoNotDisturbModifyRequest", ""),
        command("UserModifyRequest22", "<userId>anna@tele.gl</userId><phoneNumber>321044</phoneNumber>"),
        command("UserModifyRequest22", "<phoneNumber>321044</phoneNumber>"),
    ];
    let inner = format!("<BroadsoftDocument><userId>admin</userId>{}</BroadsoftDocument>", commands.concat());
    let rows = trial.send(encode(&with_request("write9", &inner)));
    let rows: Vec<_> = rows.iter().map(|row| (row.command.as_str(), row.status.as_str())).collect();
    assert_eq!(
        rows,
        [
            ("UserAddRequest", "completed"),
            ("UserDoNotDisturbModifyRequest", "ignored"),
            ("UserModifyRequest", "completed"),
            ("UserModifyRequest", "failed"),
        ]
    );
    assert_eq!(trial.peers.ema.holds(), (2, 1));
}

#[test]
fn a_document_may_come_in_any_pieces() {
    let mut trial = Trial::new("");
    for segments in [2, 3, 7, 50, 400] {
        let user = format!("cut{segments}@tele.gl");
        trial.peers.broadworks.send_segments(&add(1, &user), segments, Duration::from_micros(200));
        let rows = trial.send("");
        assert_eq!(rows.len(), 1, "{segments}: {rows:?}");
        assert_eq!(rows[0].status, "completed", "{segments}");
    }
    let many: Vec<u8> =
        (0..50).flat_map(|number| encode(&add(number, &format!("many{number}@tele.gl")))).collect();
    assert_eq!(trial.send(many).len(), 50, "many in one piece");
    // No declaration, CRLF, no line end, all in one.
    let bare = add(1, "bare@tele.gl").replace("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n", "");
    assert_eq!(trial.send(format!("\r\n\r\n{bare}")).len(), 1, "bare");
}

#[test]
fn a_document_that_a_reset_cuts_off_is_told_and_the_next_connection_goes_on() {
    let (peers, site) = site("");
    let daemon = site.start();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    let connections = peers.broadworks.connections();
    // All but the last byte, so that the kernel has it delivered before the reset.
    peers.broadworks.close_client();
    eventually("it connects anew", || (peers.broadworks.connections() > connections).then_some(()));
    let half = encode(&add(2, "bo@tele.gl"));
    peers.broadworks.send_bytes(half.slice(..half.len() / 2));
    peers.broadworks.close_client();
    site.wait_ended(2);
    let row = site.events().pop().expect("a row");
    assert_eq!(row.status, "failed");
    assert!(
        row.reason.contains("within the document") && row.reason.contains("closed by the peer"),
        "{row:?}"
    );
    assert_eq!(daemon.metric("eventmanager_frames_bad_total", "reason=\"cut_off\""), 1.0);
    peers.broadworks.send(&add(3, "bo@tele.gl"));
    site.wait_ended(3);
    for _ in 0..2 {
        let before = peers.broadworks.connections();
        peers.broadworks.drop_client_within(&add(4, "cut@tele.gl"), 200);
        eventually("it connects anew", || (peers.broadworks.connections() > before).then_some(()));
    }
    peers.broadworks.send(&set_phone(5, "bo@tele.gl", "321044"));
    eventually("the next one is provisioned", || (peers.ema.holds() == (2, 1)).then_some(()));
    assert!(site.events().iter().all(|row| row.user == "admin@tele.gl" || row.status == "failed"));
}

#[test]
fn a_repeat_on_a_later_connection_is_a_duplicate_and_on_the_same_a_new_event() {
    let (peers, site) = site("");
    let daemon = site.start();
    let document = add(1, "anna@tele.gl");
    peers.broadworks.send(&document);
    peers.broadworks.send(&document);
    site.wait_ended(2);
    let statuses: Vec<String> = site.events().into_iter().map(|row| row.status).collect();
    assert_eq!(
        statuses,
        ["completed", "failed"],
        "the same connection: a new event, which finds the user there"
    );
    let check_duplicate = |events: u64| {
        peers.broadworks.send(&document);
        site.wait_ended(events);
        let row = site.events().pop().expect("a row");
        assert_eq!(row.status, "ignored");
        assert!(row.reason.starts_with("duplicate of "), "{row:?}");
        let original: i64 = row.reason["duplicate of ".len()..].parse().expect("an id");
        assert!((1..=2).contains(&original), "{row:?}");
    };
    let connections = peers.broadworks.connections();
    peers.broadworks.close_client();
    eventually("it connects anew", || (peers.broadworks.connections() > connections).then_some(()));
    check_duplicate(3);
    assert_eq!(daemon.metric("eventmanager_duplicates_total", "as1"), 1.0);
    // Another content under the same id is something else.
    peers.broadworks.send(&add(1, "bo@tele.gl"));
    site.wait_ended(4);
    assert_eq!(site.events().pop().expect("a row").status, "completed");
    // What was stored before a restart is known after it.
    assert_eq!(daemon.terminate(), Some(0));
    let _daemon = site.start();
    check_duplicate(5);
}

#[test]
fn outside_the_window_a_repeat_is_a_new_event() {
    let (peers, site) = site("duplicate_window = \"0s\"");
    let _daemon = site.start();
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(1);
    let connections = peers.broadworks.connections();
    peers.broadworks.close_client();
    eventually("it connects anew", || (peers.broadworks.connections() > connections).then_some(()));
    peers.broadworks.send(&add(1, "anna@tele.gl"));
    site.wait_ended(2);
    assert_eq!(site.events()[1].status, "failed");
}

/// A second server in the configuration.
fn second(peers: &Peers, cluster: &str) -> (BroadworksHandle, Site) {
    let other = BroadworksSimulator::start(any()).expect("an application server");
    let config = format!(
        "{}{cluster}\n[[broadworks]]\nname = \"as2\"\naddress = \"{}\"\n{cluster}\n",
        peers.config(""),
        other.addr()
    );
    let site = Site::new(&config);
    (other, site)
}

#[test]
fn what_both_servers_of_a_cluster_send_is_one_event() {
    let peers = Peers::start();
    let (other, site) = second(&peers, "cluster = \"nuuk\"");
    let _daemon = site.start();
    for number in 0..20 {
        let document = add(number, &format!("user{number}@tele.gl"));
        let (first, then) =
            if number % 2 == 0 { (&peers.broadworks, &other) } else { (&other, &peers.broadworks) };
        first.send(&document);
        then.send(&document);
    }
    site.wait_ended(40);
    assert_eq!((site.count(&["completed"]), site.count(&["ignored"])), (20, 20), "{:?}", site.events());
    assert_eq!(peers.ema.holds().0, 20);
}

#[test]
fn the_same_id_of_two_servers_that_are_no_cluster_is_two_events() {
    let peers = Peers::start();
    let (other, site) = second(&peers, "");
    let daemon = site.start();
    peers.broadworks.send(&delete(1, "nobody@tele.gl"));
    other.send(&delete(1, "nobody@tele.gl"));
    site.wait_ended(2);
    assert_eq!(site.count(&["completed"]), 2, "{:?}", site.events());
    // And one that is away delays no other.
    other.refuse(true).expect("refused");
    eventually("it is down", || {
        (daemon.metric("eventmanager_connection_up", "connection=\"as2\"") == 0.0).then_some(())
    });
    peers.broadworks.send(&add(2, "anna@tele.gl"));
    site.wait_ended(3);
    assert_eq!(daemon.metric("eventmanager_connection_up", "connection=\"as1\""), 1.0);
}

#[test]
fn a_server_that_closes_is_connected_again_within_about_a_second() {
    let (peers, site) = site("");
    peers.broadworks.refuse(true).expect("refused");
    let daemon = site.start();
    let up = |daemon: &Daemon| daemon.metric("eventmanager_connection_up", "connection=\"as1\"");
    assert!(daemon.get("/metrics").1.contains("eventmanager_connection_up{connection=\"as1\"} 0"));
    peers.broadworks.refuse(false).expect("listening");
    eventually("it is connected", || (up(&daemon) == 1.0).then_some(()));
    let reconnects = daemon.metric("eventmanager_reconnects_total", "as1");
    let connections = peers.broadworks.connections();
    let closed = Instant::now();
    peers.broadworks.close_client();
    eventually("it is connected again", || (peers.broadworks.connections() > connections).then_some(()));
    assert!(closed.elapsed() < Duration::from_millis(2500), "{:?}", closed.elapsed());
    eventually("it is counted", || {
        (daemon.metric("eventmanager_reconnects_total", "as1") > reconnects && up(&daemon) == 1.0)
            .then_some(())
    });
    let log = daemon.log();
    assert!(log.contains("not connected to broadworks") && log.contains("closed by the peer"), "{log}");
}

#[test]
fn a_connection_on_which_nothing_is_heard_is_made_anew_and_one_with_keep_alives_stays() {
    let (peers, site) = site("keepalive_timeout = \"400ms\"");
    let daemon = site.start();
    eventually("it is made anew", || (peers.broadworks.connections() >= 2).then_some(()));
    assert!(daemon.log().contains("nothing heard for 400ms"), "{}", daemon.log());
    drop(daemon);
    let keepalive = Some(Duration::from_millis(100));
    let alive =
        BroadworksSimulator::start_with(BroadworksOptions { keepalive, ..BroadworksOptions::default() })
            .expect("an application server");
    let config = peers.config("").replace(&peers.broadworks.addr().to_string(), &alive.addr().to_string());
    let site = Site::new(&format!("{config}keepalive_timeout = \"400ms\"\n"));
    let daemon = site.start();
    let statuses =
        || daemon.metric("eventmanager_notifications_total", "OCIReportingServerStatusNotification");
    eventually("keep-alives of more than the timeout are heard", || (statuses() >= 10.0).then_some(()));
    assert_eq!(alive.connections(), 1);
    assert_eq!(site.events().len(), 0);
}
