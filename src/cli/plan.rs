//! `eventmanager plan`: what documents, or a stored event, would send.

use super::text::line;
use super::{complain, foreseen, say};
use crate::api::event_plan;
use crate::config::{self, Config, Database};
use crate::preview::{Foreseen, Preview, Prospect};
use crate::store::{self, Store};
use crate::wire::ocir::{Command, Document, Framer, Notification};
use anyhow::{Context, bail};
use clap::Args;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// What is read of a file at once.
const CHUNK: usize = 64 << 10;
/// A document larger than this is not read.
const MAX_DOCUMENT: usize = 16 << 20;

#[derive(Args)]
pub struct Options {
    /// OCI-R documents, one after the other; - is standard input
    #[arg(required_unless_present = "event")]
    file: Option<PathBuf>,
    /// Instead of a file: the event with this id
    #[arg(long, value_name = "ID", conflicts_with = "file")]
    event: Option<i64>,
    /// Configuration file: TOML, or an em.ini of the Erlang release
    #[arg(long, value_name = "FILE", default_value = super::CONFIG)]
    config: PathBuf,
    /// Plan as if nobody were known, without reading the database
    #[arg(long, conflicts_with = "event")]
    no_store: bool,
    /// Print JSON, one line for each command
    #[arg(long)]
    json: bool,
}

/// Prints what would be sent; exit code 1 where something cannot be read or would fail.
pub fn plan(options: &Options) -> anyhow::Result<ExitCode> {
    let config = Arc::new(config::load(&options.config)?.config);
    actix_rt::System::new().block_on(async {
        let store = match options.no_store || !exists(&config.store.subscribers) {
            true => None,
            // Nothing of it is run that writes: it is only read.
            false => Some(store::open(&config.store)?.0),
        };
        let mut printer = Printer {
            preview: Preview::new(config.clone(), store.clone()),
            json: options.json,
            all_well: true,
        };
        match (&options.file, options.event, store) {
            (None, Some(id), Some(store)) => printer.event(config, &store, id).await?,
            (Some(file), _, _) => printer.file(file, &config).await?,
            (None, Some(id), None) => bail!("there is no event {id}"),
            (None, None, _) => bail!("a file or --event is needed"),
        }
        Ok(if printer.all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// Whether there is a database as yet: before the daemon's first start nobody is known.
fn exists(database: &Database) -> bool {
    match database {
        Database::Sqlite(path) if !path.exists() => {
            complain(&format!("{}: there is no database yet, so nobody is known\n", path.display()));
            false
        }
        Database::Sqlite(_) | Database::Postgres(_) => true,
    }
}

struct Printer {
    preview: Preview,
    json: bool,
    all_well: bool,
}

impl Printer {
    async fn event(&mut self, config: Arc<Config>, store: &Store, id: i64) -> anyhow::Result<()> {
        let event = store.event(id).await?.with_context(|| format!("there is no event {id}"))?;
        let foreseen = event_plan::foresee(config, store, &event).await;
        let foreseen = foreseen.with_context(|| format!("event {id} cannot be planned"))?;
        self.tell(&format!("event {id}"), &foreseen)
    }

    async fn file(&mut self, path: &Path, config: &Config) -> anyhow::Result<()> {
        let mut input: Box<dyn Read> = match path == Path::new("-") {
            true => Box::new(std::io::stdin()),
            false => Box::new(std::fs::File::open(path).with_context(|| path.display().to_string())?),
        };
        let largest = config.broadworks.iter().map(|server| server.max_document).max();
        let mut framer = Framer::new(largest.unwrap_or(MAX_DOCUMENT).max(MAX_DOCUMENT));
        let (mut chunk, mut documents) = (vec![0; CHUNK], 0);
        loop {
            let read = input.read(&mut chunk).with_context(|| path.display().to_string())?;
            framer.push(&chunk[..read]);
            loop {
                match framer.next_frame() {
                    Ok(Some(frame)) => {
                        documents += 1;
                        self.document(documents, &frame).await?;
                    }
                    Ok(None) => break,
                    Err(error) => self.cannot(&format!("after document {documents}"), &error.to_string()),
                }
            }
            if read == 0 {
                break;
            }
        }
        if !framer.unfinished().trim_ascii().is_empty() {
            self.cannot(
                &format!("after document {documents}"),
                "what stands at the end is no whole document",
            );
        }
        if documents == 0 {
            bail!("{} holds no OCI-R document", path.display());
        }
        Ok(())
    }

    async fn document(&mut self, number: usize, frame: &[u8]) -> anyhow::Result<()> {
        let place = format!("document {number}");
        let notifications = match Document::parse(frame).content {
            Ok(notifications) => notifications,
            Err(error) => {
                self.cannot(&place, &error.to_string());
                return Ok(());
            }
        };
        for notification in notifications {
            let Notification::Report(report) = notification else { continue };
            match report.commands {
                Ok(commands) => {
                    for command in commands {
                        self.command(&format!("{place}, command {}", command.index + 1), &command).await?;
                    }
                }
                Err(error) => self.cannot(&place, &error.to_string()),
            }
        }
        Ok(())
    }

    async fn command(&mut self, place: &str, command: &Command) -> anyhow::Result<()> {
        let foreseen = self
            .preview
            .of(command)
            .await
            .context("without a database --no-store plans as if nobody were known")?;
        self.tell(place, &foreseen)
    }

    fn tell(&mut self, place: &str, foreseen: &Foreseen) -> anyhow::Result<()> {
        self.all_well &= match &foreseen.outcome {
            Prospect::Requests { unplanned, .. } => unplanned.is_empty(),
            Prospect::Ignored(_) => true,
            Prospect::Failed(_) => false,
        };
        say(&match self.json {
            true => format!("{}\n", serde_json::to_string(foreseen)?),
            false => foreseen::text(place, &serde_json::to_value(foreseen)?),
        });
        Ok(())
    }

    fn cannot(&mut self, place: &str, reason: &str) {
        self.all_well = false;
        complain(&format!("{place}: {}\n", line(reason)));
    }
}
