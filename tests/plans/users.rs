//! Users: added, modified, deleted.

use crate::given::*;
use eventmanager::plan::{Request, SubscriberEffect};
use eventmanager::wire::Secret;
use eventmanager::wire::cai3g::HssRequest;
use eventmanager::wire::ocir::Command;

const ASSOCIATION: &str = "4e749f176d2a36b2d174b8c111132367";

fn modify(body: &str) -> Command {
    command("UserModifyRequest17sp4", &format!("<userId>{USER}</userId>{body}"))
}

fn city(city: &str) -> String {
    format!(
        "<callingLineIdFirstName>Nivi</callingLineIdFirstName>\
         <address><stateOrProvince>{city}</stateOrProvince></address>"
    )
}

fn phone(phone: &str) -> String {
    format!("<phoneNumber>{phone}</phoneNumber>")
}

fn access(line_port: &str) -> String {
    format!(
        "<endpoint><accessDeviceEndpoint><linePort>{line_port}</linePort></accessDeviceEndpoint></endpoint>"
    )
}

fn trunk(line_port: &str) -> String {
    format!(
        "<endpoint><trunkAddressing><trunkGroupDeviceEndpoint><linePort>{line_port}</linePort>\
         </trunkGroupDeviceEndpoint></trunkAddressing></endpoint>"
    )
}

const NO_PHONE: &str = r#"<phoneNumber xsi:nil="true"/>"#;
const NO_ENDPOINT: &str = r#"<endpoint xsi:nil="true"/>"#;

#[test]
fn a_new_user_gets_an_association_and_a_row() {
    let created = &["create association of nivi@tele.gl"];
    check(&[add(&city("Nuuk"))], created, "user nivi@tele.gl - nuk.tg.gl");
    check(&[add(&city("Nowhere"))], created, "user nivi@tele.gl - tg.gl");
    check(&[add("")], created, "user nivi@tele.gl - tg.gl");
    // Without the first name the address is not the profile page's.
    let address = "<address><stateOrProvince>Nuuk</stateOrProvince></address>";
    check(&[add(address)], created, "user nivi@tele.gl - tg.gl");
}

#[test]
fn a_user_is_created_with_a_password_and_a_trunk_without() {
    let plan = planned(&add(""), None);
    let Request::Hss(HssRequest::CreateAssociation(association)) = &plan.steps[0].request else {
        panic!("a create")
    };
    assert_eq!(association.private_user.password.as_ref().map(Secret::expose), Some("geheim"));
    assert!(!association.is_psi && association.public_data.implicit_reg_set == 1);
    assert_eq!(association.service_profile.configured_profile_id, "sp_user");
}

#[test]
fn a_phone_is_set_changed_and_dropped() {
    let user = || add(&city("Nuuk"));
    let set = &["set tel:+299321044", "create ENUM tel:299321044 to sip:nivi@tele.gl"];
    check(&[user(), modify(&phone("321044"))], set, "user nivi@tele.gl 321044 nuk.tg.gl");
    check(&[user(), modify(&phone("+299-321044"))], set, "user nivi@tele.gl 321044 nuk.tg.gl");
    check(
        &[user(), modify(&phone("321044")), modify(&phone("987655"))],
        &[
            "delete tel:+299321044",
            "delete ENUM tel:299321044",
            "set tel:+299987655",
            "create ENUM tel:299987655 to sip:nivi@tele.gl",
        ],
        "user nivi@tele.gl 987655 nuk.tg.gl",
    );
    check(
        &[user(), modify(&phone("321044")), modify(NO_PHONE)],
        &["delete tel:+299321044", "delete ENUM tel:299321044"],
        "user nivi@tele.gl - nuk.tg.gl",
    );
}

#[test]
fn what_changes_nothing_sends_nothing() {
    let with_phone = || [add(&city("Nuuk")), modify(&phone("321044"))];
    let check_still = |last: Command| {
        let [add, set] = with_phone();
        check(&[add, set, last], &[], "user nivi@tele.gl 321044 nuk.tg.gl");
    };
    check_still(modify(&phone("321044")));
    check_still(modify(&access(USER)));
    check_still(modify(&format!("<phoneNumber></phoneNumber>{NO_ENDPOINT}")));
    check_still(modify(&format!("{}{}", phone("321044"), city("Nuuk"))));
}

