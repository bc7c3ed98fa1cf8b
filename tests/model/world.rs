//! One sequence from its first command to the last invariant.

use crate::checks::check;
use crate::crash::Boundaries;
use crate::life::{OpenStore, Routing, Site};
use crate::peers::Systems;
use crate::reference::{Course, Reference};
use crate::sequence::{Extent, Pause, Sequence};
use actix_rt::time::sleep;
use eventmanager::config::Live;
use eventmanager::connections::documents::Source;
use eventmanager::connections::intake::Incoming;
use eventmanager::connections::prints::Uuids;
use eventmanager::event::Status;
use eventmanager::processors::reprovision;
use eventmanager::processors::subject::Subject;
use eventmanager::router::{Announce, Announced};
use eventmanager::store::Store;
use eventmanager::wire::ocir::Document;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Looking whether all is settled begins with this distance; it doubles as long as nothing happens.
const LOOK: Duration = Duration::from_millis(10);
const LONGEST_LOOK: Duration = Duration::from_secs(8);
/// Nothing has happened for so many looks: it never will. The router looks through the store every 30 seconds.
const LOOKS: u32 = 24;

/// What a sequence has been through.
#[derive(Debug, Default, Clone, Copy)]
pub struct Report {
    pub boundaries: u32,
    pub crashes: u32,
    pub retries: u32,
}

impl Report {
    /// Adds what another has been through.
    pub fn add(&mut self, other: Report) {
        self.boundaries += other.boundaries;
        self.crashes += other.crashes;
        self.retries += other.retries;
    }
}

/// A sequence under way.
struct World<'a> {
    site: &'a mut Site,
    sequence: &'a Sequence,
    events: Vec<Incoming>,
    courses: Vec<Course>,
    expected: Reference,
    systems: Rc<RefCell<Systems>>,
    boundaries: Boundaries,
    /// So many events are stored and announced.
    fed: usize,
    report: Report,
}

/// Runs a sequence in an empty store; the error says what does not hold.
pub async fn run(site: &mut Site, sequence: &Sequence) -> Result<Report, String> {
    // The distances of retries are drawn, too.
    fastrand::seed(sequence.seed);
    let before = sequence.reference();
    let (courses, expected) = sequence.expected();
    let systems = Systems::new(before.core, sequence.fates.clone(), sequence.seed);
    let mut world = World {
        site,
        sequence,
        events: events(sequence, &expected),
        courses,
        expected,
        systems: Rc::new(RefCell::new(systems)),
        boundaries: Boundaries::new(&sequence.crashes),
        fed: 0,
        report: Report::default(),
    };
    let result = world.run().await;
    world.site.clear();
    let dialogue = || world.systems.borrow().dialogue.join("\n    ");
    result.map_err(|error| format!("{error}\n  requests:\n    {}", dialogue()))
}

/// The commands as the connection reads them.
fn events(sequence: &Sequence, reference: &Reference) -> Vec<Incoming> {
    let source = Source {
        name: "as1".into(),
        rules: Some(Live::fixed(reference.rules.clone())),
        uuids: Uuids::new("server as1".into()),
    };
    let documents = sequence.commands.iter().enumerate().map(|(number, (_, sent))| sent.document(number));
    let mut events: Vec<Incoming> =
        documents.flat_map(|document| source.read(document.as_bytes()).events).collect();
    events.iter_mut().filter(|incoming| incoming.event.command == reprovision::COMMAND).for_each(wish);
    events
}

/// What no peer may send, as it is stored where an operator wishes it.
fn wish(incoming: &mut Incoming) {
    let command = Document::from_text(incoming.event.document.to_string()).into_command(0);
    let command = command.expect("a document").expect("a command");
    let user = command.field("userId").value().expect("a user").to_owned();
    incoming.subject = Some(Subject::of_user(&user));
    incoming.event.about = vec![user];
    incoming.event.status = Status::Pending;
}

