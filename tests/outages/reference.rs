//! What would have been sent without any outage: every document planned and taken for done, one after the other.

use crate::load::Sent;
use eventmanager::plan::{Request, Subscriber, SubscriberEffect, System};
use eventmanager::processors::attributes::{MailRules, Rules};
use eventmanager::processors::{Decision, Inputs, command_type};
use eventmanager::simulators::traffic::{numbering, service_profiles};
use eventmanager::wire::Secret;
use eventmanager::wire::ocir::Document;
use std::collections::BTreeMap;

/// The requests of a day.
#[derive(Default)]
pub struct Reference {
    /// How often each association and each ENUM record is created: a user who comes back has its association twice.
    pub creations: BTreeMap<String, usize>,
    /// How many requests go to the EMA.
    pub core: usize,
    /// How many go to the mail server.
    pub mail: usize,
}

/// What these documents come to.
pub fn reference(sent: &[Sent]) -> Reference {
    let rules = Rules {
        numbering: numbering(),
        service_profiles: service_profiles(),
        mail: Some(MailRules { delete_replaced: false }),
    };
    let mut rows = BTreeMap::new();
    let mut reference = Reference::default();
    for request in sent.iter().flat_map(|sent| requests(sent, &rules, &mut rows)) {
        if request.system() == System::Mail {
            reference.mail += 1;
            continue;
        }
        reference.core += 1;
        if let Some(id) = request.creates() {
            *reference.creations.entry(id.into()).or_default() += 1;
        }
    }
    reference
}

fn requests(sent: &Sent, rules: &Rules, rows: &mut BTreeMap<String, Subscriber>) -> Vec<Request> {
    let command = Document::from_text(sent.document.clone()).into_command(0);
    let command = command.expect("a document").expect("a command");
    let Some(entry) = command_type(command.command_type()) else { return Vec::new() };
    let subject = (entry.subject)(&command, rules);
    let subscriber = subject.users.first().and_then(|user| rows.get(user));
    let is_member = |row: &&Subscriber| subject.whole_group.is_some() && row.group_id == subject.whole_group;
    let members: Vec<_> = rows.values().filter(is_member).cloned().map(Ok).collect();
    let new_password = Secret::new("geheim");
    let inputs =
        Inputs { command: &command, subscriber, members: &members, rules, new_password: &new_password };
    let plan = match (entry.plan)(&inputs) {
        Ok(Decision::Run(plan)) => plan,
        Ok(Decision::Ignore(_)) => return Vec::new(),
        Err(refusal) => panic!("{refusal}: {}", sent.document),
    };
    for effect in plan.steps.iter().filter_map(|step| step.effect.as_ref()) {
        apply(rows, effect);
    }
    plan.steps.into_iter().map(|step| step.request).collect()
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
