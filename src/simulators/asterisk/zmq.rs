//! The ZeroMQ manager module of a simulated Asterisk: what AMI is told is published on one socket, and actions are answered on another.
//!
//! ```text
//! evt  {"Event":"DeviceStateChange","Privilege":"call,all","Device":"SIP/100","State":"INUSE"}
//! cmd  → {"Action":"Setvar","ActionID":"2","Variable":"DEVICE_STATE(Custom:SIP/100)","Value":"INUSE"}
//!      ← [{"Response":"Success","ActionID":"2","Message":"Variable Set"}]
//! ```
//!
//! It answers one request after the other, on a thread of its own. Assumed: a module that has lists answers them in one reply, the items behind
//! the response.

use super::core::Shared;
use super::counts::Outcome;
use super::pbx::Change;
use crate::simulators::port::ReservedPort;
use crate::states::naming::CUSTOM_PRESENCE;
use crate::states::{DeviceState, Presence};
use crate::wire::ami::escape::escape;
use crate::wire::manager_json::Headers;
use crate::zmq::{Happening, PublishServer, Question, Replier, ServerSettings};
use bytes::Bytes;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{Notify, oneshot};
use tokio::task::LocalSet;

/// How a module is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZmqOptions {
    /// Where it takes actions, and where it publishes events; port 0 takes a free one.
    pub cmd: SocketAddr,
    pub evt: SocketAddr,
    /// Whether it answers DeviceStateList and PresenceStateList with their items; one that does not says nothing of them.
    pub has_lists: bool,
    /// Takes requests, and answers none.
    pub is_silent: bool,
}

impl Default for ZmqOptions {
    fn default() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        ZmqOptions { cmd: any, evt: any, has_lists: true, is_silent: false }
    }
}

/// A loaded module. Dropping it unloads it; it may be loaded again at the same addresses.
pub struct ZmqModule {
    cmd: ReservedPort,
    evt: ReservedPort,
    shared: Arc<Shared>,
    running: Option<Running>,
}

struct Running {
    _end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// What is to be published, for the module's thread.
#[derive(Default)]
pub(super) struct Publishing {
    events: Vec<Bytes>,
    wake: Arc<Notify>,
}

impl ZmqModule {
    /// Loads a module into an Asterisk.
    pub(super) fn load(shared: Arc<Shared>, options: ZmqOptions) -> io::Result<ZmqModule> {
        let (cmd, evt) = (ReservedPort::new(options.cmd)?, ReservedPort::new(options.evt)?);
        let mut module = ZmqModule { cmd, evt, shared, running: None };
        module.start(options)?;
        Ok(module)
    }

    /// Where it takes actions.
    pub fn cmd(&self) -> SocketAddr {
        self.cmd.addr()
    }

    /// Where it publishes events.
    pub fn evt(&self) -> SocketAddr {
        self.evt.addr()
    }

    /// Unloads it: its connections end.
    pub fn stop(&mut self) {
        let Some(Running { _end, thread }) = self.running.take() else { return };
        drop(_end);
        // A panic of it has been told.
        let _ = thread.join();
    }

