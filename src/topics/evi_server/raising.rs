//! Events that programs raise over our EVI: events of a source of their own, handed on like those of others.

use super::changing::tell;
use super::failures::{bad, refused, store_away};
use super::server::Server;
use crate::config::{EVI_SOURCE, is_evi_name};
use crate::event::{NewEvent, Status};
use crate::store::StoreError;
use crate::topics::hand_on::json_in_ascii;
use crate::topics::{TopicEvent, Wanted};
use crate::wire::evi::{Event, Param};
use crate::wire::mask_secrets;
use crate::wire::mi::Failure;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;
use uuid::Uuid;

/// Bytes of its parameters as JSON, at most: as much as comes in a datagram.
const LARGEST: usize = 64 << 10;

impl Server {
    /// Hands an event on, under the topics of the routes that want it and under one of its own.
    pub(super) async fn raise(
        self: &Rc<Self>,
        name: &str,
        params: &[Param],
        actor: Option<&str>,
    ) -> Result<(), Failure> {
        if !is_evi_name(name) {
            return Err(bad("event", "it is not E_ and capitals, digits and \"_\"".to_owned()));
        }
        let event = Event { name: name.to_owned(), params: params.to_vec(), is_ambiguous: false };
        let payload = json_in_ascii(&event.to_object());
        if payload.len() > LARGEST {
            return Err(bad("params", format!("{} bytes as JSON, allowed are {LARGEST}", payload.len())));
        }
        self.check_store()?;
        let act = actor.map(|actor| self.act(actor, "raise", name, mask_secrets(&payload)));
        let (stored, handed_on) = self.events(&event, payload.into());
        let (server, name) = (Rc::clone(self), name.to_owned());
        let work = async move {
            metrics::counter!("eventmanager_events_received_total", "source" => EVI_SOURCE).increment(1);
            let done = act.clone();
            if let Some(act) = act {
                server.store.record_act(act, None).await.map_err(not_stored)?;
            }
            let appended = server.store.append_and_hand_on(stored, handed_on).await.map_err(not_stored)?;
            if let Some(reason) = appended.into_iter().find_map(|event| event.rejected) {
                return Err(refused(&format!("The database refuses it: {reason}")));
            }
            server.known.borrow_mut().was_raised(&name);
            done.iter().for_each(tell);
            Ok(())
        };
        self.begin(work).await
    }

    /// Its row among all events, where a route wants that, and those of the topic log.
    fn events(&self, event: &Event, payload: Arc<str>) -> (Vec<NewEvent>, Vec<TopicEvent>) {
        let (routes, name, field) =
            (&self.whole.get().routes, event.name.as_str(), |field: &str| event.field(field));
        let Wanted { mut topics, store } = Wanted::by(routes, EVI_SOURCE, name, field);
        topics.insert(EVI_SOURCE.to_owned());
        let (uuid, received) = (Uuid::now_v7(), SystemTime::now());
        let (source, name): (Arc<str>, Arc<str>) = (EVI_SOURCE.into(), name.into());
        let stored = store.then(|| NewEvent {
            uuid,
            source: Arc::clone(&source),
            notification_id: None,
            command_index: 0,
            user_id: String::new(),
            command: name.to_string(),
            document: Arc::clone(&payload),
            status: Status::Ignored,
            note: Some("stored by a route".to_owned()),
            about: Vec::new(),
            duplicate_of: None,
            received,
        });
        let handed_on = topics.into_iter().map(|topic| TopicEvent {
            uuid,
            topic,
            source: Arc::clone(&source),
            name: Arc::clone(&name),
            at: received,
            payload: Arc::clone(&payload),
            form: crate::event::Form::Fields,
        });
        (stored.into_iter().collect(), handed_on.collect())
    }
}

fn not_stored(error: StoreError) -> Failure {
    match error {
        StoreError::Rejected(reason) => refused(&format!("The database refuses it: {reason}")),
        StoreError::Closed => store_away("it is being stopped"),
    }
}
