//! Supervision as its users meet it: real actors that panic, hang and lie.

mod actors;
mod arbiters;
mod dynamic;
mod escalation;
mod groups;
mod restart;
mod shutdown;
mod tree;
mod work;
