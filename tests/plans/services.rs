//! What is reached and does not register by itself: trunk pilots, services of a group, its voice portal.

use crate::given::*;
use eventmanager::plan::Request;
use eventmanager::wire::Secret;
use eventmanager::wire::cai3g::{Association, HssRequest};
use eventmanager::wire::ocir::Command;

const SERVICE: &str = "hg@tele.gl";
const PORTAL: &str = "880123_VMR@tele.gl";
const KINDS: [&str; 4] = ["HuntGroup", "AutoAttendant", "CallCenter", "MeetMeConferencing"];

fn service(kind: &str, act: &str, profile: &str) -> Command {
    let body = format!(
        "<serviceUserId>{SERVICE}</serviceUserId><groupId>KNI</groupId>\
         <serviceInstanceProfile>{profile}</serviceInstanceProfile>"
    );
    command(&format!("Group{kind}{act}InstanceRequest21"), &body)
}

fn hunt_group(act: &str, profile: &str) -> Command {
    service("HuntGroup", act, profile)
}

fn portal(phone: &str) -> Command {
    let body = format!(
        "<groupId>KNI</groupId><serviceInstanceProfile>{phone}\
         <publicUserIdentity>{PORTAL}</publicUserIdentity></serviceInstanceProfile>"
    );
    command("GroupVoiceMessagingGroupModifyVoicePortalRequest", &body)
}

fn trunk(pilot: &str, password: &str) -> Command {
    let body = format!("<groupId>KNI</groupId><pilotUser>{pilot}</pilotUser>{password}");
    command("GroupTrunkGroupAddInstanceRequest21", &body)
}

fn phone(phone: &str) -> String {
    format!("<phoneNumber>{phone}</phoneNumber>")
}

fn identity(identity: &str) -> String {
    format!("<publicUserIdentity>{identity}</publicUserIdentity>")
}

const NO_PHONE: &str = r#"<phoneNumber xsi:nil="true"/>"#;
const PILOT: &str = "<userId>pilot@tele.gl</userId><linePort>line@tele.gl</linePort>";
const PASSWORD: &str = "<sipAuthenticationPassword>Tr&amp;nk 1</sipAuthenticationPassword>";
const CREATED: &str = "create PSI association of hg@tele.gl";
const DELETED: &str = "delete association cc1d6dfa6fa7a3726367b4ca8e196cfd";

#[track_caller]
fn created_association(command: &Command) -> Association {
    match planned(command, None).steps.remove(0).request {
        Request::Hss(HssRequest::CreateAssociation(association)) => association,
        other => panic!("must be a create: {other}"),
    }
}

#[test]
fn a_trunk_is_its_pilot_with_the_password_of_the_trunk() {
    check(&[trunk(PILOT, PASSWORD)], &["create association of pilot@tele.gl"], "pilot line@tele.gl - tg.gl");
    let association = created_association(&trunk(PILOT, PASSWORD));
    assert_eq!(association.private_user.password.as_ref().map(Secret::expose), Some("Tr&nk 1"));
    assert_eq!(association.public_data.implicit_reg_set, 1);
    assert_eq!(association.service_profile.configured_profile_id, "sp_pilot");
    assert!(!association.is_psi);
    assert_eq!(after(&[trunk(PILOT, PASSWORD)]).and_then(|row| row.group_id).as_deref(), Some("KNI"));
}

