//! `eventmanager evi subscribe EVENT` without a socket: this command is the subscriber.

use super::{Subscribing, ask, end, wish};
use crate::cli::client::Client;
use crate::cli::text::line;
use crate::cli::{complain, say};
use crate::wire::evi::{Event, Format, Value};
use anyhow::Context;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

/// Seconds of a subscription, where nobody says: it does not outlive a command that was killed for long.
const LIFE: u32 = 60;
/// Bytes of a datagram, at most.
const LARGEST: usize = 64 << 10;

/// What has happened.
enum News {
    Came(usize),
    Renewal,
    Interrupted,
}

/// Shows events until it is interrupted, or there were enough of them.
pub fn listen(options: &Subscribing, client: &Client) -> anyhow::Result<()> {
    let (events, mut interrupt) = client.wait(async {
        let events = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        Ok::<_, std::io::Error>((events, signal(SignalKind::interrupt())?))
    })?;
    let socket = format!("udp:{}", events.local_addr()?);
    let life = options.expire.unwrap_or(LIFE);
    ask(client, &wish(options, &socket, Some(life)))?;
    complain(&format!("subscribed {socket} to {}\n", options.event));
    let shown = show(options, client, &events, &mut interrupt, life);
    let ended = ask(client, &end(&options.event, &socket)).context("it could not be unsubscribed");
    shown.and(ended.map(drop))
}

fn show(
    options: &Subscribing,
    client: &Client,
    events: &UdpSocket,
    interrupt: &mut Signal,
    life: u32,
) -> anyhow::Result<()> {
    let socket = format!("udp:{}", events.local_addr()?);
    let most = if options.once { Some(1) } else { options.count };
    // As OpenSIPS' own subscribers do it.
    let period = Duration::from_secs(u64::from(life)) / 3;
    let (mut buffer, mut count, mut renewal) = (vec![0; LARGEST], 0, Instant::now() + period);
    while most.is_none_or(|most| count < most) {
        let news = client.wait(async {
            tokio::select! {
                _ = interrupt.recv() => Ok(News::Interrupted),
                came = events.recv(&mut buffer) => came.map(News::Came),
                () = sleep_until(renewal) => Ok(News::Renewal),
            }
        });
        match news.context("no events can be read")? {
            News::Came(length) => {
                say(&shown(&buffer[..length], options.json));
                count += 1;
            }
            News::Renewal => {
                renewal = Instant::now() + period;
                // One that is restarted is asked again the next time.
                if let Err(error) = ask(client, &wish(options, &socket, Some(life))) {
                    complain(&format!("the subscription could not be renewed: {error:#}\n"));
                }
            }
            News::Interrupted => break,
        }
    }
    Ok(())
}

/// An event as a line.
fn shown(datagram: &[u8], as_json: bool) -> String {
    let event = match Event::parse(datagram) {
        Ok(event) => event,
        Err(error) => return format!("(unreadable: {error})\n"),
    };
    if as_json {
        return format!("{}\n", String::from_utf8_lossy(&event.to_bytes(Format::Json)));
    }
    let mut text = line(&event.name);
    for param in &event.params {
        let name = param.name.as_ref().map(|name| format!("{}=", line(name))).unwrap_or_default();
        let value = match &param.value {
            Value::Integer(integer) => integer.to_string(),
            Value::Text(text) => line(text),
            Value::Null => "-".to_owned(),
        };
        text.push_str(&format!(" {name}{value}"));
    }
    text.push('\n');
    text
}
