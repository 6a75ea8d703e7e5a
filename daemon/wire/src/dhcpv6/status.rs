//! The Status Code option (RFC 8415, 21.13).

use serde::Serialize;

use super::reader::text;
use crate::{Malformed, Text, cursor::Cursor, registry::registry};

/// How a request, or a part of it, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Status<'a> {
    /// The outcome.
    pub code: StatusCode,
    /// What a person may read.
    pub message: Text<'a>,
}

registry! {
    /// An outcome (IANA DHCPv6 status codes).
    pub enum StatusCode: u16 {
        /// Success.
        Success = 0, "success";
        /// UnspecFail.
        UnspecFail = 1, "unspec-fail";
        /// NoAddrsAvail.
        NoAddrsAvail = 2, "no-addrs-avail";
        /// NoBinding.
        NoBinding = 3, "no-binding";
        /// NotOnLink.
        NotOnLink = 4, "not-on-link";
        /// UseMulticast.
        UseMulticast = 5, "use-multicast";
        /// NoPrefixAvail.
        NoPrefixAvail = 6, "no-prefix-avail";
        /// UnknownQueryType (RFC 5007).
        UnknownQueryType = 7, "unknown-query-type";
        /// MalformedQuery (RFC 5007).
        MalformedQuery = 8, "malformed-query";
        /// NotConfigured (RFC 5007).
        NotConfigured = 9, "not-configured";
        /// NotAllowed (RFC 5007).
        NotAllowed = 10, "not-allowed";
        /// QueryTerminated (RFC 5460).
        QueryTerminated = 11, "query-terminated";
        /// DataMissing (RFC 7653).
        DataMissing = 12, "data-missing";
        /// CatchUpComplete (RFC 7653).
        CatchUpComplete = 13, "catch-up-complete";
        /// NotSupported (RFC 7653).
        NotSupported = 14, "not-supported";
        /// TLSConnectionRefused (RFC 7653).
        TlsConnectionRefused = 15, "tls-connection-refused";
        /// AddressInUse (RFC 8156).
        AddressInUse = 16, "address-in-use";
        /// ConfigurationConflict (RFC 8156).
        ConfigurationConflict = 17, "configuration-conflict";
        /// MissingBindingInformation (RFC 8156).
        MissingBindingInformation = 18, "missing-binding-information";
        /// OutdatedBindingInformation (RFC 8156).
        OutdatedBindingInformation = 19, "outdated-binding-information";
        /// ServerShuttingDown (RFC 8156).
        ServerShuttingDown = 20, "server-shutting-down";
        /// DNSUpdateNotSupported (RFC 8156).
        DnsUpdateNotSupported = 21, "dns-update-not-supported";
        /// ExcessiveTimeSkew (RFC 8156).
        ExcessiveTimeSkew = 22, "excessive-time-skew";
    }
}

impl<'a> Status<'a> {
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let code = cursor.u16()?.into();
        Ok(Status { code, message: text(cursor)? })
    }
}
