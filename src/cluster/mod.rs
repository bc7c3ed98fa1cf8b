//! Several daemons on one PostgreSQL database, of which one acts (`[cluster]`).
//!
//! A thread of its own, `cluster`, has a connection of its own to the row by which they agree. It stands by (`standing_by`),
//! takes the place of an active one that is silent or has let go, and from then on beats (`beating`). What it finds is a
//! [`View`], for those who show it and for `run`, which starts everything else once this node is the active one, or is to be.
//!
//! A daemon that another has replaced does not stop in order: it starts itself anew (`anew`), in the same process, and stands
//! by. One that cannot reach the database sends nothing, and goes on as soon as it can where nobody has replaced it: an outage
//! of the database for all of them costs nothing of what was read.

mod anew;
mod beating;
mod member;
mod seat;
mod standing_by;
mod view;

pub use anew::{LogEnd, hear_signals};
pub use member::{HandOverError, Member, Started};
pub use view::{HandOver, Node, Role, View};
