//! A server of NATS: what is published there, and what is taken in from there.

use super::nats::{Server, Stored, stored, stream};
use crate::support::daemon::eventually;
use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{PullConsumer, pull};
use std::sync::Mutex;
use std::time::Duration;
use tokio::runtime::Runtime;
use uuid::Uuid;

/// What was not acknowledged when a daemon ended comes again so much later: sooner than as the daemon would have it.
const ACKNOWLEDGED: Duration = Duration::from_secs(2);

pub struct Bus {
    server: Server,
    runtime: Runtime,
    context: Context,
    /// Ids of what was fed in and acknowledged by the server.
    fed: Mutex<Vec<String>>,
}

impl Bus {
    pub fn start() -> Bus {
        let server = Server::start();
        // The connection is served as often as somebody asks for something, which is often enough.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let context = runtime.block_on(server.jetstream());
        let consumer = pull::Config {
            durable_name: Some("eventmanager".to_owned()),
            filter_subject: "orders.>".to_owned(),
            ack_wait: ACKNOWLEDGED,
            ..pull::Config::default()
        };
        runtime.block_on(async {
            let orders = context.create_stream(stream("ORDERS", "orders.>", -1)).await.expect("a stream");
            orders.create_consumer(consumer).await.expect("a consumer");
        });
        Bus { server, runtime, context, fed: Mutex::default() }
    }

    pub fn config(&self) -> String {
        format!(
            "[nats]\nurls = [\"{}\"]\nstream = \"EVENTS\"\nsubject_prefix = \"em\"\n\
             [nats.consume]\nstream = \"ORDERS\"\nsubject = \"orders.>\"\ntopic = \"inquiry\"\n",
            self.server.url()
        )
    }

    /// Feeds an event in, under an id of its own.
    pub fn feed(&self) {
        let id = Uuid::now_v7().to_string();
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", id.as_str());
        let body = r#"{"eventType":"created","event":{"n":1000000}}"#;
        let publish = || async {
            let published =
                self.context.publish_with_headers("orders.new", headers.clone(), body.into()).await;
            published.ok()?.await.ok()
        };
        // However often it is published under its id, the server has it once.
        eventually("what is fed in is acknowledged", || self.runtime.block_on(publish()));
        self.fed.lock().expect("a lock").push(id);
    }

    /// Ids of what was fed in, in its order.
    pub fn fed(&self) -> Vec<String> {
        self.fed.lock().expect("a lock").clone()
    }

    /// Whether all that was fed in has been acknowledged by the daemon.
    pub fn is_taken_in(&self) -> bool {
        let look = async {
            let orders = self.context.get_stream("ORDERS").await.ok()?;
            let mut consumer: PullConsumer = orders.get_consumer("eventmanager").await.ok()?;
            let info = consumer.info().await.ok()?;
            Some(info.num_pending == 0 && info.num_ack_pending == 0)
        };
        self.runtime.block_on(look).unwrap_or_default()
    }

    /// How many messages were published.
    pub fn published_count(&self) -> u64 {
        let look = async {
            let mut events = self.context.get_stream("EVENTS").await.ok()?;
            Some(events.info().await.ok()?.state.messages)
        };
        self.runtime.block_on(look).unwrap_or_default()
    }

    /// What was published, in its order.
    pub fn published(&self) -> Vec<Stored> {
        self.runtime.block_on(stored(&self.context, "EVENTS"))
    }
}
