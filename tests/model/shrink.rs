//! Takes out of a sequence that fails what its failure does not need.

use crate::life::Site;
use crate::sequence::Sequence;
use crate::world;
use eventmanager::event::Status;
use std::fmt::Write;

/// Its failure, and the smallest sequence found that fails.
pub async fn explain(site: &mut Site, sequence: Sequence, error: String) -> String {
    let seed = sequence.seed;
    let (sequence, error) = shrink(site, sequence, error).await;
    let mut text = format!("MODEL_SEED={seed} fails: {error}\n  what is left of the sequence:\n");
    let Sequence { order, on_failure, concurrency, delete_replaced, fates, crashes, .. } = &sequence;
    for (pause, sent) in &sequence.commands {
        let _ = writeln!(text, "    {pause:?} {} {}", sent.command_type, sent.body);
    }
    let _ = writeln!(text, "    {order:?} {on_failure:?}, {concurrency} at once, {delete_replaced}");
    let _ = writeln!(text, "    fates {fates:?}\n    crashes {crashes:?}");
    text
}

async fn shrink(site: &mut Site, mut sequence: Sequence, mut error: String) -> (Sequence, String) {
    loop {
        let mut is_smaller = false;
        for candidate in smaller(&sequence) {
            if let Err(other) = world::run(site, &candidate).await {
                (sequence, error, is_smaller) = (candidate, other, true);
                break;
            }
        }
        if !is_smaller {
            return (sequence, error);
        }
    }
}

/// The same with one thing less, as far as its commands are still such as BroadWorks sends.
fn smaller(sequence: &Sequence) -> Vec<Sequence> {
    let before = spoiled(sequence);
    let without_commands = (0..sequence.commands.len()).map(|position| {
        let mut less = sequence.clone();
        less.commands.remove(position);
        less
    });
    let without_fates = sequence.fates.keys().map(|number| {
        let mut less = sequence.clone();
        less.fates.remove(number);
        less
    });
    let without_crashes = sequence.crashes.keys().map(|number| {
        let mut less = sequence.clone();
        less.crashes.remove(number);
        less
    });
    let all = without_commands.chain(without_fates).chain(without_crashes);
    all.filter(|less| spoiled(less) <= before).collect()
}

/// How many commands fail, or make a system complain, although nothing goes wrong.
fn spoiled(sequence: &Sequence) -> usize {
    let (courses, _) = sequence.expected();
    courses.iter().filter(|course| course.complaint.is_some() || course.status == Status::Failed).count()
}