#[test]
fn a_new_identity_takes_profile_and_phone_along() {
    check(
        &[add(&city("Nuuk")), modify(&access("desk@tele.gl"))],
        &[
            "delete sip:nivi@tele.gl",
            "delete profile nivi@tele.gl",
            "set profile desk@tele.gl",
            "set sip:desk@tele.gl",
        ],
        "user desk@tele.gl - nuk.tg.gl",
    );
    let moved = &[
        "delete ENUM tel:299321044",
        "delete tel:+299321044",
        "delete sip:nivi@tele.gl",
        "delete profile nivi@tele.gl",
        "set profile desk@tele.gl",
        "set sip:desk@tele.gl",
        "set tel:+299321044",
        "create ENUM tel:299321044 to sip:desk@tele.gl",
    ];
    let with_phone = || [add(&city("Nuuk")), modify(&phone("321044"))];
    let [user, set] = with_phone();
    check(&[user, set, modify(&access("desk@tele.gl"))], moved, "user desk@tele.gl 321044 nuk.tg.gl");
    let changed = [
        "delete tel:+299321044",
        "delete ENUM tel:299321044",
        "set tel:+299987655",
        "create ENUM tel:299987655 to sip:desk@tele.gl",
    ];
    let [user, set] = with_phone();
    let both = modify(&format!("{}{}", phone("987655"), access("desk@tele.gl")));
    check(&[user, set, both], &[&moved[..], &changed].concat(), "user desk@tele.gl 987655 nuk.tg.gl");
    let [user, set] = with_phone();
    let dropped = modify(&format!("{NO_PHONE}{}", access("desk@tele.gl")));
    check(&[user, set, dropped], &[&moved[..], &changed[..2]].concat(), "user desk@tele.gl - nuk.tg.gl");
}

#[test]
fn removing_the_endpoint_falls_back_to_a_user_with_its_default_identity() {
    check(
        &[add(&city("Nuuk")), modify(&access("desk@tele.gl")), modify(NO_ENDPOINT)],
        &[
            "delete sip:desk@tele.gl",
            "delete profile desk@tele.gl",
            "set profile nivi@tele.gl",
            "set sip:nivi@tele.gl",
        ],
        "user nivi@tele.gl - nuk.tg.gl",
    );
}

#[test]
fn a_type_change_recreates_the_association_with_identity_and_phone() {
    let delete = format!("delete association {}", association());
    let psi = "create PSI association of nivi@tele.gl";
    check(&[add(&city("Nuuk")), modify(&trunk(USER))], &[&delete, psi], "trunk nivi@tele.gl - nuk.tg.gl");
    check(
        &[add(&city("Nuuk")), modify(&phone("321044")), modify(&trunk(USER))],
        &[
            &delete,
            "delete ENUM tel:299321044",
            psi,
            "set tel:+299321044",
            "create ENUM tel:299321044 to sip:nivi@tele.gl",
        ],
        "trunk nivi@tele.gl 321044 nuk.tg.gl",
    );
    check(
        &[add(&city("Nuuk")), modify(&trunk(USER)), modify(&access(USER))],
        &[&delete, "create association of nivi@tele.gl"],
        "user nivi@tele.gl - nuk.tg.gl",
    );
}

#[test]
fn a_user_that_becomes_a_trunk_loses_its_password_and_we_say_so() {
    let row = after(&[add("")]);
    let changed = planned(&modify(&trunk(USER)), row.as_ref());
    assert_eq!(changed.warnings, ["lost SIP password"]);
}

#[test]
fn a_city_of_the_profile_page_changes_the_phone_context_on_the_own_profile() {
    check(
        &[add(&city("Nuuk")), modify(&city("Qaqortoq"))],
        &["set phone context of nivi@tele.gl to qaq.tg.gl"],
        "user nivi@tele.gl - qaq.tg.gl",
    );
    let no_address = "<callingLineIdFirstName>Nivi</callingLineIdFirstName>";
    check(
        &[add(&city("Nuuk")), modify(no_address)],
        &["set phone context of nivi@tele.gl to tg.gl"],
        "user nivi@tele.gl - tg.gl",
    );
    check(
        &[add(&city("Nuuk")), modify(&access("desk@tele.gl")), modify(&city("Qaqortoq"))],
        &["set phone context of desk@tele.gl to qaq.tg.gl"],
        "user desk@tele.gl - qaq.tg.gl",
    );
}

