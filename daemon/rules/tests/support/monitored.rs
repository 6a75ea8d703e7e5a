//! What radios wrote before a frame of IEEE 802.11.

/// A Prism header in the order of octets that its message code has.
pub fn prism(code: [u8; 4]) -> Vec<u8> {
    let length = if code[0] == 0 { [0, 0, 0, 144] } else { [144, 0, 0, 0] };
    [&code[..], &length, &[0x2a; 136]].concat()
}

/// An AVS header of a version and a length.
pub fn avs(version: u8, length: u8) -> Vec<u8> {
    let mut header = vec![0x80, 0x21, 0x10, version, 0, 0, 0, length];
    header.resize(length.into(), 0x2a);
    header
}
