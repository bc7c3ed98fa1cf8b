//! The monitor page in a real browser: headless Chromium, driven through chromedriver, against the real daemon between
//! simulated peers.
//!
//! `EVENTMANAGER_SCREENSHOTS=docs/images cargo test --test page screenshots` writes the pictures of the documentation.

#[path = "../support/mod.rs"]
mod support;

mod acts;
mod browser;
mod bulk;
mod filters;
mod given;
mod hostile;
mod hubs;
mod keyboard;
mod live;
mod login;
mod looks;
mod missed;
mod served;
mod states;
mod subscribers;
mod systems;
