//! Events that wait for a system to come back.
//!
//! An event whose request could not be delivered waits here with its keys. While a system is away only one of its
//! events at a time is tried, at growing distances; as soon as one gets through, all others go. Where an operator has
//! paused a system none is tried: its events wait until they are released.

use crate::plan::System;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use uuid::Uuid;

/// What an event can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    System(System),
    /// An operator who has paused it, to let it go on.
    Paused(System),
    /// The database itself: the event could not be read.
    Store,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Party::System(system) => system.fmt(f),
            Party::Paused(system) => write!(f, "paused {system}"),
            Party::Store => f.write_str("store"),
        }
    }
}

/// Who waits for whom.
#[derive(Debug, Default)]
pub struct Outages {
    parties: BTreeMap<Party, Outage>,
}

#[derive(Debug, Default)]
struct Outage {
    waiting: VecDeque<Uuid>,
    probe: Option<Uuid>,
    /// Attempts in a row that did not get through.
    failures: u32,
}

impl Outages {
    /// Lets an event wait. Some: nobody is being tried, so try one ([`Outages::next`]) after the delay of this many
    /// failures in a row; never for a paused system. An event that was tried for another party has got
    /// [`past`](Outages::passed) that one first.
    pub fn park(&mut self, party: Party, event: Uuid) -> Option<u32> {
        let outage = self.parties.entry(party).or_default();
        let first = outage.waiting.is_empty() && outage.probe.is_none();
        outage.waiting.push_back(event);
        if outage.probe == Some(event) {
            // Behind the others: next time another is tried, so one that never gets through holds nobody up.
            outage.probe = None;
            outage.failures += 1;
            return Some(outage.failures);
        }
        (first && !matches!(party, Party::Paused(_))).then_some(outage.failures)
    }

    /// The event to try next.
    pub fn next(&mut self, party: Party) -> Option<Uuid> {
        let outage = self.parties.get_mut(&party)?;
        if outage.probe.is_some() {
            return None;
        }
        outage.probe = outage.waiting.pop_front();
        outage.probe
    }

    /// The party for which this event is being tried.
    pub fn tried_for(&self, event: Uuid) -> Option<Party> {
        self.parties.iter().find(|(_, outage)| outage.probe == Some(event)).map(|(party, _)| *party)
    }

    /// An event has got past what it waited for: returns all that waited with it.
    pub fn passed(&mut self, event: Uuid) -> Vec<Uuid> {
        self.tried_for(event)
            .and_then(|party| self.parties.remove(&party))
            .map_or_else(Vec::new, |outage| outage.waiting.into())
    }

    /// All events that wait for this party, which nobody does any more.
    pub fn release(&mut self, party: Party) -> Vec<Uuid> {
        self.parties.remove(&party).map_or_else(Vec::new, |outage| outage.waiting.into())
    }

    /// Lets an event wait no longer, whomever it waits for. False: it does not, or it is being tried.
    pub fn take(&mut self, event: Uuid) -> bool {
        let found = self.parties.iter_mut().find_map(|(party, outage)| {
            let place = outage.waiting.iter().position(|waiting| *waiting == event)?;
            outage.waiting.remove(place);
            Some((*party, outage.waiting.is_empty() && outage.probe.is_none()))
        });
        if let Some((party, true)) = found {
            self.parties.remove(&party);
        }
        found.is_some()
    }

    /// How many events wait, for whom.
    pub fn waiting(&self) -> impl Iterator<Item = (Party, usize)> {
        self.parties
            .iter()
            .map(|(party, outage)| (*party, outage.waiting.len() + usize::from(outage.probe.is_some())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HSS: Party = Party::System(System::Hss);

    fn event(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    #[test]
    fn an_event_that_is_taken_out_waits_for_nobody() {
        let mut outages = Outages::default();
        outages.park(HSS, event(1));
        outages.park(HSS, event(2));
        assert!(outages.take(event(2)) && !outages.take(event(2)));
        assert_eq!(outages.next(HSS), Some(event(1)));
        assert!(!outages.take(event(1)), "it is being tried");
        assert_eq!(outages.park(HSS, event(1)), Some(1));
        assert!(outages.take(event(1)));
        assert_eq!(outages.waiting().count(), 0);
    }

    #[test]
    fn one_event_is_tried_for_all_and_frees_all() {
        let mut outages = Outages::default();
        assert_eq!(outages.park(HSS, event(1)), Some(0));
        assert_eq!(outages.park(HSS, event(2)), None);
        assert_eq!(outages.next(HSS), Some(event(1)));
        assert_eq!(outages.next(HSS), None);
        assert_eq!(outages.park(HSS, event(3)), None);
        assert_eq!(outages.passed(event(1)), [event(2), event(3)]);
        assert_eq!(outages.waiting().count(), 0);
    }

    #[test]
    fn an_event_that_does_not_get_through_is_tried_again_later_and_later() {
        let mut outages = Outages::default();
        assert_eq!(outages.park(HSS, event(1)), Some(0));
        for failures in 1..5 {
            assert_eq!(outages.next(HSS), Some(event(1)));
            assert_eq!(outages.park(HSS, event(1)), Some(failures));
        }
    }

    #[test]
    fn an_event_that_never_gets_through_holds_nobody_up() {
        let mut outages = Outages::default();
        outages.park(HSS, event(1));
        outages.park(HSS, event(2));
        assert_eq!(outages.next(HSS), Some(event(1)));
        assert_eq!(outages.park(HSS, event(1)), Some(1));
        assert_eq!(outages.next(HSS), Some(event(2)));
        assert_eq!(outages.passed(event(2)), [event(1)]);
    }

    #[test]
    fn who_gets_through_without_waiting_frees_nobody() {
        let mut outages = Outages::default();
        outages.park(HSS, event(1));
        assert!(outages.passed(event(9)).is_empty());
        assert_eq!(outages.waiting().collect::<Vec<_>>(), [(HSS, 1)]);
    }

    #[test]
    fn events_of_a_paused_system_are_not_tried_and_go_together_in_order() {
        let paused = Party::Paused(System::Hss);
        let mut outages = Outages::default();
        outages.park(HSS, event(9));
        for n in 1..4 {
            assert_eq!(outages.park(paused, event(n)), None);
        }
        let waiting = outages.waiting().map(|(party, count)| (party.to_string(), count));
        assert_eq!(waiting.collect::<Vec<_>>(), [("hss".into(), 1), ("paused hss".into(), 3)]);
        assert!(outages.passed(event(1)).is_empty());
        assert_eq!(outages.release(paused), [event(1), event(2), event(3)]);
        assert!(outages.release(paused).is_empty());
        assert_eq!(outages.waiting().collect::<Vec<_>>(), [(HSS, 1)]);
    }

    #[test]
    fn the_outage_of_one_system_does_not_hold_up_another() {
        let mut outages = Outages::default();
        outages.park(HSS, event(1));
        assert_eq!(outages.park(Party::Store, event(2)), Some(0));
        assert_eq!(outages.next(Party::Store), Some(event(2)));
        assert!(outages.passed(event(2)).is_empty());
        assert_eq!(outages.waiting().count(), 1);
    }
}
