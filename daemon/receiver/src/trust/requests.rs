//! What the operator asks of sites: it goes with receipts until a later batch shows that it has arrived.

use headgate_record::request::Request;

use crate::Error;

/// A request, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Of whom.
    pub appliance: String,
    /// What.
    pub request: Request,
    /// When, seconds since 1970.
    pub asked: u64,
    /// Whether the appliance has it. What became of it there stays there.
    pub has_arrived: bool,
}

/// That no more may be asked.
pub fn too_many() -> Error {
    Error::Token("16 requests to this appliance have not expired; wait, or withdraw one")
}

/// Most requests to one appliance.
pub const MAX_REQUESTS: usize = 16;
