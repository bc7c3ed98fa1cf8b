//! Orders for failpoints, as they are written.
//!
//! ```text
//! NAME=ACTION             at every pass
//! NAME=ACTION@7           at the seventh
//! NAME=ACTION@7-9         at these three
//! NAME=ACTION@7-          from the seventh on
//! NAME=ACTION%3           at every third
//! kill                    the process ends as by `kill -9`
//! panic                   whoever passes panics
//! delay:MILLISECONDS      whoever passes waits
//! unavailable             of the store: the database is away; behind a commit, its answer is lost
//! rejected, locked        of a commit: refused, if it is of more than one row; a row is locked
//! ```
//!
//! Several have a semicolon between them.

use super::Fault;
use super::points::POINTS;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What is to be done at a failpoint, and when.
#[derive(Debug)]
pub struct Order {
    pub name: String,
    pub action: Action,
    /// The action as it is written.
    pub written: String,
    pub passes: Passes,
    passed: AtomicU64,
    has_been_obeyed: AtomicBool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Kill,
    Panic,
    Delay(Duration),
    Fault(Fault),
}

/// Which passes are meant; they are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passes {
    Between(u64, u64),
    Every(u64),
}

/// An order that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {order:?} {reason}", variable = super::VARIABLE)]
pub struct BadOrders {
    pub order: String,
    pub reason: &'static str,
}

impl Order {
    /// Counts a pass; its number.
    pub fn count(&self) -> u64 {
        self.passed.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Whether it is obeyed for the first time now.
    pub fn is_first(&self) -> bool {
        !self.has_been_obeyed.swap(true, Ordering::Relaxed)
    }
}

impl Passes {
    pub fn contain(self, pass: u64) -> bool {
        match self {
            Passes::Between(first, last) => (first..=last).contains(&pass),
            Passes::Every(number) => pass.is_multiple_of(number),
        }
    }
}

/// All orders of a text.
pub fn parse(text: &str) -> Result<Vec<Order>, BadOrders> {
    let orders = text.split(';').map(str::trim).filter(|order| !order.is_empty());
    orders.map(|order| read(order).map_err(|reason| BadOrders { order: order.to_owned(), reason })).collect()
}

fn read(order: &str) -> Result<Order, &'static str> {
    let (name, rest) = order.split_once('=').ok_or("is not NAME=ACTION")?;
    let point = POINTS.iter().find(|point| point.name == name).ok_or("names no failpoint")?;
    let end = rest.find(['@', '%']).unwrap_or(rest.len());
    let (written, passes) = rest.split_at(end);
    let action = read_action(written).ok_or("has no such action")?;
    if matches!(action, Action::Fault(_)) && !point.may_fail {
        return Err("is no failpoint of the store: only kill, panic and delay are for it");
    }
    let passes = read_passes(passes).ok_or("does not say which passes")?;
    Ok(Order {
        name: name.to_owned(),
        action,
        written: written.to_owned(),
        passes,
        passed: AtomicU64::default(),
        has_been_obeyed: AtomicBool::default(),
    })
}

fn read_action(text: &str) -> Option<Action> {
    Some(match text {
        "kill" => Action::Kill,
        "panic" => Action::Panic,
        "unavailable" => Action::Fault(Fault::Unavailable),
        "rejected" => Action::Fault(Fault::Rejected),
        "locked" => Action::Fault(Fault::Locked),
        _ => Action::Delay(Duration::from_millis(text.strip_prefix("delay:")?.parse().ok()?)),
    })
}

fn read_passes(text: &str) -> Option<Passes> {
    let number = |text: &str| text.parse().ok().filter(|number| *number > 0);
    if text.is_empty() {
        return Some(Passes::Between(1, u64::MAX));
    }
    if let Some(every) = text.strip_prefix('%') {
        return Some(Passes::Every(number(every)?));
    }
    let text = text.strip_prefix('@')?;
    let (first, last) = match text.split_once('-') {
        None => (number(text)?, number(text)?),
        Some((first, "")) => (number(first)?, u64::MAX),
        Some((first, last)) => (number(first)?, number(last)?),
    };
    Some(Passes::Between(first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_obeyed_at_the_passes_that_it_names() {
        let check = |order: &str, action: Action, expected: &[u64]| {
            let orders = parse(order).expect(order);
            let [order] = &orders[..] else { panic!("{orders:?}") };
            assert_eq!((order.name.as_str(), order.action), ("store.events.commit.after", action));
            let passes = (0..9).map(|_| order.count()).filter(|pass| order.passes.contain(*pass));
            assert_eq!(passes.collect::<Vec<_>>(), expected, "{order:?}");
        };
        check("store.events.commit.after=kill@7", Action::Kill, &[7]);
        check("store.events.commit.after=panic@7-8;", Action::Panic, &[7, 8]);
        check("store.events.commit.after=kill@7-", Action::Kill, &[7, 8, 9]);
        let delay = Action::Delay(Duration::from_millis(50));
        check(" store.events.commit.after=delay:50%3", delay, &[3, 6, 9]);
        let fault = Action::Fault(Fault::Unavailable);
        check("store.events.commit.after=unavailable", fault, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn several_orders_are_counted_each_for_itself() {
        let orders = parse("hub.send.before=kill@2; hub.send.before=delay:1@1").expect("orders");
        let at = |order: &Order| order.passes.contain(order.count());
        assert_eq!(orders.iter().map(at).collect::<Vec<_>>(), [false, true]);
        assert_eq!(orders.iter().map(at).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn what_is_no_order_is_refused_with_its_reason() {
        let check = |text: &str, reason: &str| {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.starts_with("EVENTMANAGER_FAILPOINTS: ") && error.contains(reason), "{error}");
        };
        check("kill", "is not NAME=ACTION");
        check("store.commit=kill", "names no failpoint");
        check("hub.send.before=killed", "no such action");
        check("hub.send.before=delay:x", "no such action");
        check("hub.send.before=unavailable", "no failpoint of the store");
        for passes in ["@", "@0", "%0", "@1-0x", "%", "@-1", "@a"] {
            check(&format!("hub.send.before=kill{passes}"), "which passes");
        }
    }
}
