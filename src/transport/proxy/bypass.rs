use std::net::IpAddr;

use super::super::Endpoint;
use super::super::endpoint::split_port;

/// Who is reached without the proxy.
#[derive(Clone, Debug, Default)]
pub(super) struct Bypass {
    entries: Vec<(String, Option<u16>)>,
    networks: Vec<Network>,
}

/// The addresses that begin with these bits.
#[derive(Clone, Debug)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let (address, bits) = (address.parse::<IpAddr>().ok()?, bits.parse().ok()?);
        let most = if address.is_ipv4() { 32 } else { 128 };
        (bits <= most).then_some(Self { address, bits })
    }

    fn holds(&self, other: IpAddr) -> bool {
        let rest = |all: u32| all - self.bits;
        match (self.address, other) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => {
                (ours.to_bits() ^ other.to_bits()).checked_shr(rest(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(other)) => {
                (ours.to_bits() ^ other.to_bits()).checked_shr(rest(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl Bypass {
    pub(super) fn parse(list: &str) -> Self {
        let entries = list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
        let (networks, names): (Vec<_>, Vec<_>) = entries.partition(|entry| entry.contains('/'));
        let networks = networks.into_iter().filter_map(Network::parse).collect();
        Self { entries: names.into_iter().map(Self::entry).collect(), networks }
    }

    fn entry(text: &str) -> (String, Option<u16>) {
        let (host, port) = split_port(text).unwrap_or((text, None));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = host.strip_prefix("*.").unwrap_or(host);
        (host.trim_start_matches('.').trim_end_matches('.').to_ascii_lowercase(), port)
    }

    pub(super) fn matches(&self, endpoint: &Endpoint) -> bool {
        if let Some(address) = endpoint.address()
            && self.networks.iter().any(|network| network.holds(address))
        {
            return true;
        }
        let host = endpoint.host().trim_end_matches('.').to_ascii_lowercase();
        self.entries.iter().any(|(name, port)| {
            port.is_none_or(|port| port == endpoint.port()) && (name == "*" || covers(name, &host))
        })
    }
}

/// Says whether the host is that one, or below it. An address has nothing below it.
fn covers(name: &str, host: &str) -> bool {
    if name.is_empty() {
        return false;
    }
    if let (Ok(name), Ok(host)) = (name.parse::<IpAddr>(), host.parse::<IpAddr>()) {
        return name == host;
    }
    let below = host.strip_suffix(name).is_some_and(|front| front.ends_with('.'));
    host == name || (below && host.parse::<IpAddr>().is_err())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn exceptions_are_names_with_what_is_below_addresses_and_the_star() {
        let cases = [
            ("lab.test", "http://hv01.lab.test", true),
            (".lab.test", "http://hv01.lab.test", true),
            ("*.lab.test", "http://HV01.Lab.Test.", true),
            ("lab.test", "http://lab.test", true),
            ("lab.test", "http://notlab.test", false),
            ("other, 10.0.0.1", "http://10.0.0.1", true),
            ("0.0.1", "http://10.0.0.1", false),
            ("[::1]", "http://[0:0::1]", true),
            ("::1", "http://[::1]", true),
            ("hv01:5985", "http://hv01", true),
            ("hv01:5986", "http://hv01", false),
            ("10.0.0.0/8", "http://10.1.2.3", true),
            ("10.0.0.0/8", "http://11.1.2.3", false),
            ("10.1.2.3/31,x", "http://10.1.2.2", true),
            ("0.0.0.0/0", "http://10.1.2.3", true),
            ("0.0.0.0/0", "http://[::1]", false),
            ("2001:db8::/33", "http://[2001:db8:7fff::1]", true),
            ("2001:db8::/33", "http://[2001:db8:8000::1]", false),
            ("10.0.0.0/33", "http://10.0.0.0", false),
            ("10.0.0.0/x", "http://10.0.0.0", false),
            ("10.0.0.0/8", "http://hv01", false),
            ("*", "https://anything", true),
            ("", "http://hv01", false),
            (".", "http://hv01", false),
        ];
        for (list, host, direct) in cases {
            let found = Bypass::parse(list).matches(&host.parse().unwrap());
            assert_eq!(found, direct, "{list} {host}");
        }
    }

    proptest! {
        #[test]
        fn any_list_never_panics(list in "[a-z0-9.:*, \\[\\]]{0,40}") {
            let _ = Bypass::parse(&list).matches(&"http://hv01.lab.test".parse().unwrap());
        }
    }
}
