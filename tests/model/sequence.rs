//! A sequence: commands, when they come, and what goes wrong meanwhile. All of it follows from a seed.

use crate::commands::{self, DOMAIN, STRANGE_LIST, STRANGER, Sent};
use crate::core::Core;
use crate::reference::{Course, Reference};
use eventmanager::config::{Numbering, OnFailure, Processing, RunOrder, ServiceProfiles};
use eventmanager::event::Status;
use eventmanager::plan::UserType;
use eventmanager::processors::attributes::{MailRules, Rules, association, new_subscriber};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::time::Duration;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fate {
    /// A fault, for good.
    Refused,
    NotTaken,
    /// No answer, or one that means nothing; the request may have been carried out.
    Unanswered {
        applied: bool,
    },
    NotUnderstood {
        applied: bool,
    },
}

/// How much ends at a crash.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Eq, Ord)]
pub enum Extent {
    /// The router and its lanes; the store and what is queued in it stay.
    Routing,
    /// All of it, and what was not committed is lost.
    Process,
}

/// When a command comes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pause {
    /// Together with the one before.
    None,
    Milliseconds(u64),
    /// When everything before it is settled.
    Settled,
}

/// See the module.
#[derive(Clone)]
pub struct Sequence {
    pub seed: u64,
    pub order: RunOrder,
    pub on_failure: OnFailure,
    pub concurrency: usize,
    pub delete_replaced: bool,
    pub commands: Vec<(Pause, Sent)>,
    /// By the number of the request.
    pub fates: BTreeMap<u32, Fate>,
    /// By the number of the boundary: see [`crate::crash`].
    pub crashes: BTreeMap<u32, Extent>,
}

/// What a sequence is about.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Theme {
    /// Nothing is lost; some commands want what the core holds already.
    Calm,
    /// Answers are lost, processes end.
    Losses,
    /// The same, and requests are refused; an operator retries what fails while it holds up its subject.
    Held,
    /// The same one after the other: what fails is retried before the next command comes.
    OneByOne,
}

impl Sequence {
    /// The sequence of a seed.
    pub fn of(seed: u64) -> Sequence {
        let mut rng = Rng::with_seed(seed);
        let theme = match rng.u8(0..8) {
            0 => Theme::Calm,
            1..=2 => Theme::Held,
            3 => Theme::OneByOne,
            _ => Theme::Losses,
        };
        let mut sequence = Sequence {
            seed,
            order: if rng.u8(0..8) == 0 { RunOrder::Strict } else { RunOrder::Subject },
            on_failure: if theme == Theme::Held { OnFailure::Hold } else { OnFailure::Continue },
            concurrency: rng.usize(1..=4),
            delete_replaced: rng.bool(),
            commands: Vec::new(),
            fates: BTreeMap::new(),
            crashes: BTreeMap::new(),
        };
        sequence.draw_commands(&mut rng, theme);
        sequence.draw_fates(&mut rng, theme);
        if theme != Theme::Calm {
            let boundaries = 8 + 7 * sequence.commands.len() as u32;
            for _ in 0..rng.u8(0..5) {
                let extent = if rng.bool() { Extent::Process } else { Extent::Routing };
                sequence.crashes.insert(rng.u32(0..boundaries), extent);
            }
        }
        sequence
    }

    /// These commands, all at once, with nothing going wrong.
    pub fn undisturbed(commands: Vec<Sent>) -> Sequence {
        Sequence {
            seed: 0,
            order: RunOrder::Subject,
            on_failure: OnFailure::Continue,
            concurrency: 2,
            delete_replaced: true,
            commands: commands.into_iter().map(|sent| (Pause::None, sent)).collect(),
            fates: BTreeMap::new(),
            crashes: BTreeMap::new(),
        }
    }

    fn draw_commands(&mut self, rng: &mut Rng, theme: Theme) {
        let mut reference = self.reference();
        let count = rng.usize(3..14);
        for _ in 0..40 * count {
            if self.commands.len() == count {
                break;
            }
            let is_strange = theme == Theme::Calm && rng.u8(0..6) == 0;
            let sent = match is_strange {
                true => commands::strange(rng),
                false => commands::any(rng, &reference),
            };
            let mut after = reference.clone();
            let course = after.run(&sent.command());
            // Halfway through, what is strange would leave what nobody can mend.
            let is_harmless = is_strange && after.core == reference.core && after.rows == reference.rows;
            if is_harmless || (!is_strange && is_wanted(&course, theme, rng)) {
                reference = after;
                self.commands.push((pause(rng, theme), sent));
            }
        }
    }

    fn draw_fates(&mut self, rng: &mut Rng, theme: Theme) {
        let requests = 2 * self.commands.len() as u32;
        for _ in 0..rng.u8(0..4) {
            let first = rng.u32(0..requests);
            for number in first..first + rng.u32(1..4) {
                self.fates.insert(number, fate(rng, theme));
            }
        }
    }

    /// The systems and the table as the sequence finds them.
    pub fn reference(&self) -> Reference {
        let rules = rules(self.delete_replaced);
        let mut core = Core::default();
        for strange in [STRANGER, STRANGE_LIST] {
            let row = new_subscriber(strange, UserType::Virtual);
            let association = association(&rules, &row, "elsewhere", None);
            core.ims.associations.insert(row.association_id, association.into());
        }
        core.mail.insert(DOMAIN.to_owned(), BTreeMap::new());
        Reference::new(rules, core)
    }

    /// What must come of each command, and of all of them.
    pub fn expected(&self) -> (Vec<Course>, Reference) {
        let mut reference = self.reference();
        let courses = self.commands.iter().map(|(_, sent)| reference.run(&sent.command())).collect();
        (courses, reference)
    }

    /// How the router is to run it.
    pub fn processing(&self) -> Processing {
        Processing {
            order: self.order,
            mode: eventmanager::config::Mode::Active,
            concurrency: self.concurrency,
            on_failure: self.on_failure,
            retry_initial: Duration::from_millis(2),
            retry_max: Duration::from_millis(20),
        }
    }
}

/// Commands that the systems would refuse when they come in order are not sent by BroadWorks; those that the planner
/// refuses are now and then, unless a failed event waits for an operator.
fn is_wanted(course: &Course, theme: Theme, rng: &mut Rng) -> bool {
    let allows_failures = theme != Theme::Held && rng.u8(0..12) == 0;
    match course {
        Course { complaint: Some(_), status } => allows_failures && *status == Status::Completed,
        Course { status: Status::Failed, .. } => allows_failures,
        Course { status: Status::Ignored, .. } => rng.u8(0..8) == 0,
        _ => true,
    }
}

fn pause(rng: &mut Rng, theme: Theme) -> Pause {
    match (theme, rng.u8(0..12)) {
        (Theme::OneByOne, _) | (_, 0) => Pause::Settled,
        (_, 1..=4) => Pause::Milliseconds(rng.u64(1..8)),
        _ => Pause::None,
    }
}

fn fate(rng: &mut Rng, theme: Theme) -> Fate {
    match (theme, rng.u8(0..6)) {
        (Theme::Calm, _) | (_, 0) => Fate::NotTaken,
        (Theme::Held | Theme::OneByOne, 1..=2) => Fate::Refused,
        (_, 1..=3) => Fate::Unanswered { applied: rng.bool() },
        _ => Fate::NotUnderstood { applied: rng.bool() },
    }
}

fn rules(delete_replaced: bool) -> Rules {
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
        mail: Some(MailRules { delete_replaced }),
    }
}
