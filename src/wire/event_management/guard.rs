//! Which addresses may be connected to: a callback is a URL that somebody else has chosen.
//!
//! Judged is the address that is connected to, never its name. IPv6 addresses that stand for an IPv4 one are judged by that one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Public,
    /// Of this host or of a private network.
    Private,
    /// Nothing that anybody could want to be called at, in these words.
    Never(&'static str),
}

const METADATA: Kind = Kind::Never("a metadata address");
const LINK_LOCAL: Kind = Kind::Never("a link-local address");
const UNSPECIFIED: Kind = Kind::Never("an unspecified address");
const MULTICAST: Kind = Kind::Never("a multicast address");
const DOCUMENTATION: Kind = Kind::Never("an address of documentation");
const RESERVED: Kind = Kind::Never("a reserved address");
const TRANSLATED: Kind = Kind::Never("an address that stands for another");

/// Where clouds tell machines their secrets.
const METADATA_IPV4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(169, 254, 169, 254), Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)];
const METADATA_IPV6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254),
];

/// Whether all of these may be connected to; where one may not, which it is and why. One address of a name that is not allowed
/// makes the name one that is not.
pub fn check(addresses: &[IpAddr], allow_private: bool) -> Result<(), (IpAddr, &'static str)> {
    for address in addresses {
        match kind(*address) {
            Kind::Public => {}
            Kind::Private if allow_private => {}
            Kind::Private => return Err((*address, "a private address")),
            Kind::Never(what) => return Err((*address, what)),
        }
    }
    Ok(())
}

/// The same of one address that the configuration names, where private ones are as good as others.
pub fn check_configured(address: IpAddr) -> Result<(), &'static str> {
    match kind(address) {
        Kind::Public | Kind::Private => Ok(()),
        Kind::Never(what) => Err(what),
    }
}

/// What this address is.
pub fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(address) => kind_of_ipv4(address),
        IpAddr::V6(address) => kind_of_ipv6(address),
    }
}

fn kind_of_ipv4(address: Ipv4Addr) -> Kind {
    if METADATA_IPV4.contains(&address) {
        return METADATA;
    }
    match address.octets() {
        [0, ..] => UNSPECIFIED,
        [10, ..] | [127, ..] | [192, 168, ..] => Kind::Private,
        [172, second, ..] if second & 0xf0 == 16 => Kind::Private,
        // Carrier-grade NAT (RFC 6598), and networks for measuring (RFC 2544).
        [100, second, ..] if second & 0xc0 == 64 => Kind::Private,
        [198, 18 | 19, ..] => Kind::Private,
        [169, 254, ..] => LINK_LOCAL,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => DOCUMENTATION,
        // Protocol assignments (RFC 6890), and relays of 6to4 (RFC 7526).
        [192, 0, 0, _] | [192, 88, 99, _] => RESERVED,
        [224..=239, ..] => MULTICAST,
        [255, 255, 255, 255] => Kind::Never("a broadcast address"),
        [240..=255, ..] => RESERVED,
        _ => Kind::Public,
    }
}

fn kind_of_ipv6(address: Ipv6Addr) -> Kind {
    if METADATA_IPV6.contains(&address) {
        return METADATA;
    }
    if address.is_unspecified() {
        return UNSPECIFIED;
    }
    if address.is_loopback() {
        return Kind::Private;
    }
    if let Some(ipv4) = embedded(&address.segments()) {
        return kind_of_ipv4(ipv4);
    }
    let itself = kind_by_network(address);
    match tunnelled(&address.segments()).map(kind_of_ipv4) {
        Some(behind) => stricter(itself, behind),
        None => itself,
    }
}

fn kind_by_network(address: Ipv6Addr) -> Kind {
    match address.segments() {
        // Teredo (RFC 4380), and NAT64 with a prefix of its own (RFC 8215): what they stand for is not to be known here.
        [0x2001, 0, ..] | [0x0064, 0xff9b, 1, ..] => TRANSLATED,
        // Networks for measuring (RFC 5180), as those of IPv4; the others of the protocol assignments (RFC 2928).
        [0x2001, 2, 0, ..] => Kind::Private,
        [0x2001, second, ..] if second < 0x0200 => RESERVED,
        [0x2001, 0x0db8, ..] => DOCUMENTATION,
        [0x3fff, second, ..] if second < 0x1000 => DOCUMENTATION,
        // Discarded (RFC 6666).
        [0x0100, 0, 0, 0, ..] => RESERVED,
        [first, ..] if first & 0xff00 == 0xff00 => MULTICAST,
        [first, ..] if first & 0xffc0 == 0xfe80 => LINK_LOCAL,
        // Unique local, and site-local as it was before.
        [first, ..] if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0 => Kind::Private,
        // Global unicast is 2000::/3.
        [first, ..] if first & 0xe000 == 0x2000 => Kind::Public,
        _ => RESERVED,
    }
}

/// The IPv4 address that this one stands for: mapped, compatible, NAT64 (RFC 6052) or 6to4 (RFC 3056).
fn embedded(segments: &[u16; 8]) -> Option<Ipv4Addr> {
    match *segments {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0, 0, 0, 0, 0, 0, high, low]
        | [0x0064, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(ipv4_of(high, low)),
        _ => None,
    }
}

/// The IPv4 host to which a router of ISATAP (RFC 5214) hands on what is sent here, whatever the network before it.
fn tunnelled(segments: &[u16; 8]) -> Option<Ipv4Addr> {
    match *segments {
        [_, _, _, _, 0 | 0x0200, 0x5efe, high, low] => Some(ipv4_of(high, low)),
        _ => None,
    }
}

