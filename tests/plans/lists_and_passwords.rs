//! Busy lamp field lists and SIP passwords.

use crate::given::*;
use eventmanager::plan::Request;
use eventmanager::wire::Secret;
use eventmanager::wire::cai3g::HssRequest;
use eventmanager::wire::ocir::Command;

const LIST: &str = "create PSI association of list@tele.gl";
/// Digests of list@tele.gl and nivi@tele.gl.
const LIST_ID: &str = "801fcb16904d77e1f1f98d94aa23cc05";
const USER_ID: &str = "4e749f176d2a36b2d174b8c111132367";

fn monitor(list: &str) -> Command {
    command("UserBusyLampFieldModifyRequest", &format!("<userId>{USER}</userId>{list}"))
}

fn list(uri: &str) -> Command {
    monitor(&format!("<listURI>{uri}</listURI>"))
}

fn password(body: &str) -> Command {
    command("UserAuthenticationModifyRequest", &format!("<userId>{USER}</userId>{body}"))
}

fn gone() -> String {
    format!("delete association {LIST_ID}")
}

#[test]
fn a_list_is_a_service_of_its_own_that_is_set_changed_and_removed() {
    let with_list = "user nivi@tele.gl - tg.gl list list@tele.gl";
    check(&[add(""), list("list@tele.gl")], &[LIST], with_list);
    check(&[add(""), list("sip:list@tele.gl")], &[LIST], with_list);
    check(&[add(""), list("list@tele.gl"), list("list@tele.gl")], &[], with_list);
    let other = "create PSI association of other@tele.gl";
    check(
        &[add(""), list("list@tele.gl"), list("other@tele.gl")],
        &[&gone(), other],
        "user nivi@tele.gl - tg.gl list other@tele.gl",
    );
    for none in [monitor(r#"<listURI xsi:nil="true"/>"#), list(USER)] {
        check(&[add(""), list("list@tele.gl"), none], &[&gone()], "user nivi@tele.gl - tg.gl");
    }
    check(&[add(""), list(USER)], &[], "user nivi@tele.gl - tg.gl");
}

/// Of the ten points: 8.
#[test]
fn an_absent_list_uri_changes_nothing() {
    let with_list = "user nivi@tele.gl - tg.gl list list@tele.gl";
    check(&[add(""), list("list@tele.gl"), monitor("")], &[], with_list);
}

#[test]
fn a_list_goes_with_its_user() {
    let own = format!("delete association {USER_ID}");
    check(&[add(""), list("list@tele.gl"), delete()], &[&gone(), &own], "no row");
}

#[test]
fn a_list_event_that_cannot_be_right_is_refused_with_the_reason() {
    check_refused(&[list("list@tele.gl")], r#"subscriber "nivi@tele.gl" is not known"#);
    check_refused(&[add(""), list("")], "listURI is blank");
    check_refused(&[command("UserBusyLampFieldModifyRequest", "")], "userId is missing");
}

#[test]
fn a_password_is_set_whether_we_know_the_user_or_not() {
    let set = password("<newPassword>geheim</newPassword>");
    check(&[set], &["set password of nivi@tele.gl"], "no row");
    let plan = planned(&password("<newPassword>a&lt;b&amp;c</newPassword>"), after(&[add("")]).as_ref());
    let Request::Hss(HssRequest::SetPassword { association_id, password, .. }) = &plan.steps[0].request
    else {
        panic!("a password is set")
    };
    assert_eq!((association_id.as_str(), password), (USER_ID, &Secret::new("a<b&c")));
    assert!(plan.steps[0].effect.is_none(), "nothing of it is in the table");
    assert!(!format!("{plan:?}").contains("a<b"), "no password is shown");
}

/// Of the ten points: 7.
#[test]
fn a_password_that_is_missing_or_empty_is_refused() {
    for body in ["", "<newPassword/>", r#"<newPassword xsi:nil="true"/>"#] {
        check_refused(&[password(body)], "newPassword is missing");
    }
}
