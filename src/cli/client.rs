//! The daemon's HTTP API as the commands use it: where it is, who asks, and what can go wrong, in clear words.

use super::text::tidy;
use crate::api::acts::OPERATOR_HEADER;
use crate::config;
use crate::outbound::read_limited;
use crate::wire::Secret;
use anyhow::{Context, anyhow, bail};
use clap::Args;
use reqwest::{Certificate, Method, StatusCode, Url};
use serde_json::Value;
use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The daemon itself gives up sooner.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Whoever answers more than this is no daemon of ours, in bytes.
const LONGEST: usize = 16 << 20;
/// What the HTTP client says of an answer that is none, such as the alert of a TLS server.
const NO_HTTP: &str = "invalid HTTP version";
/// What the verifier calls a certificate of an authority that a server shows as its own.
const CA_AS_SERVER: &str = "CaUsedAsEndEntity";
/// The token, where there is no file of it.
const TOKEN_VARIABLE: &str = "EVENTMANAGER_TOKEN";

/// Where the daemon is and who asks.
#[derive(Debug, Args)]
pub struct ClientOptions {
    /// Configuration file of the daemon, for its address [default: /etc/eventmanager/eventmanager.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address of the daemon [default: as the configuration file says]
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// File with the token to show [default: the environment's EVENTMANAGER_TOKEN]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// PEM file with the certificate to trust where the daemon serves TLS [default: those of the system]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Nobody listens where the daemon should be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoDaemon(String);

/// The daemon has understood, and does not do it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    pub status: StatusCode,
    /// What it says, as RFC 9457 has it; null where it says nothing of the kind.
    pub problem: Value,
    message: String,
}

impl Refused {
    /// What is not there.
    pub fn missing(message: String) -> Refused {
        Refused { status: StatusCode::NOT_FOUND, problem: Value::Null, message }
    }

    /// Why, in the daemon's words.
    pub fn detail(&self) -> &str {
        self.problem["detail"].as_str().unwrap_or("no reason given")
    }
}

/// Asks one daemon.
pub struct Client {
    url: Url,
    token: Option<Secret>,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl ClientOptions {
    /// A client; nothing is connected yet.
    pub fn client(&self) -> anyhow::Result<Client> {
        let url = self.address()?;
        let mut client = reqwest::Client::builder();
        if let Some(file) = &self.ca {
            let shown = file.display();
            let pem = std::fs::read(file).with_context(|| format!("--ca {shown}"))?;
            let trusted = Certificate::from_pem_bundle(&pem).with_context(|| format!("--ca {shown}"))?;
            if trusted.is_empty() {
                bail!("--ca {shown} holds no certificate");
            }
            client = client.tls_certs_only(trusted);
        } else if url.scheme() == "http" {
            // Without TLS there may be no certificates on the host, and none are needed.
            client = client.tls_certs_only([]);
        }
        let client = client
            .connect_timeout(CONNECT_LIMIT)
            .timeout(ANSWER_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .context("the HTTP client")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Client { url, token: self.token()?, client, runtime })
    }

    /// Where the daemon's configuration is.
    pub fn config(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(super::CONFIG))
    }

    /// Whether the daemon that is asked is the one of [`Self::config`], as far as that can be known.
    pub fn has_config(&self) -> bool {
        self.url.is_none() || self.config.is_some()
    }

    fn address(&self) -> anyhow::Result<Url> {
        if let Some(url) = &self.url {
            if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
                bail!("--url {url} is not http://HOST:PORT or https://HOST:PORT");
            }
            return Ok(url.clone());
        }
        let config::HttpAddress { mut listen, tls } = config::load_http_address(self.config())
            .context("the address of the daemon is not known (--url says it, too)")?;
        // Who listens everywhere is asked here.
        match listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => listen.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        if listen.port() == 0 {
            bail!("http.listen has port 0, a port that only the daemon's log tells: give it with --url");
        }
        let scheme = if tls { "https" } else { "http" };
        Url::parse(&format!("{scheme}://{listen}")).context("the address of the daemon")
    }

    fn token(&self) -> anyhow::Result<Option<Secret>> {
        let text = match &self.token_file {
            Some(file) => {
                std::fs::read_to_string(file).with_context(|| format!("--token-file {}", file.display()))?
            }
            None => std::env::var(TOKEN_VARIABLE).unwrap_or_default(),
        };
        let token = text.trim();
        if token.is_empty() && self.token_file.is_some() {
            bail!("--token-file names an empty file");
        }
        Ok((!token.is_empty()).then(|| Secret::new(token)))
    }
}

