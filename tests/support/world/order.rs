//! For each thing that HSS and ENUM hold, the requests about it came in the order of the events that asked for them, each as often as it
//! was asked for; one whose answer was lost may have come again at once.

use super::Around;
use eventmanager::plan::{Plan, Request};
use eventmanager::simulators::ema::{Outcome, RecordedCall};
use eventmanager::wire::cai3g::{EnumRequest, HssRequest};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

/// A request in the words of the gateway: what is done, and to which part.
type Asked = (String, String);
/// Requests by the association or phone that they are about.
type ByThing = BTreeMap<String, Vec<Asked>>;

/// Requests that are under way at most, of which an end of the daemon may cost the answers, beside those that the gateway itself loses.
const AT_ONCE: u64 = 16;

pub fn check(around: &Around) -> Vec<String> {
    let calls = around.peers.ema.calls();
    let (planned, came) = (planned(around), came(&calls));
    let things: BTreeSet<&String> = planned.keys().chain(came.keys()).collect();
    let of = |all: &ByThing, thing: &String| all.get(thing).cloned().unwrap_or_default();
    let mut wrong: Vec<String> = things
        .into_iter()
        .filter_map(|thing| {
            Some(format!("{thing}: {}", difference(&of(&planned, thing), &of(&came, thing))?))
        })
        .collect();
    let count = |all: &ByThing| all.values().map(Vec::len).sum::<usize>();
    let (again, lives) = (count(&came) - count(&planned).min(count(&came)), around.life.number());
    let cuts = around.cut_off.load(Ordering::Relaxed);
    let is_lost = |call: &&RecordedCall| matches!(call.outcome, Outcome::Unanswered { done: true });
    let lost = calls.iter().filter(is_lost).count() as u64;
    if again as u64 > (lives + cuts) * AT_ONCE + lost {
        wrong.push(format!(
            "{again} requests came again in {lives} lives, with {lost} answers lost and {cuts} cuts"
        ));
    }
    wrong
}

/// What the stored plans ask for, event by event.
fn planned(around: &Around) -> ByThing {
    let sql = "select j.plan from em_event e, em_journal j where j.uuid = e.uuid and j.plan is not null order by e.id";
    let mut planned = ByThing::new();
    for plan in around.base.column(sql) {
        let plan: Plan = serde_json::from_str(&plan).expect("a plan");
        for step in plan.steps {
            if let Some((thing, asked)) = asked(&step.request) {
                planned.entry(thing).or_default().push(asked);
            }
        }
    }
    planned
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

/// What the gateway was asked for; logins are about nothing.
fn came(calls: &[RecordedCall]) -> ByThing {
    let mut came = ByThing::new();
    for call in calls.iter().filter(|call| !call.mo_id.is_empty() && is_about_it(call.outcome)) {
        // An identity is deleted by a request to set its association.
        let what = call.step.split(' ').next().unwrap_or_default();
        let asked = (what.to_owned(), call.subject.clone());
        came.entry(call.mo_id.clone()).or_default().push(asked);
    }
    came
}

/// What was turned away for its session alone is nothing that was asked.
fn is_about_it(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::Status(_) | Outcome::Unanswered { done: false })
}

/// Where these did not come as they were planned: the same ones in the same order, each as often or more often in a row.
fn difference(planned: &[Asked], came: &[Asked]) -> Option<String> {
    let (planned, came) = (runs(planned), runs(came));
    let fits = |planned: Option<&Run>, came: Option<&Run>| match (planned, came) {
        (Some((planned, least)), Some((came, times))) => planned == came && times >= least,
        (planned, came) => planned.is_none() && came.is_none(),
    };
    let at = (0..planned.len().max(came.len())).find(|at| !fits(planned.get(*at), came.get(*at)))?;
    let shown =
        |runs: &[Run]| format!("{:?}", runs.iter().skip(at.saturating_sub(2)).take(4).collect::<Vec<_>>());
    Some(format!("should have had {}, and had {}", shown(&planned), shown(&came)))
}

/// A request, and how often it stands there in a row.
type Run<'a> = (&'a Asked, usize);

fn runs(all: &[Asked]) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for one in all {
        match runs.last_mut() {
            Some((last, times)) if *last == one => *times += 1,
            _ => runs.push((one, 1)),
        }
    }
    runs
}
