use std::net::IpAddr;

use super::super::Endpoint;
use super::super::endpoint::split_port;

/// Who is reached without the proxy.
#[derive(Clone, Debug, Default)]
pub(super) struct Bypass {
    entries: Vec<(String, Option<u16>)>,
}

impl Bypass {
    pub(super) fn parse(list: &str) -> Self {
        let entries = list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
        Self { entries: entries.map(Self::entry).collect() }
    }

    fn entry(text: &str) -> (String, Option<u16>) {
        let (host, port) = split_port(text).unwrap_or((text, None));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = host.strip_prefix("*.").unwrap_or(host);
        (host.trim_start_matches('.').trim_end_matches('.').to_ascii_lowercase(), port)
    }

    pub(super) fn matches(&self, endpoint: &Endpoint) -> bool {
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
