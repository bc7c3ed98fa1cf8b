//! The actor that delivers the events of one hub. What fails in it costs nothing: it goes on where the store says that the hub is.

use super::Shared;
use super::courier::Courier;
use super::log_window::RETRY;
use super::orders::Order;
use super::progress::{Behind, Progress};
use crate::sockets::until;
use crate::store::{Cursor, Hub, HubAttempt, ReadError, hub_reader};
use crate::supervision::Shutdown;
use actix::prelude::*;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

/// Orders that wait; of more the operator is told that it does not answer.
const ORDERS: usize = 8;
/// Attempts of a hub that are stored, and looked at after a start.
const ATTEMPTS: usize = 100;
/// A request that is under way when the hub is halted gets so long: whoever halts it over HTTP waits for five seconds.
const PATIENCE: Duration = Duration::from_secs(3);
/// A request that is under way at a stop gets so long to be answered, and then what it has come to as long to be stored.
const FAREWELL: Duration = Duration::from_secs(2);

/// See the module.
pub struct Delivery {
    id: Uuid,
    shared: Arc<Shared>,
    progress: Arc<Progress>,
    /// Whether what the progress says of it may be old: another incarnation has written it.
    is_stale: bool,
    orders: Option<mpsc::Sender<Order>>,
    stop: Rc<Notify>,
    /// Told with it: who is dropped with the notification in hand has not passed it on.
    is_stopping: Rc<Cell<bool>>,
    cancel: Rc<Notify>,
}

/// It is not wanted any more: what waits and is under way is cancelled at once.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Cancel;

/// The daemon stops: all come to an end beside each other, and then wait to be stopped one after the other.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Finish;

/// What an operator has it do.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Obey(pub Order);

impl Delivery {
    /// Of the hub that `progress` has, as it was just read.
    pub fn new(shared: Arc<Shared>, progress: Arc<Progress>) -> Delivery {
        let id = progress.lock().hub.id;
        Delivery {
            id,
            shared,
            progress,
            is_stale: false,
            orders: None,
            stop: Rc::default(),
            is_stopping: Rc::default(),
            cancel: Rc::default(),
        }
    }
}

impl Actor for Delivery {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        (self.stop, self.is_stopping) = Default::default();
        let (orders, taken) = mpsc::channel(ORDERS);
        self.orders = Some(orders);
        let (shared, progress) = (Arc::clone(&self.shared), Arc::clone(&self.progress));
        // The next incarnation may find that this one has come further than what it has kept.
        let is_stale = std::mem::replace(&mut self.is_stale, true);
        let (id, stop, cancel) = (self.id, Rc::clone(&self.stop), Rc::clone(&self.cancel));
        let is_stopping = Rc::clone(&self.is_stopping);
        let work = async move {
            tokio::select! {
                () = deliver_all(&shared, &progress, (id, is_stale), taken, &stop) => {}
                // Whatever was under way is dropped here.
                () = cancel.notified() => {}
            }
            // Who ends by himself is started anew.
            if !is_stopping.get() {
                stop.notified().await;
            }
        };
        ctx.spawn(work.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

impl Supervised for Delivery {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.orders = None;
    }
}

impl Handler<Obey> for Delivery {
    type Result = ();

    /// An order that is not taken is answered by its being dropped.
    fn handle(&mut self, Obey(order): Obey, _: &mut Context<Self>) {
        if let Some(orders) = &self.orders {
            drop(orders.try_send(order));
        }
    }
}

impl Handler<Cancel> for Delivery {
    type Result = ();

    /// It ends when it is told to.
    fn handle(&mut self, _: Cancel, _: &mut Context<Self>) {
        self.cancel.notify_one();
    }
}

impl Handler<Finish> for Delivery {
    type Result = ();

    fn handle(&mut self, _: Finish, _: &mut Context<Self>) {
        self.stop.notify_one();
    }
}

impl Handler<Shutdown> for Delivery {
    type Result = ();

