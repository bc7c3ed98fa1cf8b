//! What an event does: an ordered list of steps with all their values.
//!
//! A plan is made by a pure function of [`crate::processors`], stored before it is run, shown by the dry run, and
//! walked by the executor ([`crate::router::executor`]).

mod subscriber;

pub use subscriber::{Subscriber, SubscriberChanges, SubscriberEffect, UserType};

use crate::wire::Secret;
use crate::wire::cai3g::{EnumRequest, HssRequest};
use crate::wire::surgemail::MailRequest;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// A system that requests go to: the names in plans, metrics, `pause` and `resume`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    Hss,
    Enum,
    Mail,
}

impl System {
    /// All of them.
    pub const ALL: [System; 3] = [System::Hss, System::Enum, System::Mail];

    /// Lower-case name for metrics and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            System::Hss => "hss",
            System::Enum => "enum",
            System::Mail => "mail",
        }
    }

    /// The system that `word` names; `None` for any other word.
    pub fn parse(word: &str) -> Option<System> {
        System::ALL.into_iter().find(|system| system.as_str() == word)
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One request to a system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Request {
    Hss(HssRequest),
    Enum(EnumRequest),
    Mail(MailRequest),
}

impl Request {
    /// The system that it goes to.
    pub fn system(&self) -> System {
        match self {
            Request::Hss(_) => System::Hss,
            Request::Enum(_) => System::Enum,
            Request::Mail(_) => System::Mail,
        }
    }

    /// What it creates, where it creates something that can be there only once.
    pub fn creates(&self) -> Option<Cow<'_, str>> {
        match self {
            Request::Hss(HssRequest::CreateAssociation(association)) => {
                Some(association.association_id.as_str().into())
            }
            Request::Enum(EnumRequest::Create { msisdn, .. }) => Some(msisdn.as_str().into()),
            Request::Mail(MailRequest::CreateAccount { account, .. }) => Some(account.to_string().into()),
            _ => None,
        }
    }

    /// The secret that it carries.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Request::Hss(request) => request.secret(),
            Request::Mail(MailRequest::CreateAccount { password, .. }) => Some(password),
            Request::Enum(_) | Request::Mail(_) => None,
        }
    }

    /// The same request with `***` for the secret that it carries: for people.
    pub fn masked(&self) -> Request {
        let mut masked = self.clone();
        let secret = match &mut masked {
            Request::Hss(HssRequest::CreateAssociation(association)) => {
                association.private_user.password.as_mut()
            }
            Request::Hss(HssRequest::SetPassword { password, .. })
            | Request::Mail(MailRequest::CreateAccount { password, .. }) => Some(password),
            Request::Hss(_) | Request::Enum(_) | Request::Mail(_) => None,
        };
        secret.into_iter().for_each(|secret| *secret = Secret::new("***"));
        masked
    }

    /// Whether it takes something away, so that "not there" is as good as done.
    pub fn is_delete(&self) -> bool {
        match self {
            Request::Hss(request) => matches!(
                request,
                HssRequest::DeleteAssociation { .. }
                    | HssRequest::DeletePublicIdentity { .. }
                    | HssRequest::DeleteServiceProfile { .. }
            ),
            Request::Enum(request) => matches!(request, EnumRequest::Delete { .. }),
            Request::Mail(request) => {
                matches!(request, MailRequest::DeleteDomain { .. } | MailRequest::DeleteAccount { .. })
            }
        }
    }
}

