//! Which rules the kernel's program decides, and which are left to the collect gate.

use std::sync::Arc;

use crate::exclude::Exclusions;
use crate::filter::{Depth, Keep, Program, TooLarge, compile_limited};

/// The program, the same decision in Rust, and what has no part in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kernel {
    pub(crate) program: Program,
    pub(crate) keep: Keep,
    /// Keys of `[exclude]` for which the program has no room.
    pub(crate) left: Vec<&'static str>,
    /// Whether it has room for what `[headers_only]` says of VLANs, MAC addresses and protocols.
    pub(crate) limits: bool,
}

impl Kernel {
    /// As much as fits: what is limited to headers is given up first, and then the longest list of exclusions.
    pub(crate) fn new(exclusions: &Exclusions, headers: &Exclusions, depth: Depth) -> Result<Self, TooLarge> {
        let mut exclusions = Exclusions { opt_outs: Arc::default(), ..exclusions.clone() };
        let mut headers = Exclusions {
            vlans: headers.vlans.clone(),
            macs: headers.macs.clone(),
            protocols: headers.protocols.clone(),
            ..Exclusions::default()
        };
        let (mut left, mut limits) = (Vec::new(), true);
        // Each round gives up something, and there is little to give up.
        loop {
            match compile_limited(&exclusions, &headers, depth) {
                Ok(program) => {
                    let keep = Keep::limited(&exclusions, &headers, depth);
                    return Ok(Kernel { program, keep, left, limits });
                }
                Err(_) if !headers.is_empty() => {
                    headers = Exclusions::default();
                    limits = false;
                }
                Err(error) => left.push(give_up(&mut exclusions).ok_or(error)?),
            }
        }
    }
}

fn give_up(from: &mut Exclusions) -> Option<&'static str> {
    let Exclusions { vlans, macs, prefixes, protocols, .. } = from;
    let lists = [
        (prefixes.len(), "prefixes"),
        (macs.len(), "macs"),
        (vlans.len(), "vlans"),
        (protocols.len(), "protocols"),
    ];
    let (_, name) = lists.into_iter().filter(|(length, _)| *length > 0).max_by_key(|(length, _)| *length)?;
    match name {
        "prefixes" => prefixes.clear(),
        "macs" => macs.clear(),
        "vlans" => vlans.clear(),
        _ => protocols.clear(),
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exclude::MacSet;

    #[test]
    fn the_longest_list_of_exclusions_is_given_up_first_and_the_rest_stays_in_the_kernel() {
        let prefixes = (0..400_u16).map(|n| ([0x2001, 0xdb8, n, 0, 0, 0, 0, 1].into(), 128)).collect();
        let exclusions = Exclusions { macs: vec![MacSet::Group], prefixes, ..Exclusions::default() };
        let kernel = Kernel::new(&exclusions, &Exclusions::default(), Depth::default()).unwrap();
        assert_eq!((&kernel.left[..], kernel.limits), (&["prefixes"][..], true));
        let broadcast = [0xff; 60];
        assert_eq!((kernel.program.run(&broadcast, None), kernel.keep.octets(&broadcast, None)), (2, 2));
    }
}
