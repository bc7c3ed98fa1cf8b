//! What the configuration wants of peers: purely.

use crate::config::{EventManagement, EventPeer};
use crate::supervision::Backoff;
use crate::topics::hubs::outbound::Limits;
use std::time::Duration;

/// All that there is to do with one peer. Of two that are equal the second changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub peer: EventPeer,
    /// Nothing where it is only to forget us.
    pub wanted: Vec<Wanted>,
    pub times: Times,
}

/// A registration that is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub topic: String,
    /// Where the peer delivers.
    pub callback: String,
    pub query: Option<String>,
}

/// When things are done, and how long they may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    pub verify: Duration,
    /// Of attempts that fail.
    pub retry: Backoff,
    /// What a peer asks for counts at most so long.
    pub longest_pause: Duration,
    pub limits: Limits,
}

/// A job for each peer that is configured.
pub fn jobs(config: &EventManagement) -> Vec<Job> {
    let times = Times {
        verify: config.verify,
        retry: Backoff { first: config.retry_initial, max: config.retry_max.min(config.verify) },
        longest_pause: config.retry_max,
        limits: Limits { connect: config.connect_timeout, total: config.timeout },
    };
    let job = |peer: &EventPeer| Job { peer: peer.clone(), wanted: wanted(config, peer), times };
    config.peers.iter().map(job).collect()
}

fn wanted(config: &EventManagement, peer: &EventPeer) -> Vec<Wanted> {
    let Some(public_url) = &config.public_url else { return Vec::new() };
    let wanted = |topic: &String| Wanted {
        topic: topic.clone(),
        callback: format!("{public_url}{}/topic/{topic}/event", config.base_path),
        query: peer.query.clone(),
    };
    peer.subscribe.iter().map(wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_our_path_of_the_topic() {
        let peer = EventPeer {
            subscribe: vec!["order".to_owned(), "alarm".to_owned()],
            query: Some("state=pending".to_owned()),
            ..EventPeer::new("pss:8443")
        };
        let config = EventManagement {
            public_url: Some("https://em:8443".to_owned()),
            peers: vec![peer, EventPeer::new("other:1")],
            verify: Duration::from_secs(7),
            ..EventManagement::default()
        };
        let jobs = jobs(&config);
        let callbacks: Vec<&str> = jobs[0].wanted.iter().map(|wanted| wanted.callback.as_str()).collect();
        let base = "https://em:8443/psi-api/event/v2/topic";
        assert_eq!(callbacks, [format!("{base}/order/event"), format!("{base}/alarm/event")]);
        assert_eq!(jobs[0].wanted[0].query.as_deref(), Some("state=pending"));
        assert_eq!((jobs.len(), &jobs[1].wanted[..]), (2, &[][..]));
        assert_eq!(jobs[0].times.retry.max, Duration::from_secs(7), "it is found out as soon as verified");
    }
}
