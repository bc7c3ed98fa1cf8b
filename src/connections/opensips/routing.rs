//! What becomes of the events of an OpenSIPS: counted all, stored and handed on where a `[[route]]` wants them.

use super::queue::Arrived;
use crate::config::{Live, Route};
use crate::connections::recorder::{Recorder, Routed};
use crate::telemetry::{Seldom, count_bad_frame};
use crate::topics::Wanted;
use crate::wire::evi::{Event, NotAnEvent};
use std::sync::Arc;

/// See the module.
pub struct Routing {
    source: Arc<str>,
    routes: Live<Vec<Route>>,
    recorder: Recorder,
    received: metrics::Counter,
    bad: Seldom,
    ambiguous: Seldom,
}

impl Routing {
    /// The events of `source`.
    pub fn new(source: &str, routes: Live<Vec<Route>>, recorder: Recorder) -> Routing {
        let received = metrics::counter!("eventmanager_events_received_total", "source" => source.to_owned());
        let (bad, ambiguous) = (Seldom::default(), Seldom::default());
        Routing { source: source.into(), routes, recorder, received, bad, ambiguous }
    }

    /// Takes these, in their order.
    pub fn take(&self, arrived: &[Arrived]) {
        let routes = self.routes.get();
        for arrived in arrived {
            match Event::parse(&arrived.payload) {
                Ok(event) => self.event(&event, arrived, &routes),
                Err(error) => self.not_an_event(&arrived.payload, &error),
            }
        }
    }

    fn event(&self, event: &Event, arrived: &Arrived, routes: &[Route]) {
        self.received.increment(1);
        if event.is_ambiguous {
            self.tell_ambiguous(event);
        }
        if routes.is_empty() {
            return;
        }
        let wanted = Wanted::by(routes, &self.source, &event.name, |field| event.field(field));
        if !wanted.store && wanted.topics.is_empty() {
            return;
        }
        let routed = Routed {
            name: event.name.as_str().into(),
            received: arrived.received,
            document: &|| String::from_utf8_lossy(&arrived.payload).into(),
            payload: &|| event.to_object().into(),
        };
        self.recorder.record(&routed, wanted);
    }

    /// Counts it, and keeps a sample.
    fn not_an_event(&self, payload: &[u8], error: &NotAnEvent) {
        count_bad_frame(&self.source, error.label());
        if let Some(so_far) = self.bad.count() {
            tracing::warn!(connection = &*self.source, reason = %error, so_far, "opensips sent what is no event");
            self.recorder.unreadable(payload, &error.to_string());
        }
    }

    /// It is taken all the same.
    fn tell_ambiguous(&self, event: &Event) {
        count_bad_frame(&self.source, "ambiguous");
        if let Some(so_far) = self.ambiguous.count() {
            let (connection, event) = (&*self.source, &event.name);
            tracing::warn!(connection, event, so_far, "a quoted value of an event has no certain end");
        }
    }
}
