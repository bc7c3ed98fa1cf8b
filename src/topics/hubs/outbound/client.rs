//! Asking one host.

use super::auth::Auth;
use super::resolving::{Lookup, Resolving};
use super::{Answer, Limits, Request, SendError, guard, tls};
use crate::config::EventPeer;
use crate::lease::Lease;
use crate::outbound::{LeaseOver, body, causes};
use crate::wire::event_management::{Callback, Host};
use reqwest::dns::{Addrs, Name, Resolve};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, Response};
use rustls::ClientConfig;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::time::timeout;

/// Bytes of an answer that are read.
const LARGEST: usize = 64 << 10;
/// Connections that are kept for later, at most.
const IDLE: usize = 256;
/// A connection that nobody has needed for so long is closed; servers close theirs after a minute as a rule.
const IDLE_FOR: Duration = Duration::from_secs(30);
/// Letters of a reason, which may quote what a peer says.
const LONGEST_REASON: usize = 300;

/// See the module.
pub struct Outbound {
    peer: EventPeer,
    limits: Limits,
    tls: ClientConfig,
    auth: Auth,
    resolving: Resolving,
    lease: Lease,
    /// Its connections, and the addresses to which they were made.
    client: Mutex<Option<(Vec<IpAddr>, Client)>>,
}

impl Outbound {
    /// Reads the peer's files. The error says which one cannot be used.
    pub fn new(peer: &EventPeer, limits: Limits) -> Result<Outbound, String> {
        Outbound::with_lookup(peer, limits, Resolving::of_system())
    }

    /// The same, with names that are looked up in this way.
    pub fn with_lookup(peer: &EventPeer, limits: Limits, lookup: Lookup) -> Result<Outbound, String> {
        let tls = tls::client_config(peer)?;
        // Before the whole is given up, so that it is told what it waited for.
        let of_token = Limits { total: limits.total * 9 / 10, ..limits };
        let names = Sensible(Arc::clone(&lookup));
        let tokens = || builder(&tls, of_token).dns_resolver(names).build().map_err(|error| causes(&error));
        let auth = Auth::new(&peer.auth, tokens)?;
        let name = peer.host.rsplit_once(':').map_or(&*peer.host, |(name, _)| name).to_owned();
        let (peer, resolving) = (peer.clone(), Resolving::new(name, lookup));
        let lease = Lease::unlimited();
        Ok(Outbound { peer, limits, tls, auth, resolving, lease, client: Mutex::default() })
    }

    /// It asks only while this is held.
    pub fn governed_by(self, lease: Lease) -> Outbound {
        Outbound { lease, ..self }
    }

    /// The peer as it was configured.
    pub fn peer(&self) -> &EventPeer {
        &self.peer
    }

    /// How long its requests may take.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Asks once; where a token is refused it is got anew, and asked once more.
    pub async fn send(&self, request: Request<'_>) -> Result<Answer, SendError> {
        self.check(request.url)?;
        match timeout(self.limits.total, self.exchange(&request)).await {
            Ok(answered) => Ok(read(answered?).await),
            Err(_) => Err(SendError::Late { host: self.host(), within: self.limits.total }),
        }
    }

    /// Whether this may be asked here at all.
    fn check(&self, url: &Callback) -> Result<(), SendError> {
        let refused = |reason| Err(SendError::NotAllowed { host: self.host(), reason });
        if url.authority() != self.peer.host {
            return refused("the URL is of another host");
        }
        if !url.is_https && !self.peer.allow_http {
            return refused("http without TLS is not allowed");
        }
        Ok(())
    }

    /// The addresses of this URL, if all of them may be connected to.
    pub async fn addresses(&self, url: &Callback) -> Result<Vec<IpAddr>, SendError> {
        let addresses = match &url.host {
            Host::Ip(address) => vec![*address],
            Host::Name(_) => {
                let found = self.resolving.addresses().await;
                found.map_err(|reason| SendError::Unresolved { host: self.host(), reason: short(reason) })?
            }
        };
        match guard::check(&addresses, self.peer.allow_private) {
            Ok(()) => Ok(addresses),
            Err((address, what)) => Err(SendError::Address { host: self.host(), address, what }),
        }
    }

    async fn exchange(&self, request: &Request<'_>) -> Result<Response, SendError> {
        // A token is asked for by who may send alone.
        if !self.lease.allows("request") {
            return Err(self.not_ours());
        }
        let client = self.client(self.addresses(request.url).await?)?;
        let no_token = |reason| SendError::NoToken { host: self.host(), reason: short(reason) };
        let header = self.auth.header().await.map_err(no_token)?;
        let response = self.ask(&client, request, header.as_ref()).await?;
        if response.status() != reqwest::StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let Some(refused) = header else { return Ok(response) };
        match self.auth.renewed(&refused).await.map_err(no_token)? {
            Some(renewed) => self.ask(&client, request, Some(&renewed)).await,
            None => Ok(response),
        }
    }

