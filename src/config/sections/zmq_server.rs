//! `[zmq_server]`.

use super::evapi_server::allow_from;
use crate::config::addresses;
use crate::config::section::Section;
use crate::config::values::ZmqServer;

pub(super) fn zmq_server(section: &Section) -> ZmqServer {
    let default = ZmqServer::default();
    let listen = |key, default| section.value(key, addresses::listen).unwrap_or(default);
    let (pull, publish) = (listen("pull", default.pull), listen("pub", default.publish));
    ZmqServer {
        pull,
        publish,
        allow_from: allow_from(section, &[("pull", pull), ("pub", publish)]).unwrap_or(default.allow_from),
        queue: section.number("queue", 1..=10_000_000).unwrap_or(default.queue),
    }
}