    /// Loads it again, at the ports it had; it says so.
    pub fn start(&mut self, options: ZmqOptions) -> io::Result<()> {
        self.stop();
        let listen = |address| {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok::<_, io::Error>(listener)
        };
        let (cmd, evt) = (listen(self.cmd())?, listen(self.evt())?);
        let (end, ended) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        let publishing = Publishing::default();
        let wake = Arc::clone(&publishing.wake);
        shared.core().zmq = Some(publishing);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("simulated-module".to_owned()).spawn(move || {
            let work = async {
                let sockets = tokio::net::TcpListener::from_std(cmd)
                    .and_then(|cmd| Ok((cmd, tokio::net::TcpListener::from_std(evt)?)));
                match sockets {
                    Ok((cmd, evt)) => serve(cmd, evt, &shared, &wake, options, ended).await,
                    Err(error) => tracing::error!(%error, "a simulated module cannot listen"),
                }
                shared.core().zmq = None;
            };
            LocalSet::new().block_on(&runtime, work);
        })?;
        self.running = Some(Running { _end: end, thread });
        Ok(())
    }
}

impl Drop for ZmqModule {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn serve(
    cmd: tokio::net::TcpListener,
    evt: tokio::net::TcpListener,
    shared: &Shared,
    wake: &Notify,
    options: ZmqOptions,
    mut ended: oneshot::Receiver<()>,
) {
    // As many as there are: what a real one loses in a burst is not what is tested with it.
    let settings = ServerSettings { queue: 10_000_000, queue_bytes: 1 << 30, ..ServerSettings::default() };
    let mut replier = Replier::new(cmd, settings.clone());
    let mut publish = PublishServer::new(evt, settings);
    let publisher = publish.publisher();
    loop {
        tokio::select! {
            _ = &mut ended => return,
            asked = replier.next() => {
                if let Happening::Brought(question) = asked && !options.is_silent {
                    answer(question, shared, options);
                }
            }
            happening = publish.next() => {
                if let Happening::Subscribed { .. } = happening {
                    publisher.publish(&[br#"{"Event":"LoadZmq"}"#]);
                }
            }
            () = wake.notified() => {}
        }
        let events = shared.core().zmq.as_mut().map(|zmq| std::mem::take(&mut zmq.events));
        for event in events.unwrap_or_default() {
            publisher.publish(&[event]);
        }
    }
}

fn answer(question: Question, shared: &Shared, options: ZmqOptions) {
    let objects = match question.frames.as_slice() {
        [frame] => reply(frame, shared, options),
        _ => internal_error(),
    };
    let objects: Vec<String> = objects.iter().map(Headers::to_json).collect();
    // Whoever has asked may be gone.
    let _ = question.reply(&[format!("[{}]", objects.join(","))]);
}

fn internal_error() -> Vec<Headers> {
    let object = |name, value| Headers::new().with(name, value);
    vec![object("Response", "Error"), object("Message", "Internal error.")]
}

fn reply(frame: &[u8], shared: &Shared, options: ZmqOptions) -> Vec<Headers> {
    let Ok(action) = serde_json::from_slice::<Headers>(frame) else { return internal_error() };
    let value = |name: &str| action.get(name).unwrap_or_default();
    let response = |response: &str, name: &str, text: &str| {
        let object = Headers::new().with("Response", response);
        let object = match action.get("ActionID") {
            Some(id) => object.with("ActionID", id),
            None => object,
        };
        object.with(name, text)
    };
    let list = |items: Vec<Headers>, complete: &str| {
        let count = items.len().to_string();
        let complete = Headers::new().with("Event", complete).with("EventList", "Complete");
        let complete = complete.with("ListItems", &count);
        [response("Success", "EventList", "start")].into_iter().chain(items).chain([complete]).collect()
    };
    let mut core = shared.core();
    core.pbx.counts.actions += 1;
    match value("Action").to_ascii_lowercase().as_str() {
        "ping" => vec![response("Success", "Ping", "Pong")],
        "setvar" => match core.setvar(value("Variable").as_bytes(), value("Value").as_bytes()) {
            Outcome::Refused => vec![response("Error", "Message", "Variable cannot be set")],
            Outcome::Changed | Outcome::Same => vec![response("Success", "Message", "Variable Set")],
        },
        "devicestatelist" if options.has_lists => {
            let devices = core.pbx.listed();
            list(
                devices.iter().map(|(name, state)| device(name, *state)).collect(),
                "DeviceStateListComplete",
            )
        }
        "presencestatelist" if options.has_lists => {
            let presences = core.pbx.presences();
            list(presences.iter().map(|(name, it)| presence(name, it)).collect(), "PresenceStateListComplete")
        }
        _ => internal_error(),
    }
}

/// JSON has no other bytes than text: what is none is U+FFFD.
fn device(name: &[u8], state: DeviceState) -> Headers {
    let event = Headers::new().with("Event", "DeviceStateChange").with("Privilege", "call,all");
    event.with("Device", &String::from_utf8_lossy(name)).with("State", state.as_str())
}

fn presence(name: &[u8], Presence { state, subtype, message }: &Presence) -> Headers {
    let text = |bytes: &[u8]| {
        let mut escaped = Vec::new();
        escape(bytes, &mut escaped);
        String::from_utf8_lossy(&escaped).into_owned()
    };
    let event = Headers::new().with("Event", "PresenceStateChange").with("Privilege", "call,all");
    let event = event.with("Presentity", &String::from_utf8_lossy(name)).with("Status", state.as_str());
    event.with("Subtype", &text(subtype)).with("Message", &text(message))
}

impl Publishing {
    /// Has a change published.
    pub fn tell(&mut self, change: &Change<'_>) {
        let event = match change {
            Change::Device { prefix, name, state } => device(&[prefix.as_bytes(), name].concat(), *state),
            Change::Presence { name, presence: it } => {
                presence(&[CUSTOM_PRESENCE.as_bytes(), name].concat(), it)
            }
        };
        self.events.push(Bytes::from(event.to_json()));
        self.wake.notify_one();
    }
}
