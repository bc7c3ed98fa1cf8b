//! What was provisioned: events with their steps, what HSS, ENUM and mail server hold, and `srd_user`.

use super::Around;
use super::oracle::log_of;
use crate::support::steps::{PLANS, Steps};
use eventmanager::plan::{Subscriber, UserType};
use eventmanager::wire::Secret;
use std::collections::BTreeSet;

/// Every event has ended, in one attempt, as it should, and is handed on once.
pub fn events(around: &Around) -> Vec<String> {
    let reason = "select reason from em_journal where uuid = em_event.uuid order by attempt desc limit 1";
    let sql = &format!(
        "select notification_id, status, coalesce(({reason}), note, ''), uuid from em_event where source = 'as1' order by id"
    );
    let rows: Vec<Vec<String>> = around
        .base
        .events(sql)
        .into_iter()
        .map(|row| row.into_iter().map(Option::unwrap_or_default).collect())
        .collect();
    let completes = around.portal.completes();
    let mut wrong = Vec::new();
    if rows.len() != completes.len() {
        wrong.push(format!("{} rows of {} documents", rows.len(), completes.len()));
    }
    for (number, (row, completes)) in (1..).zip(rows.iter().zip(completes)) {
        let expected = if completes { "completed" } else { "ignored" };
        if row[0] != format!("write{number}") || row[1] != expected {
            wrong.push(format!("document {number} should be {expected}, and there is {row:?}"));
        }
    }
    let again = "select j.uuid, attempt from em_journal j, em_event e
        where e.uuid = j.uuid and e.source = 'as1' and attempt > 1";
    let again = around.base.events(again);
    wrong.extend(again.iter().map(|row| format!("attempted again: {row:?}")));
    let handed_on: BTreeSet<String> = log_of(around, "broadworks").into_iter().collect();
    let ended: BTreeSet<String> = rows.iter().map(|row| row[3].clone()).collect();
    let apart: Vec<&String> = handed_on.symmetric_difference(&ended).collect();
    if !apart.is_empty() {
        wrong.push(format!("ended and not handed on, or the other way round: {apart:?}"));
    }
    wrong
}

/// All steps of an event that has completed are done; the gateway was asked for each once, in the order of the events.
pub fn steps(around: &Around) -> Vec<String> {
    let open = "select s.uuid, s.position, s.state from em_step s, em_event e
        where e.uuid = s.uuid and e.status = 'completed' and s.state <> 'done'";
    let open = around.base.events(open);
    let mut wrong: Vec<String> = open.iter().map(|row| format!("not done: {row:?}")).collect();
    let plans = around.base.events(PLANS).into_iter().map(|row| {
        let mut columns = row.into_iter().flatten();
        let mut next = || columns.next().expect("a column");
        (next(), next())
    });
    let (calls, looks) = (around.peers.ema.calls(), around.looks.lock().expect("a lock"));
    wrong.extend(Steps::new(plans, &calls, &looks, &around.cuts.lock().expect("a lock")).wrong());
    wrong
}

/// HSS, ENUM, mail server and `srd_user` hold what the portal has asked for.
pub fn portal(around: &Around) -> Vec<String> {
    let (core, mail, rows) = (around.peers.ema.state(), around.peers.surgemail.state(), subscribers(around));
    let mut wrong = Vec::new();
    around.portal.with_traffic(|traffic| {
        wrong.extend(traffic.wrong_passwords(&core).into_iter().map(|user| format!("password of {user}")));
        let (core, expected) = (core.without_passwords(), traffic.expected_state());
        if core != expected {
            wrong.push(format!("the core holds otherwise than it should: {}", other_lines(&core, &expected)));
        }
        if mail != traffic.expected_mail() {
            wrong.push(format!("mail is {mail:?} and should be {:?}", traffic.expected_mail()));
        }
        if rows != traffic.expected_subscribers() {
            let show = |rows: &[Subscriber]| rows.iter().map(|row| format!("{row:?}\n")).collect::<String>();
            let (rows, expected) = (show(&rows), show(&traffic.expected_subscribers()));
            wrong.push(format!("srd_user: {}", other_lines(&rows, &expected)));
        }
    });
    wrong
}

/// The lines that one of two texts alone has.
fn other_lines(are: impl ToString, should_be: impl ToString) -> String {
    let (are, should_be) = (are.to_string(), should_be.to_string());
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<String>>();
    let (are, should_be) = (lines(&are), lines(&should_be));
    format!(
        "has {:?}, lacks {:?}",
        are.difference(&should_be).collect::<Vec<_>>(),
        should_be.difference(&are).collect::<Vec<_>>()
    )
}

/// The rows of `srd_user`, by user id.
fn subscribers(around: &Around) -> Vec<Subscriber> {
    let sql = "select id, group_id, sipurl, user_type, phonecontext, association_id, e164, vmail_user,
                vmail_password, blf_user from srd_user";
    let row = |row: Vec<Option<String>>| {
        let mut columns = row.into_iter();
        let mut next = || columns.next().flatten();
        Subscriber {
            user_id: next().unwrap_or_default(),
            group_id: next(),
            public_identity: next().unwrap_or_default(),
            user_type: UserType::parse(&next().unwrap_or_default()).expect("a user type"),
            phone_context: next(),
            association_id: next().unwrap_or_default(),
            phone: next(),
            mail_account: next(),
            mail_password: next().map(Secret::new),
            blf_list: next(),
        }
    };
    let mut rows: Vec<Subscriber> = around.base.subscribers(sql).into_iter().map(row).collect();
    rows.sort_by(|a, b| a.user_id.cmp(&b.user_id));
    rows
}
