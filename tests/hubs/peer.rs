//! Configurations of hosts.

use eventmanager::config::{EventManagement, EventPeer, PeerAuth};
use eventmanager::matching::Pattern;
use std::time::Duration;

/// One of this name and port, in a private network and without TLS.
pub fn peer(host: impl ToString) -> EventPeer {
    let host = host.to_string();
    EventPeer {
        url: format!("http://{host}/psi-api/event/v2"),
        host,
        allow_http: true,
        allow_private: true,
        allow_tls12: false,
        ca: None,
        auth: PeerAuth::None,
        signing_keys: Vec::new(),
        topics: Pattern::any(),
        token: None,
        subscribe: Vec::new(),
        query: None,
    }
}

/// Event Management with these hosts, which are tried again soon and not given up soon.
pub fn management(peers: Vec<EventPeer>) -> EventManagement {
    EventManagement {
        base_path: "/psi-api/event/v2".to_owned(),
        topics: ["order", "inquiry", "alarm", "kamailio"].map(str::to_owned).to_vec(),
        echo: Vec::new(),
        public_url: None,
        retry_initial: Duration::from_millis(50),
        retry_max: Duration::from_millis(400),
        give_up_after: Duration::from_secs(3_600),
        connect_timeout: Duration::from_secs(2),
        timeout: Duration::from_secs(5),
        max_hubs: 1_000,
        max_hubs_per_owner: 1_000,
        max_body: 1 << 20,
        keep_backlog: Duration::from_secs(3_600),
        verify: Duration::from_secs(60),
        peers,
    }
}
