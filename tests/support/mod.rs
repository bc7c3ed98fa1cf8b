//! What tests share. Every test binary uses a part of it.
#![allow(dead_code)]

pub mod daemon;
pub mod documents;
pub mod http;
pub mod inside;
pub mod lines;
pub mod peers;
pub mod ports;
pub mod postgres;
pub mod proxy;
pub mod recorder;
pub mod rights;
pub mod steps;
pub mod stream;
