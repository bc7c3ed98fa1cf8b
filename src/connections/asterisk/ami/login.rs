//! From the banner to the login.
//!
//! ```text
//! ← Asterisk Call Manager/13.0.0
//! → Action: Challenge          AuthType: MD5
//! ← Response: Success          Challenge: 200423041
//! → Action: Login              AuthType: MD5, Username: …, Key: the hash of challenge and secret, Events: on
//! ← Response: Success
//! ```
//!
//! A login that is refused is answered without an id, and the connection is closed. Whatever the peer says in it is told without the secret
//! and its hash, which it has just been sent.

use super::stream::{Reading, Writing};
use crate::config::{Ami, AmiLogin};
use crate::wire::Secret;
use crate::wire::ami::{Action, ActionError, Decoder, Kind, Message, is_banner};
use bytes::BytesMut;
use md5::{Digest, Md5};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Letters of what a peer says that are of use.
const SHOWN: usize = 200;
/// What is said where somebody is logged in already under this name, and may be only once. It may be a session of ours that the server
/// has not given up yet.
const IN_USE: &str = "already in use";

/// Why there is no session.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The server does not let us in with what is configured.
    #[error("the login is refused: {0}")]
    Refused(String),
    #[error("not AMI: it begins with {0:?}")]
    NotAmi(String),
    #[error("{0}")]
    Failed(String),
}

impl From<ActionError> for LoginError {
    fn from(error: ActionError) -> Self {
        LoginError::Failed(error.to_string())
    }
}

/// Logs in as `ami` says; each answer has `limit`. What has come behind the last one stays in `decoder`.
pub async fn log_in(
    read: &mut Reading,
    write: &mut Writing,
    decoder: &mut Decoder,
    ami: &Ami,
    limit: Duration,
    prefix: &str,
) -> Result<(), LoginError> {
    let mut dialogue = Dialogue { read, write, decoder, limit, secrets: vec![ami.secret.clone()] };
    dialogue.banner().await?;
    let id = |step: &str| format!("{prefix}{step}");
    let login = Action::new("Login", &id("login"))?.header("Username", &ami.username)?;
    let login = match ami.login {
        AmiLogin::Plain => login.header("Secret", ami.secret.expose())?,
        AmiLogin::Md5 => {
            let challenge = Action::new("Challenge", &id("challenge"))?.header("AuthType", "MD5")?;
            let answer = dialogue.ask(&challenge, &id("challenge")).await?;
            let challenge = answer.get("Challenge").unwrap_or_default();
            let key = key(challenge, ami.secret.expose());
            dialogue.secrets.extend([Secret::new(key.clone()), Secret::new(key.to_uppercase())]);
            login.header("AuthType", "MD5")?.header("Key", key)?
        }
    };
    dialogue.ask(&login.header("Events", "on")?, &id("login")).await?;
    Ok(())
}

/// The secret, as the challenge wants to see it.
fn key(challenge: &[u8], secret: &str) -> String {
    let hash = Md5::new().chain_update(challenge).chain_update(secret).finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Dialogue<'d> {
    read: &'d mut Reading,
    write: &'d mut Writing,
    decoder: &'d mut Decoder,
    limit: Duration,
    /// What nothing that is told of this may quote.
    secrets: Vec<Secret>,
}

impl Dialogue<'_> {
    async fn banner(&mut self) -> Result<(), LoginError> {
        let limit = self.limit;
        let line = async {
            loop {
                let failed = |error| LoginError::Failed(format!("not AMI: it begins with {error}"));
                if let Some(line) = self.decoder.next_line().map_err(failed)? {
                    return Ok::<_, LoginError>(line);
                }
                self.more("before its banner").await?;
            }
        };
        let line = timeout(limit, line).await;
        let line = line.map_err(|_| LoginError::Failed(format!("no banner within {limit:?}")))??;
        if is_banner(&line) { Ok(()) } else { Err(LoginError::NotAmi(self.shown(&line))) }
    }

    /// Sends an action and reads until its answer, which must be good.
    async fn ask(&mut self, action: &Action, id: &str) -> Result<Message, LoginError> {
        let limit = self.limit;
        let answer = timeout(limit, self.exchange(action, id)).await;
        let answer = answer
            .map_err(|_| LoginError::Failed(format!("the login is not answered within {limit:?}")))??;
        if answer.text("Response").is_some_and(|it| it.eq_ignore_ascii_case("Success")) {
            return Ok(answer);
        }
        let message = answer.get("Message").unwrap_or_default();
        // As it came: a short secret may stand in these words.
        let is_in_use = String::from_utf8_lossy(message).to_ascii_lowercase().contains(IN_USE);
        let message = self.shown(message);
        match is_in_use {
            true => Err(LoginError::Failed(message)),
            false => Err(LoginError::Refused(message)),
        }
    }

    fn shown(&self, text: &[u8]) -> String {
        shown(text, &self.secrets)
    }

    async fn exchange(&mut self, action: &Action, id: &str) -> Result<Message, LoginError> {
        let mut bytes = BytesMut::new();
        action.encode(&mut bytes);
        let failed = |error: std::io::Error| LoginError::Failed(error.to_string());
        self.write.write_all(&bytes).await.map_err(failed)?;
        self.write.flush().await.map_err(failed)?;
        loop {
            let failed = |error: crate::wire::ami::AmiError| LoginError::Failed(error.to_string());
            while let Some(message) = self.decoder.next_message().map_err(failed)? {
                if is_answer(&message, id) {
                    return Ok(message);
                }
            }
            self.more("within the login").await?;
        }
    }

    async fn more(&mut self, place: &str) -> Result<(), LoginError> {
        match self.read.read_buf(self.decoder.buffer_mut()).await {
            Ok(0) => Err(LoginError::Failed(format!("closed by the peer {place}"))),
            Ok(_) => Ok(()),
            Err(error) => Err(LoginError::Failed(format!("{error}, {place}"))),
        }
    }
}

/// A refusal has no id.
fn is_answer(message: &Message, id: &str) -> bool {
    message.kind() == Kind::Response
        && match message.get("ActionID") {
            Some(its) => its == id.as_bytes(),
            None => message.text("Response").is_some_and(|it| it.eq_ignore_ascii_case("Error")),
        }
}

/// What a peer says, for the log, without these: it may be anything.
pub fn shown(text: &[u8], secrets: &[Secret]) -> String {
    let text = String::from_utf8_lossy(text).into_owned();
    let text = secrets.iter().fold(text, |text, secret| secret.take_out(&text));
    text.chars().take(SHOWN).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_hash_of_challenge_and_secret() {
        assert_eq!(key(b"200423041", "s3cret"), "848aad690865f21ce15aa2aee77ad868");
    }

    #[test]
    fn what_a_peer_says_is_shown_without_the_secret_that_it_quotes() {
        let secrets = [Secret::new("s3\"cret"), Secret::new("848aad69")];
        let check = |said: &str, expected: &str| assert_eq!(shown(said.as_bytes(), &secrets), expected);
        check("no, s3\"cret is wrong", "no, *** is wrong");
        check("key 848aad69\u{1b}[1m", "key ***\\u{1b}[1m");
        // What is cut is cut behind it.
        check(&format!("{}s3\"cret", "x".repeat(SHOWN - 2)), &format!("{}**", "x".repeat(SHOWN - 2)));
    }
}
