//! What the cases have in common: rules, commands, rows, and how a plan is compared.

use eventmanager::config::{Numbering, ServiceProfiles};
use eventmanager::plan::{Plan, Subscriber};
use eventmanager::processors::attributes::{MailRules, Rules};
use eventmanager::processors::{Decision, Inputs, Refusal, command_type};
use eventmanager::wire::Secret;
use eventmanager::wire::ocir::{Command, Document, write};

pub const USER: &str = "nivi@tele.gl";

pub fn rules() -> Rules {
    let context = |city: &str, context: &str| (city.to_owned(), context.to_owned());
    Rules {
        numbering: Numbering {
            country_code: "299".into(),
            default_phone_context: "tg.gl".into(),
            phone_contexts: [context("Nuuk", "nuk.tg.gl"), context("Qaqortoq", "qaq.tg.gl")].into(),
        },
        service_profiles: ServiceProfiles {
            r#virtual: "sp_virtual".into(),
            user: "sp_user".into(),
            pilot: "sp_pilot".into(),
            trunk: "sp_trunk".into(),
        },
        mail: Some(MailRules { delete_replaced: false }),
    }
}

pub fn command(command_type: &str, body: &str) -> Command {
    let document = Document::parse(write::report("write1", "admin", "admin", command_type, body).as_bytes());
    document.into_command(0).expect("a document").expect("a command")
}

/// UserAddRequest of [`USER`].
pub fn add(body: &str) -> Command {
    command("UserAddRequest17sp4", &format!("<userId>{USER}</userId>{body}"))
}

/// UserModifyRequest that gives [`USER`] a phone.
pub fn set_phone(phone: &str) -> Command {
    command("UserModifyRequest", &format!("<userId>{USER}</userId><phoneNumber>{phone}</phoneNumber>"))
}

pub fn delete() -> Command {
    command("UserDeleteRequest", &format!("<userId>{USER}</userId>"))
}

/// What is decided about a command, given the row and the rules.
pub fn decide(
    command: &Command,
    subscriber: Option<&Subscriber>,
    rules: &Rules,
) -> Result<Decision, Refusal> {
    let entry = command_type(command.command_type()).expect("a command that is acted on");
    let new_password = Secret::new("geheim");
    (entry.plan)(&Inputs { command, subscriber, members: &[], rules, new_password: &new_password })
}

/// What is decided under [`rules`].
pub fn plan(command: &Command, subscriber: Option<&Subscriber>) -> Result<Decision, Refusal> {
    decide(command, subscriber, &rules())
}

/// The plan of a command that must have one.
#[track_caller]
pub fn planned(command: &Command, subscriber: Option<&Subscriber>) -> Plan {
    match plan(command, subscriber) {
        Ok(Decision::Run(plan)) => plan,
        other => panic!("must be planned: {other:?}"),
    }
}

/// The requests of a plan, in words.
pub fn requests(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| step.request.to_string()).collect()
}

/// Applies all effects of a plan.
pub fn apply_all(row: &mut Option<Subscriber>, plan: &Plan) {
    plan.steps.iter().filter_map(|step| step.effect.as_ref()).for_each(|effect| effect.apply(row));
}

/// The row that commands leave, one after the other.
#[track_caller]
pub fn after(commands: &[Command]) -> Option<Subscriber> {
    let mut row = None;
    for command in commands {
        let plan = planned(command, row.as_ref());
        apply_all(&mut row, &plan);
    }
    row
}

/// The row in one line: type, identity, phone, context, and what else there is.
pub fn line(row: &Option<Subscriber>) -> String {
    let Some(row) = row else { return "no row".into() };
    let or_none = |value: &Option<String>| value.clone().unwrap_or("-".into());
    let (phone, context) = (or_none(&row.phone), or_none(&row.phone_context));
    let mut line = format!("{} {} {phone} {context}", row.user_type.as_str(), row.public_identity);
    for (name, value) in [("mail", &row.mail_account), ("list", &row.blf_list)] {
        if let Some(value) = value {
            line.push_str(&format!(" {name} {value}"));
        }
    }
    line
}

/// Runs the commands one after the other; the last one's requests and what it leaves must be as expected.
#[track_caller]
pub fn check(commands: &[Command], expected: &[&str], row: &str) {
    let (last, before) = commands.split_last().expect("at least one command");
    let mut subscriber = after(before);
    let plan = planned(last, subscriber.as_ref());
    assert_eq!(requests(&plan), expected);
    apply_all(&mut subscriber, &plan);
    assert_eq!(line(&subscriber), row);
    let has_effect = plan.steps.iter().any(|step| step.effect.is_some());
    let last_has_effect = plan.steps.last().is_some_and(|step| step.effect.is_some());
    assert_eq!(has_effect, last_has_effect, "an effect comes last");
}

/// The last command must be refused for this reason.
#[track_caller]
pub fn check_refused(commands: &[Command], reason: &str) {
    let (last, before) = commands.split_last().expect("at least one command");
    match plan(last, after(before).as_ref()) {
        Err(refusal) => assert_eq!(refusal.to_string(), reason),
        Ok(decision) => panic!("must be refused: {decision:?}"),
    }
}

/// The command must be ignored, whoever is known.
#[track_caller]
pub fn check_ignored(command: &Command) {
    assert!(matches!(plan(command, None), Ok(Decision::Ignore(_))), "must be ignored");
}
