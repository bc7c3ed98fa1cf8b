//! How we show to a peer who we are: nothing, a password, a token, or a token that has to be got first (OAuth 2.0 client credentials,
//! RFC 6749, 4.4).

use crate::config::PeerAuth;
use crate::failpoints;
use crate::outbound::{causes, read_limited};
use crate::wire::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Bytes of the answer of a token server.
const LARGEST: usize = 64 << 10;
/// A token that does not say how long it lasts is got anew after so long.
const LASTS: Duration = Duration::from_secs(3_600);
/// A token is not used when so little of its time is left, or a tenth of it where that is less.
const MARGIN: Duration = Duration::from_secs(30);
/// Who waits for a token that could not be got is told so, instead of asking again.
const FAILURE_SHARED: Duration = Duration::from_secs(1);

/// See the module.
pub enum Auth {
    /// Nothing, or the certificate of the connection.
    None,
    Fixed(HeaderValue),
    OAuth2(Tokens),
}

/// The tokens of one peer, one after the other.
pub struct Tokens {
    client: reqwest::Client,
    url: String,
    credentials: HeaderValue,
    scope: Option<String>,
    /// Held while one is got: that happens once, however many wait.
    latest: Mutex<Latest>,
}

#[derive(Default)]
enum Latest {
    #[default]
    Nothing,
    Token {
        header: HeaderValue,
        until: Instant,
    },
    Failed {
        at: Instant,
        reason: String,
    },
}

/// The answer of a token server (RFC 6749, 5.1).
#[derive(Deserialize)]
struct Granted {
    access_token: Secret,
    token_type: String,
    expires_in: Option<f64>,
}

/// Its refusal (RFC 6749, 5.2).
#[derive(Deserialize)]
struct Refused {
    error: String,
}

impl Auth {
    /// `client` asks for tokens, where there are any to be asked for.
    pub fn new(
        auth: &PeerAuth,
        client: impl FnOnce() -> Result<reqwest::Client, String>,
    ) -> Result<Auth, String> {
        Ok(match auth {
            PeerAuth::None | PeerAuth::Mtls { .. } => Auth::None,
            PeerAuth::Basic { username, password } => Auth::Fixed(basic(username, password.expose())?),
            PeerAuth::Bearer(token) => Auth::Fixed(bearer(token)?),
            PeerAuth::OAuth2 { token_url, client_id, client_secret, scope } => Auth::OAuth2(Tokens {
                client: client()?,
                url: token_url.clone(),
                credentials: basic(&encoded(client_id), &encoded(client_secret.expose()))?,
                scope: scope.clone(),
                latest: Mutex::default(),
            }),
        })
    }

    /// What a request carries.
    pub async fn header(&self) -> Result<Option<HeaderValue>, String> {
        match self {
            Auth::None => Ok(None),
            Auth::Fixed(header) => Ok(Some(header.clone())),
            Auth::OAuth2(tokens) => tokens.get(None).await.map(Some),
        }
    }

    /// What to try once more with where this was refused; `None`: there is nothing else.
    pub async fn renewed(&self, refused: &HeaderValue) -> Result<Option<HeaderValue>, String> {
        match self {
            Auth::None | Auth::Fixed(_) => Ok(None),
            Auth::OAuth2(tokens) => tokens.get(Some(refused)).await.map(Some),
        }
    }
}

impl Tokens {
    /// One that is good still and is another than that which was refused.
    async fn get(&self, refused: Option<&HeaderValue>) -> Result<HeaderValue, String> {
        let mut latest = self.latest.lock().await;
        match &*latest {
            Latest::Token { header, until } if Some(header) != refused && Instant::now() < *until => {
                return Ok(header.clone());
            }
            Latest::Failed { at, reason } if at.elapsed() < FAILURE_SHARED => return Err(reason.clone()),
            _ => {}
        }
        match self.ask().await {
            Ok((header, until)) => {
                *latest = Latest::Token { header: header.clone(), until };
                Ok(header)
            }
            Err(reason) => {
                *latest = Latest::Failed { at: Instant::now(), reason: reason.clone() };
                Err(reason)
            }
        }
    }

