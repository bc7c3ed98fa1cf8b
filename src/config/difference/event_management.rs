//! The lines of Event Management and of NATS.

use super::lines::{Lines, list};
use crate::config::values::{EventManagement, EventPeer, Nats, NatsAuth, NatsConsume, PeerAuth};

impl Lines {
    pub fn event_management(&mut self, config: &EventManagement) {
        let EventManagement { base_path, topics, echo, public_url, retry_initial, retry_max, .. } = config;
        let EventManagement { give_up_after, connect_timeout, timeout, max_hubs, max_body, .. } = config;
        let EventManagement { max_hubs_per_owner, .. } = config;
        let EventManagement { keep_backlog, verify, peers, .. } = config;
        let key = |key: &str| format!("event_management.{key}");
        self.put(key("base_path"), base_path);
        self.put(key("topics"), list(topics));
        self.put(key("echo"), list(echo));
        self.set(key("public_url"), public_url.as_ref());
        for (name, time) in [
            ("retry_initial", retry_initial),
            ("retry_max", retry_max),
            ("give_up_after", give_up_after),
            ("connect_timeout", connect_timeout),
            ("timeout", timeout),
            ("keep_backlog", keep_backlog),
            ("verify", verify),
        ] {
            self.time(key(name), time);
        }
        self.put(key("max_hubs"), max_hubs);
        self.put(key("max_hubs_per_owner"), max_hubs_per_owner);
        self.put(key("max_body"), max_body);
        peers.iter().for_each(|peer| self.event_peer(peer));
    }

    fn event_peer(&mut self, peer: &EventPeer) {
        let EventPeer { host, allow_http, allow_private, allow_tls12, ca, auth, signing_keys, .. } = peer;
        let EventPeer { topics, token, subscribe, query, url, .. } = peer;
        let key = |key: &str| format!("event_management.peer.{host}.{key}");
        self.put(key("allow_http"), allow_http);
        self.put(key("allow_private"), allow_private);
        self.put(key("allow_tls12"), allow_tls12);
        self.set(key("ca"), ca.as_ref().map(|path| path.display()));
        self.peer_auth(key, auth);
        for (at, signing_key) in signing_keys.iter().enumerate() {
            self.secret(&key(&format!("signing_keys.{}", at + 1)), signing_key);
        }
        self.put(key("topics"), topics);
        self.set(key("token"), token.as_ref());
        self.put(key("subscribe"), list(subscribe));
        self.set(key("query"), query.as_ref());
        self.put(key("url"), url);
    }

    fn peer_auth(&mut self, key: impl Fn(&str) -> String, auth: &PeerAuth) {
        let word = match auth {
            PeerAuth::None => "none",
            PeerAuth::Basic { username, password } => {
                self.put(key("username"), username);
                self.secret(&key("password"), password);
                "basic"
            }
            PeerAuth::Bearer(bearer) => {
                self.secret(&key("bearer"), bearer);
                "bearer"
            }
            PeerAuth::OAuth2 { token_url, client_id, client_secret, scope } => {
                self.url(&key("token_url"), token_url);
                self.put(key("client_id"), client_id);
                self.secret(&key("client_secret"), client_secret);
                self.set(key("scope"), scope.as_ref());
                "oauth2"
            }
            PeerAuth::Mtls { certificate, key: private } => {
                self.path(&key("client_cert"), certificate);
                self.path(&key("client_key"), private);
                "mtls"
            }
        };
        self.put(key("auth"), word);
    }

    pub fn nats(&mut self, nats: &Nats) {
        let Nats { urls, stream, subject_prefix, auth, ca, in_flight, keep_backlog, consume } = nats;
        self.put("nats.urls", list(urls));
        self.put("nats.stream", stream);
        self.put("nats.subject_prefix", subject_prefix);
        match auth {
            NatsAuth::None => {}
            NatsAuth::Token(token) => self.secret("nats.token", token),
            NatsAuth::User { username, password } => {
                self.put("nats.username", username);
                self.secret("nats.password", password);
            }
            NatsAuth::Credentials(file) => self.path("nats.credentials", file),
        }
        self.set("nats.ca", ca.as_ref().map(|path| path.display()));
        self.put("nats.in_flight", in_flight);
        self.time("nats.keep_backlog".to_owned(), keep_backlog);
        if let Some(NatsConsume { stream, subject, durable, topic }) = consume {
            self.put("nats.consume.stream", stream);
            self.put("nats.consume.subject", subject);
            self.put("nats.consume.durable", durable);
            self.put("nats.consume.topic", topic);
        }
    }
}