    async fn ask(
        &self,
        client: &Client,
        request: &Request<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, SendError> {
        if !self.lease.allows("request") {
            return Err(self.not_ours());
        }
        let mut headers = request.headers.clone();
        authorization.map(|header| headers.insert(AUTHORIZATION, header.clone()));
        let asked = client.request(request.method.clone(), &request.url.url).headers(headers);
        asked.body(body(request.body.clone(), &self.lease)).send().await.map_err(|error| self.failure(error))
    }

    /// Connections to these addresses: those that there are, or new ones where the addresses have changed.
    fn client(&self, addresses: Vec<IpAddr>) -> Result<Client, SendError> {
        let mut kept = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((before, client)) = &*kept
            && *before == addresses
        {
            return Ok(client.clone());
        }
        let built = builder(&self.tls, self.limits).dns_resolver(Pinned(addresses.clone())).build();
        let client = built.map_err(|error| self.failure(error))?;
        *kept = Some((addresses, client.clone()));
        Ok(client)
    }

    fn failure(&self, error: reqwest::Error) -> SendError {
        if LeaseOver::is_cause_of(&error) {
            return self.not_ours();
        }
        let (host, is_connect, is_late) = (self.host(), error.is_connect(), error.is_timeout());
        let reason = short(causes(&error.without_url()));
        match (is_connect, is_late) {
            (true, _) => SendError::NoConnection { host, reason },
            (false, true) => SendError::Late { host, within: self.limits.total },
            (false, false) => SendError::Failed { host, reason },
        }
    }

    fn not_ours(&self) -> SendError {
        SendError::NoConnection { host: self.host(), reason: LeaseOver.to_string() }
    }

    fn host(&self) -> String {
        self.peer.host.clone()
    }
}

/// What has begun to come counts: the rest is read as far as it comes within the time, and is not waited for after that.
async fn read(mut response: Response) -> Answer {
    let headers = response.headers();
    let mut answer = Answer {
        status: response.status().as_u16(),
        retry_after: retry_after(headers, SystemTime::now()),
        body: Vec::new(),
        is_whole: false,
        location: headers.get(LOCATION).and_then(|it| it.to_str().ok()).map(str::to_owned),
    };
    // The client ends it with its time. An answer that is not whole takes its connection with it.
    while let Ok(chunk) = response.chunk().await {
        let Some(chunk) = chunk else {
            answer.is_whole = true;
            break;
        };
        let room = LARGEST - answer.body.len();
        answer.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            break;
        }
    }
    answer
}

fn builder(tls: &ClientConfig, limits: Limits) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .connect_timeout(limits.connect.min(limits.total))
        .timeout(limits.total)
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(IDLE)
        .pool_idle_timeout(IDLE_FOR)
        .tcp_nodelay(true)
        .no_proxy()
}

/// Gives the addresses that were checked, and no others.
struct Pinned(Vec<IpAddr>);

impl Resolve for Pinned {
    fn resolve(&self, _: Name) -> reqwest::dns::Resolving {
        // The port is that of the URL.
        let addresses: Vec<SocketAddr> = self.0.iter().map(|address| (*address, 0).into()).collect();
        Box::pin(async move { Ok(Box::new(addresses.into_iter()) as Addrs) })
    }
}

/// How long a peer wants to be left alone: in seconds, or until a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Of more digits than fit it is for ever.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date: SystemTime = OffsetDateTime::parse(text, &Rfc2822).ok()?.into();
    Some(date.duration_since(now).unwrap_or_default())
}

/// Of the name that the configuration has for a server of tokens: no address that nobody could mean.
struct Sensible(Lookup);

impl Resolve for Sensible {
    fn resolve(&self, name: Name) -> reqwest::dns::Resolving {
        let found = (self.0)(name.as_str().to_owned());
        Box::pin(async move {
            let addresses = found.await?;
            for address in &addresses {
                guard::check_configured(*address)
                    .map_err(|what| format!("{address} is {what}, where nothing is sent"))?;
            }
            let addresses: Vec<SocketAddr> =
                addresses.into_iter().map(|address| (address, 0).into()).collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn short(mut reason: String) -> String {
    if let Some((end, _)) = reason.char_indices().nth(LONGEST_REASON) {
        reason.truncate(end);
        reason.push('…');
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_says_in_seconds_or_with_a_date_how_long_it_wants_to_be_left_alone() {
        let check = |text: &str, expected: Option<u64>| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(text).expect("text"))]);
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_400);
            assert_eq!(retry_after(&headers, now).map(|wanted| wanted.as_secs()), expected, "{text}");
        };
        check("120", Some(120));
        check(" 0 ", Some(0));
        check("Wed, 21 Oct 2015 07:28:00 GMT", Some(80));
        check("Wed, 21 Oct 2015 07:20:00 GMT", Some(0));
        check("-1", None);
        check("soon", None);
        check("99999999999999999999999", Some(u64::MAX));
        check("", None);
    }

    #[test]
    fn what_a_peer_says_is_cut() {
        assert_eq!(short("é".repeat(400)).chars().count(), LONGEST_REASON + 1);
        assert_eq!(short("short".to_owned()), "short");
    }
}
