//! An operator's wish that the core hold again what the row of a subscriber says, after HSS, ENUM or the mail server has
//! lost something.
//!
//! It is an event of our own in a document like those of BroadWorks, so that it is stored, ordered, planned, journalled
//! and retried as they are:
//!
//! ```text
//! <command xsi:type="SubscriberReprovision"><userId>anna@tele.gl</userId><digest>3f5a…</digest></command>
//! ```
//!
//! | what the row says | requests |
//! |---|---|
//! | type, identity, phone context | create association; set service profile; set public identity |
//! | phone | set tel URI; delete ENUM, create ENUM |
//! | list | create PSI association of the list |
//! | mail account | create account |
//!
//! "Exists already" is as good as done: what is there already is brought to the row's values by what follows. An ENUM
//! record cannot be changed, only made anew. The row itself does not change.

use super::attributes::{Rules, association, new_subscriber, public_data, service_profile, sip_uri};
use super::elements::{USER_ID, known, required};
use super::subject::Subject;
use super::{Decision, Inputs, Refusal};
use crate::plan::{Plan, Request, Step, Subscriber, UserType};
use crate::wire::Secret;
use crate::wire::cai3g::{EnumRequest, HssRequest};
use crate::wire::ocir::{Command, write};
use crate::wire::surgemail::{MailAccount, MailRequest};
use crate::wire::xml::escape::push_text;

/// The type of the command, which no peer may send.
pub const COMMAND: &str = "SubscriberReprovision";
/// The source of its events, which is no endpoint.
pub const SOURCE: &str = "local";

const DIGEST: &str = "digest";

/// The document of such an event: who wishes it, for whom, and the digest of the plan that was seen.
pub fn document(operator: &str, user_id: &str, digest: &str) -> String {
    let mut body = String::from("<userId>");
    push_text(&mut body, user_id);
    body.push_str("</userId><digest>");
    push_text(&mut body, digest);
    body.push_str("</digest>");
    write::report("", operator, operator, COMMAND, &body)
}

/// The user; what its row holds is added when the event gets its turn.
pub fn subject(command: &Command, _: &Rules) -> Subject {
    command.field(USER_ID).value().map(Subject::of_user).unwrap_or_default()
}

/// SubscriberReprovision: everything of the row once more, as the row is now.
pub fn reprovision(inputs: &Inputs) -> Result<Decision, Refusal> {
    let user_id = required(inputs.command, USER_ID)?;
    let subscriber = known(inputs, user_id)?;
    let mut plan = plan(inputs.rules, subscriber, inputs.new_password);
    let seen = inputs.command.field(DIGEST).value().unwrap_or_default();
    if !seen.is_empty() && seen != plan.digest() {
        plan.warnings
            .push("the subscriber has changed since this was asked for: it is sent as it is now".into());
    }
    Ok(Decision::Run(plan))
}

/// The plan for a row.
pub fn plan(rules: &Rules, subscriber: &Subscriber, new_password: &Secret) -> Plan {
    let context = subscriber.phone_context.clone().unwrap_or_else(|| rules.default_phone_context());
    let registers = matches!(subscriber.user_type, UserType::User | UserType::Pilot);
    let password = registers.then(|| new_password.clone());
    let association_id = || subscriber.association_id.clone();
    let set_identity = |public_id| {
        let public_data = public_data(subscriber, public_id);
        Request::Hss(HssRequest::SetPublicIdentity { association_id: association_id(), public_data })
    };
    let whole = association(rules, subscriber, &context, password);
    let service_profile = service_profile(rules, subscriber, &context);
    let mut requests = vec![
        Request::Hss(HssRequest::CreateAssociation(whole)),
        Request::Hss(HssRequest::SetServiceProfile { association_id: association_id(), service_profile }),
        set_identity(sip_uri(&subscriber.public_identity)),
    ];
    if let Some(phone) = &subscriber.phone {
        let (msisdn, public_id) = (rules.msisdn(phone), sip_uri(&subscriber.public_identity));
        requests.push(set_identity(rules.tel_uri(phone)));
        requests.push(Request::Enum(EnumRequest::Delete { msisdn: msisdn.clone() }));
        requests.push(Request::Enum(EnumRequest::Create { msisdn, public_id }));
    }
    if let Some(list) = &subscriber.blf_list {
        let psi = new_subscriber(list, UserType::Virtual);
        let whole = association(rules, &psi, &rules.default_phone_context(), None);
        requests.push(Request::Hss(HssRequest::CreateAssociation(whole)));
    }
    let mut warnings = Vec::new();
    match mail(rules, subscriber) {
        Ok(request) => requests.extend(request),
        Err(reason) => warnings.push(reason),
    }
    let steps = requests.into_iter().map(|request| Step { request, effect: None }).collect();
    Plan { steps, warnings, restores: true, ..Plan::default() }
}

/// The creation of the subscriber's mail account, where it has one; or why that cannot be asked for.
fn mail(rules: &Rules, subscriber: &Subscriber) -> Result<Option<Request>, String> {
    let Some(text) = &subscriber.mail_account else { return Ok(None) };
    let left = |reason: &str| Err(format!("mail account {text} is left as it is: {reason}"));
    match (&rules.mail, MailAccount::parse(text), &subscriber.mail_password) {
        (None, _, _) => left("mail is not provisioned"),
        (_, None, _) => left("it is not LOCALPART@DOMAIN"),
        (_, _, None) => left("its row has no password"),
        (Some(_), Some(account), Some(password)) => {
            Ok(Some(Request::Mail(MailRequest::CreateAccount { account, password: password.clone() })))
        }
    }
}
