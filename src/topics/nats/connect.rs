//! A connection to a server of NATS, which is let go when it is lost: what comes next is decided where it was made.

use crate::config::{Nats, NatsAuth};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event};
use std::time::Duration;
use tokio::sync::watch;

/// Until a server has let us in.
const CONNECT: Duration = Duration::from_secs(5);
/// A server that answers none of two such pings is gone.
const PING: Duration = Duration::from_secs(10);

/// Where nobody listens: a client that has lost its connection tries to make another, and ends when it cannot.
const NOWHERE: &str = "nats://127.0.0.1:0";

/// A connection.
pub(super) struct Connected {
    pub client: Client,
    lost: watch::Receiver<Option<String>>,
}

impl Connected {
    /// Resolves with the reason when the connection is lost.
    pub async fn lost(&self) -> String {
        let mut lost = self.lost.clone();
        let reason = lost.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        reason.unwrap_or_else(|| "the connection was closed".to_owned())
    }
}

/// Connects to one of the servers; else why not.
pub(super) async fn connect(config: &Nats, name: &str) -> Result<Connected, String> {
    let (sender, lost) = watch::channel(None);
    let options = authorized(&config.auth).await?.name(format!("eventmanager {name}"));
    let options = match &config.ca {
        Some(ca) => options.add_root_certificates(ca.clone()),
        None => options,
    };
    let options = options
        .connection_timeout(CONNECT)
        .ping_interval(PING)
        // Each server is tried once.
        .max_reconnects(config.urls.len())
        .ignore_discovered_servers()
        .event_callback(move |event| {
            let reason = match event {
                Event::Disconnected | Event::Closed => Some("the connection was lost".to_owned()),
                Event::ServerError(error) => Some(error.to_string()),
                _ => None,
            };
            if let Some(reason) = reason {
                sender.send_if_modified(|said| said.is_none().then(|| *said = Some(reason)).is_some());
            }
            async {}
        });
    let connected = options.connect(config.urls.as_slice()).await;
    let client = connected.map_err(|error| match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            "the server does not let us in with what is configured".to_owned()
        }
        _ => error.to_string(),
    })?;
    // What the client holds of messages must not go out behind our back, and before those that we send again.
    client.set_server_pool(NOWHERE).await.map_err(|error| error.to_string())?;
    Ok(Connected { client, lost })
}

async fn authorized(auth: &NatsAuth) -> Result<ConnectOptions, String> {
    Ok(match auth {
        NatsAuth::None => ConnectOptions::new(),
        NatsAuth::Token(token) => ConnectOptions::with_token(token.expose().to_owned()),
        NatsAuth::User { username, password } => {
            ConnectOptions::with_user_and_password(username.clone(), password.expose().to_owned())
        }
        NatsAuth::Credentials(path) => ConnectOptions::with_credentials_file(path)
            .await
            .map_err(|error| format!("the credentials cannot be used: {error}"))?,
    })
}
