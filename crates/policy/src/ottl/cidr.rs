//! Networks of addresses.

// `core::net` has the addresses and no sockets.
use core::net::IpAddr;

use super::value::Val;

/// Addresses with a common prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// Of a text such as `10.0.0.0/8`.
    pub(super) fn of_value(value: &Val<'_>) -> Option<Self> {
        let Val::Text(text) = value else { return None };
        let (address, prefix) = std::str::from_utf8(text).ok()?.split_once('/')?;
        let plain = prefix.bytes().all(|byte| byte.is_ascii_digit());
        let address = address.parse::<IpAddr>().ok()?;
        let prefix = prefix.parse().ok().filter(|prefix| plain && *prefix <= bits(address))?;
        Some(Self { address, prefix })
    }

    pub(super) fn contains(self, address: IpAddr) -> bool {
        let differs = |difference: u128, bits: u32| {
            difference.checked_shr(bits - self.prefix).unwrap_or(0) != 0
        };
        match (self.address, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => !differs(u128::from(a.to_bits() ^ b.to_bits()), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => !differs(a.to_bits() ^ b.to_bits(), 128),
            (_, _) => false,
        }
    }
}

/// An address; one of version 4 that is written as version 6 is what it stands for.
pub(super) fn address(text: &[u8]) -> Option<IpAddr> {
    let address: IpAddr = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(address.to_canonical())
}

fn bits(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_addresses() {
        for (network, text, expect) in [
            ("10.0.0.0/8", "10.1.2.3", Some(true)),
            ("10.9.9.9/8", "10.1.2.3", Some(true)),
            ("10.0.0.0/8", "11.1.2.3", Some(false)),
            ("10.0.0.0/8", "::ffff:10.1.2.3", Some(true)),
            ("0.0.0.0/0", "1.2.3.4", Some(true)),
            ("1.2.3.4/32", "1.2.3.5", Some(false)),
            ("fd00::/8", "fd12::1", Some(true)),
            ("::/0", "fd12::1", Some(true)),
            ("fd00::/8", "10.1.2.3", Some(false)),
            ("10.0.0.0/8", "x", None),
            ("10.0.0.0", "10.0.0.0", None),
            ("10.0.0.0/33", "10.0.0.0", None),
            ("10.0.0.0/+8", "10.0.0.0", None),
        ] {
            let network = Network::of_value(&Val::text(network.as_bytes()));
            let found = network.zip(address(text.as_bytes()));
            assert_eq!(found.map(|(network, address)| network.contains(address)), expect, "{text}");
        }
    }
}