    fn handle(&mut self, _: Shutdown, _: &mut Context<Self>) {
        self.is_stopping.set(true);
        self.stop.notify_one();
    }
}

/// Until it is told to stop.
async fn deliver_all(
    shared: &Arc<Shared>,
    progress: &Arc<Progress>,
    (id, is_stale): (Uuid, bool),
    orders: mpsc::Receiver<Order>,
    stop: &Notify,
) {
    tokio::select! {
        () = stop.notified() => {}
        courier = load(shared, progress, id, is_stale) => match courier {
            Some(courier) => run(courier, orders, stop).await,
            None => {
                // Who has asked for something is told that nobody does it.
                drop(orders);
                stop.notified().await;
            }
        }
    }
}

/// Reads what there is of the hub, however long the database is away; `None`: it is not there any more, or cannot be delivered to.
async fn load(shared: &Arc<Shared>, progress: &Arc<Progress>, id: Uuid, is_stale: bool) -> Option<Courier> {
    let mut failures = 0;
    let remembered = loop {
        shared.store.wait_until_events_up().await;
        match read(shared, progress, id, is_stale).await {
            Ok(remembered) => break remembered?,
            Err(error) => {
                if failures == 0 {
                    tracing::warn!(hub = %id, %error, "a hub cannot be read: trying again");
                }
                sleep(RETRY.delay(failures)).await;
                failures += 1;
            }
        }
    };
    match Courier::new(Arc::clone(shared), Arc::clone(progress), remembered) {
        Ok(courier) => Some(courier),
        Err(reason) => {
            tracing::error!(hub = %id, reason, "a hub that is stored cannot be served");
            None
        }
    }
}

async fn read(
    shared: &Shared,
    progress: &Progress,
    id: Uuid,
    is_stale: bool,
) -> Result<Option<Vec<HubAttempt>>, ReadError> {
    if is_stale {
        let Some((hub, cursor)) = read_hub(shared, id).await? else { return Ok(None) };
        let mut now = progress.lock();
        (now.hub, now.cursor, now.failing) = (hub, cursor, None);
    }
    let (topic, sequence) = {
        let now = progress.lock();
        (now.hub.topic.clone(), now.cursor.sequence)
    };
    let (counted, total) = shared.window.count(&topic, sequence).await?;
    progress.lock().behind = Behind { counted, total, passed: 0 };
    let is_idle = counted == 0 && progress.lock().hub.replay.is_none();
    let attempts = if is_idle { Vec::new() } else { shared.store.hub_attempts(id, ATTEMPTS).await? };
    Ok(Some(attempts))
}

async fn read_hub(shared: &Shared, id: Uuid) -> Result<Option<(Hub, Cursor)>, ReadError> {
    let Some(hub) = shared.store.hubs().await?.into_iter().find(|hub| hub.id == id) else { return Ok(None) };
    let cursor = shared.store.cursor(&hub_reader(id)).await?;
    Ok(cursor.map(|cursor| (hub, cursor)))
}

/// Delivers until it is told to stop.
async fn run(mut courier: Courier, mut orders: mpsc::Receiver<Order>, stop: &Notify) {
    let mut settings = courier.shared.config.clone();
    // What is in force now is looked at below; what comes later is a change.
    settings.take_new();
    courier.check_allowed();
    let mut waiting = None;
    loop {
        if waiting.is_none() {
            tokio::select! {
                biased;
                () = stop.notified() => break,
                Some(changed) = settings.clone().changed() => {
                    settings = changed;
                    courier.check_allowed();
                    continue;
                }
                Some(order) = orders.recv() => waiting = Some(order),
                () = step_ready(&mut courier) => {}
            }
        }
        if let Some(order) = waiting.take() {
            tokio::select! {
                () = stop.notified() => break,
                () = courier.obey(order) => continue,
            }
        }
        match deliver(&mut courier, &mut orders, stop).await {
            Then::Next => {}
            Then::Obey(order) => waiting = Some(order),
            Then::Stop => break,
        }
    }
    courier.keep();
    if timeout(FAREWELL, courier.keeper.settle()).await.is_err() {
        tracing::warn!(hub = %courier.hub.id, "the place of a hub could not be kept in time");
    }
}

/// Resolves when there is something to deliver.
async fn step_ready(courier: &mut Courier) {
    if courier.is_halted() {
        // Its halt has to become durable.
        courier.keeper.run().await;
    }
    courier.ready().await;
}

/// What follows an attempt.
enum Then {
    Next,
    Obey(Order),
    Stop,
}

/// Makes an attempt. A stop or a halt does not wait for its end for long: what is not answered by then is as good as not sent.
async fn deliver(courier: &mut Courier, orders: &mut mpsc::Receiver<Order>, stop: &Notify) -> Then {
    let attempt = courier.attempt();
    tokio::pin!(attempt);
    let (mut then, mut limit) = (Then::Next, None);
    loop {
        tokio::select! {
            attempt = &mut attempt => {
                attempt.into_iter().for_each(|attempt| courier.conclude(attempt));
                return then;
            }
            () = until(limit) => return then,
            () = stop.notified(), if !matches!(then, Then::Stop) => {
                (then, limit) = (Then::Stop, Some(Instant::now() + FAREWELL));
            }
            Some(order) = orders.recv(), if matches!(then, Then::Next) => {
                limit = matches!(order, Order::Halt { .. }).then(|| Instant::now() + PATIENCE);
                then = Then::Obey(order);
            }
            never = courier.keeper.run() => match never {},
        }
    }
}
