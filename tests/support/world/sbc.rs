//! An OpenSIPS that raises events.

use crate::support::ports::lasting;
use eventmanager::simulators::opensips::{OpensipsHandle, OpensipsOptions, OpensipsSimulator, named};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Mutex;

pub struct Sbc {
    opensips: OpensipsHandle,
    /// Where the daemon receives: it is told there also while it is dead, and nobody else must get that.
    listen: SocketAddr,
    /// The number of the last event that went to somebody.
    last: Mutex<u64>,
    /// The same when each daemon had ended.
    ends: Mutex<Vec<u64>>,
}

impl Sbc {
    pub fn start() -> Sbc {
        let opensips = OpensipsSimulator::start(OpensipsOptions::default()).expect("an OpenSIPS");
        Sbc { opensips, listen: lasting(), last: Mutex::default(), ends: Mutex::default() }
    }

    pub fn config(&self) -> String {
        let mi = self.opensips.udp().expect("an address");
        format!(
            "[[opensips]]\nname = \"sbc\"\nmi = \"udp:{mi}\"\nmi_format = \"json\"\nlisten = \"udp:{}\"\n\
             events = [\"E_TEST\"]\nverify = \"1s\"\n[[route]]\nsource = \"sbc\"\nto = [\"opensips\"]\nstore = true\n",
            self.listen
        )
    }

    /// Raises an event; its number, where somebody has subscribed.
    pub fn raise(&self) -> Option<u64> {
        let mut last = self.last.lock().expect("a lock");
        let n = *last + 1;
        let told = self.opensips.raise("E_TEST", named([("n", n.to_string())]));
        *last = n;
        (told.sent > 0).then_some(n)
    }

    /// It is started anew, and knows no subscriber any more.
    pub fn restart(&self) {
        self.opensips.restart().expect("it starts");
    }

    /// The number of the last event.
    pub fn last(&self) -> u64 {
        *self.last.lock().expect("a lock")
    }

    /// A daemon has ended: it gets no more.
    pub fn end_life(&self) {
        self.ends.lock().expect("a lock").push(self.last());
    }

    /// The numbers of the events that each daemon may have got.
    pub fn lives(&self) -> Vec<RangeInclusive<u64>> {
        let ends = self.ends.lock().expect("a lock");
        let lasts: Vec<u64> = ends.iter().copied().chain([self.last()]).collect();
        [0].iter().chain(&lasts).zip(&lasts).map(|(before, last)| before + 1..=*last).collect()
    }
}
