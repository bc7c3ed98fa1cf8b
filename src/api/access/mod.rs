//! Who may ask for what: tokens with roles, shown with each request or once at a login.
//!
//! To read wants a viewer, to act (any method but GET and HEAD) an operator. A peer does both, by the paths of Event Management alone.
//! The tokens can change while we serve: [`Access::configure`].

mod check;
mod limiter;
mod refusal;
mod sessions;
mod site;

pub use check::check_page;
pub use check::{COOKIE_NAME, CSRF_HEADER, check, guard};
pub use refusal::Refusal;
pub use sessions::LIFETIME;
pub use site::{check_json, check_json_of_peers, check_origin};

use crate::config::{Http, Role, Token};
use actix_web::http::Method;
use limiter::{Failure, Limiter};
use sessions::{Key, Sessions};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

/// Open to everybody, wherever it listens: they say nothing of subscribers. The page has no data of its own.
const ALWAYS_OPEN: &[&str] = &["/", "/healthz", "/metrics"];
/// Open likewise; what peers have said it tells to who may read alone.
const READY_PATH: &str = "/readyz";
/// It tells whether the daemon lives, and how many events have failed.
const ALIVE_PATH: &str = "/alivecheck";
/// Where the page asks whether somebody has logged in.
pub const SESSION_PATH: &str = "/api/v1/session";
/// Where programs ask what OpenSIPS understands: who may act is seen from the command.
const MI_PATH: &str = "/mi";

/// Tokens, sessions, and who has failed to show one: one for the whole server.
#[derive(Clone)]
pub struct Access {
    /// Held for a look, never while something is waited for.
    state: Arc<Mutex<State>>,
    loopback: bool,
}

struct State {
    tokens: Vec<Token>,
    /// The paths of the Erlang release want none of them on loopback.
    original_paths_open: bool,
    sessions: Sessions,
    limiter: Limiter,
}

/// What a request shows of who sends it.
#[derive(Debug, Clone, Default)]
pub struct Shown<'a> {
    /// `None` where it is not known.
    pub from: Option<IpAddr>,
    /// Of `Authorization: Bearer`.
    pub bearer: Option<&'a str>,
    /// The ids of sessions; a browser may send several cookies of one name.
    pub sessions: Vec<&'a str>,
    pub csrf: Option<&'a str>,
}

/// Whose request it is; in its extensions.
#[derive(Clone)]
pub struct Caller {
    /// Of the token; `None` where none was shown, or none is needed.
    pub name: Option<String>,
    /// What it allows; `None` where a token is needed and none was shown.
    pub role: Option<Role>,
    how: How,
}

#[derive(Clone)]
enum How {
    Anybody,
    Token(Token),
    Session(Key),
}

impl Caller {
    fn anybody(role: Option<Role>) -> Caller {
        Caller { name: None, role, how: How::Anybody }
    }

    /// Whether it has shown a token with this very request, which no page of another site knows.
    fn has_shown_a_token(&self) -> bool {
        matches!(self.how, How::Token(_))
    }

    /// Whether nobody has asked it who it is.
    fn is_anybody(&self) -> bool {
        matches!(self.how, How::Anybody)
    }

    /// Whether it may know what a viewer may.
    pub fn may_read(&self) -> bool {
        matches!(self.role, Some(Role::Viewer | Role::Operator))
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
struct Asked<'a> {
    method: &'a Method,
    /// As it is routed.
    path: &'a str,
    /// Whether it is below a base path of Event Management.
    is_for_peers: bool,
    /// Whether it is asked by a name or address of loopback, with no sign of a proxy: no page that was rebound does that.
    is_by_our_name: bool,
}

/// What a path wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// What is shown is not looked at.
    Nothing,
    /// Nothing either: who may read is told more.
    Whoever,
    /// It tells who asks.
    Anybody,
    A(Role),
    /// A peer, or who might read or act elsewhere, too.
    Peer {
        is_act: bool,
    },
}

/// Why nobody was logged in.
#[derive(Debug)]
pub enum NoLogin {
    Refused(Refusal),
    /// Nobody needs a token.
    NotNeeded,
    NoRandom(getrandom::Error),
}

impl Access {
    /// Access as `[http]` configures it.
    pub fn new(http: &Http) -> Self {
        let state = State {
            tokens: http.tokens.clone(),
            original_paths_open: http.original_paths_open,
            sessions: Sessions::default(),
            limiter: Limiter::default(),
        };
        Access { state: Arc::new(Mutex::new(state)), loopback: is_loopback(http) }
    }

