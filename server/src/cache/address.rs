//! Which addresses an origin may have: who names an origin must not reach what only this server reaches.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Anybody on the internet.
    Public,
    Loopback,
    /// A network of somebody's own.
    Private,
    /// The same link; also where clouds tell machines their secrets.
    LinkLocal,
    /// Between a provider and its customers.
    CarrierGrade,
    /// IPv4 within IPv6, by which lists of IPv4 addresses are evaded.
    Embedded,
    /// Tests, documents, protocols, the future.
    Reserved,
    /// No one host: many, or none.
    NoHost,
}

impl Kind {
    /// Whether an origin may be there.
    pub(super) fn is_allowed(self, allows_private: bool) -> bool {
        match self {
            Kind::Public => true,
            Kind::NoHost => false,
            _ => allows_private,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Public => "public",
            Kind::Loopback => "loopback",
            Kind::Private => "private",
            Kind::LinkLocal => "link-local",
            Kind::CarrierGrade => "carrier-grade NAT",
            Kind::Embedded => "IPv4 embedded in IPv6",
            Kind::Reserved => "reserved",
            Kind::NoHost => "no host's",
        })
    }
}

/// Ranges of IPv4 that are not public, from IANA's registry of special purposes: first address, length of the prefix.
const RANGES: [(Ipv4Addr, u32, Kind); 16] = [
    (Ipv4Addr::UNSPECIFIED, 8, Kind::NoHost),
    (Ipv4Addr::new(10, 0, 0, 0), 8, Kind::Private),
    (Ipv4Addr::new(100, 64, 0, 0), 10, Kind::CarrierGrade),
    (Ipv4Addr::new(127, 0, 0, 0), 8, Kind::Loopback),
    (Ipv4Addr::new(169, 254, 0, 0), 16, Kind::LinkLocal),
    (Ipv4Addr::new(172, 16, 0, 0), 12, Kind::Private),
    (Ipv4Addr::new(192, 0, 0, 0), 24, Kind::Reserved),
    (Ipv4Addr::new(192, 0, 2, 0), 24, Kind::Reserved),
    (Ipv4Addr::new(192, 88, 99, 0), 24, Kind::Reserved),
    (Ipv4Addr::new(192, 168, 0, 0), 16, Kind::Private),
    (Ipv4Addr::new(198, 18, 0, 0), 15, Kind::Reserved),
    (Ipv4Addr::new(198, 51, 100, 0), 24, Kind::Reserved),
    (Ipv4Addr::new(203, 0, 113, 0), 24, Kind::Reserved),
    (Ipv4Addr::new(224, 0, 0, 0), 4, Kind::NoHost),
    (Ipv4Addr::BROADCAST, 32, Kind::NoHost),
    (Ipv4Addr::new(240, 0, 0, 0), 4, Kind::Reserved),
];

/// What an address is for.
pub(super) fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(address) => kind_of_v4(address),
        IpAddr::V6(address) => kind_of_v6(address),
    }
}

fn kind_of_v4(address: Ipv4Addr) -> Kind {
    let is_in = |first: Ipv4Addr, bits: u32| (address.to_bits() ^ first.to_bits()) >> (32 - bits) == 0;
    RANGES.iter().find(|(first, bits, _)| is_in(*first, *bits)).map_or(Kind::Public, |(_, _, kind)| *kind)
}