#[test]
fn every_body_of_an_event_carries_the_phone_context_that_it_ends_with() {
    let moved = modify(&format!("{}{}", access("desk@tele.gl"), city("Qaqortoq")));
    let row = after(&[add(&city("Nuuk"))]);
    let plan = planned(&moved, row.as_ref());
    let contexts: Vec<&str> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.request {
            Request::Hss(HssRequest::SetServiceProfile { service_profile, .. }) => {
                Some(service_profile.phone_context.as_str())
            }
            Request::Hss(HssRequest::SetPhoneContext { phone_context, .. }) => Some(phone_context.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(contexts, ["qaq.tg.gl", "qaq.tg.gl"]);
}

#[test]
fn a_deleted_user_leaves_nothing_behind() {
    let association = format!("delete association {}", association());
    check(&[add(""), delete()], &[&association], "no row");
    check(
        &[add(""), modify(&phone("321044")), delete()],
        &["delete tel:+299321044", "delete ENUM tel:299321044", &association],
        "no row",
    );
    // Of a user that we do not know the association goes all the same.
    check(&[delete()], &[&association], "no row");
}

#[test]
fn a_pilot_stays_a_pilot_whatever_its_endpoint() {
    let mut pilot = after(&[add("")]);
    pilot.as_mut().expect("a row").user_type = eventmanager::plan::UserType::Pilot;
    let plan = planned(&modify(&trunk(USER)), pilot.as_ref());
    assert!(plan.steps.is_empty());
}

#[test]
fn a_document_that_says_nothing_of_the_context_leaves_it() {
    let mut row = after(&[add("")]);
    row.as_mut().expect("a row").phone_context = None;
    let plan = planned(&modify(&phone("321044")), row.as_ref());
    assert_eq!(requests(&plan), ["set tel:+299321044", "create ENUM tel:299321044 to sip:nivi@tele.gl"]);
}

#[test]
fn an_endpoint_of_a_kind_that_is_removed_is_no_endpoint() {
    let removed = r#"<endpoint><trunkAddressing xsi:nil="true"/></endpoint>"#;
    check(
        &[add(&city("Nuuk")), modify(&access("desk@tele.gl")), modify(removed)],
        &[
            "delete sip:desk@tele.gl",
            "delete profile desk@tele.gl",
            "set profile nivi@tele.gl",
            "set sip:nivi@tele.gl",
        ],
        "user nivi@tele.gl - nuk.tg.gl",
    );
}

#[test]
fn an_empty_group_is_none_and_a_blank_one_is_refused() {
    let group = |group: &str| add(&format!("<groupId>{group}</groupId>"));
    let created = planned(&group(""), None);
    let Some(SubscriberEffect::Insert(row)) = &created.steps[0].effect else { panic!("a row") };
    assert_eq!(row.group_id, None);
    check_refused(&[group("  ")], "groupId is blank");
}

#[test]
fn what_concerns_nobody_is_ignored() {
    check_ignored(&modify("<extension>1</extension>"));
    check_ignored(&modify("<phoneNumber></phoneNumber>"));
    // Without the first name the address counts for nothing.
    check_ignored(&modify("<address><stateOrProvince>Nuuk</stateOrProvince></address>"));
}

#[test]
fn an_event_that_cannot_be_right_is_refused_with_the_reason() {
    check_refused(&[add(""), add("")], r#"subscriber "nivi@tele.gl" exists already"#);
    check_refused(&[modify(&phone("321044"))], r#"subscriber "nivi@tele.gl" is not known"#);
    check_refused(&[command("UserAddRequest", "")], "userId is missing");
    check_refused(&[command("UserAddRequest", "<userId/>")], "userId is missing");
    check_refused(&[command("UserAddRequest", r#"<userId xsi:nil="true"/>"#)], "userId is missing");
    check_refused(&[command("UserDeleteRequest", "<userId>  </userId>")], "userId is blank");
    check_refused(
        &[add(""), modify(&phone("32 10 44"))],
        r#"phone number "32 10 44" is neither digits nor +299- and digits"#,
    );
    check_refused(&[add(""), modify(&access(" "))], "endpoint/accessDeviceEndpoint/linePort is blank");
}

/// The association id of [`USER`], written down once so that a change of the digest is noticed.
fn association() -> &'static str {
    assert_eq!(eventmanager::processors::attributes::association_id(USER), ASSOCIATION);
    ASSOCIATION
}
