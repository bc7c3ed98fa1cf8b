//! Event Management over REST, as others see it: every row of the specification that a provider has to keep.

#[path = "../support/mod.rs"]
mod support;

mod errors;
mod events;
mod filters;
mod given;
mod hubs;
mod large;
mod paging;
mod roles;
mod topics;
