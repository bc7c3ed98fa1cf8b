//! Event Management as a consumer: we register at peers for topics of theirs, and what they post comes in as at any provider.
//!
//! ```text
//! → GET /psi-api/event/v2/topic/order/hub            which are there?
//! ← 200 []
//! → POST /psi-api/event/v2/topic/order/hub           {"callback":"https://em:8443/psi-api/event/v2/topic/order/event"}
//! ← 201 {"id":"42","callback":"https://em:8443/psi-api/event/v2/topic/order/event","href":"…/hub/42"}
//! → GET /psi-api/event/v2/topic/order/hub            each `verify`; one that is gone is made again
//! → DELETE /psi-api/event/v2/topic/order/hub/42      no longer wanted: by a reload, or at a start what an earlier run has left
//! ```
//!
//! [`wanted`] says what the configuration wants, [`plan`] what is to be done next and [`answers`] what peers say, all three purely;
//! [`registrar`] does it at one peer, and the [`actor`] has one for each. Registrations stand in the store: the one that is ended, or made
//! again, is the one that was made.

mod actor;
mod answers;
mod plan;
mod registrar;
mod wanted;

pub use actor::Consumer;