    /// Takes the tokens of a configuration that was read anew. Sessions of a token that is gone, or has another role or
    /// digest, end; says how many.
    pub fn configure(&self, http: &Http) -> usize {
        let mut state = self.state();
        state.tokens = http.tokens.clone();
        state.original_paths_open = http.original_paths_open;
        state.sessions.keep(&http.tokens)
    }

    /// Whether nobody needs a token.
    pub fn is_open(&self) -> bool {
        self.loopback && self.state().tokens.is_empty()
    }

    /// Why these tokens would not do; beyond loopback nobody is served without one.
    pub fn object(&self, tokens: &[Token]) -> Option<&'static str> {
        (!self.loopback && tokens.is_empty())
            .then_some("http.listen can be reached from other hosts, which needs a [[http.token]]")
    }

    /// Whether `caller` would pass now as well: for answers that take long, such as a stream. A session is used by this.
    pub fn is_current(&self, caller: &Caller) -> bool {
        let mut state = self.state();
        match &caller.how {
            How::Anybody => caller.role.is_none() || (self.loopback && state.tokens.is_empty()),
            How::Token(token) => state.tokens.contains(token),
            How::Session(key) => state.sessions.take_up(key, Instant::now()).is_some(),
        }
    }

    /// The CSRF token of the caller's session, and what is left of it; `None` for who has none.
    pub fn session(&self, caller: &Caller) -> Option<(String, Duration)> {
        let How::Session(key) = caller.how else { return None };
        let now = Instant::now();
        self.state().sessions.take_up(&key, now).map(|session| (session.csrf.clone(), session.remaining(now)))
    }

    /// Opens a session for who shows `token`: its id, for the cookie, and whose it is.
    pub fn log_in(&self, token: &str, from: Option<IpAddr>) -> Result<(String, Caller), NoLogin> {
        if self.is_open() {
            return Err(NoLogin::NotNeeded);
        }
        let now = Instant::now();
        let token = self.token(token, from, now).inspect_err(|refusal| {
            // So many lines as the limiter lets through.
            if *refusal == Refusal::UnknownToken {
                tracing::warn!(from = %shown(from), "login failed: unknown token");
            }
        });
        let token = token.map_err(NoLogin::Refused)?;
        if token.role == Role::Peer {
            return Err(NoLogin::Refused(Refusal::PeerElsewhere));
        }
        let id = self.state().sessions.open(&token, now).map_err(NoLogin::NoRandom)?;
        tracing::info!(token = token.name, role = role_name(token.role), from = %shown(from), "logged in");
        let how = How::Session(digest(&id));
        Ok((id, Caller { name: Some(token.name), role: Some(token.role), how }))
    }

    /// Ends the caller's session, where there is one.
    pub fn log_out(&self, caller: &Caller, from: Option<IpAddr>) {
        let How::Session(key) = caller.how else { return };
        let closed = self.state().sessions.close(&key);
        if let Some(token) = closed {
            tracing::info!(token, from = %shown(from), "logged out");
        }
    }

    /// Who shows nothing.
    pub fn nobody(&self) -> Caller {
        Caller::anybody(self.is_open().then_some(Role::Operator))
    }

    /// The configured token that `text` is; one that is not is counted against the address.
    fn token(&self, text: &str, from: Option<IpAddr>, now: Instant) -> Result<Token, Refusal> {
        let mut state = self.state();
        if let Some(wait) = from.and_then(|from| state.limiter.refused(from, now)) {
            return Err(Refusal::TooManyFailures(wait));
        }
        let digest: String = digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        // An empty token is nobody's, whatever digests are configured.
        let is_one = !text.trim().is_empty();
        let is_it = |known: &&Token| is_one && bool::from(known.sha256.as_bytes().ct_eq(digest.as_bytes()));
        if let Some(token) = state.tokens.iter().find(is_it) {
            return Ok(token.clone());
        }
        let failure = from.map(|from| state.limiter.fail(from, now));
        drop(state);
        match failure {
            Some(Failure::First) => tracing::warn!(from = %shown(from), "an unknown token was shown"),
            Some(Failure::Last) => {
                tracing::warn!(from = %shown(from), "too many unknown tokens: this address is refused for a while");
            }
            _ => {}
        }
        Err(Refusal::UnknownToken)
    }

    fn wanted(&self, asked: Asked, open: bool) -> Wanted {
        let Asked { method, path, is_for_peers, is_by_our_name } = asked;
        // `Host` is the choice of who asks, and all who ask a proxy of this host come from loopback.
        let without_token = open || path == ALIVE_PATH || self.state().original_paths_open;
        let original = is_original(path, is_for_peers) && self.loopback && is_by_our_name && without_token;
        if ALWAYS_OPEN.contains(&path) || path.starts_with("/assets/") || original {
            return Wanted::Nothing;
        }
        match () {
            () if path == READY_PATH => Wanted::Whoever,
            () if open || path == SESSION_PATH => Wanted::Anybody,
            () if is_for_peers => Wanted::Peer { is_act: is_act(method) },
            () if is_act(method) && path != MI_PATH => Wanted::A(Role::Operator),
            () => Wanted::A(Role::Viewer),
        }
    }

    /// Who shows this; the error is for what is shown and not known.
    fn identify(&self, shown: &Shown, now: Instant) -> Result<Caller, Refusal> {
        if let Some(bearer) = shown.bearer {
            let token = self.token(bearer, shown.from, now)?;
            return Ok(Caller {
                name: Some(token.name.clone()),
                role: Some(token.role),
                how: How::Token(token),
            });
        }
        let mut state = self.state();
        for key in shown.sessions.iter().map(|id| digest(id)) {
            if let Some(session) = state.sessions.take_up(&key, now) {
                let token = &session.token;
                let (name, role) = (Some(token.name.clone()), Some(token.role));
                return Ok(Caller { name, role, how: How::Session(key) });
            }
        }
        Ok(Caller::anybody(None))
    }

    /// Whose request it is, or why it does not pass.
    fn judge(&self, asked: Asked, shown: &Shown, now: Instant) -> Result<Caller, Refusal> {
        let Asked { method, path, is_by_our_name, .. } = asked;
        // Asked once: the tokens may change in between.
        let open = self.is_open();
        let wanted = self.wanted(asked, open);
        let caller = match (wanted, open) {
            (Wanted::Nothing, _) => return Ok(Caller::anybody(None)),
            (Wanted::Whoever, true) => {
                return Ok(Caller::anybody(is_by_our_name.then_some(Role::Operator)));
            }
            // What is not known is counted, and told no more than nothing.
            (Wanted::Whoever, false) => {
                return Ok(self.identify(shown, now).unwrap_or(Caller::anybody(None)));
            }
            (_, true) => return Ok(Caller::anybody(Some(Role::Operator))),
            (_, false) => self.identify(shown, now)?,
        };
        match (wanted, caller.role) {
            (Wanted::A(_) | Wanted::Peer { .. }, None) => {
                return Err(if shown.sessions.is_empty() { Refusal::NoToken } else { Refusal::SessionOver });
            }
            (Wanted::A(Role::Operator) | Wanted::Peer { is_act: true }, Some(Role::Viewer)) => {
                return Err(Refusal::NotAnOperator);
            }
            (Wanted::A(_), Some(Role::Peer)) => return Err(Refusal::PeerElsewhere),
            _ => {}
        }
        // A login may find the cookie of an earlier one; what it shows is the token.
        let is_login = path == SESSION_PATH && *method == Method::POST;
        if let How::Session(key) = caller.how
            && is_act(method)
            && !is_login
            && !self.is_proven(&key, shown.csrf, now)
        {
            return Err(Refusal::NoCsrf);
        }
        Ok(caller)
    }

    fn is_proven(&self, key: &Key, csrf: Option<&str>, now: Instant) -> bool {
        self.state().sessions.take_up(key, now).is_some_and(|session| session.is_proven(csrf))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is done with it panics half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_loopback(http: &Http) -> bool {
    http.listen.ip().to_canonical().is_loopback()
}

/// Whether it is one of the three paths of the Erlang release. One of the base paths is /event/v2, which is none.
fn is_original(path: &str, is_for_peers: bool) -> bool {
    !is_for_peers && (path == ALIVE_PATH || path == "/events" || path.starts_with("/event/"))
}

/// Whether a request may change something.
pub fn is_act(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}

/// As the configuration names it.
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Peer => "peer",
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.trim()).into()
}

fn shown(from: Option<IpAddr>) -> String {
    from.map_or_else(|| "an unknown address".to_owned(), |from| from.to_canonical().to_string())
}

#[cfg(test)]
mod tests;
