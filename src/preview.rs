//! What a command would do: the exact requests, with nothing sent and nothing stored.
//!
//! Commands are looked at one after the other, each against the rows that the ones before it would leave.

use crate::config::Config;
use crate::plan::{Member, Plan, Request, Subscriber, SubscriberEffect};
use crate::processors::attributes::Rules;
use crate::processors::subject::Subject;
use crate::processors::{Decision, Inputs, command_type};
use crate::store::{ReadError, Store};
use crate::wire::ocir::Command;
use crate::wire::surgemail::Credentials;
use crate::wire::{Secret, cai3g, surgemail};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// Looks ahead. Passwords, sessions and random passwords show as `***`.
pub struct Preview {
    config: Arc<Config>,
    rules: Rules,
    /// `None`: nobody is known.
    store: Option<Store>,
    /// The rows that the commands so far would have changed, in the order in which members of a group are told.
    changed: BTreeMap<String, Option<Subscriber>>,
}

/// What one command would do.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Foreseen {
    /// Without its version suffix.
    pub command: String,
    /// Of the document: who gave the command.
    pub given_by: String,
    /// Of a stored event: how its run begins. Null of anything else, and where nothing is provisioned.
    pub begins: Option<Begins>,
    pub outcome: Prospect,
}

/// How the run of a stored event begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Begins {
    /// It goes on with its stored plan, of which only what is left is told.
    Resumes {
        /// The first step that is not done, from 1; one more than there are where all are done.
        step: usize,
        /// Steps of the whole plan.
        of: usize,
    },
    /// It is planned anew; why.
    Anew(String),
}

/// How it would end, as far as that can be foreseen.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Prospect {
    /// These requests would be sent; none: there is nothing to change.
    Requests {
        processor: &'static str,
        requests: Vec<ForeseenRequest>,
        /// Where a group is deleted: its members, with how many of the requests are theirs.
        members: Vec<Member>,
        warnings: Vec<String>,
        /// Members that cannot be planned: the event would fail for them when the others are done.
        unplanned: Vec<String>,
    },
    Ignored(String),
    /// It would fail before anything is sent.
    Failed(String),
}

/// A request as it would leave.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ForeseenRequest {
    /// Its place in the plan, from 1.
    pub step: usize,
    pub system: &'static str,
    pub summary: String,
    /// Where to; the secondary of a system is not told.
    pub url: String,
    /// Empty for a request that is all in its URL.
    pub body: String,
    /// What its success does to the table of subscribers.
    pub effect: Option<String>,
}

impl Preview {
    /// A preview under a configuration; without a store nobody is known.
    pub fn new(config: Arc<Config>, store: Option<Store>) -> Self {
        Preview { rules: Rules::of(&config), config, store, changed: BTreeMap::new() }
    }

    /// Takes `row` for what is stored, as the caller has read it.
    pub fn assume(&mut self, row: Subscriber) {
        self.changed.insert(row.user_id.clone(), Some(row));
    }

    /// What `command` would do after the commands before it. The error says that its subscribers cannot be read.
    pub async fn of(&mut self, command: &Command) -> Result<Foreseen, ReadError> {
        let outcome = self.outcome(command).await?;
        let (name, given_by) = (command.command_type().to_owned(), command.user_id().to_owned());
        Ok(Foreseen { command: name, given_by, begins: None, outcome })
    }

    /// What is left of a plan that was made of `command`: the steps at these positions.
    pub fn rest(&self, command: &Command, plan: &Plan, left: &[usize]) -> Foreseen {
        let begins = Begins::Resumes {
            step: left.first().map_or(plan.steps.len(), |position| *position) + 1,
            of: plan.steps.len(),
        };
        let processor = command_type(command.command_type()).map_or("", |entry| entry.processor);
        Foreseen {
            command: command.command_type().to_owned(),
            given_by: command.user_id().to_owned(),
            begins: Some(begins),
            outcome: self.requests(plan, left, processor),
        }
    }

    async fn outcome(&mut self, command: &Command) -> Result<Prospect, ReadError> {
        let Some(entry) = command_type(command.command_type()) else {
            return Ok(Prospect::Ignored("this command is not acted on".into()));
        };
        if self.config.ema.is_none() {
            return Ok(Prospect::Ignored("nothing is provisioned: [ema] is not configured".into()));
        }
        let subject = (entry.subject)(command, &self.rules);
        let subscriber = match subject.users.first() {
            Some(user) => self.subscriber(user).await?,
            None => None,
        };
        let members = self.members(&subject).await?;
        let inputs = Inputs {
            command,
            subscriber: subscriber.as_ref(),
            members: &members,
            rules: &self.rules,
            new_password: &Secret::new("***"),
        };
        Ok(match (entry.plan)(&inputs) {
            Err(refusal) => Prospect::Failed(refusal.to_string()),
            Ok(Decision::Ignore(reason)) => Prospect::Ignored(reason),
            Ok(Decision::Run(plan)) => {
                self.remember(&plan, subscriber);
                let all: Vec<usize> = (0..plan.steps.len()).collect();
                self.requests(&plan, &all, entry.processor)
            }
        })
    }

