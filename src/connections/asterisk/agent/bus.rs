//! The connection of an agent to its server: what is published goes out, and what comes in is carried out.

use super::Household;
use super::origins::{Ignored, Origins};
use super::pings::Pings;
use super::published::Published;
use super::remote;
use crate::config::{Agent, Asterisk};
use crate::connections::asterisk::feed::StatesManager;
use crate::connections::asterisk::orders::Orders;
use crate::connections::connect;
use crate::lease::Lease;
use crate::supervision::Backoff;
use crate::telemetry::{Seldom, count_bad_frame};
use crate::wire::manager_json::agent::{AgentMessage, Kind, STATISTICS, topic};
use crate::wire::manager_json::{Headers, agent};
use crate::zmq::{Outbox, Pusher, Settings, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, interval, sleep};

/// Messages that may wait for the server, and bytes of them.
const WAITING: usize = 100_000;
const BYTES: usize = 32 << 20;
/// Actions of others that may be run at a time.
const RUNNING: usize = 100;
const DISTANCES: Backoff = Backoff { first: Duration::from_millis(500), max: Duration::from_secs(10) };
/// What we send to ourselves comes back within so many keepalives, or the server does not work, or the way to it.
const MISSED: u32 = 3;
/// How often it is looked whether what waits for the lease can be told.
const LOOK: Duration = Duration::from_millis(100);

/// See the module.
pub struct Bus {
    /// The endpoint.
    connection: String,
    /// Our name among the agents.
    system: String,
    agent: Agent,
    outbox: Outbox,
    pub published: Rc<Published>,
    origins: Option<Origins>,
    household: Household,
    orders: Orders,
    /// Who does not hold it tells no states and runs no actions of others: another one does, under the same name.
    lease: Lease,
    pings: Pings,
    running: FuturesUnordered<LocalBoxFuture<'static, Status>>,
    bad: Seldom,
    up: metrics::Gauge,
}

/// What came of an action, and who is told.
struct Status {
    uuid: Option<String>,
    topic: String,
    data: Headers,
}

impl Bus {
    /// The bus of an endpoint. Without a manager the states of others are not mirrored; one that wants to know them all notifies `wanted`.
    pub fn new(
        server: &Arc<Asterisk>,
        agent: Agent,
        (manager, household): (Option<StatesManager>, Household),
        (orders, wanted): (Orders, Rc<Notify>),
        lease: Lease,
    ) -> Bus {
        let (connection, outbox) = (server.name.as_str(), Outbox::new(WAITING, BYTES));
        let up = metrics::gauge!("eventmanager_agent_server_up", "connection" => connection.to_owned());
        up.set(0.0);
        Bus {
            published: Rc::new(Published::new(server, &agent.system_name, outbox.clone(), lease.clone())),
            origins: manager.map(|manager| Origins::new(connection, manager, wanted)),
            connection: connection.to_owned(),
            system: agent.system_name.clone(),
            agent,
            outbox,
            household,
            orders,
            lease,
            pings: Pings::default(),
            running: FuturesUnordered::new(),
            bad: Seldom::default(),
            up,
        }
    }

    /// Connects again and again. What the others have said is told to the manager all the time.
    pub async fn run(&mut self) {
        let mut failures = 0;
        loop {
            let connected = connect(&self.agent, self.outbox.clone());
            let reason = match telling(&mut self.origins, connected).await {
                Ok((mut pusher, mut subscriber)) => {
                    tracing::info!(connection = self.connection, "connected to the server of agents");
                    failures = 0;
                    self.up.set(1.0);
                    self.origins.iter_mut().for_each(|origins| origins.found(Instant::now()));
                    self.pings.connected();
                    self.published.connected(true);
                    let reason = self.serve(&mut pusher, &mut subscriber).await;
                    self.published.connected(false);
                    self.origins.iter_mut().for_each(Origins::lost);
                    self.up.set(0.0);
                    reason
                }
                Err(reason) => reason,
            };
            let delay = DISTANCES.delay(failures);
            failures += 1;
            tracing::warn!(
                connection = self.connection,
                reason,
                ?delay,
                "not connected to the server of agents"
            );
            telling(&mut self.origins, sleep(delay)).await;
        }
    }

    async fn serve(&mut self, pusher: &mut Pusher, subscriber: &mut Subscriber) -> String {
        let mut keepalive = interval(self.agent.keepalive);
        loop {
            self.published.catch_up();
            tokio::select! {
                error = pusher.run() => return format!("{}: {error}", self.agent.server_pull),
                message = subscriber.next() => match message {
                    Ok(message) => self.message(&message.into_frames()),
                    Err(error) => return format!("{}: {error}", self.agent.server_pub),
                },
                Some(status) = self.running.next(), if !self.running.is_empty() => self.answer(status),
                _ = keepalive.tick() => {
                    if self.pings.silence() > self.agent.keepalive * MISSED {
                        return "what is sent to the server does not come back".to_owned();
                    }
                    self.keep_alive();
                }
                () = self.published.is_lost_for(&self.household) => self.published.withdraw(),
                () = sleep(LOOK), if self.lease.is_shared() => {}
                never = tell(&mut self.origins) => match never {},
            }
        }
    }

