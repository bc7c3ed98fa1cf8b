//! What an operator should know about an event that completed all the same.

mod support;

use support::daemon::Site;
use support::documents::{add, report, voicemail};
use support::peers::Peers;

const CITY: &str = "<callingLineIdFirstName>A</callingLineIdFirstName><address><stateOrProvince>*</stateOrProvince></address>";
const TRUNK: &str = "<endpoint><trunkAddressing><trunkGroupDeviceEndpoint><linePort>anna@tele.gl</linePort>\
    </trunkGroupDeviceEndpoint></trunkAddressing></endpoint>";

#[test]
fn a_warning_is_told_with_its_event_and_kept_in_the_journal() {
    let peers = Peers::start();
    let site = Site::new(&peers.config(""));
    let daemon = site.start();
    let user = "<userId>anna@tele.gl</userId>";
    let city = |city: &str| format!("{user}{}", CITY.replace('*', city));
    let unknown = "no phone context is configured for \"Atlantis\": the default is used";
    let mail = |password: &str| voicemail(1, "anna@tele.gl", Some(("anna@m.gl", password)));
    let cases: [(String, &[&str]); 10] = [
        (report(1, "UserAddRequest", &city("Atlantis")), &[unknown]),
        (report(1, "UserModifyRequest", &city("Nuuk")), &[]),
        (report(1, "UserModifyRequest", &city("Atlantis")), &[unknown]),
        (mail("one"), &[]),
        (mail("one"), &[]),
        (mail("two"), &["mail password not changed"]),
        (
            voicemail(1, "anna@tele.gl", Some(("other@m.gl", "three"))),
            &["mail account anna@m.gl stays at the mail server"],
        ),
        (report(1, "UserModifyRequest", &format!("{user}{TRUNK}")), &["lost SIP password"]),
        // A trunk line has none to lose.
        (report(1, "UserModifyRequest", &format!("{user}<endpoint xsi:nil=\"true\"/>")), &[]),
        (
            report(1, "UserModifyRequest", &format!("{}{TRUNK}", city("Atlantis"))),
            &["lost SIP password", unknown],
        ),
    ];
    for (number, (document, warnings)) in (1..).zip(&cases) {
        peers.broadworks.send(document);
        site.wait_ended(number);
        let (status, body) = daemon.get(&format!("/api/v1/events/{number}"));
        let detail: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((status, detail["status"].as_str()), (200, Some("completed")), "{document}\n{body}");
        assert_eq!(detail["warnings"], serde_json::json!(warnings), "{document}");
        let sql = "select warnings from em_journal join em_event using (uuid) where em_event.id = ?1";
        let kept: Option<String> =
            site.database().query_row(sql, [number as i64], |row| row.get(0)).expect("a journal");
        let kept = kept.unwrap_or_default();
        assert_eq!(kept.is_empty(), warnings.is_empty(), "{kept}");
        let is_kept =
            |warning: &&str| kept.contains(&warning.replace('"', "\\\"")) || kept.contains(*warning);
        assert!(warnings.iter().all(is_kept), "{kept} does not hold {warnings:?}");
    }
    // A warning of a member names it.
    site.database().execute("update srd_user set vmail_user = 'broken', group_id = 'g'", []).expect("edited");
    peers.broadworks.send(&add(20, "bo@tele.gl"));
    peers.broadworks.send(&report(21, "GroupDeleteRequest", "<groupId>g</groupId>"));
    site.wait_ended(12);
    let told = daemon.get("/api/v1/events/12").1;
    let warning = "anna@tele.gl: mail account broken is not deleted: it is not LOCALPART@DOMAIN";
    assert!(told.contains(warning), "{told}");
}
