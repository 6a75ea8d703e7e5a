//! What is kept beyond headers and control protocols.

use headgate_record::Field;

/// What a rule must keep a field of before the kernel hands it over. By default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// RADIUS messages whole: user names and what else is in their attributes cannot be cut apart. Otherwise
    /// code, identifier and length.
    pub radius: bool,
    /// Multicast DNS messages whole. Otherwise nothing of them.
    pub service_types: bool,
    /// EAP Identity responses whole. Otherwise code, identifier, length and type.
    pub eap_identity: bool,
}

impl Depth {
    /// What the records' fields that are kept are read from. Those that need more than headers are
    /// `device.service_types`, `authentication.identity`, and each field of an authentication whose source in
    /// the dictionary is a `RADIUS attribute`. All of them are off by default. The program can cut a message
    /// at one place only and attributes come in any order, so that one of them brings all.
    pub(crate) fn of(kept: impl Iterator<Item = Field>) -> Depth {
        kept.map(|field| field.definition())
            .fold(Depth::default(), |depth, row| depth.with(row.name, row.source))
    }

    fn with(self, name: &str, source: &str) -> Depth {
        Depth {
            radius: self.radius
                || (name.starts_with("authentication.") && source.starts_with("RADIUS attribute")),
            service_types: self.service_types || name == "device.service_types",
            eap_identity: self.eap_identity || name == "authentication.identity",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_fields_that_are_read_from_payload_deepen_the_filter() {
        let none = Depth::default();
        assert_eq!(none.with("device.hostname", "DHCP option 12 (RFC 2132, 3.14)"), none);
        assert_eq!(none.with("authentication.outcome", "RADIUS code (RFC 2865, 3)"), none);
        assert_eq!(
            none.with("authentication.mac", "Calling-Station-Id, where RADIUS attributes are kept"),
            none
        );
        assert!(none.with("authentication.vlan", "RADIUS attribute 81 (RFC 2868, 3.6)").radius);
        assert!(none.with("authentication.identity", "EAP Identity (RFC 3748, 5.1)").eap_identity);
        assert!(none.with("device.service_types", "Multicast DNS (RFC 6763, 7)").service_types);
        let both = none.with("device.service_types", "").with("device.mac", "Ethernet source");
        assert_eq!(both, Depth { service_types: true, ..none });
    }
}