    /// Reports how Asterisk is, and sends ourselves a message, which comes back if the server works.
    fn keep_alive(&mut self) {
        if let Some(origins) = &mut self.origins {
            origins.give_up(Instant::now());
        }
        let orders = self.orders.clone();
        self.running.push(Box::pin(async move {
            Status { uuid: None, topic: STATISTICS.to_owned(), data: remote::ping(orders).await }
        }));
        self.published.put_as(self.pings.next(), &topic(&self.system), Kind::Ping, Headers::new());
    }

    fn answer(&self, Status { uuid, topic, data }: Status) {
        match uuid {
            Some(uuid) => self.published.put_as(uuid, &topic, Kind::ActionStatus, data),
            None => self.published.put(&topic, Kind::ActionStatus, data),
        };
    }

    fn message(&mut self, frames: &[Bytes]) {
        let message = match AgentMessage::read(frames) {
            Ok(message) => message,
            Err(error) => return self.count_bad(error.label(), &error.to_string()),
        };
        let is_ours = message.origin == self.system;
        if let Some(origins) = &mut self.origins
            && self.household.has(&message.origin)
        {
            // It is in the mesh already, as an origin of its own.
            origins.leave(&message.origin);
        } else if let Some(origins) = &mut self.origins
            && message.kind != Kind::ActionStatus
        {
            origins.heard(&message.origin, Instant::now());
        }
        match message.kind {
            Kind::Ping => {
                if is_ours {
                    self.pinged_by_ourselves(&message.uuid);
                }
                let to = topic(&message.origin);
                self.published.put_as(message.uuid, &to, Kind::Pong, Headers::new());
            }
            Kind::Event if !is_ours => self.event(&message),
            Kind::Event => self.published.remembered(&message.data),
            Kind::Action if !is_ours => self.run_action(message),
            Kind::ActionStatus if !is_ours && message.topic == STATISTICS => {
                if let Some(origins) = self.origins.as_mut() {
                    let is_well =
                        message.data.get("Response").is_none_or(|it| !it.eq_ignore_ascii_case("Error"));
                    origins.report(&message.origin, is_well, Instant::now());
                }
            }
            _ => {}
        }
    }

    /// What others send under our name is taken for ours, and theirs is never mirrored here.
    fn pinged_by_ourselves(&mut self, id: &str) {
        if let Some(so_far) = self.pings.came(id) {
            tracing::warn!(
                connection = self.connection,
                system = self.system,
                so_far,
                "another agent has the same system name"
            );
        }
        self.published.alone(self.pings.are_alone());
    }

    fn event(&mut self, message: &AgentMessage) {
        let Some(origins) = self.origins.as_mut().filter(|_| !self.household.has(&message.origin)) else {
            return;
        };
        if let Err(Ignored::TooMany) = origins.event(&message.origin, &message.data) {
            self.count_bad("too_many_agents", "another agent, of which there are too many");
        }
    }

    /// Who does not hold the lease leaves it to the one that does, and says nothing: that one is asked too, and whoever asks gets one answer.
    fn run_action(&mut self, message: AgentMessage) {
        if !self.lease.allows("request") {
            let (connection, agent) = (&self.connection, &message.origin);
            return tracing::info!(
                connection,
                agent,
                "an action of an agent is left to whoever holds the lease"
            );
        }
        if self.running.len() >= RUNNING {
            return self.count_bad("too_many_actions", "another action, of which too many are being run");
        }
        let (orders, allowed) = (self.orders.clone(), self.agent.remote_actions.clone());
        let name: String = message.data.get("Action").unwrap_or_default().chars().take(100).collect();
        tracing::info!(
            connection = self.connection,
            agent = message.origin,
            action = name,
            "an agent wants an action run"
        );
        self.running.push(Box::pin(async move {
            let topic = topic(&message.origin);
            Status { uuid: Some(message.uuid), topic, data: remote::run(message.data, allowed, orders).await }
        }));
    }

    fn count_bad(&self, label: &'static str, what: &str) {
        count_bad_frame(&self.connection, label);
        if let Some(so_far) = self.bad.count() {
            tracing::warn!(connection = self.connection, what, so_far, "bad message of an agent");
        }
    }
}

/// Connects both sockets; the error says why not.
async fn connect(agent: &Agent, outbox: Outbox) -> Result<(Pusher, Subscriber), String> {
    let settings = Settings::default();
    let stream = connect::connect(&agent.server_pub, None).await?;
    let topics = [agent::EVERYBODY.to_owned(), topic(&agent.system_name), STATISTICS.to_owned()];
    let subscriber = Subscriber::open(stream, &topics, &settings).await;
    let subscriber = subscriber.map_err(|error| format!("{}: {error}", agent.server_pub))?;
    let stream = connect::connect(&agent.server_pull, None).await?;
    let pusher = Pusher::open(stream, outbox, &settings).await;
    Ok((pusher.map_err(|error| format!("{}: {error}", agent.server_pull))?, subscriber))
}

