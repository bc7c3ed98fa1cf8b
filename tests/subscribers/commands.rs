//! `eventmanager subscribers` and what it says.

use crate::given::*;
use serde_json::Value;

#[test]
fn the_commands_list_show_and_reprovision() {
    let (peers, site, daemon) = site();
    let check = |args: &[&str], code: i32, says: &[&str]| {
        let (got, said) = ask(&daemon, args);
        assert_eq!(got, Some(code), "{args:?}: {said}");
        says.iter().for_each(|says| assert!(said.contains(says), "{says:?} is not in {said}"));
    };
    check(&["subscribers", "list"], 0, &["USER", "PUBLIC IDENTITY", ANNA, PHONE, "KNI"]);
    check(&["subscribers", "list", "ann", "--group", "NONE"], 0, &["no such subscriber"]);
    check(&["subscribers", "list", "--limit", "0"], 2, &["0 is not in 1.."]);
    check(
        &["subscribers", "show", ANNA],
        0,
        &[
            "type             user\n",
            "phone            321044\n",
            "UserModifyRequest by ",
            " 1. done      hss set tel:+299321044",
            "events, the latest first",
        ],
    );
    check(&["subscribers", "show", "nobody"], 1, &["no subscriber"]);
    let before = requests(&peers).len();
    let plan = [
        "anna@tele.gl: 6 requests",
        "1. hss: create association of anna@tele.gl",
        "warning: lost SIP password",
    ];
    check(&["subscribers", "reprovision", ANNA, "--plan"], 0, &plan);
    // Nobody sits at a terminal.
    check(&["subscribers", "reprovision", ANNA], 1, &["nobody is there", "--yes"]);
    check(&["subscribers", "reprovision", "nobody", "--yes"], 1, &["there is no subscriber"]);
    assert_eq!(requests(&peers).len(), before);
    check(&["subscribers", "reprovision", ANNA, "--yes", "--reason", "lost"], 0, &["event 3 does it"]);
    site.wait_ended(3);
    assert_eq!(requests(&peers).len(), before + 6);
    let audit = json(&daemon, "/api/v1/audit")["acts"][0].clone();
    assert_eq!((&audit["actor"], &audit["detail"]), (&"local (anna)".into(), &"lost".into()));
}

#[test]
fn the_commands_speak_json() {
    let (_peers, _site, daemon) = site();
    let url = format!("http://{}", daemon.http);
    let said = |args: &[&str]| -> Value {
        let output = program(&[&["subscribers"], args, &["--json", "--url", &url]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON alone")
    };
    assert_eq!(said(&["list"])["subscribers"][0]["user"], ANNA);
    assert_eq!(said(&["show", ANNA])["events"][0]["id"], 2);
    assert!(said(&["reprovision", ANNA, "--plan"])["digest"].is_string());
    assert_eq!(said(&["reprovision", ANNA, "--yes"])["id"], 3);
}
