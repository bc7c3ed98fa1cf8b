//! Sessions of the monitor page: who has logged in with which token, until when.
//!
//! They live in memory alone: a restart ends them all. What a browser holds is 256 random bits; kept is their digest, so
//! that nobody who sees this memory can act as somebody else. Every session belongs to a token and ends with it.

use super::digest;
use crate::config::Token;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

/// A session ends this long after its login, whatever is done with it: a working day.
pub const LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// A session that nobody uses for so long ends. An open page uses it.
const IDLE: Duration = Duration::from_secs(2 * 3600);
/// Sessions of one token, at most: a further login ends the one that was not used for longest. So who logs in over and
/// over with one token ends no session of another.
const MOST_OF_A_TOKEN: usize = 100;

/// The digest of a session's id.
pub type Key = [u8; 32];

/// Somebody who has logged in.
pub struct Session {
    /// As it was at the login.
    pub token: Token,
    /// What a page of ours shows to prove that it is one. Not for the log.
    pub csrf: String,
    opened: Instant,
    used: Instant,
}

impl Session {
    /// When it ends, if nobody uses it before.
    fn ends(&self) -> Instant {
        (self.opened + LIFETIME).min(self.used + IDLE)
    }

    /// What is left of it.
    pub fn remaining(&self, now: Instant) -> Duration {
        self.ends().saturating_duration_since(now)
    }

    /// Whether `csrf` is its own; how long it takes says nothing of where they differ.
    pub fn is_proven(&self, csrf: Option<&str>) -> bool {
        csrf.is_some_and(|csrf| bool::from(csrf.as_bytes().ct_eq(self.csrf.as_bytes())))
    }
}

/// All open sessions.
#[derive(Default)]
pub struct Sessions {
    open: HashMap<Key, Session>,
}

impl Sessions {
    /// Opens one for the bearer of `token`; its id, which is for the browser's cookie alone.
    ///
    /// Fails where the system gives no random numbers.
    pub fn open(&mut self, token: &Token, now: Instant) -> Result<String, getrandom::Error> {
        let (id, csrf) = (random()?, random()?);
        self.open.retain(|_, session| session.ends() > now);
        self.make_room(token);
        self.open.insert(digest(&id), Session { token: token.clone(), csrf, opened: now, used: now });
        Ok(id)
    }

    fn make_room(&mut self, token: &Token) {
        let of_token = || self.open.iter().filter(|(_, session)| session.token.name == token.name);
        if of_token().count() < MOST_OF_A_TOKEN {
            return;
        }
        if let Some(oldest) = of_token().min_by_key(|(_, session)| session.used).map(|(key, _)| *key) {
            self.open.remove(&oldest);
        }
    }

    /// The open session of `key`, which is used by this.
    pub fn take_up(&mut self, key: &Key, now: Instant) -> Option<&Session> {
        if self.open.get(key).is_some_and(|session| session.ends() <= now) {
            self.open.remove(key);
        }
        let session = self.open.get_mut(key)?;
        session.used = now;
        Some(session)
    }

    /// Ends a session; the name of its token, where there was one.
    pub fn close(&mut self, key: &Key) -> Option<String> {
        self.open.remove(key).map(|session| session.token.name)
    }

    /// Ends those whose token is not among `tokens` as it was at their login; says how many.
    pub fn keep(&mut self, tokens: &[Token]) -> usize {
        let before = self.open.len();
        self.open.retain(|_, session| tokens.contains(&session.token));
        before - self.open.len()
    }
}

fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Role;

    fn token(name: &str, role: Role) -> Token {
        Token { name: name.into(), role, sha256: name.repeat(8) }
    }

    fn open(sessions: &mut Sessions, name: &str, now: Instant) -> Key {
        digest(&sessions.open(&token(name, Role::Viewer), now).expect("random numbers"))
    }

    #[test]
    fn a_session_ends_when_nobody_uses_it_and_after_a_working_day() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        let hour = |hours: f64| start + Duration::from_secs_f64(hours * 3600.0);
        let key = open(&mut sessions, "noc", start);
        assert!(sessions.take_up(&key, hour(1.9)).is_some());
        assert!(sessions.take_up(&key, hour(3.8)).is_some(), "it was used");
        assert!(sessions.take_up(&key, hour(5.9)).is_none(), "two hours of nothing");
        assert!(sessions.take_up(&key, hour(3.9)).is_none(), "what has ended stays so");
        let key = open(&mut sessions, "noc", start);
        for hours in 1..12 {
            assert!(sessions.take_up(&key, hour(hours.into())).is_some(), "{hours}");
        }
        let left = sessions.take_up(&key, hour(11.5)).map(|session| session.remaining(hour(11.5)));
        assert_eq!(left, Some(Duration::from_secs(1800)));
        assert!(sessions.take_up(&key, hour(12.0)).is_none());
    }

    #[test]
    fn a_session_ends_with_its_token_or_its_role() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let keys = ["noc", "desk", "gone"].map(|name| open(&mut sessions, name, now));
        let ended = sessions.keep(&[token("noc", Role::Viewer), token("desk", Role::Operator)]);
        assert_eq!(ended, 2);
        assert_eq!(keys.map(|key| sessions.take_up(&key, now).is_some()), [true, false, false]);
        assert_eq!(sessions.close(&keys[0]), Some("noc".to_owned()));
        assert!(sessions.take_up(&keys[0], now).is_none());
        assert_eq!(sessions.close(&keys[0]), None);
    }

    #[test]
    fn logins_without_end_fill_no_memory_and_end_no_session_of_others() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        let other = open(&mut sessions, "desk", start);
        let first = open(&mut sessions, "noc", start);
        let second = open(&mut sessions, "noc", start);
        let later = start + Duration::from_secs(1);
        assert!(sessions.take_up(&first, later).is_some());
        for _ in 0..MOST_OF_A_TOKEN - 1 {
            open(&mut sessions, "noc", later + Duration::from_secs(1));
        }
        assert_eq!(sessions.open.len(), MOST_OF_A_TOKEN + 1);
        let is_open = |sessions: &mut Sessions, key| sessions.take_up(key, later).is_some();
        assert!(!is_open(&mut sessions, &second), "not used for longest");
        assert!(is_open(&mut sessions, &first) && is_open(&mut sessions, &other));
        open(&mut sessions, "noc", start + LIFETIME);
        assert_eq!(sessions.open.len(), 1, "what is over is forgotten");
    }

    #[test]
    fn only_the_csrf_token_of_the_session_proves_a_page() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let (one, two) = (open(&mut sessions, "noc", now), open(&mut sessions, "noc", now));
        let other = sessions.take_up(&two, now).expect("open").csrf.clone();
        let session = sessions.take_up(&one, now).expect("open");
        let check = |csrf: Option<&str>, expected| assert_eq!(session.is_proven(csrf), expected, "{csrf:?}");
        check(Some(&session.csrf), true);
        check(Some(&other), false);
        check(Some(&session.csrf[1..]), false);
        check(Some(""), false);
        check(None, false);
        assert_eq!(session.csrf.len(), 43, "256 bits");
    }
}