/// Tells the manager what others say, where there is one. May be cancelled.
async fn tell(origins: &mut Option<Origins>) -> Infallible {
    match origins {
        Some(origins) => origins.run().await,
        None => std::future::pending().await,
    }
}

/// Does something while the manager is told what others have said.
async fn telling<T>(origins: &mut Option<Origins>, work: impl Future<Output = T>) -> T {
    tokio::select! {
        done = work => done,
        never = tell(origins) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::super::manager::Manager;
    use super::*;
    use crate::config::{AsteriskTransport, Live, ZmqManager};
    use crate::lease::Moment;
    use crate::wire::manager_json::agent::EVERYBODY;
    use tokio::net::TcpListener;

    fn bus(server: &str, manager: StatesManager, lease: Lease) -> Bus {
        let agent = Agent {
            manager: ZmqManager { cmd: String::new(), evt: String::new() },
            system_name: "S1".to_owned(),
            server_pull: server.to_owned(),
            server_pub: server.to_owned(),
            keepalive: Duration::from_secs(1),
            remote_actions: Vec::new(),
        };
        let household = Household { systems: Live::fixed(vec!["S1".to_owned()]), rules: None };
        let server = Arc::new(Asterisk::new("s1", AsteriskTransport::Agent(agent.clone())));
        let orders = (Orders::default(), Rc::default());
        Bus::new(&server, agent, (Some(manager), household), orders, lease)
    }

    /// What was heard before is told at once though there is no server at this address: time goes on only when nothing else does.
    async fn check(server: &str) {
        let (manager, mut heard) = Manager::start();
        let mut bus = bus(server, manager, Lease::unlimited());
        let event = Headers::new().with("Event", "DeviceStateChange").with("Device", "SIP/1");
        let origins = bus.origins.as_mut().expect("a manager");
        assert!(origins.event("S0", &event.with("State", "INUSE")).is_ok());
        tokio::time::pause();
        tokio::select! {
            () = bus.run() => panic!("it connects for ever"),
            told = heard.recv() => assert_eq!(&*told.expect("a manager").peer, "s1:S0"),
            () = sleep(Duration::from_millis(1)) => panic!("nothing is told"),
        }
        tokio::time::resume();
    }

    #[actix::test]
    async fn who_has_been_taken_into_the_daemon_is_heard_through_the_server_no_more() {
        let (manager, mut heard) = Manager::start();
        let mut bus = bus("127.0.0.1:0", manager, Lease::unlimited());
        let message = |kind, data| {
            let (topic, uuid) = (EVERYBODY.to_owned(), "1".to_owned());
            AgentMessage { topic, kind, uuid, origin: "S2".to_owned(), data }.frames()
        };
        let event = Headers::new().with("Event", "DeviceStateChange").with("Device", "SIP/1");
        let event = message(Kind::Event, event.with("State", "INUSE"));
        let knows = |bus: &Bus| bus.origins.as_ref().is_some_and(|origins| origins.knows("S2"));
        bus.message(&event);
        assert!(knows(&bus));
        bus.household.systems = Live::fixed(vec!["S1".to_owned(), "S2".to_owned()]);
        bus.message(&message(Kind::Ping, Headers::new()));
        assert!(!knows(&bus));
        bus.message(&event);
        assert!(!knows(&bus));
        telling(&mut bus.origins, async {
            assert!(heard.recv().await.is_some(), "what it said before is told");
        })
        .await;
    }

    #[actix::test]
    async fn what_others_have_said_is_told_while_there_is_no_connection_yet() {
        // It accepts, and says nothing.
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        check(&listener.local_addr().expect("an address").to_string()).await;
    }

    #[actix::test]
    async fn what_others_have_said_is_told_between_two_connects() {
        // This fails at once.
        check("127.0.0.1:0").await;
    }

    #[actix::test]
    async fn an_action_of_another_agent_is_left_to_the_node_that_holds_the_lease() {
        let lease = Lease::waiting();
        let (manager, _heard) = Manager::start();
        let mut bus = bus("127.0.0.1:0", manager, lease.clone());
        let action = || {
            let data = Headers::new().with("Action", "Command");
            let (topic, uuid, origin) = (topic("S1"), "7".to_owned(), "S0".to_owned());
            AgentMessage { topic, kind: Kind::Action, uuid, origin, data }.frames()
        };
        bus.message(&action());
        assert!(bus.running.is_empty(), "nobody is answered either");
        lease.hold(1, Moment::now().after(Duration::from_secs(60)));
        bus.message(&action());
        let status = bus.running.next().await.expect("an answer");
        assert_eq!((status.uuid.as_deref(), status.data.get("Response")), (Some("7"), Some("Error")));
    }
}
