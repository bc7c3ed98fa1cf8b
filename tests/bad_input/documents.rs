//! Documents and commands that cannot be read, mean nothing or lack something.

use super::support::documents::report;
use super::trial::{Trial, XSI, document, with_request};
use eventmanager::simulators::broadworks::encode;
use eventmanager::wire::ocir::write;

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
    trial.daemon.logged(&["the document element is OtherDocument"]);
    trial.check_bad("garbage", b"\x00\x01garbage\xff\xfe\r\n".to_vec(), "stray", "between documents");
    let ends = "</BroadsoftOCIReportingDocument>\n".repeat(1000).into_bytes();
    trial.check_bad("a thousand ends of nothing", ends, "stray", "33000 bytes between documents");
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
