//! Organisationally specific TLVs that are not read here (IEEE 802.1AB-2016, 8.6).

use serde::Serialize;

use crate::{Octets, registry::registry};

/// A TLV that is not read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Opaque<'a> {
    /// Its type; 127 for those of an organisation.
    pub tlv: u8,
    /// The organisation and its subtype, for type 127.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Organisation>,
    /// The octets behind the header, or behind the subtype.
    pub value: Octets<'a>,
}

/// Who defined an organisationally specific TLV (8.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Organisation {
    /// The organisation.
    pub oui: Oui,
    /// The type within that organisation.
    pub subtype: u8,
}

registry! {
    /// Organisations whose TLVs are seen in the field, by their identifier (IEEE registry).
    pub enum Oui: u32 {
        /// IANA, for the IETF (RFC 8520, 11).
        Iana = 0x00005e, "iana";
        /// Cisco.
        Cisco = 0x000142, "cisco";
        /// Avaya, now Extreme: fabric and access points.
        AvayaFabric = 0x00040d, "avaya-fabric";
        /// Brocade.
        Brocade = 0x00051e, "brocade";
        /// Aruba.
        Aruba = 0x000b86, "aruba";
        /// PROFINET (IEC 61158-6-10).
        Profinet = 0x000ecf, "profinet";
        /// H3C.
        H3c = 0x000fe2, "h3c";
        /// IEEE 802.3.
        Dot3 = 0x00120f, "ieee-802.3";
        /// LLDP-MED (ANSI/TIA-1057).
        Med = 0x0012bb, "lldp-med";
        /// ProCurve, of Hewlett-Packard.
        ProCurve = 0x0016b9, "procurve";
        /// Dell.
        Dell = 0x0019b9, "dell";
        /// DCBX before IEEE 802.1Qaz, by Intel.
        Dcbx = 0x001b21, "dcbx-pre-standard";
        /// Edge virtual bridging before IEEE 802.1Qbg.
        Evb = 0x001b3f, "evb-pre-standard";
        /// Arista.
        Arista = 0x001c73, "arista";
        /// ODVA (EtherNet/IP).
        Odva = 0x00216c, "odva";
        /// Hytec.
        Hytec = 0x0030b1, "hytec";
        /// Avaya telephones.
        Avaya = 0x00400d, "avaya";
        /// IEEE 802.1.
        Dot1 = 0x0080c2, "ieee-802.1";
        /// Juniper.
        Juniper = 0x009069, "juniper";
        /// Extreme.
        Extreme = 0x00e02b, "extreme";
        /// Foundry.
        Foundry = 0x00e052, "foundry";
        /// Huawei.
        Huawei = 0x00e0fc, "huawei";
        /// Hewlett-Packard.
        HewlettPackard = 0x080009, "hewlett-packard";
        /// Open Networking Laboratory (ONOS).
        Onos = 0xa42305, "onos";
    }
}

impl From<[u8; 3]> for Oui {
    fn from([first, second, third]: [u8; 3]) -> Self {
        Oui::from(u32::from_be_bytes([0, first, second, third]))
    }
}
