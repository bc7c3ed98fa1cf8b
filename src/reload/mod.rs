//! Reading the configuration again, and applying what is different.
//!
//! The whole file is read and checked first; one that is wrong changes nothing. What has changed is decided by
//! [`config::difference`], purely, and applied in one place, [`Reloading::apply`]: settings go where those look who work
//! with them, lanes and endpoints that are missing are started, endpoints that are not wanted any more end. Whatever is as
//! before is not touched.

mod actor;

pub use actor::{BeginAll, Reload, Reloader, Shelf};

use crate::api;
use crate::config::{self, Change, Config, Ema, EndpointConfig, Problems, Processing, Setting, SurgeMail};
use crate::connections::Endpoints;
use crate::connections::endpoints::ChangeError;
use crate::lease::Lease;
use crate::processors::attributes::Rules;
use crate::router::Router;
use crate::router::lanes::Lanes;
use crate::supervision::Supervisor;
use crate::telemetry::LogLevel;
use actix::Addr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::oneshot;

/// The configuration and the files that it names are read by then, or somebody has named what is no file.
const READ_LIMIT: Duration = Duration::from_secs(20);

/// What is in force, part by part.
pub struct Settings {
    pub config: Setting<Config>,
    pub rules: Setting<Rules>,
    pub processing: Setting<Processing>,
    pub servers: Setting<Vec<config::Broadworks>>,
    pub routes: Setting<Vec<config::Route>>,
    /// `None` where nothing is provisioned.
    pub ema: Option<Setting<Ema>>,
    pub surgemail: Option<Setting<SurgeMail>>,
    /// `None` where nobody is served.
    pub evapi_server: Option<Setting<config::EvapiServer>>,
    /// `None` where nobody can subscribe.
    pub evi: Option<Setting<config::Evi>>,
    /// `None` where its paths are not there.
    pub event_management: Option<Setting<config::EventManagement>>,
    /// `None` where no states are mirrored.
    pub device_state: Option<Setting<config::DeviceStates>>,
    /// Whether anything may be sent. No reload changes it.
    pub lease: Lease,
}

impl Settings {
    /// What a start puts in force.
    pub fn new(config: &Config, lease: &Lease) -> Settings {
        Settings {
            lease: lease.clone(),
            config: Setting::new(config.clone()),
            rules: Setting::new(Rules::of(config)),
            processing: Setting::new(config.processing.clone()),
            servers: Setting::new(config.broadworks.clone()),
            routes: Setting::new(config.routes.clone()),
            ema: config.ema.clone().map(Setting::new),
            surgemail: config.surgemail.clone().map(Setting::new),
            evapi_server: config.evapi_server.clone().map(Setting::new),
            evi: config.evi.clone().map(Setting::new),
            event_management: config.event_management.clone().map(Setting::new),
            device_state: config.device_state.clone().map(Setting::new),
        }
    }

    /// The endpoints that are to be connected now. A node of a cluster that is not the active one yet is connected to
    /// application servers alone, so that it misses nothing of what they send only once; whoever else hears two daemons would
    /// hear, or store, twice.
    pub fn endpoints(&self, config: &Config) -> Vec<EndpointConfig> {
        let may_act = !self.lease.is_shared() || self.lease.epoch().is_some();
        let is_first =
            |endpoint: &EndpointConfig| may_act || matches!(endpoint, EndpointConfig::Broadworks(_));
        config.endpoints().into_iter().filter(is_first).collect()
    }

    /// Puts everything in force but the endpoints, which have an order of their own.
    fn set(&self, config: &Config) {
        self.rules.set(Rules::of(config));
        self.processing.set(config.processing.clone());
        self.routes.set(config.routes.clone());
        self.ema.iter().zip(config.ema.clone()).for_each(|(setting, ema)| setting.set(ema));
        self.surgemail.iter().zip(config.surgemail.clone()).for_each(|(setting, mail)| setting.set(mail));
        self.evapi_server
            .iter()
            .zip(config.evapi_server.clone())
            .for_each(|(setting, server)| setting.set(server));
        self.evi.iter().zip(config.evi.clone()).for_each(|(setting, evi)| setting.set(evi));
        let event_management = self.event_management.iter().zip(config.event_management.clone());
        event_management.for_each(|(setting, config)| setting.set(config));
        let states = self.device_state.iter().zip(config.device_state.clone());
        states.for_each(|(setting, states)| setting.set(states));
        self.config.set(config.clone());
    }
}

/// The lanes, and who must know of another number of them.
pub struct Concurrency {
    pub lanes: Lanes,
    pub supervisor: Addr<Supervisor>,
    pub router: Addr<Router>,
}

/// Everything that a reload works on.
pub struct Reloading {
    /// `None`: there is no file to read again.
    pub file: Option<PathBuf>,
    pub log: LogLevel,
    pub settings: Settings,
    pub http: api::Settings,
    /// `None` where nothing is provisioned.
    pub concurrency: Option<Concurrency>,
    pub endpoints: Endpoints,
    pub connections: Addr<Supervisor>,
    /// What came of the last one, where it is worth a word.
    pub note: Setting<Option<String>>,
}

/// What came of a reload: the label `outcome` of `reloads_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Unchanged,
    Applied,
    /// Some of it waits for a restart.
    Partial,
    /// The file is wrong: nothing has changed.
    Refused,
    /// An endpoint is not as it should be.
    Failed,
}

