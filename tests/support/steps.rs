//! What the gateway was asked for, held against the stored plans: for each thing that HSS and ENUM hold, the requests about it came in
//! the order of the events that asked for them, each once.
//!
//! One comes again only for a reason: it was not recorded as answered when its daemon had ended, nobody has answered it, or somebody
//! has cut the gateway off since.

use eventmanager::plan::{Plan, Request};
use eventmanager::simulators::ema::{EmaHandle, Outcome, RecordedCall, faults};
use eventmanager::wire::cai3g::{EnumRequest, HssRequest};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::SystemTime;

/// Event and position of each step that was sent, and its state: for [`Looks::look`].
pub const STEPS: &str = "select uuid, position, state from em_step where state in ('sent', 'done')";
/// Event and plan, in the order of the events: for [`Steps::new`].
pub const PLANS: &str = "select e.uuid, j.plan from em_event e, em_journal j
    where j.uuid = e.uuid and j.plan is not null order by e.id";

/// A step: the event, and the position in its plan.
type Place = (String, usize);
/// A request in the words of the gateway: what is done, and to which part.
type Asked = (String, String);

/// What stood in the journal each time that a daemon had ended.
#[derive(Default)]
pub struct Looks {
    /// In which look a step was recorded as done first.
    done: HashMap<Place, usize>,
    /// The number of the last call before each look.
    calls: Vec<u64>,
    /// How many steps were sent and not recorded as done, in all looks together.
    open: u64,
}

impl Looks {
    /// Looks at the rows of [`STEPS`], while there is no daemon.
    pub fn look(&mut self, ema: &EmaHandle, rows: impl IntoIterator<Item = (String, usize, String)>) {
        let look = self.calls.len();
        for (event, position, state) in rows {
            if state == "done" {
                self.done.entry((event, position)).or_insert(look);
            } else {
                self.open += 1;
            }
        }
        self.calls.push(ema.counts().requests);
    }

    /// How often a daemon has ended.
    pub fn count(&self) -> u64 {
        self.calls.len() as u64
    }

    /// How many requests may have come again in all lives.
    pub fn open(&self) -> u64 {
        self.open
    }

    /// The life in which each call was made. What a daemon has sent before its end may be read behind it: its session tells.
    fn lives<'a>(&self, calls: &'a [RecordedCall]) -> Vec<usize> {
        let mut of_session: HashMap<&'a str, usize> = HashMap::new();
        let life = |call: &RecordedCall| self.calls.partition_point(|last| *last < call.number);
        let life_of = |call: &'a RecordedCall| match &call.session {
            Some(session) => *of_session.entry(session).or_insert_with(|| life(call)),
            None => life(call),
        };
        calls.iter().map(life_of).collect()
    }
}

/// A call, and the life in which it was made.
type Called<'a> = (&'a RecordedCall, usize);

/// What was planned and what came, by the association or phone that it is about.
pub struct Steps<'a> {
    looks: &'a Looks,
    /// When somebody has cut the gateway off, so that answers under way may have been lost.
    cuts: &'a [SystemTime],
    planned: BTreeMap<String, Vec<(Place, Asked)>>,
    came: BTreeMap<String, Vec<Called<'a>>>,
}

