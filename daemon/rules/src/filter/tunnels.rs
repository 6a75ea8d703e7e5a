//! Which tunnels are looked into.

use headgate_wire::tunnel::Header;

/// A kind of tunnel, by its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tunnel {
    /// CAPWAP data with frames of IEEE 802.3 and IEEE 802.11.
    Capwap,
    /// ERSPAN, types I to III.
    Erspan,
    /// GENEVE.
    Geneve,
    /// GRE without ERSPAN, also that of PPTP.
    Gre,
    /// IP or Ethernet within IP.
    Ip,
    /// TZSP with frames of Ethernet and IEEE 802.11.
    Tzsp,
    /// VXLAN and VXLAN-GPE.
    Vxlan,
}

/// A set of kinds of tunnel; by default all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tunnels(u8);

impl Tunnel {
    /// All kinds.
    pub const ALL: [Tunnel; 7] = [
        Tunnel::Capwap,
        Tunnel::Erspan,
        Tunnel::Geneve,
        Tunnel::Gre,
        Tunnel::Ip,
        Tunnel::Tzsp,
        Tunnel::Vxlan,
    ];

    /// The name in rule files, and behind that of an interface in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Tunnel::Capwap => "capwap",
            Tunnel::Erspan => "erspan",
            Tunnel::Geneve => "geneve",
            Tunnel::Gre => "gre",
            Tunnel::Ip => "ip",
            Tunnel::Tzsp => "tzsp",
            Tunnel::Vxlan => "vxlan",
        }
    }

    /// The kind of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Tunnel> {
        Tunnel::ALL.into_iter().find(|tunnel| tunnel.name() == name)
    }

    /// The kind of a header.
    #[must_use]
    pub fn of(header: &Header) -> Tunnel {
        match header {
            Header::Capwap(_) => Tunnel::Capwap,
            Header::Erspan(..) => Tunnel::Erspan,
            Header::Geneve(_) => Tunnel::Geneve,
            Header::Gre(_) => Tunnel::Gre,
            Header::Ip => Tunnel::Ip,
            Header::Tzsp(_) => Tunnel::Tzsp,
            Header::Vxlan(_) => Tunnel::Vxlan,
        }
    }

    fn bit(self) -> u8 {
        match self {
            Tunnel::Capwap => 0x01,
            Tunnel::Erspan => 0x02,
            Tunnel::Geneve => 0x04,
            Tunnel::Gre => 0x08,
            Tunnel::Ip => 0x10,
            Tunnel::Tzsp => 0x20,
            Tunnel::Vxlan => 0x40,
        }
    }
}

impl Tunnels {
    /// No kind.
    pub const NONE: Tunnels = Tunnels(0);

    /// Whether a kind is one of the set.
    #[must_use]
    pub fn contains(self, tunnel: Tunnel) -> bool {
        self.0 & tunnel.bit() != 0
    }

    /// The kinds of the set.
    pub fn iter(self) -> impl Iterator<Item = Tunnel> {
        Tunnel::ALL.into_iter().filter(move |tunnel| self.contains(*tunnel))
    }
}

impl Default for Tunnels {
    fn default() -> Self {
        Tunnel::ALL.into_iter().collect()
    }
}

impl FromIterator<Tunnel> for Tunnels {
    fn from_iter<I: IntoIterator<Item = Tunnel>>(tunnels: I) -> Self {
        Tunnels(tunnels.into_iter().fold(0, |bits, tunnel| bits | tunnel.bit()))
    }
}

/// Most tags of a frame within that are looked behind.
pub(super) const MAX_TAGS: usize = 2;
/// Most extension headers of IPv6 within that are stepped over.
pub(super) const MAX_EXTENSIONS: u8 = 2;
/// Most tagged fields of TZSP, padding among them, that are stepped over.
pub(super) const MAX_TZSP_TAGS: u8 = 6;
/// Most entries of a label stack of MPLS that are looked behind.
pub(super) const MAX_LABELS: usize = 3;
