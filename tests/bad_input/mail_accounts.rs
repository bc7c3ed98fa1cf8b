//! Mail accounts with odd local parts, and what is no account at all.

use super::commands::xml;
use super::support::documents::{add, delete, report};
use super::world::World;

const COMMAND: &str = "UserVoiceMessagingUserModifyAdvancedVoiceManagementRequest";

type Understood = Result<(&'static str, &'static str), &'static str>;

/// An account as text, and its local part and domain; or why it is none.
#[rustfmt::skip]
const ACCOUNTS: &[(&str, Understood)] = &[
    ("anna@m.gl", Ok(("anna", "m.gl"))),
    ("\"a b\"@m.gl", Ok(("\"a b\"", "m.gl"))),
    ("\"a@b\"@m.gl", Ok(("\"a@b\"", "m.gl"))),
    ("a@b@m.gl", Ok(("a@b", "m.gl"))),
    ("a&lpassword=x@m.gl", Ok(("a&lpassword=x", "m.gl"))),
    ("&=+%41#?;@m.gl", Ok(("&=+%41#?;", "m.gl"))),
    ("a b@m.gl", Ok(("a b", "m.gl"))),
    (" a@m.gl", Ok((" a", "m.gl"))),
    ("a\r\nHost: x@m.gl", Ok(("a\r\nHost: x", "m.gl"))),
    ("æøå@m.gl", Ok(("æøå", "m.gl"))),
    ("😀@m.gl", Ok(("😀", "m.gl"))),
    ("../x/\\@m.gl", Ok(("../x/\\", "m.gl"))),
    ("<b>'\"@m.gl", Ok(("<b>'\"", "m.gl"))),
    ("a@æ&x=y.gl", Ok(("a", "æ&x=y.gl"))),
    ("a", Err("mail account \"a\" is not LOCALPART@DOMAIN")),
    ("@m.gl", Err("is not LOCALPART@DOMAIN")),
    ("a@", Err("is not LOCALPART@DOMAIN")),
    ("a@ ", Err("is not LOCALPART@DOMAIN")),
    (" @m.gl", Err("is not LOCALPART@DOMAIN")),
    ("@", Err("is not LOCALPART@DOMAIN")),
    (" ", Err("groupMailServerUserId is blank")),
    ("", Err("groupMailServerUserId is missing")),
];

#[test]
fn an_odd_mail_account_arrives_as_it_is_and_one_that_is_none_fails_its_event() {
    let mut world = World::new();
    for (number, (account, expected)) in ACCOUNTS.iter().enumerate() {
        let user = format!("user{number}");
        // The password is as odd as the account.
        let password = format!("{account} p&={number}");
        let before = world.requests().1;
        let ended = world.send(&[add(1, &user), voicemail(&user, account, Some(&password))]).remove(1);
        ended.check(account, expected.err().unwrap_or_default());
        let held =
            world.rows(&format!("select vmail_user, vmail_password from srd_user where id = '{user}'"));
        let Ok((local_part, domain)) = expected else {
            assert_eq!((world.requests().1, &held[..]), (before, &[vec![None, None]][..]), "{account:?}");
            continue;
        };
        let state = world.peers.surgemail.state();
        let accounts =
            &state.domains.get(*domain).unwrap_or_else(|| panic!("no {domain:?}: {state}")).accounts;
        let stored = accounts.get(*local_part).map(|password| password.expose().to_owned());
        assert_eq!(stored.as_deref(), Some(&*password), "{account:?}: {state}");
        assert_eq!(held, [[Some(account.to_string()), Some(password)]]);
        world.send(&[delete(1, &user)])[0].check(account, "");
        assert_eq!(world.peers.surgemail.state().counts().1, 0, "{account:?} is still there");
    }
    world.check_alive();
}

#[test]
fn an_account_without_a_password_fails_its_event_and_nil_asks_for_nothing() {
    let mut world = World::new();
    world.send(&[add(1, "anna")]);
    for (body, reason) in [
        ("<groupMailServerUserId>a@m.gl</groupMailServerUserId>", "groupMailServerPassword is missing"),
        ("<groupMailServerUserId>a@m.gl</groupMailServerUserId><groupMailServerPassword/>", "is missing"),
        (
            "<groupMailServerUserId>a@m.gl</groupMailServerUserId><groupMailServerPassword xsi:nil=\"true\"/>",
            "is missing",
        ),
        ("<groupMailServerUserId xsi:nil=\"true\"/><groupMailServerPassword>p</groupMailServerPassword>", ""),
        ("<groupMailServerPassword>p</groupMailServerPassword>", ""),
    ] {
        let ended = world.send(&[report(1, COMMAND, &format!("<userId>anna</userId>{body}"))]).remove(0);
        ended.check(body, reason);
    }
    assert_eq!(world.requests().1, 0, "something was sent to the mail server");
    world.check_alive();
}

fn voicemail(user: &str, account: &str, password: Option<&str>) -> String {
    let password =
        password.map(|text| format!("<groupMailServerPassword>{}</groupMailServerPassword>", xml(text)));
    let body = format!(
        "<userId>{user}</userId><groupMailServerUserId>{}</groupMailServerUserId>{}",
        xml(account),
        password.unwrap_or_default()
    );
    report(1, COMMAND, &body)
}
