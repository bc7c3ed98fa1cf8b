//! Mail domains come and go with the domains of the platform.

use super::attributes::Rules;
use super::elements::required;
use super::subject::Subject;
use super::{Decision, Inputs, Refusal};
use crate::plan::{Plan, Request, Step};
use crate::wire::ocir::Command;
use crate::wire::surgemail::MailRequest;

const DOMAIN: &str = "domain";

/// The whole domain.
pub fn subject(command: &Command, _: &Rules) -> Subject {
    let whole_mail_domain = command.field(DOMAIN).value().map(str::to_owned);
    Subject { whole_mail_domain, ..Subject::default() }
}

/// SystemDomainAddRequest: the mail server gets the domain.
pub fn create(inputs: &Inputs) -> Result<Decision, Refusal> {
    one_request(inputs, |domain| MailRequest::SaveDomain { domain })
}

/// SystemDomainDeleteRequest: the mail server loses it, with its accounts.
pub fn delete(inputs: &Inputs) -> Result<Decision, Refusal> {
    one_request(inputs, |domain| MailRequest::DeleteDomain { domain })
}

fn one_request(inputs: &Inputs, request: fn(String) -> MailRequest) -> Result<Decision, Refusal> {
    if inputs.rules.mail.is_none() {
        return Ok(Decision::no_mail());
    }
    let domain = required(inputs.command, DOMAIN)?.to_owned();
    let step = Step { request: Request::Mail(request(domain)), effect: None };
    Ok(Decision::Run(Plan { steps: vec![step], ..Plan::default() }))
}