    /// The row as the commands so far would leave it.
    async fn subscriber(&self, user_id: &str) -> Result<Option<Subscriber>, ReadError> {
        match (self.changed.get(user_id), &self.store) {
            (Some(row), _) => Ok(row.clone()),
            (None, Some(store)) => store.subscriber(user_id).await,
            (None, None) => Ok(None),
        }
    }

    async fn members(&self, subject: &Subject) -> Result<Vec<Result<Subscriber, String>>, ReadError> {
        let Some(group) = &subject.whole_group else { return Ok(Vec::new()) };
        let stored = match &self.store {
            Some(store) => store.group_members(group).await?,
            None => Vec::new(),
        };
        let is_unchanged = |member: &Result<Subscriber, ReadError>| {
            member.as_ref().map_or(true, |member| !self.changed.contains_key(&member.user_id))
        };
        let unchanged = stored.into_iter().filter(is_unchanged);
        let changed = self.changed.values().flatten().filter(|row| row.group_id.as_ref() == Some(group));
        Ok(unchanged
            .map(|member| member.map_err(|error| error.to_string()))
            .chain(changed.cloned().map(Ok))
            .collect())
    }

    fn remember(&mut self, plan: &Plan, mut subscriber: Option<Subscriber>) {
        for effect in plan.steps.iter().filter_map(|step| step.effect.as_ref()) {
            effect.apply(&mut subscriber);
            if let SubscriberEffect::Delete { user_id } = effect {
                self.changed.insert(user_id.clone(), None);
            }
        }
        if let Some(subscriber) = subscriber {
            self.changed.insert(subscriber.user_id.clone(), Some(subscriber));
        }
    }

    /// The requests of the steps at `positions`.
    fn requests(&self, plan: &Plan, positions: &[usize], processor: &'static str) -> Prospect {
        let requests = positions.iter().map(|position| {
            let step = &plan.steps[*position];
            let (url, body) = self.rendered(&step.request.masked());
            ForeseenRequest {
                step: position + 1,
                system: step.request.system().as_str(),
                summary: step.request.to_string(),
                url,
                body,
                effect: step.effect.as_ref().map(ToString::to_string),
            }
        });
        let requests = requests.collect();
        let branches = plan.branches().into_iter().filter_map(|(member, steps)| Some((member?, steps)));
        let members = branches.map(|(user_id, steps)| Member {
            user_id: user_id.to_owned(),
            steps: positions.iter().filter(|position| steps.contains(*position)).count(),
        });
        // Of a plan that was begun, those of whom something is left.
        let members = members.filter(|member| member.steps > 0 || positions.len() == plan.steps.len());
        let restored = plan.steps.iter().find_map(|step| plan.warning_of_restoring(&step.request));
        let mut warnings = plan.warnings.clone();
        warnings.extend(
            restored.map(|warning| format!("{warning}, where the association is not there any more")),
        );
        let (members, unplanned) = (members.collect(), plan.unplanned.clone());
        Prospect::Requests { processor, requests, members, warnings, unplanned }
    }

    /// URL and body of a request whose secrets are masked.
    fn rendered(&self, request: &Request) -> (String, String) {
        let session = Secret::new("***");
        let ema = self.config.ema.as_ref().map(|ema| without_credentials(&ema.primary)).unwrap_or_default();
        match request {
            Request::Hss(request) => (ema, cai3g::hss(request, &session)),
            Request::Enum(request) => (ema, cai3g::enumeration(request, &session)),
            Request::Mail(request) => {
                let mail = self.config.surgemail.as_ref();
                let (host, username) =
                    mail.map(|mail| (mail.primary.clone(), mail.username.clone())).unwrap_or_default();
                let (password, domain_password) = (Secret::new("***"), Secret::new("***"));
                let credentials = Credentials { username, password, domain_password };
                let target = surgemail::target(request, &credentials);
                // The asterisks of secrets are no part of a query.
                let target = target.expose().replace("%2A%2A%2A", "***");
                (format!("http://{host}{target}"), String::new())
            }
        }
    }
}

/// A configured URL may carry a user and a password.
fn without_credentials(url: &str) -> String {
    match reqwest::Url::parse(url) {
        Ok(mut url) => {
            let is_bare = url.set_username("").is_ok() && url.set_password(None).is_ok();
            if is_bare { url.to_string() } else { String::new() }
        }
        Err(_) => String::new(),
    }
}