/// What it is and what it is about, for logs and pages; no secrets.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Hss(request) => match request {
                HssRequest::CreateAssociation(association) => {
                    let kind = if association.is_psi { "PSI association" } else { "association" };
                    write!(f, "create {kind} of {}", association.private_user.private_user_id)
                }
                HssRequest::DeleteAssociation { association_id } => {
                    write!(f, "delete association {association_id}")
                }
                HssRequest::SetPublicIdentity { public_data, .. } => {
                    write!(f, "set {}", public_data.public_id)
                }
                HssRequest::DeletePublicIdentity { public_id, .. } => write!(f, "delete {public_id}"),
                HssRequest::SetServiceProfile { service_profile, .. } => {
                    write!(f, "set profile {}", service_profile.service_profile_id)
                }
                HssRequest::DeleteServiceProfile { service_profile_id, .. } => {
                    write!(f, "delete profile {service_profile_id}")
                }
                HssRequest::SetPhoneContext { service_profile_id, phone_context, .. } => {
                    write!(f, "set phone context of {service_profile_id} to {phone_context}")
                }
                HssRequest::SetPassword { private_user_id, .. } => {
                    write!(f, "set password of {private_user_id}")
                }
            },
            Request::Enum(EnumRequest::Create { msisdn, public_id }) => {
                write!(f, "create ENUM {msisdn} to {public_id}")
            }
            Request::Enum(EnumRequest::Delete { msisdn }) => write!(f, "delete ENUM {msisdn}"),
            Request::Mail(MailRequest::SaveDomain { domain }) => write!(f, "save mail domain {domain}"),
            Request::Mail(MailRequest::DeleteDomain { domain }) => write!(f, "delete mail domain {domain}"),
            Request::Mail(MailRequest::CreateAccount { account, .. }) => {
                write!(f, "create mail account {account}")
            }
            Request::Mail(MailRequest::DeleteAccount { account }) => {
                write!(f, "delete mail account {account}")
            }
        }
    }
}

/// A request, and what its success means for the subscriber's row: both are committed together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub request: Request,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<SubscriberEffect>,
}

/// The steps of an event, in order, with what an operator should know about them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub steps: Vec<Step>,
    /// Where a whole group is deleted: whose steps these are, member after member. Members are independent of each
    /// other: they run in parallel, and one that fails does not end the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    /// Why members cannot be planned: the event fails for them when the others are done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unplanned: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What it creates may be there already, whoever has made it: then that step is done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restores: bool,
    /// By what the rules that it was made with are told from others: a retry goes on with it under the same alone. `None`
    /// of a plan that only shows what would be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<String>,
}

/// The share of one member in the steps of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Member {
    pub user_id: String,
    /// How many steps.
    pub steps: usize,
}

impl Plan {
    /// Adds the plan of one member, whose warnings then name it.
    pub fn add_member(&mut self, user_id: &str, plan: Plan) {
        self.members.push(Member { user_id: user_id.to_owned(), steps: plan.steps.len() });
        self.steps.extend(plan.steps);
        self.warnings.extend(plan.warnings.iter().map(|warning| format!("{user_id}: {warning}")));
    }

    /// The warning that a plan which restores ends with where `request` has had to make what was gone: the HSS does not
    /// tell a password, so that it cannot be given to the new association.
    pub fn warning_of_restoring(&self, request: &Request) -> Option<&'static str> {
        let Request::Hss(HssRequest::CreateAssociation(association)) = request else { return None };
        (self.restores && !association.is_psi).then_some("lost SIP password")
    }

    /// Tells plans apart by their requests, whatever the passwords in them: SHA-256, lower-case hex.
    pub fn digest(&self) -> String {
        let requests: Vec<Request> = self.steps.iter().map(|step| step.request.masked()).collect();
        let json = serde_json::to_vec(&requests).expect("requests have only keys that JSON can write");
        Sha256::digest(&json).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The positions of the steps that depend on each other, with the member whose they are.
    pub fn branches(&self) -> Vec<(Option<&str>, Range<usize>)> {
        if self.members.is_empty() {
            return vec![(None, 0..self.steps.len())];
        }
        let mut next = 0;
        let branch = |member: &'_ Member| {
            let positions = next..self.steps.len().min(next + member.steps);
            next = positions.end;
            positions
        };
        let positions: Vec<Range<usize>> = self.members.iter().map(branch).collect();
        self.members.iter().map(|member| Some(member.user_id.as_str())).zip(positions).collect()
    }
}
