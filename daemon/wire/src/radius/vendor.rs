//! Vendor-Specific attributes (RFC 2865, 5.26).

use arrayvec::ArrayVec;
use serde::Serialize;

use super::MAX_SUB_ATTRIBUTES;
use crate::{Malformed, addresses::keep, cursor::Cursor, registry::registry};

/// A Vendor-Specific attribute. No value within it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VendorSpecific {
    /// The vendor.
    pub vendor: Vendor,
    /// Octets behind the vendor.
    pub length: u8,
    /// Its sub-attributes; empty where its octets are not of the form that RFC 2865 proposes.
    pub sub_attributes: ArrayVec<SubAttribute, MAX_SUB_ATTRIBUTES>,
    /// How many sub-attributes found no room in the list.
    pub omitted: u32,
}

/// A sub-attribute of a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct SubAttribute {
    /// Its type, within that vendor's.
    pub vendor_type: u8,
    /// Its octets, with type and length.
    pub length: u8,
}

registry! {
    /// A vendor (IANA private enterprise numbers).
    pub enum Vendor: u32 {
        /// Cisco.
        Cisco = 9, "cisco";
        /// Hewlett-Packard.
        Hp = 11, "hp";
        /// Microsoft.
        Microsoft = 311, "microsoft";
        /// US Robotics.
        UsRobotics = 429, "us-robotics";
        /// Foundry.
        Foundry = 1991, "foundry";
        /// 3Com.
        ThreeCom = 43, "3com";
        /// Ascend.
        Ascend = 529, "ascend";
        /// Extreme Networks.
        Extreme = 1916, "extreme";
        /// Redback.
        Redback = 2352, "redback";
        /// Huawei.
        Huawei = 2011, "huawei";
        /// Juniper.
        Juniper = 2636, "juniper";
        /// Broadband Forum.
        BroadbandForum = 3561, "broadband-forum";
        /// Lucent.
        Lucent = 4846, "lucent";
        /// Starent.
        Starent = 8164, "starent";
        /// Meru.
        Meru = 15983, "meru";
        /// 3GPP.
        ThreeGpp = 10415, "3gpp";
        /// Fortinet.
        Fortinet = 12356, "fortinet";
        /// Airespace.
        Airespace = 14179, "airespace";
        /// WISPr.
        Wispr = 14122, "wispr";
        /// Aruba.
        Aruba = 14823, "aruba";
        /// MikroTik.
        Mikrotik = 14988, "mikrotik";
        /// WiMAX Forum.
        WiMax = 24757, "wimax";
        /// Ruckus.
        Ruckus = 25053, "ruckus";
        /// Nokia, of service routers.
        NokiaSr = 6527, "nokia-sr";
        /// Aerohive.
        Aerohive = 26928, "aerohive";
        /// Meraki.
        Meraki = 29671, "meraki";
        /// Ubiquiti.
        Ubiquiti = 41112, "ubiquiti";
        /// Wi-Fi Alliance.
        WiFiAlliance = 40808, "wi-fi-alliance";
    }
}

impl VendorSpecific {
    pub(super) fn parse(mut cursor: Cursor<'_>) -> Result<Self, Malformed> {
        let vendor = Vendor::from(cursor.u32()?);
        let length = u8::try_from(cursor.wire_remaining()).unwrap_or(u8::MAX);
        let mut attribute = VendorSpecific { vendor, length, sub_attributes: ArrayVec::new(), omitted: 0 };
        let is_wide = matches!(vendor, Vendor::UsRobotics | Vendor::Lucent | Vendor::Starent);
        if !is_wide && !cursor.is_cut() && attribute.read(cursor).is_none() {
            attribute.sub_attributes.clear();
            attribute.omitted = 0;
        }
        Ok(attribute)
    }

    /// Reads the sub-attributes; `None` where the octets are of another form.
    fn read(&mut self, mut cursor: Cursor<'_>) -> Option<()> {
        for _ in 0..=u8::MAX {
            if cursor.is_empty() {
                return Some(());
            }
            let [vendor_type, length] = *cursor.array().ok()?;
            cursor.take(usize::from(length).checked_sub(SUB_HEADER_LEN)?).ok()?;
            keep(&mut self.sub_attributes, &mut self.omitted, SubAttribute { vendor_type, length });
        }
        None
    }
}

/// Octets of a sub-attribute's type and length.
const SUB_HEADER_LEN: usize = 2;