impl World<'_> {
    /// Feeds the commands and starts the daemon again whenever it has ended.
    async fn run(&mut self) -> Result<Report, String> {
        let boundaries = self.boundaries.clone();
        let mut store = OpenStore::new(self.site, &boundaries);
        let mut routing = self.start(&store.store);
        let result = loop {
            let (handle, router) = (store.store.clone(), routing.router.clone());
            let announce = |events| router.do_send(Announce(events));
            let extent = tokio::select! {
                biased;
                extent = boundaries.crashed() => extent,
                result = self.feed(&handle, &announce) => break result,
            };
            drop(handle);
            self.report.crashes += 1;
            routing.kill().await;
            if extent == Extent::Process {
                store.kill().await;
                store = OpenStore::new(self.site, &boundaries);
            }
            routing = self.start(&store.store);
        };
        routing.kill().await;
        self.report.boundaries = boundaries.reached();
        let rows = store.store.subscriber_page("", 1000).await.map_err(|error| error.to_string());
        store.kill().await;
        result?;
        check(rows?, self.sequence, &self.expected, &self.systems.borrow())?;
        Ok(self.report)
    }

    fn start(&self, store: &Store) -> Routing {
        Routing::start(store, self.sequence, &self.expected.rules, &self.systems, &self.boundaries)
    }

    /// Has the commands stored and announced as the intake does, and waits until all is settled. After a crash it
    /// goes on with what was not answered: a connection keeps its copy until then.
    async fn feed(&mut self, store: &Store, announce: &impl Fn(Vec<Announced>)) -> Result<(), String> {
        store.wait_until_up().await;
        while self.fed < self.events.len() {
            match self.sequence.commands[self.fed].0 {
                Pause::None => {}
                Pause::Milliseconds(pause) => sleep(Duration::from_millis(pause)).await,
                Pause::Settled => self.settle().await?,
            }
            let rest = &self.sequence.commands[self.fed + 1..];
            let together = rest.iter().take_while(|(pause, _)| *pause == Pause::None).count();
            let batch = &self.events[self.fed..=self.fed + together];
            let stored = store.append(batch.iter().map(|incoming| incoming.event.clone()).collect()).await;
            stored.map_err(|error| error.to_string())?;
            let announced = batch.iter().map(|incoming| Announced {
                event: incoming.event.uuid,
                subject: incoming.subject.clone().expect("a command that is acted on"),
            });
            announce(announced.collect());
            self.fed += together + 1;
        }
        self.settle().await
    }

    /// Waits until every event has the status that it must have. An operator puts back those that have failed and
    /// could be done.
    async fn settle(&mut self) -> Result<(), String> {
        let (mut distance, mut looks, mut before) = (LOOK, 0, Vec::new());
        loop {
            let statuses = self.site.sql("select status from em_event order by id");
            if self.is_settled(&statuses)? {
                return Ok(());
            }
            if statuses != before {
                (distance, looks) = (LOOK, 0);
            }
            looks += 1;
            if looks > LOOKS {
                return Err(format!("nothing happens any more: {statuses:?}, expected {:?}", self.courses));
            }
            before = statuses;
            sleep(distance).await;
            distance = (2 * distance).min(LONGEST_LOOK);
        }
    }

    fn is_settled(&mut self, statuses: &[String]) -> Result<bool, String> {
        let mut is_settled = statuses.len() >= self.fed;
        for (position, status) in statuses.iter().enumerate() {
            let expected = self.courses[position].status;
            match Status::parse(status).ok_or_else(|| format!("status {status:?}"))? {
                status if status == expected => continue,
                Status::Pending => is_settled = false,
                // Each refusal fails one event, once.
                Status::Failed if self.report.retries < self.systems.borrow().refusals => {
                    is_settled = false;
                    self.put_back(position);
                }
                status => {
                    let sent = &self.sequence.commands[position].1;
                    let reason = self.reasons();
                    return Err(format!("{sent:?} is {status} and not {expected}: {reason:?}"));
                }
            }
        }
        Ok(is_settled)
    }

    fn put_back(&mut self, position: usize) {
        let uuid = self.events[position].event.uuid;
        self.site
            .sql(&format!("update em_event set status = 'pending' where uuid = '{uuid}' returning uuid"));
        self.report.retries += 1;
    }

    fn reasons(&mut self) -> Vec<String> {
        self.site.sql("select distinct reason from em_journal where reason is not null")
    }
}
