//! Mail domains and their accounts.

use crate::wire::Secret;
use std::collections::BTreeMap;
use std::fmt;

/// By domain name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailState {
    pub domains: BTreeMap<String, Domain>,
}

/// One mail domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    pub manager: String,
    pub manager_password: Secret,
    /// Local part to password.
    pub accounts: BTreeMap<String, Secret>,
}

/// One line for each domain and account; no passwords.
impl fmt::Display for MailState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, domain) in &self.domains {
            writeln!(f, "domain {name}, manager {}", domain.manager)?;
            for account in domain.accounts.keys() {
                writeln!(f, "    {account}@{name}")?;
            }
        }
        Ok(())
    }
}

/// Why a request is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Not a request that this page knows, or a part of it is missing.
    BadRequest,
    /// Wrong name or password of the domain's manager.
    Forbidden,
}

/// The values of a query.
pub(super) struct Query(pub BTreeMap<String, String>);

impl Query {
    /// A value that must be there.
    fn get(&self, name: &str) -> Result<&str, Refusal> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty()).ok_or(Refusal::BadRequest)
    }
}

impl MailState {
    /// How many domains and accounts there are.
    pub fn counts(&self) -> (usize, usize) {
        (self.domains.len(), self.domains.values().map(|domain| domain.accounts.len()).sum())
    }

    /// The administrator's page: makes and deletes domains.
    pub(super) fn administer(&mut self, query: &Query) -> Result<(), Refusal> {
        match query.get("cmd")? {
            "global_misc_save" => {
                let name = query.get("name")?.to_owned();
                let manager = query.get("manager_username")?.to_owned();
                let manager_password = Secret::new(query.get("manager_password")?);
                let domain = Domain { manager, manager_password, accounts: BTreeMap::new() };
                let accounts = self.domains.remove(&name).map(|before| before.accounts).unwrap_or_default();
                self.domains.insert(name, Domain { accounts, ..domain });
                Ok(())
            }
            "domain_delete" => {
                self.domains.remove(query.get("domain")?);
                Ok(())
            }
            _ => Err(Refusal::BadRequest),
        }
    }

    /// A domain's own page: makes and deletes accounts, once its manager has said who it is. `unmade` is the password
    /// of domains that were not made here.
    pub(super) fn administer_domain(
        &mut self,
        query: &Query,
        unmade: Option<&Secret>,
    ) -> Result<(), Refusal> {
        if query.get("cmd")? != "cmd_user_login" {
            return Err(Refusal::BadRequest);
        }
        let manager = query.get("username")?;
        let (_, name) = manager.split_once('@').ok_or(Refusal::BadRequest)?;
        let known = self.domains.get(name).map(|domain| &domain.manager_password);
        let expected = known.or(unmade).ok_or(Refusal::Forbidden)?;
        if query.get("password")? != expected.expose() {
            return Err(Refusal::Forbidden);
        }
        let account = query.get("lusername")?;
        match query.get("lcmd")? {
            "user_create" => {
                let password = Secret::new(query.get("lpassword")?);
                let manager_password = expected.clone();
                let domain = self.domains.entry(name.to_owned()).or_insert_with(|| Domain {
                    manager: manager.to_owned(),
                    manager_password,
                    accounts: BTreeMap::new(),
                });
                domain.accounts.insert(account.to_owned(), password);
                Ok(())
            }
            "user_delete" => {
                self.domains.get_mut(name).and_then(|domain| domain.accounts.remove(account));
                Ok(())
            }
            _ => Err(Refusal::BadRequest),
        }
    }
}
