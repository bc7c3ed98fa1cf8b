//! What a supervisor knows about one of its children.

use super::guardian::Command;
use super::policy::{Backoff, Restart};
use super::snapshot::{Kind, LastExit, State, Tree};
use super::spec::Handle;
use super::supervisor::Supervisor;
use super::{Exit, Spec};
use actix::Addr;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Where the present incarnation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Down; to be started, not before this moment.
    Waiting(Instant),
    /// Told to start.
    Starting,
    Running,
    /// Told to stop.
    Stopping,
    /// Down, and stays so.
    Stopped,
}

/// What is to become of a child that is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Live,
    /// Stop it in its turn and start it again with its group.
    Restart,
    /// Stop it in its turn: the supervisor is ending.
    End,
    /// It is being stopped and leaves the list.
    Remove,
}

/// What follows from the end of an incarnation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It should have gone on: a failure that the supervisor must answer.
    Fail,
    /// It starts again with its group.
    Again,
    /// Its work is done: the mailbox closes.
    Finish,
    /// It stays down as long as its supervisor does.
    Rest,
    /// It leaves the list.
    Leave,
}

pub(super) struct Slot {
    /// Unique in its supervisor and never given again, unlike the name.
    pub(super) id: u64,
    pub(super) name: String,
    /// What it is called in metrics.
    pub(super) counted_as: String,
    pub(super) restart: Restart,
    pub(super) deadline: Duration,
    pub(super) nested: Option<Addr<Supervisor>>,
    /// None once it has finished for good.
    pub(super) handle: Option<Handle>,
    pub(super) phase: Phase,
    pub(super) fate: Fate,
    /// Number of the present incarnation; 0 before the first.
    pub(super) incarnation: u64,
    /// Those who wait for its removal.
    pub(super) removers: Vec<oneshot::Sender<()>>,
    failures_in_a_row: u32,
    since: Instant,
    last_exit: Option<LastExit>,
}

impl Slot {
    /// A child that is to be started.
    pub(super) fn new(id: u64, spec: Spec, spawn: impl FnOnce(Spec) -> Handle) -> Slot {
        let now = Instant::now();
        Slot {
            id,
            name: spec.name.clone(),
            counted_as: spec.counted_as.map_or_else(|| spec.name.clone(), str::to_owned),
            restart: spec.restart,
            deadline: spec.shutdown,
            nested: spec.nested.clone(),
            handle: Some(spawn(spec)),
            phase: Phase::Waiting(now),
            fate: Fate::Live,
            incarnation: 0,
            removers: Vec::new(),
            failures_in_a_row: 0,
            since: now,
            last_exit: None,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Running | Phase::Stopping)
    }

