//! What must come of a sequence: its commands one after the other, undisturbed, each step carried out at once.

use crate::core::{Core, Log, RANDOM};
use eventmanager::event::Status;
use eventmanager::managers::Answer;
use eventmanager::plan::{Plan, Subscriber, SubscriberEffect};
use eventmanager::processors::attributes::Rules;
use eventmanager::processors::{Decision, Inputs, Refusal, command_type};
use eventmanager::wire::Secret;
use eventmanager::wire::ocir::Command;
use std::collections::BTreeMap;

/// The table of subscribers and the systems, as they are when all commands so far are done.
#[derive(Clone)]
pub struct Reference {
    pub rules: Rules,
    pub rows: BTreeMap<String, Subscriber>,
    pub core: Core,
    pub log: Log,
}

/// What became of one command.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    pub status: Status,
    /// What a system said against it, although the commands came in order.
    pub complaint: Option<String>,
}

impl Reference {
    /// Systems that hold `core`, and no subscriber.
    pub fn new(rules: Rules, core: Core) -> Reference {
        Reference { rules, rows: BTreeMap::new(), core, log: Log::default() }
    }

    /// The plan of a command against the rows as they are.
    pub fn plan(&self, command: &Command) -> Result<Decision, Refusal> {
        let entry = command_type(command.command_type()).expect("a command that is acted on");
        let subject = (entry.subject)(command, &self.rules);
        let of_group =
            |row: &&Subscriber| subject.whole_group.is_some() && row.group_id == subject.whole_group;
        let members: Vec<_> = self.rows.values().filter(of_group).cloned().map(Ok).collect();
        (entry.plan)(&Inputs {
            command,
            subscriber: subject.users.first().and_then(|user| self.rows.get(user)),
            members: &members,
            rules: &self.rules,
            new_password: &Secret::new(RANDOM),
        })
    }

    /// Carries a command out.
    pub fn run(&mut self, command: &Command) -> Course {
        match self.plan(command) {
            Ok(Decision::Run(plan)) => self.walk(&plan),
            Ok(Decision::Ignore(_)) => Course { status: Status::Ignored, complaint: None },
            Err(_) => Course { status: Status::Failed, complaint: None },
        }
    }

    fn walk(&mut self, plan: &Plan) -> Course {
        let mut complaint = None;
        for step in &plan.steps {
            self.log.add(&step.request);
            match self.core.apply(&step.request) {
                Answer::Done => {}
                Answer::Absent(text) if step.request.is_delete() => complaint = Some(text),
                // It is there already, as the row says.
                Answer::Exists(_) if plan.restores && step.request.creates().is_some() => {}
                answer => {
                    let complaint = Some(format!("{}: {answer:?}", step.request));
                    return Course { status: Status::Failed, complaint };
                }
            }
            step.effect.iter().for_each(|effect| self.change_rows(effect));
        }
        Course { status: Status::Completed, complaint }
    }

    fn change_rows(&mut self, effect: &SubscriberEffect) {
        match effect {
            SubscriberEffect::Insert(row) => drop(self.rows.insert(row.user_id.clone(), (**row).clone())),
            SubscriberEffect::Update { user_id, changes } => {
                self.rows.get_mut(user_id).expect("a row to change").apply(changes)
            }
            SubscriberEffect::Delete { user_id } => drop(self.rows.remove(user_id)),
        }
    }
}
