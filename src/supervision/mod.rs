//! Supervision in the manner of OTP, on actix 0.13: whatever fails is started anew by the one who looks after it.
//!
//! An actor that panics normally dies with its mailbox. Here a guardian polls it inside `catch_unwind` and
//! keeps the mailbox, so that a restarted child has the same [`Addr`](actix::Addr) and finds what was queued;
//! only the message being handled is lost, and its sender is told. A [`Supervisor`] is an actor with a list of
//! [`Spec`]s and a policy ([`Strategy`], [`Restart`], [`Intensity`], [`Backoff`]); supervisors nest, and a failed
//! [`root()`] is the end of the process.
//!
//! | file | what it holds |
//! |---|---|
//! | `child.rs` | what an actor must be to be supervised; [`Shutdown`] |
//! | `spec.rs` | one line of a supervisor's list |
//! | `policy.rs` | the pure decisions: who restarts, when, how often, with whom |
//! | `supervisor.rs` | the actor: starts and stops its children in their order |
//! | `outcome.rs` | what it does when a child has ended |
//! | `slot.rs` | what a supervisor knows about one child |
//! | `requests.rs` | what can be asked of a supervisor: [`Add`], [`Remove`], [`Crash`] |
//! | `snapshot.rs` | [`GetTree`] and the [`Tree`] it answers |
//! | `guardian.rs` | the task that owns a child; the only place that touches `actix::dev` beside `spec` |
//! | `exit.rs` | how a child ended |
//! | `root.rs` | the top of the tree |
//! | `watchdog.rs` | notices an arbiter whose thread hangs, which no supervisor can cure |
//!
//! What holds, whatever happens:
//! - An address is valid from [`Spec::new`] on and until the child is finished or removed; mail sent to a child that
//!   is starting, failed or waiting for its restart waits for it.
//! - No child outlives its supervisor: a supervisor that fails or is killed takes its children with it, and they
//!   start again with it.
//! - Incarnations are numbered; news of an earlier one changes nothing.
//! - Needs `panic = "unwind"`.

mod child;
mod exit;
mod guardian;
mod outcome;
mod policy;
mod requests;
mod root;
mod slot;
mod snapshot;
mod spec;
mod supervisor;
mod watchdog;

pub use child::{Child, Shutdown};
pub use exit::Exit;
pub use policy::{Backoff, Intensity, Restart, Strategy};
pub use requests::{Add, Crash, Remove, TreeError};
pub use root::{Root, root};
pub use snapshot::{GetTree, Kind, LastExit, State, Tree};
pub use spec::Spec;
pub use supervisor::Supervisor;
pub use watchdog::{Stall, Watchdog, Watching};
