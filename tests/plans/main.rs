//! What every command leads to: documents in, requests and the subscriber's row out, nothing sent.

mod given;
mod groups;
mod lists_and_passwords;
mod mail;
mod reprovision;
mod services;
mod users;
