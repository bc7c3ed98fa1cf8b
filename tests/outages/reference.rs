//! What would have been created without any outage: every document planned and taken for done, one after the other.

use crate::load::Sent;
use eventmanager::plan::{Subscriber, SubscriberEffect};
use eventmanager::processors::attributes::{MailRules, Rules};
use eventmanager::processors::{Decision, Inputs, command_type};
use eventmanager::simulators::traffic::{numbering, service_profiles};
use eventmanager::wire::Secret;
use eventmanager::wire::ocir::Document;
use std::collections::BTreeMap;

/// How often each association and each ENUM record is created: a user who comes back has its association twice.
pub fn creations(sent: &[Sent]) -> BTreeMap<String, usize> {
    let rules = Rules {
        numbering: numbering(),
        service_profiles: service_profiles(),
        mail: Some(MailRules { delete_replaced: false }),
    };
    let mut rows = BTreeMap::new();
    let mut creations = BTreeMap::new();
    for sent in sent {
        for id in created(sent, &rules, &mut rows) {
            *creations.entry(id).or_default() += 1;
        }
    }
    creations
}

fn created(sent: &Sent, rules: &Rules, rows: &mut BTreeMap<String, Subscriber>) -> Vec<String> {
    let command = Document::from_text(sent.document.clone()).into_command(0);
    let command = command.expect("a document").expect("a command");
    let Some(entry) = command_type(command.command_type()) else { return Vec::new() };
    let subscriber = rows.get(&sent.subject);
    let new_password = Secret::new("geheim");
    let inputs = Inputs { command: &command, subscriber, members: &[], rules, new_password: &new_password };
    let plan = match (entry.plan)(&inputs) {
        Ok(Decision::Run(plan)) => plan,
        Ok(Decision::Ignore(_)) => return Vec::new(),
        Err(refusal) => panic!("{refusal}: {}", sent.document),
    };
    for effect in plan.steps.iter().filter_map(|step| step.effect.as_ref()) {
        apply(rows, effect);
    }
    let core = plan.steps.iter().filter(|step| step.request.system() != eventmanager::plan::System::Mail);
    core.filter_map(|step| step.request.creates().map(Into::into)).collect()
}

fn apply(rows: &mut BTreeMap<String, Subscriber>, effect: &SubscriberEffect) {
    match effect {
        SubscriberEffect::Insert(new) => {
            rows.insert(new.user_id.clone(), (**new).clone());
        }
        SubscriberEffect::Update { user_id, changes } => {
            rows.get_mut(user_id).expect("a row to change").apply(changes);
        }
        SubscriberEffect::Delete { user_id } => {
            rows.remove(user_id);
        }
    }
}