impl<'a> Steps<'a> {
    /// Of the rows of [`PLANS`].
    pub fn new(
        plans: impl IntoIterator<Item = (String, String)>,
        calls: &'a [RecordedCall],
        looks: &'a Looks,
        cuts: &'a [SystemTime],
    ) -> Steps<'a> {
        let (mut planned, mut came) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for (event, plan) in plans {
            let plan: Plan = serde_json::from_str(&plan).expect("a plan");
            for (position, step) in plan.steps.iter().enumerate() {
                if let Some((thing, asked)) = asked(&step.request) {
                    planned.entry(thing).or_default().push(((event.clone(), position), asked));
                }
            }
        }
        // Logins are about nothing.
        for (call, life) in calls.iter().zip(looks.lives(calls)) {
            if !call.mo_id.is_empty() && is_about_it(call.outcome) {
                came.entry(call.mo_id.clone()).or_default().push((call, life));
            }
        }
        Steps { looks, cuts, planned, came }
    }

    /// What is wrong with each thing.
    pub fn wrong(&self) -> Vec<String> {
        let things: BTreeSet<&String> = self.planned.keys().chain(self.came.keys()).collect();
        things.into_iter().filter_map(|thing| Some(format!("{thing}: {}", self.wrong_with(thing)?))).collect()
    }

    fn wrong_with(&self, thing: &str) -> Option<String> {
        let planned = self.planned.get(thing).map_or(&[][..], Vec::as_slice);
        let came = self.came.get(thing).map_or(&[][..], Vec::as_slice);
        // One that comes again may as well be the next, where that is the same: whatever it may be is followed.
        let mut places = BTreeSet::from([0]);
        let mut before = None;
        for called in came {
            let is_it = |at: usize| planned.get(at).is_some_and(|(_, asked)| *asked == words(called.0));
            let goes_on = places.iter().filter(|at| is_it(**at)).map(|at| at + 1);
            let comes_again = places.iter().copied().filter(|at| {
                let last = at.checked_sub(1).filter(|last| is_it(*last));
                last.is_some_and(|last| self.may_come_again(&planned[last].0, before, called))
            });
            let next: BTreeSet<usize> = goes_on.chain(comes_again).collect();
            if next.is_empty() {
                let due: Vec<_> = places.iter().map(|at| planned.get(*at)).collect();
                return Some(format!("{:?} came in life {} where {due:?} was due", called.0, called.1));
            }
            (places, before) = (next, Some(called));
        }
        (!places.contains(&planned.len()))
            .then(|| format!("{} came of {} that were planned", came.len(), planned.len()))
    }

    /// Whether a step that was sent before has a reason to be sent again.
    fn may_come_again(&self, step: &Place, before: Option<&Called<'_>>, again: &Called<'_>) -> bool {
        let Some((before, life)) = before else { return false };
        let is_recorded = || self.looks.done.get(step).is_some_and(|look| *look < again.1);
        (*life < again.1 && !is_recorded())
            || matches!(before.outcome, Outcome::Unanswered { .. })
            || self.cuts.iter().any(|cut| (before.time..=again.0.time).contains(cut))
    }
}

fn words(call: &RecordedCall) -> Asked {
    // An identity is deleted by a request to set its association.
    (call.step.split(' ').next().unwrap_or_default().to_owned(), call.subject.clone())
}

/// What was turned away for its session alone is nothing that was asked.
fn is_about_it(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Status(_) | Outcome::Unanswered { done: false } => false,
        Outcome::Fault { code, .. } => code != faults::INVALID_SESSION,
        Outcome::Success | Outcome::Unanswered { done: true } => true,
    }
}

fn asked(request: &Request) -> Option<(String, Asked)> {
    let (thing, what, part) = match request {
        Request::Hss(request) => match request {
            HssRequest::CreateAssociation(new) => {
                (&new.association_id, "Create", new.public_data.public_id.clone())
            }
            HssRequest::DeleteAssociation { association_id } => (association_id, "Delete", String::new()),
            HssRequest::SetPublicIdentity { association_id, public_data } => {
                (association_id, "Set", public_data.public_id.clone())
            }
            HssRequest::DeletePublicIdentity { association_id, public_id } => {
                (association_id, "Delete", public_id.clone())
            }
            HssRequest::SetServiceProfile { association_id, service_profile } => {
                (association_id, "Set", service_profile.service_profile_id.clone())
            }
            HssRequest::DeleteServiceProfile { association_id, service_profile_id } => {
                (association_id, "Delete", service_profile_id.clone())
            }
            HssRequest::SetPhoneContext { association_id, service_profile_id, .. } => {
                (association_id, "Set", service_profile_id.clone())
            }
            HssRequest::SetPassword { association_id, private_user_id, .. } => {
                (association_id, "Set", private_user_id.clone())
            }
        },
        Request::Enum(EnumRequest::Create { msisdn, public_id }) => (msisdn, "Create", public_id.clone()),
        Request::Enum(EnumRequest::Delete { msisdn }) => (msisdn, "Delete", String::new()),
        Request::Mail(_) => return None,
    };
    Some((thing.clone(), (what.to_owned(), part)))
}
