//! What is kept beyond headers and control protocols, and within tunnels.

use headgate_record::{Field, Payload};

use super::Tunnels;

/// What a rule must keep a field of before the kernel hands it over, by default nothing; and the tunnels that are
/// looked into, by default all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// RADIUS messages of authentication and accounting whole: user names and what else is in their attributes
    /// cannot be cut apart. Otherwise, and of other messages, code, identifier and length.
    pub radius: bool,
    /// Multicast DNS messages whole. Otherwise nothing of them.
    pub service_types: bool,
    /// EAP Identity responses whole. Otherwise code, identifier, length and type.
    pub eap_identity: bool,
    /// Headers of what is within these. Otherwise nothing of it.
    pub tunnels: Tunnels,
}

impl Depth {
    /// What the records' fields that are kept are read from, by the dictionary. All that need more than headers
    /// are off by default. The program can cut a message at one place only and attributes come in any order, so
    /// that one of them brings all.
    pub(crate) fn of(kept: impl Iterator<Item = Field>) -> Depth {
        kept.filter_map(|field| field.definition().payload).fold(Depth::default(), |depth, payload| {
            match payload {
                Payload::RadiusAttributes => Depth { radius: true, ..depth },
                Payload::EapIdentity => Depth { eap_identity: true, ..depth },
                Payload::MulticastDns => Depth { service_types: true, ..depth },
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the documents say of a field's source, and what the filter hands over for it.
    #[test]
    fn the_source_of_every_field_says_what_it_needs() {
        for field in Field::ALL {
            let row = field.definition();
            let expected = match row.source {
                source if source.starts_with("RADIUS attribute") => Some(Payload::RadiusAttributes),
                source if source.starts_with("EAP Identity") => Some(Payload::EapIdentity),
                source if source.contains("mDNS") => Some(Payload::MulticastDns),
                _ => None,
            };
            assert_eq!(row.payload, expected, "{}", row.name);
            let depth = Depth::of([*field].into_iter());
            assert_eq!(depth == Depth::default(), row.payload.is_none(), "{}", row.name);
        }
        assert_eq!(
            Depth::of(Field::ALL.iter().copied()),
            Depth { radius: true, service_types: true, eap_identity: true, ..Depth::default() }
        );
    }
}
