//! What can be told from addresses and numbers alone.

use headgate_record::{Mac, Value};

/// The vendor that the IEEE registered for a MAC address, by its longest registered prefix. A locally
/// administered address has none.
pub(crate) fn vendor(mac: Mac) -> Option<&'static str> {
    if mac.is_locally_administered() || mac.is_group() {
        return None;
    }
    let digits = mac.0.iter().map(|octet| format!("{octet:02X}")).collect::<String>();
    // MA-L, MA-M and MA-S (IEEE Registration Authority): 24, 28 and 36 bits. The longer ones of a block stand behind it.
    let block = digits.get(..6)?;
    let (of_block, behind) = registered(block);
    if !behind.starts_with(block) {
        return of_block;
    }
    [9, 7].into_iter().find_map(|length| registered(digits.get(..length)?).0).or(of_block)
}

/// Finds the line of a prefix in the sorted registry by bisection over octets, and what stands behind it or, where it is not there, behind
/// its place.
fn registered(prefix: &str) -> (Option<&'static str>, &'static str) {
    // Octets, because the middle of the file may be the middle of a character.
    let octets = REGISTRY.as_bytes();
    let rest = |at: usize| REGISTRY.get(at..).unwrap_or_default();
    let (mut low, mut high) = (0, octets.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let before = octets.get(low..middle).unwrap_or_default();
        let start = before.iter().rposition(|b| *b == b'\n').map_or(low, |at| low + at + 1);
        let line = rest(start).split('\n').next().unwrap_or_default();
        let behind = start + line.len() + 1;
        let (found, vendor) = line.split_once('\t').unwrap_or((line, ""));
        match found.cmp(prefix) {
            std::cmp::Ordering::Equal => return (Some(vendor), rest(behind)),
            std::cmp::Ordering::Less => low = behind,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    (None, rest(low))
}

/// The name of an IP protocol, as OpenTelemetry's `network.transport` and IANA spell it.
pub(crate) fn transport(protocol: u8) -> Value {
    match protocol {
        // A packet that ends with its hop-by-hop options, because the filter kept no more.
        0 => Value::word("hopopt"),
        1 => Value::word("icmp"),
        2 => Value::word("igmp"),
        6 => Value::word("tcp"),
        17 => Value::word("udp"),
        47 => Value::word("gre"),
        50 => Value::word("esp"),
        58 => Value::word("ipv6-icmp"),
        89 => Value::word("ospf"),
        132 => Value::word("sctp"),
        other => format!("ip-{other}").into(),
    }
}

/// The class of service behind the responder's port: what kind of use a device makes of the network,
/// never with whom.
pub(crate) fn service(protocol: u8, port: u16) -> &'static str {
    if !matches!(protocol, 6 | 17) {
        return "none";
    }
    SERVICES.iter().find(|(ports, _)| ports.contains(&port)).map_or("other", |(_, class)| *class)
}

/// Lines `PREFIX<TAB>vendor`, sorted by prefix; the prefix is 6, 7 or 9 hexadecimal digits.
const REGISTRY: &str = include_str!("../data/oui.tsv");

/// Ports of the responder, and the class of service (IANA service names where one fits).
const SERVICES: &[(&[u16], &str)] = &[
    (&[80, 8000, 8008, 8080, 8081], "http"),
    (&[443, 8443], "https"),
    (&[53, 853, 5353], "dns"),
    (&[67, 68], "dhcp"),
    (&[123], "ntp"),
    (&[22], "ssh"),
    (&[23], "telnet"),
    (&[25, 110, 143, 465, 587, 993, 995], "mail"),
    (&[20, 21, 69, 989, 990], "file-transfer"),
    (&[139, 445, 2049, 111], "file-sharing"),
    (&[515, 631, 9100], "printing"),
    (&[161, 162], "snmp"),
    (&[514, 6514], "syslog"),
    (&[1812, 1813, 49], "authentication"),
    (&[88, 389, 636, 464, 3268, 3269], "directory"),
    (&[3389, 5900], "remote-desktop"),
    (&[5060, 5061, 3478], "telephony"),
    (&[500, 1194, 1701, 4500, 51820], "vpn"),
    (&[1883, 8883, 502, 4840, 47808], "automation"),
    (&[1433, 1521, 3306, 5432, 6379, 27017], "database"),
    (&[137, 138, 1900, 5355], "discovery"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_vendor_is_found_by_its_longest_prefix() {
        assert_eq!(vendor(Mac([0x00, 0x1b, 0x21, 1, 2, 3])), Some("Intel Corporate"));
        assert_eq!(vendor(Mac([0x02, 0x1b, 0x21, 1, 2, 3])), None);
        assert_eq!(vendor(Mac([0xff; 6])), None);
    }

    /// The middle of a search once fell into a character of another vendor's name.
    #[test]
    fn a_vendor_is_found_where_the_search_meets_a_name_that_is_not_ascii() {
        assert_eq!(vendor(Mac([0x3c, 0x2a, 0xf4, 0, 0, 2])), Some("Brother Industries, LTD."));
    }

    #[test]
    fn every_line_of_the_registry_is_found_again() {
        for line in REGISTRY.lines() {
            let (prefix, name) = line.split_once('\t').unwrap();
            assert_eq!(registered(prefix).0, Some(name), "{line}");
        }
        assert!(REGISTRY.lines().is_sorted_by_key(|line| line.split('\t').next()));
    }

    #[test]
    fn the_search_from_the_block_on_finds_what_three_searches_find() {
        let known: HashMap<&str, &str> = REGISTRY.lines().filter_map(|line| line.split_once('\t')).collect();
        let mut longer = 0;
        for (prefix, fill) in
            known.keys().flat_map(|prefix| ["000000", "7a31c5", "ffffff"].map(|f| (prefix, f)))
        {
            let digits = format!("{prefix}{fill}").to_uppercase();
            let octet = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap();
            let mac = Mac([0, 1, 2, 3, 4, 5].map(octet));
            if mac.is_locally_administered() || mac.is_group() {
                continue;
            }
            let expected = [9, 7, 6].iter().find_map(|length| known.get(&digits[..*length]).copied());
            assert_eq!(vendor(mac), expected, "{digits}");
            longer += usize::from(prefix.len() > 6);
        }
        assert!(longer > 1_000, "{longer}");
    }

    #[test]
    fn a_service_class_says_what_kind_not_with_whom() {
        assert_eq!((service(6, 443), service(6, 4_321), service(1, 0)), ("https", "other", "none"));
    }
}
