//! What sending a subscriber's row once more sends.

use crate::given::*;
use eventmanager::plan::{Plan, Request, Subscriber};
use eventmanager::processors::Decision;
use eventmanager::processors::reprovision::document;
use eventmanager::wire::Secret;
use eventmanager::wire::cai3g::HssRequest;
use eventmanager::wire::ocir::{Command, Document};

fn wish(user: &str, digest: &str) -> Command {
    let document = Document::from_text(document("local (anna)", user, digest));
    document.into_command(0).expect("a document").expect("a command")
}

fn planned_for(row: &Subscriber) -> Plan {
    planned(&wish(&row.user_id, ""), Some(row))
}

/// The row after these commands, and what sending it once more sends; it does not change the row.
#[track_caller]
fn check_restored(commands: &[Command], expected: &[&str]) {
    let row = after(commands);
    let plan = planned_for(row.as_ref().expect("a row"));
    assert_eq!(requests(&plan), expected);
    assert!(plan.restores && plan.steps.iter().all(|step| step.effect.is_none()));
}

fn mailbox() -> Command {
    command(
        "UserVoiceMessagingUserModifyAdvancedVoiceManagementRequest",
        &format!(
            "<userId>{USER}</userId><groupMailServerUserId>nivi@mail.gl</groupMailServerUserId>\
             <groupMailServerPassword>post</groupMailServerPassword>"
        ),
    )
}

fn list() -> Command {
    command(
        "UserBusyLampFieldModifyRequest",
        &format!("<userId>{USER}</userId><listURI>sip:list@tele.gl</listURI>"),
    )
}

#[test]
fn everything_that_a_row_says_is_sent_once_more() {
    let association =
        ["create association of nivi@tele.gl", "set profile nivi@tele.gl", "set sip:nivi@tele.gl"];
    check_restored(&[add("")], &association);
    let phone =
        ["set tel:+299321044", "delete ENUM tel:299321044", "create ENUM tel:299321044 to sip:nivi@tele.gl"];
    check_restored(&[add(""), set_phone("321044")], &[association, phone].concat());
    let rest = ["create PSI association of list@tele.gl", "create mail account nivi@mail.gl"];
    let all = [&association[..], &phone, &rest].concat();
    check_restored(&[add(""), set_phone("321044"), list(), mailbox()], &all);
}

#[test]
fn what_registers_gets_a_password_and_what_does_not_is_a_psi() {
    let mut row = after(&[add("")]).expect("a row");
    for (user_type, is_psi) in [("user", false), ("pilot", false), ("virtual", true), ("trunk", true)] {
        row.user_type = eventmanager::plan::UserType::parse(user_type).expect("a type");
        let plan = planned_for(&row);
        let Request::Hss(HssRequest::CreateAssociation(association)) = &plan.steps[0].request else {
            panic!("a create")
        };
        assert_eq!((association.is_psi, association.private_user.password.is_none()), (is_psi, is_psi));
        let lost = plan.warning_of_restoring(&plan.steps[0].request);
        assert_eq!(lost.is_some(), !is_psi, "{user_type}");
        // No other request may touch a password.
        assert!(plan.steps[1..].iter().all(|step| step.request.secret().is_none()));
    }
}

#[test]
fn a_mail_account_that_cannot_be_made_is_left_and_told() {
    let mut row = after(&[add(""), mailbox()]).expect("a row");
    row.mail_password = None;
    assert_eq!(
        planned_for(&row).warnings,
        ["mail account nivi@mail.gl is left as it is: its row has no password"]
    );
    row.mail_account = Some("nivi".into());
    assert_eq!(
        planned_for(&row).warnings,
        ["mail account nivi is left as it is: it is not LOCALPART@DOMAIN"]
    );
    let without_mail = eventmanager::processors::attributes::Rules { mail: None, ..rules() };
    let Ok(Decision::Run(plan)) = decide(&wish(USER, ""), Some(&row), &without_mail) else {
        panic!("a plan")
    };
    assert_eq!(plan.warnings, ["mail account nivi is left as it is: mail is not provisioned"]);
}

#[test]
fn whoever_has_no_row_cannot_be_sent_once_more() {
    assert_eq!(
        plan(&wish(USER, ""), None).unwrap_err().to_string(),
        "subscriber \"nivi@tele.gl\" is not known"
    );
    assert_eq!(plan(&wish("", ""), None).unwrap_err().to_string(), "userId is missing");
}

#[test]
fn a_row_that_has_changed_since_its_plan_was_seen_is_sent_as_it_is_with_a_warning() {
    let seen = after(&[add("")]).expect("a row");
    let digest = planned_for(&seen).digest();
    assert_eq!(planned(&wish(USER, &digest), Some(&seen)).warnings, [""; 0]);
    let changed = after(&[add(""), set_phone("321044")]).expect("a row");
    let plan = planned(&wish(USER, &digest), Some(&changed));
    assert_eq!((plan.steps.len(), plan.warnings.len()), (6, 1));
    assert!(plan.warnings[0].contains("has changed"));
}

#[test]
fn a_digest_is_of_the_requests_and_never_of_passwords() {
    let mut row = after(&[add(""), mailbox()]).expect("a row");
    let digest = planned_for(&row).digest();
    row.mail_password = Some(Secret::new("other"));
    assert_eq!(planned_for(&row).digest(), digest);
    row.phone_context = Some("nuk.tg.gl".into());
    assert_ne!(planned_for(&row).digest(), digest);
}

#[test]
fn any_id_goes_through_a_document() {
    for user in ["søren æ@tele.gl", "a/b&c<d>\"e'f", "]]>", "  blank  "] {
        let command = wish(user, "d");
        assert_eq!(
            (command.field("userId").value(), command.user_id()),
            (Some(user), "local (anna)"),
            "{user}"
        );
    }
}
