//! Addresses of packets, and as entries hold them.

use std::hash::{Hash, Hasher};
use std::hint::select_unpredictable;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Family, Flows};

/// An address of a packet.
pub(crate) trait IpAddress: Copy {
    /// As entries hold it.
    type Words: Address;

    /// The address as entries hold it.
    fn words(self) -> Self::Words;
    /// Both ends of a packet, the lower first, and whether that is the first given, or both are the same.
    // Which it is, is as good as chance, and a wrong guess costs as much as all of this: nothing branches on it.
    fn in_order(from: (Self, u16), to: (Self, u16)) -> (bool, [(Self::Words, u16); 2]);
    /// The flows between such addresses.
    fn family(flows: &mut Flows) -> &mut Family<Self::Words>;
}

impl IpAddress for Ipv4Addr {
    type Words = u32;

    #[inline(always)]
    fn words(self) -> u32 {
        u32::from_ne_bytes(self.octets())
    }

    #[inline(always)]
    fn in_order(from: (Self, u16), to: (Self, u16)) -> (bool, [(u32, u16); 2]) {
        let [from, to] =
            [from, to].map(|(address, port)| u64::from(address.to_bits()) << 16 | u64::from(port));
        let ends = [from.min(to), from.max(to)].map(|end| {
            let [p0, p1, a, b, c, d, _, _] = end.to_le_bytes();
            (u32::from_ne_bytes([d, c, b, a]), u16::from_le_bytes([p0, p1]))
        });
        (from <= to, ends)
    }

    #[inline(always)]
    fn family(flows: &mut Flows) -> &mut Family<u32> {
        &mut flows.v4
    }
}

impl IpAddress for Ipv6Addr {
    type Words = [u32; 4];

    #[inline(always)]
    fn words(self) -> [u32; 4] {
        let octets = self.octets();
        let (words, _) = octets.as_chunks::<4>();
        let [a, b, c, d] = words else { return [0; 4] };
        [a, b, c, d].map(|word| u32::from_ne_bytes(*word))
    }

    #[inline(always)]
    fn in_order(from: (Self, u16), to: (Self, u16)) -> (bool, [([u32; 4], u16); 2]) {
        let is_sorted = (from.0.to_bits(), from.1) <= (to.0.to_bits(), to.1);
        let ([a, b, c, d], [e, f, g, h]) = (from.0.words(), to.0.words());
        let sort =
            |from, to| (select_unpredictable(is_sorted, from, to), select_unpredictable(is_sorted, to, from));
        let ((a, e), (b, f), (c, g), (d, h)) = (sort(a, e), sort(b, f), sort(c, g), sort(d, h));
        let ports = if is_sorted { (from.1, to.1) } else { (to.1, from.1) };
        (is_sorted, [([a, b, c, d], ports.0), ([e, f, g, h], ports.1)])
    }

    #[inline(always)]
    fn family(flows: &mut Flows) -> &mut Family<[u32; 4]> {
        &mut flows.v6
    }
}

/// An address of one family, as an entry holds it.
pub(crate) trait Address: Copy + Eq + Hash {
    /// 0.0.0.0 or `::`.
    const UNSPECIFIED: Self;

    fn to_ip(self) -> IpAddr;
    /// Hashes both as whole words: what a processor has just written in parts it is slow to read as a whole.
    fn hash_both(low: Self, high: Self, hasher: &mut impl Hasher);
}

impl Address for u32 {
    const UNSPECIFIED: Self = 0;

    fn to_ip(self) -> IpAddr {
        Ipv4Addr::from(self.to_ne_bytes()).into()
    }

    #[inline(always)]
    fn hash_both(low: Self, high: Self, hasher: &mut impl Hasher) {
        hasher.write_u64(u64::from(low) << 32 | u64::from(high));
    }
}

/// Words, so that an entry has no gaps.
impl Address for [u32; 4] {
    const UNSPECIFIED: Self = [0; 4];

    fn to_ip(self) -> IpAddr {
        let mut octets = [0; 16];
        for (octets, word) in octets.as_chunks_mut::<4>().0.iter_mut().zip(self) {
            *octets = word.to_ne_bytes();
        }
        Ipv6Addr::from(octets).into()
    }

    #[inline(always)]
    fn hash_both(low: Self, high: Self, hasher: &mut impl Hasher) {
        for [a, b, c, d] in [low, high] {
            hasher.write_u64(u64::from(a) << 32 | u64::from(b));
            hasher.write_u64(u64::from(c) << 32 | u64::from(d));
        }
    }
}
