//! Event Management over REST, as the Pooling & Sharing Interface profiles TMF688.
//!
//! ```text
//! → POST /psi-api/event/v2/topic/order/hub
//!   {"callback":"https://pss.example.net/events","query":"state=pending"}
//! ← 201, Location: /psi-api/event/v2/topic/order/hub/0197…
//!   {"id":"0197…","href":"/psi-api/event/v2/topic/order/hub/0197…","callback":"https://pss.example.net/events","query":"state=pending"}
//!
//! → POST /psi-api/event/v2/topic/order/event
//!   {"eventId":"7","eventType":"updated","event":{"id":"42","state":"pending"}}
//! ← 201, Location: /psi-api/event/v2/event/0198…
//!
//! and to the callback
//! → POST /events, webhook-id: 0198…
//!   {"eventId":"0198…","correlationId":"5d1f…","domain":"order","eventType":"updated","event":{"id":"42","state":"pending"},…}
//! ← 204
//! ```
//!
//! [`event_create`] and [`hub_request`] read what is posted, [`Callback`] where events go, [`guard`] to which addresses they may, [`Filter`] which of them, [`Selection`] what of a
//! resource is wanted, and [`error_body`] writes what every error is answered with. How deliveries are signed is in
//! [`webhooks`](super::webhooks).

mod body;
mod callback;
mod error;
mod event;
mod fields;
mod filter;
pub mod guard;
mod hub;
mod operand;

pub use body::BodyError;
pub use callback::{Callback, CallbackError, Host};
pub use error::error_body;
pub use event::event_create;
pub use fields::Selection;
pub use filter::{Filter, FilterError};
pub use hub::{HubRequest, hub_request};
