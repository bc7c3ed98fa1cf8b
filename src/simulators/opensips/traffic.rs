//! Plausible events, without end: phones that register and leave, calls, and now and then an address that is blocked.

use super::handle::named;
use crate::wire::evi::{Param, Value};
use fastrand::Rng;

/// Invents events; the same seed invents the same ones.
pub struct Traffic {
    random: Rng,
    /// Who may register.
    aors: u32,
    /// What may come, of what can be invented.
    events: Vec<&'static str>,
    number: u64,
}

/// What can be invented, and how often it comes beside the others.
const INVENTED: [(&str, u32); 9] = [
    ("E_UL_AOR_INSERT", 6),
    ("E_UL_CONTACT_INSERT", 10),
    ("E_UL_CONTACT_UPDATE", 30),
    ("E_UL_CONTACT_DELETE", 6),
    ("E_UL_AOR_DELETE", 4),
    ("E_DLG_STATE_CHANGED", 20),
    ("E_ACC_EVENT", 10),
    ("E_DISPATCHER_STATUS", 1),
    ("E_PIKE_BLOCKED", 1),
];

impl Traffic {
    /// Of these events those that can be invented, about so many users. All that can be where none of them can.
    pub fn new(seed: u64, aors: u32, events: &[String]) -> Traffic {
        let all = || INVENTED.iter().flat_map(|(name, weight)| std::iter::repeat_n(*name, *weight as usize));
        let mut wanted: Vec<_> = all().filter(|name| events.iter().any(|event| event == name)).collect();
        if wanted.is_empty() {
            wanted = all().collect();
        }
        Traffic { random: Rng::with_seed(seed), aors: aors.max(1), events: wanted, number: 0 }
    }

    /// The next event: its name and its parameters.
    pub fn next_event(&mut self) -> (&'static str, Vec<Param>) {
        self.number += 1;
        let event = self.events[self.random.usize(..self.events.len())];
        let aor = format!("user{:05}", self.random.u32(..self.aors));
        let params = match event {
            "E_UL_AOR_INSERT" | "E_UL_AOR_DELETE" => named([("domain", "location"), ("aor", &aor)]),
            "E_DLG_STATE_CHANGED" => self.dialog(),
            "E_ACC_EVENT" => self.accounting(),
            "E_DISPATCHER_STATUS" => self.dispatcher(),
            "E_PIKE_BLOCKED" => named([("ip", format!("192.0.2.{}", self.random.u8(1..255)))]),
            _ => self.contact(&aor),
        };
        (event, params)
    }

    fn contact(&mut self, aor: &str) -> Vec<Param> {
        let host = self.random.u8(1..255);
        let port = self.random.u16(1024..);
        let mut params = named([
            ("domain", "location".to_owned()),
            ("aor", aor.to_owned()),
            ("uri", format!("sip:{aor}@198.51.100.{host}:{port}")),
            ("received", String::new()),
            ("path", String::new()),
        ]);
        params.push(integer("qval", -1));
        params.extend(named([("user_agent", "Phone 1.0"), ("socket", "udp:203.0.113.1:5060")]));
        params.extend([integer("bflags", 0), integer("expires", 3600)]);
        params.extend(named([("callid", self.call_id())]));
        params.push(integer("cseq", i64::from(self.random.u16(1..))));
        params.extend(named([("attr", ""), ("shtag", "")]));
        params
    }

    fn dialog(&mut self) -> Vec<Param> {
        let old = self.random.i64(1..5);
        let mut params = named([("id", self.number.to_string()), ("db_id", self.number.to_string())]);
        params.extend(named([("callid", self.call_id()), ("from_tag", self.tag()), ("to_tag", self.tag())]));
        params.extend([integer("old_state", old), integer("new_state", old + 1)]);
        params
    }

    fn accounting(&mut self) -> Vec<Param> {
        let (code, reason) =
            [("200", "OK"), ("486", "Busy Here"), ("487", "Request Terminated")][self.random.usize(..3)];
        let mut params =
            named([("method", "INVITE".to_owned()), ("from_tag", self.tag()), ("to_tag", self.tag())]);
        params.extend(named([("callid", self.call_id())]));
        params.extend(named([("sip_code", code), ("sip_reason", reason)]));
        params.push(integer("time", 1_700_000_000 + i64::try_from(self.number).unwrap_or_default()));
        params
    }

    fn dispatcher(&mut self) -> Vec<Param> {
        let status = if self.random.bool() { "active" } else { "inactive" };
        let address = format!("sip:203.0.113.{}:5060", self.random.u8(10..20));
        let mut params = named([("partition", "default")]);
        params.push(integer("group", 1));
        params.extend(named([("address", address.as_str()), ("status", status)]));
        params
    }

    fn call_id(&mut self) -> String {
        format!("{:016x}@198.51.100.7", self.random.u64(..))
    }

    fn tag(&mut self) -> String {
        format!("{:08x}", self.random.u32(..))
    }
}

fn integer(name: &str, value: i64) -> Param {
    Param { name: Some(name.to_owned()), value: Value::Integer(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn names(events: &[&str]) -> BTreeSet<&'static str> {
        let events: Vec<String> = events.iter().map(|event| (*event).to_owned()).collect();
        let mut traffic = Traffic::new(1, 10, &events);
        (0..2000).map(|_| traffic.next_event().0).collect()
    }

    #[test]
    fn only_what_is_published_is_invented() {
        assert_eq!(names(&["E_PIKE_BLOCKED", "E_OTHER"]), BTreeSet::from(["E_PIKE_BLOCKED"]));
        assert_eq!(names(&["E_OTHER"]).len(), INVENTED.len());
    }

    #[test]
    fn the_same_seed_invents_the_same() {
        let invent = |seed| -> Vec<_> {
            let mut traffic = Traffic::new(seed, 10, &[]);
            (0..100).map(|_| traffic.next_event()).collect()
        };
        assert_eq!(invent(7), invent(7));
        assert_ne!(invent(7), invent(8));
    }
}
