//! `[[event_management.peer]]`.

use super::route::topic;
use super::{Endpoints, choice};
use crate::config::addresses;
use crate::config::section::Section;
use crate::config::units;
use crate::config::values::{BASE_PATHS, EventPeer, PeerAuth, Role, Token};
use crate::matching::Pattern;
use crate::wire::Secret;
use crate::wire::webhooks::SigningKey;
use std::collections::BTreeSet;

/// How we show who we are, before it is known by what.
#[derive(Clone, Copy, PartialEq)]
enum Auth {
    None,
    Basic,
    Bearer,
    OAuth2,
    Mtls,
}

/// Each with the keys that belong to it; those of the second list may be absent.
const AUTHS: [(&str, Auth, &[&str], &[&str]); 5] = [
    ("none", Auth::None, &[], &[]),
    ("basic", Auth::Basic, &["username", "password"], &[]),
    ("bearer", Auth::Bearer, &["bearer"], &[]),
    ("oauth2", Auth::OAuth2, &["token_url", "client_id", "client_secret"], &["scope"]),
    ("mtls", Auth::Mtls, &["client_cert", "client_key"], &[]),
];

/// What the other sections say that a peer's must fit.
pub(super) struct Neighbours<'a> {
    pub tokens: &'a [Token],
    pub endpoints: &'a Endpoints,
    pub topics: &'a [String],
    pub has_public_url: bool,
    /// Of the peers above.
    pub hosts: BTreeSet<String>,
    /// The names of the peers above at which we register.
    pub subscribers: BTreeSet<String>,
}

pub(super) fn peer(section: &Section, neighbours: &mut Neighbours) -> EventPeer {
    section.require(&["host"]);
    let host = section.value("host", addresses::authority).unwrap_or_default();
    if !host.is_empty() && !neighbours.hosts.insert(host.clone()) {
        section.problem("host", format!("{host:?} is the host of another peer already"));
    }
    let allow_http = section.flag("allow_http").unwrap_or(false);
    let peer = EventPeer {
        allow_http,
        allow_private: section.flag("allow_private").unwrap_or(false),
        allow_tls12: section.flag("allow_tls12").unwrap_or(false),
        ca: section.path_to("ca"),
        auth: auth(section, allow_http),
        signing_keys: signing_keys(section),
        topics: section.value("topics", Pattern::parse).unwrap_or_else(Pattern::any),
        token: token(section, neighbours),
        subscribe: section.list("subscribe", topic).unwrap_or_default(),
        query: section.text("query"),
        url: url(section, &host, allow_http),
        host,
    };
    check_subscribe(section, &peer, neighbours);
    if allow_http && peer.auth.is_secret() {
        section.warn("allow_http", "what shows who we are goes in clear where a callback is http://");
    }
    peer
}

fn auth(section: &Section, allow_http: bool) -> PeerAuth {
    let words = AUTHS.map(|(word, auth, ..)| (word, auth));
    let auth = section.value("auth", choice(&words)).unwrap_or(Auth::None);
    for (word, other, needed, also) in AUTHS {
        if other == auth {
            section.require(needed);
            continue;
        }
        for key in needed.iter().chain(also) {
            section.rule_out(key, &format!("belongs to auth = \"{word}\""));
        }
    }
    let token_url = |text: &str| secure(addresses::sensible(addresses::web_address(text)?)?, allow_http);
    match auth {
        Auth::None => PeerAuth::None,
        Auth::Basic => PeerAuth::Basic {
            username: section.value("username", units::user_name).unwrap_or_default(),
            password: section.secret("password").unwrap_or_default(),
        },
        Auth::Bearer => PeerAuth::Bearer(section.hidden("bearer", bearer).unwrap_or_default()),
        Auth::OAuth2 => PeerAuth::OAuth2 {
            token_url: section.hidden("token_url", token_url).unwrap_or_default(),
            client_id: section.text("client_id").unwrap_or_default(),
            client_secret: section.secret("client_secret").unwrap_or_default(),
            scope: section.text("scope"),
        },
        Auth::Mtls => PeerAuth::Mtls {
            certificate: section.path_to("client_cert").unwrap_or_default(),
            key: section.path_to("client_key").unwrap_or_default(),
        },
    }
}

/// What a header can hold (RFC 6750, 2.1, is stricter, and so are not all who make tokens).
fn bearer(text: &str) -> Result<Secret, String> {
    match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(Secret::new(text)),
        false => Err("is no token: letters of ASCII without a blank".to_owned()),
    }
}

/// A URL, unless what goes there could be read on its way.
fn secure(url: String, allow_http: bool) -> Result<String, String> {
    match url.starts_with("https://") || allow_http {
        true => Ok(url),
        false => Err("is not https://, and there is no allow_http".to_owned()),
    }
}

fn signing_keys(section: &Section) -> Vec<Secret> {
    let keys = section
        .hidden_list("signing_keys", |text| SigningKey::parse(text).map(|_| Secret::new(text)))
        .unwrap_or_default();
    if keys.len() > 2 {
        section.problem("signing_keys", "are more than two: one, and the one that it replaces");
    }
    keys
}

fn token(section: &Section, neighbours: &Neighbours) -> Option<String> {
    let name = section.text("token")?;
    match neighbours.tokens.iter().find(|token| token.name == name).map(|token| token.role) {
        None => section.problem("token", format!("{name:?} is the name of no [[http.token]]")),
        Some(Role::Viewer) => {
            let why = format!(
                "{name:?} has the role \"viewer\": the peer can read, but neither register nor post, as \"peer\" can"
            );
            section.warn("token", &why);
        }
        Some(Role::Operator) => {
            let why = format!(
                "{name:?} has the role \"operator\": the peer can do whatever an operator can, where \"peer\" is enough"
            );
            section.warn("token", &why);
        }
        Some(Role::Peer) => {}
    }
    // Both label metrics, and name the source of an event.
    if neighbours.endpoints.is_taken(&name) {
        section.problem("token", format!("{name:?} names another source of events already"));
    }
    Some(name)
}

/// Where its paths begin. At its own host: what may be connected to, and how, is said of that alone.
fn url(section: &Section, host: &str, allow_http: bool) -> String {
    let parse = |text: &str| {
        let url = secure(addresses::base_url(text)?, allow_http)?;
        match host.is_empty() || addresses::authority_of(&url)? == host {
            true => Ok(url),
            false => Err(format!("is not at the peer's host, {host:?}")),
        }
    };
    let scheme = if allow_http { "http" } else { "https" };
    section.hidden("url", parse).unwrap_or_else(|| format!("{scheme}://{host}{}", BASE_PATHS[0]))
}

fn check_subscribe(section: &Section, peer: &EventPeer, neighbours: &mut Neighbours) {
    if peer.subscribe.is_empty() {
        section.rule_out("query", "has no effect without subscribe");
        return;
    }
    if !neighbours.has_public_url {
        section.problem("subscribe", "needs event_management.public_url: where the peer reaches us");
    }
    for (at, topic) in peer.subscribe.iter().enumerate() {
        if !neighbours.topics.contains(topic) {
            section.problem("subscribe", format!("{topic:?} is none of our topics: add it to topics"));
        }
        if peer.subscribe[..at].contains(topic) {
            section.problem("subscribe", format!("has {topic:?} twice"));
        }
    }
    if !neighbours.subscribers.insert(peer.name().to_owned()) {
        section.problem("token", format!("{:?} subscribes as another peer already", peer.name()));
    }
}

#[cfg(test)]
mod tests;