fn ipv4_of(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

fn stricter(one: Kind, other: Kind) -> Kind {
    match (one, other) {
        (Kind::Never(_), _) | (Kind::Private, Kind::Public | Kind::Private) => one,
        _ => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_kind(address: &str, expected: Kind) {
        assert_eq!(kind(address.parse().expect(address)), expected, "{address}");
    }

    #[test]
    fn an_address_is_public_private_or_never_to_be_called() {
        for public in
            ["8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "192.0.1.1", "1.1.1.1"]
        {
            check_kind(public, Kind::Public);
        }
        for public in ["2a00:1450:4001::1", "2001:200::1", "2001:4860:4860::8888"] {
            check_kind(public, Kind::Public);
        }
        for private in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "127.0.0.1",
            "127.8.8.8",
            "100.64.0.1",
        ] {
            check_kind(private, Kind::Private);
        }
        for private in [
            "::1",
            "fc00::1",
            "fdff::1",
            "fec0::1",
            "198.18.0.1",
            "100.127.255.255",
            "2001:2::1",
            "2001:2:0:1::1",
        ] {
            check_kind(private, Kind::Private);
        }
        for (address, expected) in [
            ("0.0.0.0", UNSPECIFIED),
            ("0.1.2.3", UNSPECIFIED),
            ("::", UNSPECIFIED),
            ("169.254.169.254", METADATA),
            ("100.100.100.200", METADATA),
            ("168.63.129.16", METADATA),
            ("fd00:ec2::254", METADATA),
            ("fd00:ec2::23", METADATA),
            ("169.254.0.1", LINK_LOCAL),
            ("fe80::1", LINK_LOCAL),
            ("febf::1", LINK_LOCAL),
            ("224.0.0.1", MULTICAST),
            ("239.255.255.255", MULTICAST),
            ("ff02::1", MULTICAST),
            ("255.255.255.255", Kind::Never("a broadcast address")),
            ("240.0.0.1", RESERVED),
            ("192.0.0.8", RESERVED),
            ("192.0.2.1", DOCUMENTATION),
            ("198.51.100.7", DOCUMENTATION),
            ("203.0.113.9", DOCUMENTATION),
            ("2001:db8::1", DOCUMENTATION),
            ("3fff::1", DOCUMENTATION),
            ("2001:0:4136:e378::1", TRANSLATED),
            ("64:ff9b:1::a9fe:a9fe", TRANSLATED),
            ("2001:10::1", RESERVED),
            ("2001:2:1::1", RESERVED),
            ("2001:1ff::1", RESERVED),
            ("100::1", RESERVED),
            ("4000::1", RESERVED),
        ] {
            check_kind(address, expected);
        }
    }

    #[test]
    fn an_ipv6_address_that_stands_for_an_ipv4_one_is_judged_by_that() {
        for form in ["::ffff:", "::ffff:0:", "::", "64:ff9b::"] {
            check_kind(&format!("{form}169.254.169.254"), METADATA);
            check_kind(&format!("{form}127.0.0.1"), Kind::Private);
            check_kind(&format!("{form}10.1.2.3"), Kind::Private);
            check_kind(&format!("{form}8.8.8.8"), Kind::Public);
        }
        check_kind("2002:a9fe:a9fe::1", METADATA);
        check_kind("2002:0a00:0001::1", Kind::Private);
    }

    #[test]
    fn an_address_of_isatap_is_judged_by_its_network_and_by_the_host_behind_it() {
        for kind in ["0", "200"] {
            for network in ["2a00:1:2:3", "fd00:0:0:1", "fec0:0:0:1"] {
                check_kind(&format!("{network}:{kind}:5efe:169.254.169.254"), METADATA);
                check_kind(&format!("{network}:{kind}:5efe:168.63.129.16"), METADATA);
            }
            check_kind(&format!("2a00:1:2:3:{kind}:5efe:10.0.0.1"), Kind::Private);
            check_kind(&format!("2a00:1:2:3:{kind}:5efe:8.8.8.8"), Kind::Public);
            // The host behind it makes no network better.
            check_kind(&format!("fd00:0:0:1:{kind}:5efe:8.8.8.8"), Kind::Private);
            check_kind(&format!("fe80::{kind}:5efe:8.8.8.8"), LINK_LOCAL);
            check_kind(&format!("fe80::{kind}:5efe:10.0.0.1"), LINK_LOCAL);
        }
        check_kind("2a00:1:2:3:1:5efe:169.254.169.254", Kind::Public);
    }

    #[test]
    fn one_address_that_is_not_allowed_makes_all_of_them_so() {
        let check_all = |addresses: &[&str], allow_private, expected: Result<(), &str>| {
            let parsed: Vec<IpAddr> = addresses.iter().map(|it| it.parse().expect("an address")).collect();
            let result = check(&parsed, allow_private).map_err(|(address, _)| address.to_string());
            assert_eq!(result.as_ref().map_err(String::as_str).copied(), expected, "{addresses:?}");
        };
        check_all(&["8.8.8.8", "1.1.1.1"], false, Ok(()));
        check_all(&["8.8.8.8", "10.0.0.1"], false, Err("10.0.0.1"));
        check_all(&["8.8.8.8", "10.0.0.1"], true, Ok(()));
        check_all(&["10.0.0.1", "169.254.169.254"], true, Err("169.254.169.254"));
        check_all(&["::1"], true, Ok(()));
        check_all(&["::1"], false, Err("::1"));
    }
}
