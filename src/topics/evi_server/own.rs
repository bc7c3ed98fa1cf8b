//! Where events may be sent: not to sockets of ours, which would bring them back without end, and not beyond what is allowed.

use super::server::Server;
use super::target::Target;
use crate::config::{Config, EventSocket, covers};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Component, Path, PathBuf};

impl Server {
    /// Whether the configuration of now lets events be sent there; the error says why not.
    pub fn may_send_to(&self, target: &Target) -> Result<(), String> {
        let evi = self.config.get();
        match target {
            Target::Unix(path) => is_in(path, &evi.allowed_unix)?,
            Target::Udp(to) | Target::Tcp(to) if !evi.allows_target(to.ip()) => {
                return Err(format!("{} is not among evi.allowed_targets", to.ip()));
            }
            Target::Udp(_) | Target::Tcp(_) => {}
        }
        match is_ours(target, &self.whole.get(), self.bound) {
            true => Err("the daemon itself listens there: its events would come back".to_owned()),
            false => Ok(()),
        }
    }
}

/// Whether a socket is in one of these folders, links resolved.
fn is_in(path: &Path, folders: &[PathBuf]) -> Result<(), String> {
    let refused = || "it is in no folder of evi.allowed_unix".to_owned();
    if folders.is_empty() {
        return Err(refused());
    }
    let place = resolved(path).ok_or_else(refused)?;
    let is_inside = |folder: &PathBuf| resolved(folder).is_some_and(|folder| place.starts_with(folder));
    if !folders.iter().any(is_inside) {
        return Err(refused());
    }
    // Where a link leads may be another place when an event is sent.
    if place != path {
        return Err(format!("links are not followed: it is unix:{}", place.display()));
    }
    Ok(())
}

/// Where that leads: a socket may come later, and its folder too, as while its program is started anew. What can be seen of the way
/// to it is resolved, the rest is taken as it is written. `None`: where it would lead nobody can say.
fn resolved(path: &Path) -> Option<PathBuf> {
    let there = path.ancestors().find(|it| it.symlink_metadata().is_ok())?;
    let rest = path.strip_prefix(there).ok()?;
    let is_plain = rest.components().all(|part| matches!(part, Component::Normal(_)));
    // A link to nowhere leads somewhere later.
    let place = there.canonicalize().ok()?;
    is_plain.then(|| if rest.as_os_str().is_empty() { place } else { place.join(rest) })
}

/// Whether we listen there; `bound` is where commands are taken over UDP.
fn is_ours(target: &Target, config: &Config, bound: Option<SocketAddr>) -> bool {
    match target {
        Target::Unix(path) => {
            let place = resolved(path);
            unix_sockets(config).any(|own| own == path || (place.is_some() && resolved(own) == place))
        }
        Target::Udp(to) => udp_sockets(config).chain(bound).any(|own| takes(own, *to)),
        Target::Tcp(to) => tcp_sockets(config).any(|own| takes(own, *to)),
    }
}

fn unix_sockets(config: &Config) -> impl Iterator<Item = &Path> {
    let heard = config.opensips.iter().filter_map(|it| match &it.listen {
        EventSocket::Unix(path) => Some(path.as_path()),
        EventSocket::Udp(_) | EventSocket::Tcp(_) => None,
    });
    heard.chain(config.evi.iter().filter_map(|evi| evi.unix.as_deref()))
}

fn udp_sockets(config: &Config) -> impl Iterator<Item = SocketAddr> {
    let heard = config.opensips.iter().filter_map(|it| match it.listen {
        EventSocket::Udp(address) => Some(address),
        EventSocket::Unix(_) | EventSocket::Tcp(_) => None,
    });
    heard.chain(config.evi.iter().filter_map(|evi| evi.udp))
}

fn tcp_sockets(config: &Config) -> impl Iterator<Item = SocketAddr> {
    let heard = config.opensips.iter().filter_map(|it| match it.listen {
        EventSocket::Tcp(address) => Some(address),
        EventSocket::Unix(_) | EventSocket::Udp(_) => None,
    });
    let servers = config.zmq_server.iter().flat_map(|zmq| [zmq.pull, zmq.publish]);
    let servers = servers.chain(config.evapi_server.iter().map(|evapi| evapi.listen));
    heard.chain(servers).chain([config.http.listen])
}

/// Whether what is sent to `to` comes to who listens at `own`.
pub fn takes(own: SocketAddr, to: SocketAddr) -> bool {
    let own = SocketAddr::new(own.ip().to_canonical(), own.port());
    let to = SocketAddr::new(reached(to.ip()), to.port());
    covers(own, to) && (!own.ip().is_unspecified() || is_local(to.ip()))
}