impl Client {
    /// `GET path`: what it says.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, None)
    }

    /// `POST path`, an act.
    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.post_text(path, body.to_string())
    }

    /// The same with a body as it is written.
    pub fn post_text(&self, path: &str, body: String) -> anyhow::Result<Value> {
        self.ask(Method::POST, path, Some(body))
    }

    /// `DELETE path`: the end of what is there.
    pub fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::DELETE, path, None)
    }

    /// Waits on the runtime of the client.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    fn ask(&self, method: Method, path: &str, body: Option<String>) -> anyhow::Result<Value> {
        let url = self.url.join(path).with_context(|| format!("{} and {path}", self.url))?;
        let mut request = self.client.request(method, url.clone());
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        } else if let Some(user) = user() {
            request = request.header(OPERATOR_HEADER, user);
        }
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body);
        }
        let (status, text) = self
            .runtime
            .block_on(async {
                let answer = request.send().await?;
                Ok::<_, reqwest::Error>((answer.status(), read_limited(answer, LONGEST).await?))
            })
            .map_err(|error| self.no_answer(error))?;
        let text = String::from_utf8_lossy(&text);
        if !status.is_success() {
            return Err(self.refused(status, &text));
        }
        serde_json::from_str(&text).with_context(|| format!("{url} does not answer as eventmanager does"))
    }

    fn no_answer(&self, error: reqwest::Error) -> anyhow::Error {
        let (url, connecting) = (self.url.as_str().trim_end_matches('/'), error.is_connect());
        let (absent, distrust) = (is_refused(&error), distrust(&error));
        // The URL is named once.
        let reason = format!("{:#}", anyhow!(error.without_url()));
        if let Some(advice) = distrust {
            return anyhow!("{url} is not trusted: {reason}; {advice}");
        }
        if !connecting {
            let hint = match self.url.scheme() {
                "http" if reason.contains(NO_HTTP) => {
                    "; does it serve TLS? Then its URL begins with https://"
                }
                _ => "",
            };
            return anyhow!("{url} gave no answer: {reason}{hint}");
        }
        let message = format!(
            "no daemon answers at {url}: {reason}\n\
             is it running? systemctl start eventmanager, or eventmanager run --config FILE"
        );
        if absent { NoDaemon(message).into() } else { anyhow!(message) }
    }

    fn refused(&self, status: StatusCode, said: &str) -> anyhow::Error {
        let url = self.url.as_str().trim_end_matches('/');
        let mut refused = Refused {
            status,
            problem: tidy(&serde_json::from_str(said).unwrap_or_default()),
            message: String::new(),
        };
        let detail = refused.detail();
        refused.message = match (status, &self.token) {
            (StatusCode::UNAUTHORIZED, None) => {
                format!("{url} wants a token: --token-file FILE, or {TOKEN_VARIABLE} in the environment")
            }
            (StatusCode::UNAUTHORIZED, Some(_)) => format!("{url} does not know this token"),
            (StatusCode::FORBIDDEN, _) => format!("{url} does not allow that: {detail}"),
            _ => format!("{url} says {status}: {detail}"),
        };
        refused.into()
    }
}

/// What went wrong below the HTTP client, from the outside to the inside.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| match cause.downcast_ref::<io::Error>() {
        // Its `source` passes over what is in it.
        Some(error) => error.get_ref().map(|inside| inside as &(dyn Error + 'static)),
        None => cause.source(),
    })
}

/// Whether nothing listens at the address, which is how a daemon that is down looks.
fn is_refused(error: &reqwest::Error) -> bool {
    let mut errors = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
    errors.any(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// What to do where TLS is the reason; `None` where it is not.
fn distrust(error: &reqwest::Error) -> Option<&'static str> {
    causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()).map(advice)
}

fn advice(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError::*;
    let rustls::Error::InvalidCertificate(reason) = error else {
        return match error {
            rustls::Error::InvalidMessage(_) => "does it serve TLS? Without it its URL begins with http://",
            _ => "--ca FILE names the certificate to trust",
        };
    };
    match reason {
        NotValidForName | NotValidForNameContext { .. } => {
            "the certificate is for another name: --url https://NAME:PORT asks by one that is in it"
        }
        Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => {
            "renew it, or set the clock of this host"
        }
        // What `openssl req -x509` makes unless told otherwise.
        Other(other) if other.to_string().contains(CA_AS_SERVER) => {
            "it is the certificate of an authority (CA:TRUE) and no server's: make one with \"CA:FALSE\", as \
             docs/operations.md has it, or have the authority sign one for the server"
        }
        _ => "--ca FILE names the certificate to trust",
    }
}

/// The name of who runs the command, also behind sudo.
fn user() -> Option<String> {
    let mut names = ["SUDO_USER", "USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    let plain = |name: &String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    names.find(plain)
}