impl Outcome {
    const ALL: [Outcome; 5] =
        [Outcome::Unchanged, Outcome::Applied, Outcome::Partial, Outcome::Refused, Outcome::Failed];

    fn as_str(self) -> &'static str {
        match self {
            Outcome::Unchanged => "unchanged",
            Outcome::Applied => "applied",
            Outcome::Partial => "partial",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
        }
    }

    fn count(self, by: u64) {
        metrics::counter!("eventmanager_reloads_total", "outcome" => self.as_str()).increment(by);
    }
}

impl Reloading {
    async fn reload(&mut self) -> Outcome {
        let Some(file) = self.file.clone() else {
            tracing::warn!("there is no configuration file to reload");
            return Outcome::Refused;
        };
        let (in_force, http) = (self.settings.config.get(), self.http.clone());
        // Files may be slow, or no files: on a thread of its own.
        let name = file.display().to_string();
        let (tell, told) = oneshot::channel();
        let reading = move || drop(tell.send(read(&file, &in_force, &http)));
        if let Err(error) = std::thread::Builder::new().name("reload".to_owned()).spawn(reading) {
            return self.refuse(&Problems::of_file(&name, format!("cannot be read: {error}")));
        }
        match tokio::time::timeout(READ_LIMIT, told).await {
            Ok(Ok(Ok(new))) => self.take(new).await,
            Ok(Ok(Err(problems))) => self.refuse(&problems),
            Ok(Err(_)) => self.refuse(&Problems::of_file(&name, "reading it panicked (see above)".into())),
            Err(_) => {
                let reason = format!("it, or a file that it names, cannot be read within {READ_LIMIT:?}");
                self.refuse(&Problems::of_file(&name, reason))
            }
        }
    }

    /// Begins the endpoints that have not begun.
    async fn begin_all(&mut self) -> Result<(), ChangeError> {
        let config = self.settings.config.get();
        self.endpoints.begin_new(&self.settings.endpoints(&config), &self.connections).await
    }

    fn refuse(&self, problems: &Problems) -> Outcome {
        for problem in &problems.list {
            tracing::error!(problem = format!("{}:{problem}", problems.file), "configuration refused");
        }
        tracing::error!(problems = problems.list.len(), "reload refused: nothing has changed");
        let first = problems.list.first().map(|problem| format!("{}:{problem}", problems.file));
        self.note.replace(Some(format!("reload refused: {}", first.unwrap_or_default())));
        Outcome::Refused
    }

    async fn take(&mut self, new: New) -> Outcome {
        let New { difference, warnings, http_change } = new;
        for warning in &warnings.list {
            tracing::warn!(warning = format!("{}:{warning}", warnings.file), "configuration");
        }
        difference.changes.iter().for_each(log);
        let waiting: Vec<&str> = difference
            .changes
            .iter()
            .filter(|change| change.restart.is_some())
            .map(|change| change.key.as_str())
            .collect();
        let note = (!waiting.is_empty()).then(|| format!("needs a restart: {}", waiting.join(", ")));
        let (is_partial, is_unchanged) = (note.is_some(), difference.changes.is_empty());
        if let Err(error) = self.apply(&difference.in_force, http_change).await {
            tracing::error!(%error, "reload failed: endpoints are not as they are configured");
            self.note.replace(Some(format!("reload failed: {error}")));
            return Outcome::Failed;
        }
        self.note.replace(note);
        match (is_partial, is_unchanged) {
            (true, _) => Outcome::Partial,
            (false, true) => Outcome::Unchanged,
            (false, false) => Outcome::Applied,
        }
    }

    /// Puts a configuration in force. Endpoints come last: one that ends waits until what it has read is stored.
    async fn apply(&mut self, config: &Config, http_change: api::Change) -> Result<(), ChangeError> {
        self.log.configure(&config.log.level);
        let ended = self.http.apply(http_change);
        if ended > 0 {
            tracing::info!(ended, "sessions have ended with their tokens");
        }
        self.settings.set(config);
        let Reloading { settings, concurrency, endpoints, connections, note, .. } = self;
        let lanes = async {
            if let Some(Concurrency { lanes, supervisor, router }) = concurrency {
                lanes.resize(config.processing.concurrency, supervisor, router).await;
            }
        };
        let wanted = settings.endpoints(config);
        let others = async {
            if endpoints.has_others(&wanted) {
                note.replace(Some("reload waits until what was read is stored".to_owned()));
            }
            endpoints.end_others(&wanted, connections).await?;
            settings.servers.set(config.broadworks.clone());
            endpoints.begin_new(&wanted, connections).await
        };
        tokio::join!(lanes, others).1
    }
}

/// What was read, and what it changes.
struct New {
    difference: config::Difference,
    warnings: Problems,
    http_change: api::Change,
}

/// Reads and checks everything, the files of TLS too.
fn read(file: &std::path::Path, in_force: &Config, http: &api::Settings) -> Result<New, Problems> {
    let config::Loaded { config, warnings } = config::load(file)?;
    let difference = config::difference(in_force, &config);
    let name = file.display().to_string();
    let http_change = http.prepare(&difference.in_force.http);
    let http_change = http_change.map_err(|error| Problems::of_file(&name, format!(" {error:#}")))?;
    Ok(New { difference, warnings, http_change })
}

fn log(change: &Change) {
    match change.restart {
        None => tracing::info!(%change, "configuration changed"),
        Some(reason) => tracing::warn!(%change, reason, "configuration changed: needs a restart"),
    }
}