/// The address of nobody in particular is that of this host.
fn reached(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(any) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(any) if any.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

/// Only an address of this host can be bound.
fn is_local(address: IpAddr) -> bool {
    address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Surroundings, parse_toml};
    use std::os::unix::fs::symlink;

    const OPENSIPS: &str = "mi = 'udp:127.0.0.1:8080'\nevents = ['E_A']\nallow_from = ['127.0.0.1']";

    fn config(more: &str) -> Config {
        let heard = |name: &str, listen: &str| {
            let mi = OPENSIPS.replace("8080", &(8080 + name.len()).to_string());
            format!("[[opensips]]\nname = '{name}'\nlisten = '{listen}'\n{mi}\n")
        };
        let text = heard("a", "udp:0.0.0.0:9001'\nadvertise = '127.0.0.1:9001")
            + &heard("bb", "tcp:127.0.0.1:9002")
            + more;
        let surroundings = Surroundings::of_process(Path::new("."));
        let loaded = parse_toml(&text, "a.toml", &surroundings);
        loaded.unwrap_or_else(|problems| panic!("{problems}")).config
    }

    fn at(address: &str) -> SocketAddr {
        address.parse().expect("an address")
    }

    #[test]
    fn our_own_address_is_known_however_it_is_written() {
        let check = |own: &str, to: &str, expected: bool| {
            assert_eq!(takes(at(own), at(to)), expected, "{own} {to}");
        };
        check("127.0.0.1:8888", "127.0.0.1:8888", true);
        check("127.0.0.1:8888", "127.0.0.1:8889", false);
        check("127.0.0.1:8888", "127.0.0.2:8888", false);
        check("127.0.0.1:8888", "[::ffff:127.0.0.1]:8888", true);
        check("[::ffff:127.0.0.1]:8888", "127.0.0.1:8888", true);
        check("0.0.0.0:8888", "127.0.0.2:8888", true);
        check("[::]:8888", "127.0.0.2:8888", true);
        check("0.0.0.0:8888", "127.0.0.2:8889", false);
        // For documentation: no host has it.
        check("0.0.0.0:8888", "192.0.2.1:8888", false);
    }

    #[test]
    fn our_own_sockets_are_known_by_protocol_address_and_port() {
        let config = config("[evi]\nudp = '127.0.0.1:8888'\n[http]\nlisten = '127.0.0.1:8080'\n");
        let ours = |target: Target| is_ours(&target, &config, Some(at("127.0.0.1:7777")));
        for address in
            ["127.0.0.1:9001", "127.0.0.9:9001", "0.0.0.0:9001", "127.0.0.1:8888", "127.0.0.1:7777"]
        {
            assert!(ours(Target::Udp(at(address))), "{address}");
        }
        for address in ["127.0.0.1:9002", "0.0.0.0:9002", "127.0.0.1:8080"] {
            assert!(ours(Target::Tcp(at(address))), "{address}");
            assert!(!ours(Target::Udp(at(address))), "{address}");
        }
        // Of another host, of another address, of another port.
        for address in ["192.0.2.1:9001", "127.0.0.2:8888", "127.0.0.1:9003"] {
            assert!(!ours(Target::Udp(at(address))), "{address}");
        }
    }

    #[test]
    fn folders_are_compared_where_links_lead_and_links_are_not_followed() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = |name: &str| directory.path().join(name);
        let (inside, outside) = (place("inside"), place("outside"));
        std::fs::create_dir(&inside).and_then(|()| std::fs::create_dir(&outside)).expect("folders");
        symlink(&outside, inside.join("way")).and_then(|()| symlink(&inside, place("link"))).expect("links");
        let allowed = [inside.clone()];
        let is_allowed = |path: PathBuf| is_in(&path, &allowed).is_ok();
        assert!(is_allowed(inside.join("a")));
        let refused = is_in(&place("link/a"), &allowed).expect_err("a link");
        assert_eq!(refused, format!("links are not followed: it is unix:{}/a", inside.display()));
        for path in ["outside/a", "inside/way/a", "inside/../outside/a", "inside/..", "inside-too/a"] {
            assert!(!is_allowed(place(path)), "{path}");
        }
        // A link in the place of a socket.
        std::fs::write(outside.join("other"), "")
            .and_then(|()| symlink(outside.join("other"), inside.join("b")))
            .expect("a link");
        assert!(!is_allowed(inside.join("b")));
        assert_eq!(
            is_in(&inside.join("a"), &[]).expect_err("none"),
            "it is in no folder of evi.allowed_unix"
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_where_it_is_written() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().canonicalize().expect("a directory");
        let place = |name: &str| root.join(name);
        std::fs::create_dir(place("inside")).expect("a folder");
        std::fs::create_dir(place("outside")).expect("a folder");
        symlink(place("outside/later"), place("inside/way")).expect("a link");
        symlink(place("inside"), place("link")).expect("a link");
        let allowed = [place("inside"), place("gone")];
        let check = |path: &str, expected: bool| {
            assert_eq!(is_in(&place(path), &allowed).is_ok(), expected, "{path}");
        };
        check("inside/program/a", true);
        check("inside/program/more/a", true);
        check("gone/a", true);
        check("gone/program/a", true);
        // Elsewhere, whatever comes.
        check("gone-too/a", false);
        check("outside/program/a", false);
        check("inside/program/../../outside/a", false);
        check("gone/../outside/a", false);
        check("link/program/a", false);
        check("inside/way/a", false);
        check("inside/way", false);
    }

    #[test]
    fn our_own_files_are_known_by_any_way_to_them() {
        let directory = tempfile::tempdir().expect("a directory");
        let own = directory.path().join("evi.sock");
        symlink(directory.path(), directory.path().join("way")).expect("a link");
        let config = config(&format!("[evi]\nunix = '{}'\n", own.display()));
        let ours = |path: PathBuf| is_ours(&Target::Unix(path), &config, None);
        assert!(ours(own) && ours(directory.path().join("way/evi.sock")));
        assert!(!ours(directory.path().join("other.sock")));
    }
}
