//! Mail accounts and mail domains.

use crate::given::*;
use eventmanager::plan::Subscriber;
use eventmanager::processors::Decision;
use eventmanager::processors::attributes::{MailRules, Rules};
use eventmanager::wire::Secret;
use eventmanager::wire::ocir::Command;

fn account(account: &str, password: &str) -> Command {
    voicemail(&format!(
        "<groupMailServerUserId>{account}</groupMailServerUserId>\
         <groupMailServerPassword>{password}</groupMailServerPassword>"
    ))
}

fn voicemail(body: &str) -> Command {
    let command_type = "UserVoiceMessagingUserModifyAdvancedVoiceManagementRequest";
    command(command_type, &format!("<userId>{USER}</userId>{body}"))
}

fn domain(act: &str, body: &str) -> Command {
    command(&format!("SystemDomain{act}Request"), body)
}

fn with_account() -> Option<Subscriber> {
    after(&[add(""), account("nivi@mail.gl", "Vm1")])
}

#[test]
fn an_account_that_the_user_does_not_have_is_created() {
    check(
        &[add(""), account("nivi@mail.gl", "Vm1")],
        &["create mail account nivi@mail.gl"],
        "user nivi@tele.gl - tg.gl mail nivi@mail.gl",
    );
    assert_eq!(with_account().and_then(|row| row.mail_password), Some(Secret::new("Vm1")));
    let again = [add(""), account("nivi@mail.gl", "Vm1"), account("nivi@mail.gl", "Vm1")];
    check(&again, &[], "user nivi@tele.gl - tg.gl mail nivi@mail.gl");
}

#[test]
fn an_event_without_an_account_asks_for_nothing_whoever_the_user_is() {
    check(&[voicemail("")], &[], "no row");
    check(&[voicemail(r#"<groupMailServerUserId xsi:nil="true"/>"#)], &[], "no row");
    let row = "user nivi@tele.gl - tg.gl mail nivi@mail.gl";
    check(&[add(""), account("nivi@mail.gl", "Vm1"), voicemail("")], &[], row);
}

/// Of the ten points: 4.
#[test]
fn a_changed_mail_password_is_a_warning() {
    let row = with_account();
    let plan = planned(&account("nivi@mail.gl", "Vm2"), row.as_ref());
    assert!(plan.steps.is_empty());
    assert_eq!(plan.warnings, ["mail password not changed"]);
    let no_password = voicemail("<groupMailServerUserId>nivi@mail.gl</groupMailServerUserId>");
    assert!(planned(&no_password, row.as_ref()).warnings.is_empty());
}

/// Of the ten points: 4.
#[test]
fn another_account_is_created_and_the_one_before_stays_unless_it_is_to_go() {
    let (row, other) = (with_account(), account("np@mail.gl", "Vm2"));
    let plan = planned(&other, row.as_ref());
    assert_eq!(requests(&plan), ["create mail account np@mail.gl"]);
    assert_eq!(plan.warnings, ["mail account nivi@mail.gl stays at the mail server"]);
    let rules = Rules { mail: Some(MailRules { delete_replaced: true }), ..rules() };
    let Ok(Decision::Run(plan)) = decide(&other, row.as_ref(), &rules) else { panic!("must be planned") };
    assert_eq!(requests(&plan), ["create mail account np@mail.gl", "delete mail account nivi@mail.gl"]);
    let mut row = row;
    apply_all(&mut row, &plan);
    assert_eq!(line(&row), "user nivi@tele.gl - tg.gl mail np@mail.gl");
    assert!(plan.steps[0].effect.is_none(), "the row changes when both are done");
}

#[test]
fn an_account_that_differs_in_case_alone_is_the_same() {
    let rules = Rules { mail: Some(MailRules { delete_replaced: true }), ..rules() };
    let decided = decide(&account("Nivi@Mail.GL", "Vm1"), with_account().as_ref(), &rules);
    assert_eq!(decided, Ok(Decision::Run(eventmanager::plan::Plan::default())));
}

/// Of the ten points: 4.
#[test]
fn the_account_goes_with_its_user_before_the_association() {
    let association = "delete association 4e749f176d2a36b2d174b8c111132367";
    check(
        &[add(""), set_phone("321044"), account("nivi@mail.gl", "Vm1"), delete()],
        &[
            "delete tel:+299321044",
            "delete ENUM tel:299321044",
            "delete mail account nivi@mail.gl",
            association,
        ],
        "no row",
    );
}

#[test]
fn an_account_that_cannot_be_deleted_is_told() {
    let mut row = with_account();
    let no_mail = Rules { mail: None, ..rules() };
    let Ok(Decision::Run(plan)) = decide(&delete(), row.as_ref(), &no_mail) else {
        panic!("must be planned")
    };
    assert_eq!(plan.warnings, ["mail account nivi@mail.gl is not deleted: mail is not provisioned"]);
    row.as_mut().expect("a row").mail_account = Some("nivi".into());
    let plan = planned(&delete(), row.as_ref());
    assert_eq!(plan.warnings, ["mail account nivi is not deleted: it is not LOCALPART@DOMAIN"]);
}

#[test]
fn a_mail_event_that_cannot_be_right_is_refused_with_the_reason() {
    check_refused(&[account("nivi@mail.gl", "Vm1")], r#"subscriber "nivi@tele.gl" is not known"#);
    check_refused(&[add(""), account("nivi", "Vm1")], r#"mail account "nivi" is not LOCALPART@DOMAIN"#);
    check_refused(&[add(""), account("  ", "Vm1")], "groupMailServerUserId is blank");
    check_refused(&[add(""), account("nivi@mail.gl", "")], "groupMailServerPassword is missing");
    check_refused(&[domain("Add", "")], "domain is missing");
    check_refused(&[domain("Delete", "<domain> </domain>")], "domain is blank");
}

#[test]
fn a_mail_domain_comes_and_goes() {
    let named = "<domain>mail.gl</domain>";
    check(&[domain("Add", named)], &["save mail domain mail.gl"], "no row");
    check(&[domain("Delete", named)], &["delete mail domain mail.gl"], "no row");
}

#[test]
fn without_a_mail_server_events_about_mail_are_ignored() {
    let no_mail = Rules { mail: None, ..rules() };
    for command in [account("nivi@mail.gl", "Vm1"), domain("Add", "<domain>mail.gl</domain>")] {
        assert!(matches!(decide(&command, None, &no_mail), Ok(Decision::Ignore(_))));
    }
}
