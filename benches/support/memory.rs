//! Memory of the program as a process of its own: with nothing to do, and at the end of a long outage.

use crate::testing::daemon::{Daemon, Site, eventually};
use crate::testing::documents;
use crate::testing::peers::{any, config};
use bytes::{Bytes, BytesMut};
use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator, encode};
use eventmanager::simulators::ema::{EmaOptions, EmaSimulator};

const SUBSCRIBERS: u32 = 1_000_000;
const PENDING: u32 = 100_000;

/// The rows of a large operator, made by the database itself.
const SEED: &str = "insert into srd_user (id, group_id, sipurl, user_type, phonecontext, association_id, e164, created)
    with recursive numbers (n) as (select 0 union all select n + 1 from numbers where n + 1 < ?1)
    select printf('user%07d@tele.gl', n), printf('KNI-%05d', n / 20), printf('user%07d@tele.gl', n), 'user', 'nuk.tg.gl',
        printf('%032x', n), printf('%06d', n), current_timestamp from numbers";

/// Prints resident memory: idle, with a large table of subscribers and many events that wait, and started anew with them.
pub fn print() {
    let broadworks = BroadworksSimulator::start(any()).expect("an application server");
    let ema = EmaSimulator::start(EmaOptions::default()).expect("an ema");
    ema.refuse(true).expect("it is away");
    let text = config(&broadworks.addr().to_string(), &ema.url(), "");
    let site = Site::quiet(&text);
    let daemon = site.start();
    println!("memory, idle: {}", in_use(&daemon));
    daemon.terminate();
    site.database().execute(SEED, [SUBSCRIBERS]).expect("subscribers");
    let daemon = site.start();
    fill(&broadworks, &daemon);
    println!("memory, 1 million subscribers and 100 thousand events waiting: {}", in_use(&daemon));
    daemon.terminate();
    let daemon = site.start();
    known(&daemon);
    println!("memory, the same after a restart: {}", in_use(&daemon));
}

/// Sends what the EMA cannot take, each for another subscriber, and waits until the daemon knows all of it.
fn fill(broadworks: &BroadworksHandle, daemon: &Daemon) {
    let mut pending = BytesMut::new();
    for number in 0..PENDING {
        let (user, phone) = (format!("user{number:07}@tele.gl"), (2_000_000 + number).to_string());
        pending.extend_from_slice(&encode(&documents::set_phone(number.into(), &user, &phone)));
    }
    broadworks.send_many(Bytes::from(pending));
    known(daemon);
}

fn known(daemon: &Daemon) {
    eventually("all events are known", || {
        let status: serde_json::Value = serde_json::from_str(&daemon.get("/api/v1/status").1).ok()?;
        let unfinished = status["backlog"]["unfinished"].as_u64()?;
        (unfinished == u64::from(PENDING)).then_some(())
    });
}

/// Resident memory, and the part of it that is not of files.
fn in_use(daemon: &Daemon) -> String {
    let mib = |name| daemon.memory(name) as f64 / 1024.0;
    format!("{:.1} MiB resident, {:.1} MiB of it anonymous", mib("VmRSS"), mib("RssAnon"))
}