/// Only `2000::/3` is given out to hosts of the internet; what is special within it is left out again.
fn kind_of_v6(address: Ipv6Addr) -> Kind {
    if let Some(inner) = address.to_ipv4_mapped() {
        // Where the inner address may be under no condition, the outer one may not either.
        return if kind_of_v4(inner) == Kind::NoHost { Kind::NoHost } else { Kind::Embedded };
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Kind::Loopback,
        [0, 0, 0, 0, 0, 0, 0, 0] => Kind::NoHost,
        [first, ..] if first >> 8 == 0xff => Kind::NoHost,
        [first, ..] if first >> 6 == 0xfe80 >> 6 => Kind::LinkLocal,
        // Unique local ones, and the site's, as they were called before.
        [first, ..] if first >> 9 == 0xfc00 >> 9 || first >> 6 == 0xfec0 >> 6 => Kind::Private,
        // IPv4 behind translators, in 6to4, and as it was written before mapped addresses.
        [0x64, 0xff9b, ..] | [0x2002, ..] | [0, 0, 0, 0, 0, 0, ..] => Kind::Embedded,
        // Protocols, Teredo among them; documents.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => Kind::Reserved,
        [0x3fff, second, ..] if second < 0x1000 => Kind::Reserved,
        [first, ..] if first >> 13 == 1 => Kind::Public,
        _ => Kind::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_known_for_what_they_are() {
        for (text, expected) in [
            ("93.184.215.14", Kind::Public),
            ("9.255.255.255", Kind::Public),
            ("11.0.0.0", Kind::Public),
            ("172.15.255.255", Kind::Public),
            ("172.32.0.0", Kind::Public),
            ("192.0.1.0", Kind::Public),
            ("223.255.255.255", Kind::Public),
            ("0.0.0.0", Kind::NoHost),
            ("0.1.2.3", Kind::NoHost),
            ("10.0.0.1", Kind::Private),
            ("100.64.0.1", Kind::CarrierGrade),
            ("100.127.255.255", Kind::CarrierGrade),
            ("100.128.0.0", Kind::Public),
            ("127.0.0.1", Kind::Loopback),
            ("127.255.0.9", Kind::Loopback),
            ("169.254.169.254", Kind::LinkLocal),
            ("172.16.0.0", Kind::Private),
            ("172.31.255.255", Kind::Private),
            ("192.0.0.8", Kind::Reserved),
            ("192.0.2.1", Kind::Reserved),
            ("192.88.99.1", Kind::Reserved),
            ("192.168.1.1", Kind::Private),
            ("198.19.0.1", Kind::Reserved),
            ("198.51.100.1", Kind::Reserved),
            ("203.0.113.1", Kind::Reserved),
            ("224.0.0.1", Kind::NoHost),
            ("239.255.255.255", Kind::NoHost),
            ("240.0.0.1", Kind::Reserved),
            ("255.255.255.255", Kind::NoHost),
            ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", Kind::Public),
            ("2a00::1", Kind::Public),
            ("::", Kind::NoHost),
            ("::1", Kind::Loopback),
            ("::7f00:1", Kind::Embedded),
            ("::ffff:127.0.0.1", Kind::Embedded),
            ("::ffff:93.184.215.14", Kind::Embedded),
            ("::ffff:0.0.0.0", Kind::NoHost),
            ("::ffff:0:127.0.0.1", Kind::Reserved),
            ("64:ff9b::a9fe:a9fe", Kind::Embedded),
            ("64:ff9b:1::1", Kind::Embedded),
            ("100::1", Kind::Reserved),
            ("2001::1", Kind::Reserved),
            ("2001:db8::1", Kind::Reserved),
            ("2001:4860:4860::8888", Kind::Public),
            ("2002:7f00:1::", Kind::Embedded),
            ("3fff::1", Kind::Reserved),
            ("5f00::1", Kind::Reserved),
            ("fc00::1", Kind::Private),
            ("fd00:ec2::254", Kind::Private),
            ("fe80::1", Kind::LinkLocal),
            ("febf::1", Kind::LinkLocal),
            ("fec0::1", Kind::Private),
            ("ff02::1", Kind::NoHost),
        ] {
            assert_eq!(kind(text.parse().expect("it is an address")), expected, "{text}");
        }
    }

    #[test]
    fn only_public_addresses_are_allowed_unless_others_are() {
        for kind in [
            Kind::Loopback,
            Kind::Private,
            Kind::LinkLocal,
            Kind::CarrierGrade,
            Kind::Embedded,
            Kind::Reserved,
        ] {
            assert!(!kind.is_allowed(false) && kind.is_allowed(true), "{kind}");
        }
        assert!(Kind::Public.is_allowed(false) && !Kind::NoHost.is_allowed(true));
    }
}
