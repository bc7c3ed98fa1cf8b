//! What must hold when all is settled.

use crate::core::Core;
use crate::peers::Systems;
use crate::reference::Reference;
use crate::sequence::Sequence;
use eventmanager::plan::{Subscriber, UserType};
use eventmanager::processors::attributes::association_id;
use eventmanager::processors::{Decision, command_type};
use eventmanager::simulators::ema::{CoreState, StoredAssociation};
use eventmanager::wire::cai3g::{PublicData, ServiceProfile};
use eventmanager::wire::ocir::Command;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

/// Checks the table of subscribers and the systems against what must have come of the sequence, and against each
/// other; the error says what does not hold.
pub fn check(
    rows: Vec<Subscriber>,
    sequence: &Sequence,
    expected: &Reference,
    systems: &Systems,
) -> Result<(), String> {
    let rows: BTreeMap<String, Subscriber> = rows.into_iter().map(|row| (row.user_id.clone(), row)).collect();
    same("the table of subscribers", &rows, &expected.rows)?;
    let core = systems.core.clone().without_random_passwords();
    same("what the systems hold", &core, &expected.core)?;
    let is_ours = |id: &String| !sequence.reference().core.ims.associations.contains_key(id);
    let mut ours = systems.core.ims.clone().without_passwords();
    ours.associations.retain(|id, _| is_ours(id));
    same("what HSS and ENUM hold of the rows", &ours, &core_of(&rows))?;
    check_mail(&systems.core, &rows)?;
    // A plan that is made anew sends again what was done before the refusal.
    if systems.refusals == 0 {
        same("the order of requests", &systems.log, &expected.log)?;
    }
    check_plans(sequence, expected)
}

fn same<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}:\n  found    {found:?}\n  expected {expected:?}"))
}

/// HSS and ENUM as the rows describe them.
fn core_of(rows: &BTreeMap<String, Subscriber>) -> CoreState {
    let mut core = CoreState::default();
    for row in rows.values() {
        let profile = match row.user_type {
            UserType::User => "sp_user",
            UserType::Virtual => "sp_virtual",
            UserType::Pilot => "sp_pilot",
            UserType::Trunk => "sp_trunk",
        };
        let registers = matches!(row.user_type, UserType::User | UserType::Pilot);
        let context = row.phone_context.as_deref().unwrap_or("tg.gl");
        let mut association = lone(&row.user_id, &row.public_identity, registers, profile, context);
        if let Some(phone) = &row.phone {
            let uri = format!("tel:+299{phone}");
            let public = public_data(&uri, &row.user_id, &row.public_identity, registers);
            association.public_data.insert(uri, public);
            core.enum_records.insert(format!("tel:299{phone}"), format!("sip:{}", row.public_identity));
        }
        core.associations.insert(row.association_id.clone(), association);
        if let Some(list) = &row.blf_list {
            let association = lone(list, list, false, "sp_virtual", "tg.gl");
            core.associations.insert(association_id(list), association);
        }
    }
    core
}

/// An association with one identity.
fn lone(user: &str, identity: &str, registers: bool, profile: &str, context: &str) -> StoredAssociation {
    let uri = format!("sip:{identity}");
    let service_profile = ServiceProfile {
        service_profile_id: identity.to_owned(),
        configured_profile_id: profile.to_owned(),
        phone_context: context.to_owned(),
    };
    StoredAssociation {
        is_psi: !registers,
        private_user_id: user.to_owned(),
        password: None,
        public_data: [(uri.clone(), public_data(&uri, user, identity, registers))].into(),
        service_profiles: [(identity.to_owned(), service_profile)].into(),
    }
}

fn public_data(uri: &str, user: &str, identity: &str, registers: bool) -> PublicData {
    PublicData {
        public_id: uri.to_owned(),
        private_user_id: user.to_owned(),
        implicit_reg_set: u8::from(registers),
        service_profile_id: identity.to_owned(),
    }
}

/// Every account of a row is there, with its password; others were replaced, and kept.
fn check_mail(core: &Core, rows: &BTreeMap<String, Subscriber>) -> Result<(), String> {
    for row in rows.values() {
        let Some((local_part, domain)) = row.mail_account.as_ref().and_then(|text| text.split_once('@'))
        else {
            continue;
        };
        let found = core.mail.get(domain).and_then(|accounts| accounts.get(local_part));
        let passwords =
            (found.map(|secret| secret.expose()), row.mail_password.as_ref().map(|secret| secret.expose()));
        if passwords.0.is_none() || passwords.0 != passwords.1 {
            return Err(format!("account {local_part}@{domain} has the passwords {passwords:?}"));
        }
    }
    Ok(())
}

/// What the last command of its kind says of a subscriber is so: planning it again leads to nothing.
fn check_plans(sequence: &Sequence, expected: &Reference) -> Result<(), String> {
    for command in last_changes(sequence) {
        match expected.plan(&command) {
            Ok(Decision::Run(plan)) if !plan.steps.is_empty() => {
                let steps: Vec<String> = plan.steps.iter().map(|step| step.request.to_string()).collect();
                let user = command.user_id();
                return Err(format!("{} of {user} still leads to {steps:?}", command.command_type()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The last command of each kind for every subscriber that changes what is there.
fn last_changes(sequence: &Sequence) -> impl Iterator<Item = Command> {
    let mut last: HashMap<(String, &str), Command> = HashMap::new();
    let mut reference = sequence.reference();
    for (_, sent) in &sequence.commands {
        let command = sent.command();
        let before = reference.rows.clone();
        let course = reference.run(&command);
        last.retain(|(user, _), _| reference.rows.contains_key(user));
        let changed = reference.rows.iter().filter(|(user, row)| before.get(*user) != Some(row));
        let processor = command_type(command.command_type()).expect("a command that is acted on").processor;
        let is_change = processor.starts_with("modify") && course.complaint.is_none();
        for (user, _) in changed.filter(|_| is_change) {
            last.insert((user.clone(), processor), command.clone());
        }
    }
    last.into_values()
}