/// Of the ten points: 7.
#[test]
fn a_trunk_without_password_or_identifier_is_refused() {
    let missing = "sipAuthenticationPassword is missing";
    check_refused(&[trunk(PILOT, "")], missing);
    check_refused(&[trunk(PILOT, "<sipAuthenticationPassword/>")], missing);
    check_refused(&[trunk(PILOT, r#"<sipAuthenticationPassword xsi:nil="true"/>"#)], missing);
    check_refused(&[trunk("<userId>p@tele.gl</userId>", PASSWORD)], "pilotUser/linePort is missing");
    check_refused(&[trunk("<linePort>p@tele.gl</linePort>", PASSWORD)], "pilotUser/userId is missing");
    check_refused(
        &[trunk(PILOT, PASSWORD), trunk(PILOT, PASSWORD)],
        r#"subscriber "pilot@tele.gl" exists already"#,
    );
}

#[test]
fn a_service_of_every_kind_is_added_modified_and_deleted_alike() {
    for kind in KINDS {
        let add = || service(kind, "Add", "");
        check(&[add()], &[CREATED], "virtual hg@tele.gl - tg.gl");
        let moved = [
            "delete sip:hg@tele.gl",
            "delete profile hg@tele.gl",
            "set profile h@tele.gl",
            "set sip:h@tele.gl",
        ];
        check(&[add(), service(kind, "Modify", &identity("h@tele.gl"))], &moved, "virtual h@tele.gl - tg.gl");
        check(&[add(), service(kind, "Delete", "")], &[DELETED], "no row");
    }
    let association = created_association(&hunt_group("Add", ""));
    assert!(association.is_psi && association.private_user.password.is_none());
    assert_eq!(association.public_data.implicit_reg_set, 0);
    assert_eq!(association.service_profile.configured_profile_id, "sp_virtual");
}

/// Of the ten points: 8.
#[test]
fn a_phone_in_the_add_of_a_service_or_a_new_portal_is_provisioned() {
    check(
        &[hunt_group("Add", &phone("321044"))],
        &[CREATED, "set tel:+299321044", "create ENUM tel:299321044 to sip:hg@tele.gl"],
        "virtual hg@tele.gl 321044 tg.gl",
    );
    check(
        &[hunt_group("Add", &format!("{}{}", phone("+299-321044"), identity("sip:h@tele.gl")))],
        &[CREATED, "set tel:+299321044", "create ENUM tel:299321044 to sip:h@tele.gl"],
        "virtual h@tele.gl 321044 tg.gl",
    );
    check(
        &[portal(&phone("321044"))],
        &[
            "create PSI association of 880123_VMR@tele.gl",
            "set tel:+299321044",
            "create ENUM tel:299321044 to sip:880123_VMR@tele.gl",
        ],
        "virtual 880123_VMR@tele.gl 321044 tg.gl",
    );
}

/// Of the ten points: 8.
#[test]
fn a_nil_phone_of_a_portal_is_removed_and_an_absent_one_stays() {
    let with_phone = || portal(&phone("321044"));
    check(
        &[with_phone(), portal(NO_PHONE)],
        &["delete tel:+299321044", "delete ENUM tel:299321044"],
        "virtual 880123_VMR@tele.gl - tg.gl",
    );
    check(&[with_phone(), portal("")], &[], "virtual 880123_VMR@tele.gl 321044 tg.gl");
    check(&[portal(NO_PHONE), portal(NO_PHONE)], &[], "virtual 880123_VMR@tele.gl - tg.gl");
}

#[test]
fn identity_and_phone_of_a_service_change_together() {
    check(
        &[
            hunt_group("Add", &phone("321044")),
            hunt_group("Modify", &format!("{}{}", phone("987655"), identity("h@tele.gl"))),
        ],
        &[
            "delete ENUM tel:299321044",
            "delete tel:+299321044",
            "delete sip:hg@tele.gl",
            "delete profile hg@tele.gl",
            "set profile h@tele.gl",
            "set sip:h@tele.gl",
            "set tel:+299321044",
            "create ENUM tel:299321044 to sip:h@tele.gl",
            "delete tel:+299321044",
            "delete ENUM tel:299321044",
            "set tel:+299987655",
            "create ENUM tel:299987655 to sip:h@tele.gl",
        ],
        "virtual h@tele.gl 987655 tg.gl",
    );
    let no_identity = r#"<publicUserIdentity xsi:nil="true"/>"#;
    check(
        &[hunt_group("Add", &identity("h@tele.gl")), hunt_group("Modify", no_identity)],
        &["delete sip:h@tele.gl", "delete profile h@tele.gl", "set profile hg@tele.gl", "set sip:hg@tele.gl"],
        "virtual hg@tele.gl - tg.gl",
    );
}

#[test]
fn a_service_event_that_says_nothing_of_it_is_ignored() {
    check_ignored(&hunt_group("Modify", "<name>Reception</name>"));
    check_ignored(&hunt_group("Modify", "<phoneNumber/>"));
}

#[test]
fn a_service_event_that_cannot_be_right_is_refused_with_the_reason() {
    let missing =
        |act: &str| command(&format!("GroupHuntGroup{act}InstanceRequest"), "<groupId>KNI</groupId>");
    for act in ["Add", "Modify", "Delete"] {
        check_refused(&[missing(act)], "serviceUserId is missing");
    }
    check_refused(
        &[hunt_group("Add", ""), hunt_group("Add", "")],
        r#"subscriber "hg@tele.gl" exists already"#,
    );
    check_refused(&[hunt_group("Modify", &phone("1"))], r#"subscriber "hg@tele.gl" is not known"#);
    check_refused(
        &[hunt_group("Add", &phone("32x"))],
        r#"phone number "32x" is neither digits nor +299- and digits"#,
    );
    check_refused(&[hunt_group("Add", &identity(" "))], "serviceInstanceProfile/publicUserIdentity is blank");
    let nameless = "GroupVoiceMessagingGroupModifyVoicePortalRequest";
    check_refused(&[command(nameless, "")], "serviceInstanceProfile/publicUserIdentity is missing");
    // Of a service that we do not know the association goes all the same.
    check(&[hunt_group("Delete", "")], &[DELETED], "no row");
}
