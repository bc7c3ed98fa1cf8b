//! How supervision is meant to be used: the store holds the only copy of work, permits hold back a peer.

use crate::actors::{MANY, QUICK, eventually, ms};
use actix::prelude::*;
use eventmanager::supervision::Supervisor; // not that of actix
use eventmanager::supervision::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Stands for a store (ours is tried in tests/panics.rs): insert, claim (the attempt is counted before the work is done), done, given up.
#[derive(Default)]
struct Store {
    pending: BTreeMap<u64, (&'static str, u32)>,
    done: Vec<u64>,
    given_up: Vec<u64>,
}

impl Store {
    fn claim(&mut self) -> Option<(u64, &'static str)> {
        loop {
            let (&id, (body, attempts)) = self.pending.iter_mut().next()?;
            *attempts += 1;
            if *attempts <= 3 {
                return Some((id, body));
            }
            self.pending.remove(&id);
            self.given_up.push(id);
        }
    }

    fn done(&mut self, id: u64) {
        self.pending.remove(&id);
        self.done.push(id);
    }
}

struct Lane {
    store: Arc<Mutex<Store>>,
    flaky: Arc<AtomicUsize>,
}

/// A wake-up without data: losing it loses nothing.
#[derive(Message)]
#[rtype(result = "()")]
struct Wake;

impl Actor for Lane {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.notify(Wake);
    }
}

impl Supervised for Lane {}

impl Handler<Shutdown> for Lane {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

impl Handler<Wake> for Lane {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Context<Self>) {
        let Some((id, body)) = self.store.lock().unwrap().claim() else { return };
        match body {
            "poison" => panic!("poison {id}"),
            "flaky" if self.flaky.fetch_add(1, SeqCst) == 0 => panic!("flaky {id}"),
            _ => {}
        }
        self.store.lock().unwrap().done(id);
        ctx.notify(Wake);
    }
}

#[actix::test]
async fn supervision_restarts_a_worker_whose_work_is_kept_elsewhere() {
    let store = Arc::new(Mutex::new(Store::default()));
    let (in_lane, flaky) = (store.clone(), Arc::new(AtomicUsize::new(0)));
    let (spec, lane) =
        Spec::new("lane", 16, None, move || Lane { store: in_lane.clone(), flaky: flaky.clone() });
    let _root = root(Supervisor::new("root", Strategy::OneForOne, MANY, QUICK, vec![spec]));
    for id in 0..1000 {
        let body = [(500, "poison"), (700, "flaky")].into_iter().find(|(at, _)| *at == id);
        store.lock().unwrap().pending.insert(id, (body.map_or("ok", |(_, body)| body), 0));
        lane.do_send(Wake);
    }
    eventually("all work is done", || store.lock().unwrap().pending.is_empty()).await;
    let store = store.lock().unwrap();
    assert_eq!((store.done.len(), &store.given_up), (999, &vec![500]));
    assert!(store.done.contains(&700));
}

struct Slow {
    seen: Arc<AtomicUsize>,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Frame(OwnedSemaphorePermit);

impl Actor for Slow {
    type Context = Context<Self>;
}

impl Supervised for Slow {}

impl Handler<Shutdown> for Slow {
    type Result = ();

    fn handle(&mut self, _: Shutdown, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

impl Handler<Frame> for Slow {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, Frame(permit): Frame, _: &mut Context<Self>) -> Self::Result {
        let seen = self.seen.clone();
        let work = async move {
            actix_rt::time::sleep(ms(2)).await;
            assert_ne!(seen.fetch_add(1, SeqCst), 10, "in the middle");
            drop(permit);
        };
        Box::pin(work.into_actor(self))
    }
}

#[actix::test]
async fn permits_hold_back_the_peer_of_a_slow_actor_and_none_is_lost_to_a_panic() {
    const WINDOW: usize = 32;
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = seen.clone();
    let (spec, slow) = Spec::new("slow", 64, None, move || Slow { seen: counter.clone() });
    let _root = root(Supervisor::new("root", Strategy::OneForOne, MANY, QUICK, vec![spec]));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (window, peak) = (Arc::new(Semaphore::new(WINDOW)), Arc::new(AtomicUsize::new(0)));
    let (permits, highest) = (window.clone(), peak.clone());
    let reader = actix_rt::spawn(async move {
        let (mut peer, _) = listener.accept().await.unwrap();
        let mut frame = vec![0; 65536];
        loop {
            let permit = permits.clone().acquire_owned().await.unwrap(); // none: no read, and TCP holds the peer
            highest.fetch_max(WINDOW - permits.available_permits(), SeqCst);
            if peer.read_exact(&mut frame).await.is_err() {
                break;
            }
            slow.do_send(Frame(permit));
        }
    });
    let writer = actix_rt::spawn(async move {
        let mut peer = tokio::net::TcpStream::connect(address).await.unwrap();
        while peer.write_all(&[1; 65536]).await.is_ok() {}
    });
    eventually("it works on after the panic", || seen.load(SeqCst) > 200).await;
    writer.abort();
    reader.await.unwrap();
    assert_eq!(peak.load(SeqCst), WINDOW);
    eventually("every permit comes back", || window.available_permits() == WINDOW).await;
}
