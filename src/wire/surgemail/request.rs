//! The requests to a mail server as values, before they become URLs.

use crate::wire::Secret;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A mailbox: `local_part@domain`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MailAccount {
    pub local_part: String,
    pub domain: String,
}

impl MailAccount {
    /// The account that `text` names; `None` where it is not `LOCALPART@DOMAIN`.
    ///
    /// The last `@` divides the two: a quoted local part may hold others (RFC 5321, 4.1.2).
    pub fn parse(text: &str) -> Option<MailAccount> {
        let (local_part, domain) = text.rsplit_once('@')?;
        let filled = |part: &str| !part.trim().is_empty();
        (filled(local_part) && filled(domain))
            .then(|| MailAccount { local_part: local_part.to_owned(), domain: domain.to_owned() })
    }
}

impl fmt::Display for MailAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local_part, self.domain)
    }
}

/// A request to a mail server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailRequest {
    /// Makes the domain, or changes it where it is there.
    SaveDomain {
        domain: String,
    },
    /// Takes the domain away with all its accounts and their mail.
    DeleteDomain {
        domain: String,
    },
    CreateAccount {
        account: MailAccount,
        password: Secret,
    },
    DeleteAccount {
        account: MailAccount,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_a_local_part_and_a_domain() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let account = MailAccount::parse(text);
            let parts = account.as_ref().map(|account| (&*account.local_part, &*account.domain));
            assert_eq!(parts, expected, "{text:?}");
            if let Some(account) = account {
                assert_eq!(account.to_string(), text);
            }
        };
        check("nivi@mail.tele.gl", Some(("nivi", "mail.tele.gl")));
        check("\"a@b\"@mail.tele.gl", Some(("\"a@b\"", "mail.tele.gl")));
        check("æøå@mail.tele.gl", Some(("æøå", "mail.tele.gl")));
        check("nivi", None);
        check("@mail.tele.gl", None);
        check("nivi@ ", None);
        check("", None);
    }
}
