//! The deletion of a group: every member as by its own deletion.

use crate::given::*;
use eventmanager::plan::{Plan, Subscriber, UserType};
use eventmanager::processors::attributes::new_subscriber;
use eventmanager::processors::{COMMANDS, Decision, Inputs, Refusal, command_type, names};
use eventmanager::wire::Secret;
use std::collections::HashSet;

fn delete_group(body: &str, members: &[Result<Subscriber, String>]) -> Result<Plan, Refusal> {
    let command = command("GroupDeleteRequest", body);
    let entry = command_type(command.command_type()).expect("a command that is acted on");
    let inputs = Inputs {
        command: &command,
        subscriber: None,
        members,
        rules: &rules(),
        new_password: &Secret::default(),
    };
    (entry.plan)(&inputs).map(|decision| match decision {
        Decision::Run(plan) => plan,
        Decision::Ignore(reason) => panic!("must be planned: {reason}"),
    })
}

#[test]
fn every_member_of_a_deleted_group_goes_with_all_it_has() {
    let phone = Some("321044".to_owned());
    let user = Subscriber { phone, ..new_subscriber("a@tele.gl", UserType::User) };
    let mail_account = Some("no account".to_owned());
    let service = Subscriber { mail_account, ..new_subscriber("b@tele.gl", UserType::Virtual) };
    let plan = delete_group("<groupId>KNI</groupId>", &[Ok(user), Ok(service)]).expect("planned");
    let branches: Vec<_> =
        plan.branches().into_iter().map(|(member, steps)| (member.unwrap(), steps)).collect();
    assert_eq!(branches, [("a@tele.gl", 0..3), ("b@tele.gl", 3..4)]);
    assert!(
        branches.iter().all(|(_, steps)| plan.steps[steps.end - 1].effect.is_some()),
        "each loses its row"
    );
    assert_eq!(
        plan.warnings,
        ["b@tele.gl: mail account no account is not deleted: it is not LOCALPART@DOMAIN"]
    );
}

#[test]
fn a_group_without_members_has_nothing_to_do() {
    assert_eq!(delete_group("<groupId>KNI</groupId>", &[]), Ok(Plan::default()));
}

#[test]
fn a_member_that_cannot_be_read_does_not_keep_the_others() {
    let user = new_subscriber("a@tele.gl", UserType::User);
    let plan = delete_group("<groupId>KNI</groupId>", &[Ok(user), Err("row of b".into())]).expect("planned");
    assert_eq!((plan.members.len(), plan.unplanned), (1, vec!["row of b".to_owned()]));
}

#[test]
fn a_group_without_a_name_is_refused() {
    assert_eq!(delete_group("", &[]), Err(Refusal::Missing("groupId")));
    assert_eq!(delete_group("<groupId> </groupId>", &[]), Err(Refusal::Blank("groupId")));
}

#[test]
fn every_command_has_one_of_the_fifteen_processors() {
    let distinct: HashSet<&str> = names().into_iter().collect();
    assert_eq!((names().len(), distinct.len(), COMMANDS.len()), (15, 15, 24));
}
