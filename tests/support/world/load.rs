//! Load on all paths, on threads that outlive the daemons.

use super::Around;
use super::life::Life;
use crate::support::daemon::eventually;
use eventmanager::states::DeviceState;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Devices whose states change.
const DEVICES: usize = 50;

pub struct Load(Vec<JoinHandle<()>>);

impl Load {
    pub fn begin(around: &Arc<Around>) -> Load {
        around.life.resume();
        let doing = |pause: u64, step: fn(&Around, &Life) -> bool| {
            let all = Arc::clone(around);
            around.life.keep_doing(Duration::from_millis(pause) * around.slower, move |life| step(&all, life))
        };
        let mut random = fastrand::Rng::with_seed(around.seed);
        let all = Arc::clone(around);
        let states = around.life.keep_doing(Duration::from_millis(30) * around.slower, move |_| {
            let server = &all.fleet.peers[random.usize(..all.fleet.peers.len())];
            let state = DeviceState::ALL[random.usize(..DeviceState::ALL.len())];
            server.set_device(format!("SIP/{}", random.usize(..DEVICES)), state);
            true
        });
        Load(vec![
            states,
            doing(60, |all, life| all.portal.step(life, &all.peers.broadworks, &all.base)),
            doing(40, |all, _| {
                all.kamailio.send();
                true
            }),
            doing(60, |all, _| {
                all.sbc.raise();
                true
            }),
            doing(50, |all, life| all.hubs.post(life)),
            doing(100, |all, _| {
                all.bus.feed();
                true
            }),
            doing(80, |all, life| all.operators.act(life)),
            doing(50, |all, _| {
                all.agents.change();
                true
            }),
            doing(30, |all, life| all.hubs.register(life)),
            doing(30, |all, life| all.subscriber.subscribe(life)),
        ])
    }

    /// Begins nothing more, and waits until what was begun is done.
    pub fn end(self, around: &Around) {
        around.life.finish();
        eventually("all that was begun is done", || self.0.iter().all(JoinHandle::is_finished).then_some(()));
        self.0.into_iter().for_each(|thread| thread.join().expect("whoever makes load does not panic"));
    }
}
