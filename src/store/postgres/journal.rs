//! How far events have come: what a batch says of them, together in one statement for each table.

use super::commit::add_subjects;
use super::script::{Script, column, number};
use super::statements::{JOURNAL, STATUSES, STEPS, VERDICTS};
use crate::event::TopicEvent;
use crate::store::limits::clean;
use crate::store::records::{Progress, StepMark, Verdict};
use crate::store::writes::{Write, micros, warning_lines};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What a batch says about one attempt of one event.
#[derive(Default)]
struct Attempt<'a> {
    plan: Option<String>,
    warnings: Vec<String>,
    steps: BTreeMap<u32, &'a StepMark>,
}

/// Journal, steps and verdicts; the result is the place of the rows' statuses. Of several marks of one step the
/// last counts, because one statement cannot write a row twice.
pub(super) fn add_journal<'a>(script: &mut Script<'a>, writes: &'a [Write]) -> Option<usize> {
    let mut attempts: BTreeMap<(Uuid, u32), Attempt<'a>> = BTreeMap::new();
    let mut verdicts: BTreeMap<Uuid, (u32, &'a Verdict)> = BTreeMap::new();
    let progresses = writes.iter().filter_map(|write| match write {
        Write::Progress(progress) => Some(progress),
        _ => None,
    });
    for progress in progresses {
        attempts.entry((progress.event, progress.attempt)).or_default().merge(progress);
        if let Some(verdict) = &progress.verdict {
            verdicts.insert(progress.event, (progress.attempt, verdict));
        }
    }
    if attempts.is_empty() {
        return None;
    }
    let rows: Vec<_> = attempts.iter().collect();
    script.add(
        JOURNAL,
        vec![
            column(&rows, |((uuid, _), _)| *uuid),
            column(&rows, |((_, attempt), _)| number(*attempt)),
            column(&rows, |(_, row)| row.plan.clone()),
            column(&rows, |(_, row)| warning_lines(&row.warnings).map(|lines| clean(&lines).into_owned())),
        ],
    );
    add_steps(script, &attempts);
    add_verdicts(script, &verdicts);
    add_subjects(script, members(writes));
    let uuids: Vec<Uuid> = attempts.keys().map(|(uuid, _)| *uuid).collect();
    Some(script.add(STATUSES, vec![Box::new(uuids)]))
}

/// The members of whole groups, with the events that are about them.
fn members(writes: &[Write]) -> Vec<(&str, Uuid)> {
    let planned = writes.iter().filter_map(|write| match write {
        Write::Progress(progress) => Some((progress.plan.as_deref()?, progress.event)),
        _ => None,
    });
    planned
        .flat_map(|(plan, event)| plan.members.iter().map(move |member| (member.user_id.as_str(), event)))
        .collect()
}

impl<'a> Attempt<'a> {
    fn merge(&mut self, progress: &'a Progress) {
        if let Some(plan) = &progress.plan {
            self.plan =
                Some(serde_json::to_string(&**plan).expect("a plan has only keys that JSON can write"));
        }
        for warning in &progress.warnings {
            if !self.warnings.contains(warning) {
                self.warnings.push(warning.clone());
            }
        }
        self.steps.extend(progress.steps.iter().map(|mark| (mark.position, mark)));
    }
}

fn add_steps<'a>(script: &mut Script<'a>, attempts: &BTreeMap<(Uuid, u32), Attempt<'a>>) {
    let rows: Vec<(Uuid, u32, &'a StepMark)> = attempts
        .iter()
        .flat_map(|((uuid, attempt), row)| row.steps.values().map(|mark| (*uuid, *attempt, *mark)))
        .collect();
    if rows.is_empty() {
        return;
    }
    script.add(
        STEPS,
        vec![
            column(&rows, |(uuid, _, _)| uuid),
            column(&rows, |(_, attempt, _)| number(attempt)),
            column(&rows, |(_, _, mark)| number(mark.position)),
            column(&rows, |(_, _, mark)| mark.state.as_str()),
            column(&rows, |(_, _, mark)| mark.answer.as_deref().map(clean)),
            column(&rows, |(_, _, mark)| micros(mark.at)),
        ],
    );
}

fn add_verdicts<'a>(script: &mut Script<'a>, verdicts: &BTreeMap<Uuid, (u32, &'a Verdict)>) {
    if verdicts.is_empty() {
        return;
    }
    let rows: Vec<(Uuid, u32, &'a Verdict)> =
        verdicts.iter().map(|(uuid, (attempt, verdict))| (*uuid, *attempt, *verdict)).collect();
    let with = |(uuid, _, verdict): &(Uuid, u32, &'a Verdict)| {
        let (uuid, handed_on) = (*uuid, &verdict.handed_on);
        handed_on.iter().map(move |row| (uuid, row))
    };
    let handed_on: Vec<(Uuid, &'a TopicEvent)> = rows.iter().flat_map(with).collect();
    script.add(
        VERDICTS,
        vec![
            column(&rows, |(uuid, _, _)| uuid),
            column(&rows, |(_, attempt, _)| number(attempt)),
            column(&rows, |(_, _, verdict)| verdict.status.as_str()),
            column(&rows, |(_, _, verdict)| verdict.reason.as_deref().map(clean)),
            column(&rows, |(_, _, verdict)| verdict.digest.as_deref()),
            column(&rows, |(_, _, verdict)| verdict.holds),
            column(&handed_on, |(event, _)| event),
            column(&handed_on, |(_, row)| row.uuid),
            column(&handed_on, |(_, row)| clean(&row.topic)),
            column(&handed_on, |(_, row)| clean(&row.source)),
            column(&handed_on, |(_, row)| clean(&row.name)),
            column(&handed_on, |(_, row)| micros(row.at)),
            column(&handed_on, |(_, row)| clean(&row.payload)),
            column(&handed_on, |(_, row)| row.form.word()),
            column(&handed_on, |(_, row)| row.form.origin().map(clean)),
        ],
    );
}
