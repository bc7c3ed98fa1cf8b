//! From the log of topics into the lanes of those who have subscribed.

use super::lane::Parcel;
use super::naming::evi_name;
use super::parameters::event;
use super::registry::Subscription;
use super::sending::Outcome;
use super::server::Server;
use crate::topics::Tail;
use crate::topics::happenings::{Happening, happenings};
use crate::topics::turn::{Latest, Turn};
use crate::wire::evi::{Event, Format};
use bytes::Bytes;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Bytes of a datagram, at most: with more the kernel takes none.
const LARGEST: usize = 65_000;
/// So long it is waited for subscribers that are behind, where all of them are.
const PATIENCE: Duration = Duration::from_millis(50);

/// An event in both formats, each written when it is wanted.
struct Written {
    event: Event,
    json: Option<Bytes>,
    text: Option<Bytes>,
}

impl Written {
    fn bytes(&mut self, format: Format) -> Bytes {
        let Written { event, json, text } = self;
        let written = match format {
            Format::Json => json,
            Format::Text => text,
        };
        written.get_or_insert_with(|| event.to_bytes(format).into()).clone()
    }
}

impl Server {
    /// Hands out what the log has behind this place.
    pub(super) async fn hand_out(&self, place: i64) -> Infallible {
        let mut tail = Tail::after(self.store.clone(), place);
        let (mut latest, mut turn) = (Latest::default(), Turn::new());
        loop {
            for happening in happenings(tail.next().await) {
                self.offer(&happening, &mut latest, &mut turn);
                self.handed_out.set(happening.sequence);
                if turn.is_over(self.config.get().queue) {
                    self.give_way(&mut turn).await;
                }
            }
            tokio::task::yield_now().await;
        }
    }

    fn offer(&self, happening: &Happening, latest: &mut Latest, turn: &mut Turn) {
        let config = self.config.get();
        let name = evi_name(&config.names, &happening.event.name);
        self.known.borrow_mut().has_come(&name, &happening.event.source);
        // An event may be handed out late: it is for whoever was subscribed when it came.
        let (registry, came) =
            (self.registry.borrow(), self.clock.of_wall(happening.event.at).min(self.clock.now()));
        let living = || registry.of(&name).filter(|it| it.until > came);
        let others = latest.others(happening.event.uuid, living().map(|it| it.id).collect());
        if others.is_empty() {
            return;
        }
        let mut written = Written { event: event(happening, &name), json: None, text: None };
        let (mut lanes, mut size) = (Vec::new(), 0);
        for subscription in living().filter(|it| others.contains(&it.id)) {
            let bytes = written.bytes(subscription.format);
            size += bytes.len();
            lanes.push(subscription.lane.id);
            self.queue(subscription, bytes, happening.sequence, config.queue);
        }
        turn.add(lanes, size);
    }

    /// Has those who send do so. Where more has come at once than the fastest subscriber takes, as after an outage, it gets some
    /// time: nobody waits for another.
    async fn give_way(&self, turn: &mut Turn) {
        tokio::task::yield_now().await;
        let (queue, until) = (self.config.get().queue, Instant::now() + PATIENCE);
        let (mut is_late, mut moves) = (turn.is_in_vain, 0);
        while !is_late && self.lanes.are_all_behind(&turn.receivers, queue) {
            is_late = timeout_at(until, self.lanes.moved()).await.is_err();
            moves += usize::from(!is_late);
            turn.is_in_vain = moves == 0;
        }
        turn.begin_next();
    }

    fn queue(&self, subscription: &Subscription, bytes: Bytes, sequence: i64, most: usize) {
        let Subscription { id, lane, tally, .. } = subscription;
        let parcel = Parcel::new(bytes, sequence, *id, tally.clone());
        if lane.target.is_datagram() && parcel.bytes.len() > LARGEST {
            Outcome::TooLarge.count(1);
            return parcel.was_dropped();
        }
        let dropped = self.lanes.push(lane, parcel, most);
        if dropped > 0 {
            metrics::counter!("eventmanager_dropped_total", "connection" => "evi").increment(dropped);
        }
    }
}
