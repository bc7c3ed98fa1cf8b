//! Open files: as many as the system allows to this process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than these are of no use to us.
const ENOUGH: u64 = 65_536;

/// Raises the limit that a shell or systemd sets low for the sake of old programs, so that many idle connections take no
/// descriptor from the store. Where that is not allowed it stays as it is.
pub fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
    if current.is_some_and(|current| current < wanted) {
        let limit = Rlimit { current: Some(wanted), maximum };
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "the limit of open files cannot be raised");
        }
    }
}