    async fn ask(&self) -> Result<(HeaderValue, Instant), String> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &self.scope {
            form.append_pair("scope", scope);
        }
        let asked = Instant::now();
        let request = self.client.post(&self.url).header(AUTHORIZATION, self.credentials.clone());
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = request.header(ACCEPT, "application/json").body(form.finish());
        let failed = |error: reqwest::Error| causes(&error.without_url());
        failpoints::pass("peer.token.before").await;
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let body = read_limited(response, LARGEST).await.map_err(failed)?;
        failpoints::pass("peer.token.after").await;
        if !status.is_success() {
            return Err(refusal(status.as_u16(), &body));
        }
        // What is wrong with it may quote it.
        let granted: Granted =
            serde_json::from_slice(&body).map_err(|_| "its answer holds no token".to_owned())?;
        if !granted.token_type.eq_ignore_ascii_case("bearer") {
            return Err("its token is none for a bearer".to_owned());
        }
        Ok((bearer(&granted.access_token)?, asked + lasts(granted.expires_in)))
    }
}

fn refusal(status: u16, body: &[u8]) -> String {
    let word = serde_json::from_slice::<Refused>(body).ok().map(|refused| refused.error);
    // Of what it says only what cannot be a secret: the codes of the specification.
    let is_code = |word: &String| {
        word.len() <= 40 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    match word.filter(is_code) {
        Some(word) => format!("HTTP status {status}, {word}"),
        None => format!("HTTP status {status}"),
    }
}

/// How long a token is used that is said to last so many seconds.
fn lasts(expires_in: Option<f64>) -> Duration {
    let whole = expires_in.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(LASTS);
    // Longer than anybody means it; an `Instant` has an end.
    let whole = whole.min(LASTS * 24);
    whole - MARGIN.min(whole / 10)
}

fn basic(username: &str, password: &str) -> Result<HeaderValue, String> {
    secret(&format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))))
}

fn bearer(token: &Secret) -> Result<HeaderValue, String> {
    secret(&format!("Bearer {}", token.expose()))
}

fn secret(text: &str) -> Result<HeaderValue, String> {
    let mut header =
        HeaderValue::from_str(text).map_err(|_| "its token cannot stand in a header".to_owned())?;
    header.set_sensitive(true);
    Ok(header)
}

/// Id and secret are encoded before they are joined (RFC 6749, 2.3.1).
fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_used_until_shortly_before_its_end() {
        let check = |expires_in: Option<f64>, expected: u64| {
            assert_eq!(lasts(expires_in).as_secs(), expected, "{expires_in:?}");
        };
        check(Some(3_600.0), 3_570);
        check(Some(100.0), 90);
        check(Some(0.0), 0);
        check(None, 3_570);
        check(Some(-1.0), 3_570);
        check(Some(f64::INFINITY), 3_570);
        check(Some(1e18), 86_370);
    }

    #[test]
    fn a_refusal_says_only_what_cannot_be_a_secret() {
        let check =
            |body: &str, expected: &str| assert_eq!(refusal(401, body.as_bytes()), expected, "{body}");
        check(r#"{"error":"invalid_client"}"#, "HTTP status 401, invalid_client");
        check(r#"{"error":"the secret s3cret is wrong"}"#, "HTTP status 401");
        check("<html>", "HTTP status 401");
    }

    #[test]
    fn a_password_or_token_is_sent_as_its_specification_says_and_is_not_shown() {
        let header = basic("Aladdin", "open sesame").expect("a header");
        assert_eq!(header, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(!format!("{header:?}").contains("QWx"), "{header:?}");
        assert_eq!(bearer(&Secret::new("abc")).expect("a header"), "Bearer abc");
        assert!(bearer(&Secret::new("a\nb")).is_err());
        assert_eq!(encoded("a b:c"), "a+b%3Ac");
    }
}
