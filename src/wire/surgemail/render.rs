//! Requests as path and query, and the login that goes with them.
//!
//! ```text
//! /cgi/domadmin.cgi?show=simple_msg.xml&cmd=cmd_user_login&lcmd=user_create&user_fields=user_id
//!     &username=admin@mail.tele.gl&password=dom%26pw&lusername=nivi&lpassword=s3cret
//! ```
//!
//! Names and order are those that the server is known to take. A value is percent-encoded as UTF-8, all but the
//! unreserved characters of RFC 3986, so that none can end its parameter or the line.

use super::request::MailRequest;
use crate::wire::Secret;
use base64::prelude::{BASE64_STANDARD, Engine};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const SAVE_DOMAIN: &str = "/cgi/admin.cgi?show=simple_msg.xml&cmd=global_misc_save\
    &misc_settings=domain_name,manager_username,manager_password,create_user,create_max\
    &misc_cmd=special&domainid=-1&name=";
const DELETE_DOMAIN: &str = "/cgi/admin.cgi?show=simple_msg.xml&cmd=domain_delete&domain=";
const CREATE_ACCOUNT: &str = "/cgi/domadmin.cgi?show=simple_msg.xml&cmd=cmd_user_login&lcmd=user_create&user_fields=user_id&username=admin@";
const DELETE_ACCOUNT: &str = "/cgi/domadmin.cgi?show=simple_msg.xml&cmd=cmd_user_login&lcmd=user_delete&user_fields=user_id&username=admin@";

/// Who we are to the server.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The administrator, who becomes the manager of the domains that are made.
    pub username: String,
    pub password: Secret,
    /// Of `admin@DOMAIN`, for the accounts of a domain.
    pub domain_password: Secret,
}

impl Credentials {
    /// The value of the header `Authorization` (Basic, RFC 7617, in UTF-8).
    pub fn authorization(&self) -> Secret {
        let login = format!("{}:{}", self.username, self.password.expose());
        Secret::new(format!("Basic {}", BASE64_STANDARD.encode(login)))
    }
}

/// Path and query of a request. A secret as a whole: it carries passwords.
///
/// Assumed: to create an account that is there already succeeds, as it did for the Erlang release; a request whose answer
/// was lost is sent once more.
pub fn target(request: &MailRequest, credentials: &Credentials) -> Secret {
    let Credentials { username, password, domain_password } = credentials;
    Secret::new(match request {
        MailRequest::SaveDomain { domain } => {
            Query::new(SAVE_DOMAIN, domain)
                .and("&manager_username=", username)
                .and("&manager_password=", password.expose())
                .0
        }
        MailRequest::DeleteDomain { domain } => {
            Query::new(DELETE_DOMAIN, domain).0 + "&delete_users=true&delete_files=true"
        }
        MailRequest::CreateAccount { account, password } => {
            Query::new(CREATE_ACCOUNT, &account.domain)
                .and("&password=", domain_password.expose())
                .and("&lusername=", &account.local_part)
                .and("&lpassword=", password.expose())
                .0
        }
        MailRequest::DeleteAccount { account } => {
            Query::new(DELETE_ACCOUNT, &account.domain)
                .and("&password=", domain_password.expose())
                .and("&lusername=", &account.local_part)
                .0
        }
    })
}

/// A query being written.
struct Query(String);

impl Query {
    /// `written` as it stands, then `value` encoded.
    fn new(written: &str, value: &str) -> Query {
        Query(String::new()).and(written, value)
    }

    fn and(mut self, written: &str, value: &str) -> Query {
        self.0.push_str(written);
        self.0.extend(utf8_percent_encode(value, RESERVED));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::MailAccount;
    use super::*;

    fn credentials() -> Credentials {
        Credentials {
            username: "smuser".to_owned(),
            password: Secret::new("sm&pass"),
            domain_password: Secret::new("dom=pass"),
        }
    }

    fn account(text: &str) -> MailAccount {
        MailAccount::parse(text).unwrap()
    }

    #[test]
    fn a_request_is_a_path_and_its_parameters_in_order() {
        let check = |request: MailRequest, expected: &str| {
            assert_eq!(target(&request, &credentials()).expose(), expected);
        };
        let domain = || "mail.tele.gl".to_owned();
        check(
            MailRequest::SaveDomain { domain: domain() },
            "/cgi/admin.cgi?show=simple_msg.xml&cmd=global_misc_save&misc_settings=domain_name,manager_username,\
             manager_password,create_user,create_max&misc_cmd=special&domainid=-1&name=mail.tele.gl\
             &manager_username=smuser&manager_password=sm%26pass",
        );
        check(
            MailRequest::DeleteDomain { domain: domain() },
            "/cgi/admin.cgi?show=simple_msg.xml&cmd=domain_delete&domain=mail.tele.gl&delete_users=true&delete_files=true",
        );
        let (nivi, password) = (account("nivi@mail.tele.gl"), Secret::new("s3cret"));
        check(
            MailRequest::CreateAccount { account: nivi.clone(), password },
            "/cgi/domadmin.cgi?show=simple_msg.xml&cmd=cmd_user_login&lcmd=user_create&user_fields=user_id\
             &username=admin@mail.tele.gl&password=dom%3Dpass&lusername=nivi&lpassword=s3cret",
        );
        check(
            MailRequest::DeleteAccount { account: nivi },
            "/cgi/domadmin.cgi?show=simple_msg.xml&cmd=cmd_user_login&lcmd=user_delete&user_fields=user_id\
             &username=admin@mail.tele.gl&password=dom%3Dpass&lusername=nivi",
        );
    }

    #[test]
    fn a_value_cannot_end_its_parameter_or_the_line() {
        let check = |local_part: &str, expected: &str| {
            let account = MailAccount { local_part: local_part.to_owned(), domain: "x.gl".to_owned() };
            let target = target(&MailRequest::DeleteAccount { account }, &credentials());
            let (_, value) = target.expose().rsplit_once("&lusername=").unwrap();
            assert_eq!(value, expected, "{local_part:?}");
        };
        check("aZ09-._~", "aZ09-._~");
        check("a&lpassword=x", "a%26lpassword%3Dx");
        check("a\r\nHost: x", "a%0D%0AHost%3A%20x");
        check("a+b%41#?/\\;'\"", "a%2Bb%2541%23%3F%2F%5C%3B%27%22");
        check("æøå", "%C3%A6%C3%B8%C3%A5");
        check("a\0\u{7f}", "a%00%7F");
        check("", "");
    }

    #[test]
    fn the_login_is_that_of_rfc_7617() {
        let check = |username: &str, password: &str, expected: &str| {
            let (username, password) = (username.to_owned(), Secret::new(password));
            let credentials = Credentials { username, password, ..credentials() };
            assert_eq!(credentials.authorization().expose(), expected);
        };
        check("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        check("test", "123£", "Basic dGVzdDoxMjPCow==");
        check("u", "a\r\nb", "Basic dTphDQpi");
    }

    #[test]
    fn nothing_that_is_rendered_shows_itself() {
        let create =
            MailRequest::CreateAccount { account: account("nivi@x.gl"), password: Secret::new("s3cret") };
        let credentials = credentials();
        let shown = format!(
            "{:?} {:?} {:?} {create:?}",
            target(&create, &credentials),
            credentials.authorization(),
            credentials
        );
        for secret in ["s3cret", "pass", "c21"] {
            assert!(!shown.replace("password", "").contains(secret), "{shown}");
        }
    }
}
