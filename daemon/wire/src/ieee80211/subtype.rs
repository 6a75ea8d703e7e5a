//! Types and subtypes of frames (IEEE 802.11-2020, 9.2.4.1.3, table 9-1).

use serde::Serialize;

use crate::registry::registry;

registry! {
    /// Type and subtype of a frame: 16 times the type, plus the subtype.
    pub enum Subtype: u8 {
        /// Association request.
        AssociationRequest = 0x00, "association-request";
        /// Association response.
        AssociationResponse = 0x01, "association-response";
        /// Reassociation request.
        ReassociationRequest = 0x02, "reassociation-request";
        /// Reassociation response.
        ReassociationResponse = 0x03, "reassociation-response";
        /// Probe request.
        ProbeRequest = 0x04, "probe-request";
        /// Probe response.
        ProbeResponse = 0x05, "probe-response";
        /// Timing advertisement.
        TimingAdvertisement = 0x06, "timing-advertisement";
        /// Beacon.
        Beacon = 0x08, "beacon";
        /// ATIM.
        Atim = 0x09, "atim";
        /// Disassociation.
        Disassociation = 0x0a, "disassociation";
        /// Authentication.
        Authentication = 0x0b, "authentication";
        /// Deauthentication.
        Deauthentication = 0x0c, "deauthentication";
        /// Action.
        Action = 0x0d, "action";
        /// Action that is not acknowledged.
        ActionNoAck = 0x0e, "action-no-ack";
        /// Trigger.
        Trigger = 0x12, "trigger";
        /// TACK.
        Tack = 0x13, "tack";
        /// Beamforming report poll.
        BeamformingReportPoll = 0x14, "beamforming-report-poll";
        /// VHT, HE or ranging NDP announcement.
        NdpAnnouncement = 0x15, "ndp-announcement";
        /// Control frame extension: the flags hold four more bits of subtype.
        ControlExtension = 0x16, "control-frame-extension";
        /// Control wrapper.
        ControlWrapper = 0x17, "control-wrapper";
        /// Block acknowledgment request.
        BlockAckRequest = 0x18, "block-ack-request";
        /// Block acknowledgment.
        BlockAck = 0x19, "block-ack";
        /// PS-Poll.
        PsPoll = 0x1a, "ps-poll";
        /// Request to send.
        Rts = 0x1b, "rts";
        /// Clear to send.
        Cts = 0x1c, "cts";
        /// Acknowledgment.
        Ack = 0x1d, "ack";
        /// End of the contention-free period.
        CfEnd = 0x1e, "cf-end";
        /// End of the contention-free period, with an acknowledgment.
        CfEndAck = 0x1f, "cf-end-cf-ack";
        /// Data.
        Data = 0x20, "data";
        /// Data with CF-Ack.
        DataCfAck = 0x21, "data-cf-ack";
        /// Data with CF-Poll.
        DataCfPoll = 0x22, "data-cf-poll";
        /// Data with CF-Ack and CF-Poll.
        DataCfAckPoll = 0x23, "data-cf-ack-cf-poll";
        /// No data.
        Null = 0x24, "null";
        /// No data, CF-Ack.
        CfAck = 0x25, "cf-ack";
        /// No data, CF-Poll.
        CfPoll = 0x26, "cf-poll";
        /// No data, CF-Ack and CF-Poll.
        CfAckPoll = 0x27, "cf-ack-cf-poll";
        /// QoS data.
        QosData = 0x28, "qos-data";
        /// QoS data with CF-Ack.
        QosDataCfAck = 0x29, "qos-data-cf-ack";
        /// QoS data with CF-Poll.
        QosDataCfPoll = 0x2a, "qos-data-cf-poll";
        /// QoS data with CF-Ack and CF-Poll.
        QosDataCfAckPoll = 0x2b, "qos-data-cf-ack-cf-poll";
        /// QoS, no data.
        QosNull = 0x2c, "qos-null";
        /// QoS, no data, CF-Poll.
        QosCfPoll = 0x2e, "qos-cf-poll";
        /// QoS, no data, CF-Ack and CF-Poll.
        QosCfAckPoll = 0x2f, "qos-cf-ack-cf-poll";
        /// DMG beacon.
        DmgBeacon = 0x30, "dmg-beacon";
        /// S1G beacon.
        S1gBeacon = 0x31, "s1g-beacon";
    }
}

/// Type of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Type {
    /// 0.
    Management,
    /// 1.
    Control,
    /// 2.
    Data,
    /// 3.
    Extension,
}

impl Subtype {
    /// The type.
    #[must_use]
    pub fn kind(self) -> Type {
        match self.code() >> 4 {
            0 => Type::Management,
            1 => Type::Control,
            2 => Type::Data,
            _ => Type::Extension,
        }
    }

    /// Whether it is of data frames with a QoS Control field.
    pub(super) fn has_qos(self) -> bool {
        self.kind() == Type::Data && self.code() & 0x08 != 0
    }

    /// Whether it is of data frames that carry no data.
    pub(super) fn is_null(self) -> bool {
        self.kind() == Type::Data && self.code() & 0x04 != 0
    }

    /// Whether it is of control frames that name their transmitter behind their receiver (9.3.1).
    pub(super) fn has_transmitter(self) -> bool {
        matches!(
            self,
            Subtype::Trigger
                | Subtype::BeamformingReportPoll
                | Subtype::NdpAnnouncement
                | Subtype::BlockAckRequest
                | Subtype::BlockAck
                | Subtype::PsPoll
                | Subtype::Rts
                | Subtype::CfEnd
                | Subtype::CfEndAck
        )
    }

    /// Whether it is of control frames that name their receiver at least.
    pub(super) fn has_receiver(self) -> bool {
        self.has_transmitter() || matches!(self, Subtype::ControlWrapper | Subtype::Cts | Subtype::Ack)
    }
}