    /// Up, and to be told to stop when its turn comes.
    pub(super) fn is_condemned(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Running)
            && matches!(self.fate, Fate::Restart | Fate::End)
    }

    /// Nothing will start it again.
    pub(super) fn is_finished(&self) -> bool {
        self.handle.is_none()
    }

    /// False if its guardian is gone.
    pub(super) fn command(&self, command: Command) -> bool {
        self.handle.as_ref().is_some_and(|handle| handle.command(command))
    }

    /// Numbers the next incarnation and tells the guardian to start it; false if the guardian is gone.
    pub(super) fn start(&mut self) -> bool {
        self.incarnation += 1;
        self.phase = Phase::Starting;
        self.fate = Fate::Live;
        self.since = Instant::now();
        self.command(Command::Start(self.incarnation))
    }

    pub(super) fn started(&mut self) {
        if self.phase == Phase::Starting {
            self.phase = Phase::Running;
            self.since = Instant::now();
        }
    }

    /// Decides what is to become of it, unless it is down or leaves anyway.
    pub(super) fn condemn(&mut self, fate: Fate) {
        if self.is_up() && self.fate != Fate::Remove {
            self.fate = fate;
        }
    }

    /// What follows when the present incarnation ends like this.
    pub(super) fn after(&self, exit: &Exit) -> Next {
        let asked = self.phase == Phase::Stopping;
        let is_due = self.restart.is_due_after(exit);
        match self.fate {
            Fate::Live if is_due => Next::Fail,
            Fate::Restart if is_due => Next::Again,
            Fate::Restart if asked && self.restart == Restart::Transient => Next::Again,
            Fate::Live | Fate::Restart => Next::Finish,
            Fate::End => Next::Rest,
            Fate::Remove => Next::Leave,
        }
    }

    /// Records that the present incarnation has ended.
    pub(super) fn down(&mut self, exit: &Exit) {
        self.phase = Phase::Stopped;
        self.last_exit = Some(LastExit::now(exit));
    }

    /// How long to wait before the restart after a failure now.
    pub(super) fn delay(&mut self, backoff: &Backoff) -> Duration {
        if backoff.is_forgiven_after(self.since.elapsed()) {
            self.failures_in_a_row = 0;
        }
        let delay = backoff.delay(self.failures_in_a_row);
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        delay
    }

    /// Back to the beginning, because its supervisor starts anew; the incarnations go on counting.
    pub(super) fn reset(&mut self) {
        if self.is_up() {
            self.command(Command::Kill); // again, in case it was started after the guardian had seen the failure
            self.down(&Exit::Killed);
        }
        self.fate = Fate::Live;
        self.failures_in_a_row = 0;
        self.phase = if self.is_finished() { Phase::Stopped } else { Phase::Waiting(Instant::now()) };
    }

    /// Its line in the tree, without children.
    pub(super) fn line(&self) -> Tree {
        Tree {
            name: self.name.clone(),
            kind: if self.nested.is_some() { Kind::Supervisor } else { Kind::Worker },
            state: match self.phase {
                Phase::Waiting(_) if self.incarnation > 0 => State::Backoff,
                Phase::Waiting(_) | Phase::Starting => State::Starting,
                Phase::Running => State::Running,
                Phase::Stopping => State::Stopping,
                Phase::Stopped => State::Stopped,
            },
            restarts: self.incarnation.saturating_sub(1),
            last_exit: self.last_exit.clone(),
            children: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervision::policy::{Intensity, Strategy};

    /// A slot needs some child; that of a supervisor without children is at hand.
    fn slot() -> Slot {
        let (intensity, backoff) = (Intensity { max: 1, within: ms(1) }, BACKOFF);
        let spec = Spec::supervisor(Supervisor::new("a", Strategy::OneForOne, intensity, backoff, vec![])).0;
        Slot::new(0, spec, |spec| spec.spawn("a".into(), Box::new(|_, _| ())))
    }

    const BACKOFF: Backoff = Backoff { first: ms(100), max: ms(1000) };

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[actix::test]
    async fn the_backoff_grows_with_failures_in_a_row_and_is_reset_by_a_good_run() {
        let mut slot = slot();
        let mut fails_after = |ran: Duration, longest: Duration| {
            slot.since = Instant::now().checked_sub(ran).expect("the clock began long ago");
            let delay = slot.delay(&BACKOFF);
            assert!(delay >= longest / 2 && delay <= longest, "{delay:?}, not {longest:?}");
        };
        fails_after(ms(0), ms(100));
        fails_after(ms(0), ms(200));
        fails_after(ms(10), ms(400));
        fails_after(ms(2001), ms(100));
        fails_after(ms(0), ms(200));
    }

    #[actix::test]
    async fn what_follows_an_exit() {
        let mut slot = slot();
        let mut check = |fate, restart, phase, exit: Exit, next| {
            (slot.fate, slot.restart, slot.phase) = (fate, restart, phase);
            assert_eq!(slot.after(&exit), next, "{fate:?} {restart:?} {phase:?} {exit}");
        };
        use crate::supervision::Restart as R;
        use {
            Fate::{End, Live, Remove},
            Next::*,
            Phase::{Running, Starting, Stopping},
        };
        let panic = || Exit::Panic("boom".into());
        check(Live, R::Permanent, Running, Exit::Normal, Fail);
        check(Live, R::Permanent, Starting, panic(), Fail);
        check(Live, R::Transient, Running, panic(), Fail);
        check(Live, R::Transient, Running, Exit::Normal, Finish);
        check(Live, R::Temporary, Running, panic(), Finish);
        check(Fate::Restart, R::Permanent, Stopping, Exit::Normal, Again);
        check(Fate::Restart, R::Permanent, Stopping, Exit::Killed, Again);
        check(Fate::Restart, R::Permanent, Running, panic(), Again);
        check(Fate::Restart, R::Transient, Stopping, Exit::Normal, Again);
        check(Fate::Restart, R::Transient, Running, Exit::Normal, Finish);
        check(Fate::Restart, R::Temporary, Stopping, Exit::Normal, Finish);
        check(End, R::Permanent, Running, panic(), Rest);
        check(End, R::Temporary, Stopping, Exit::Normal, Rest);
        check(Remove, R::Permanent, Stopping, Exit::Killed, Leave);
    }
}
