//! NATS JetStream: what is handed on goes to a stream, for as many machines as want it, and what others publish comes in.
//!
//! [`NatsPublisher`] reads the topic log and publishes each event once to `PREFIX.SOURCE.EVENT`; how far it has come is kept in the
//! store behind what the server has acknowledged, and after a loss it goes on from there: what the server has got already it knows
//! by the id of the message. [`NatsConsumer`] stores what comes before it acknowledges it.
//!
//! ```text
//! PUB  em.as1.UserAddRequest   Nats-Msg-Id: 019ca9f4-…   Event-Topics: users  {"user":"anna@example.net",…}
//! +ACK {"stream":"EVENTS","seq":17}
//! ```

mod connect;
mod consumer;
mod feeding;
mod life;
mod message;
mod place;
mod posted;
mod publisher;
mod publishing;
mod stream;

pub use consumer::NatsConsumer;
pub use publisher::NatsPublisher;

/// What both are called where something is counted or told of their connection.
const CONNECTION: &str = "nats";
/// Where events come from that were fed in, which are not published again.
const SOURCE: &str = "nats";
