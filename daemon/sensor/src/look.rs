//! A look at interfaces, for `headgate doctor`: to whom frames go and how long they are, not what is in them.

use std::time::{Duration, Instant};

use headgate_capture::{self as capture, Frame, Geometry, Instruction, Ring};

/// Frames of one interface during a look, by whom they are for (packet(7), `sll_pkttype`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// To this machine.
    pub here: u64,
    /// To all stations.
    pub broadcast: u64,
    /// To other groups.
    pub multicast: u64,
    /// To another station: what a mirror port gives.
    pub elsewhere: u64,
    /// Sent by this machine.
    pub sent: u64,
    /// LLDP among the received.
    pub lldp: u64,
    /// Received with a VLAN tag that came beside the frame.
    pub tagged: u64,
    /// Octets of the longest received, without a tag that came beside it.
    pub longest: u32,
}

impl Look {
    /// All that were received.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.here + self.broadcast + self.multicast + self.elsewhere
    }

    fn count(&mut self, frame: &Frame<'_>) {
        let kept = frame.bytes.len();
        let (is_lldp, kind) = if kept > LLDP { (true, kept - LLDP) } else { (false, kept) };
        let counter = match kind.checked_sub(1) {
            Some(0) => &mut self.here,
            Some(1) => &mut self.broadcast,
            Some(2) => &mut self.multicast,
            Some(3) => &mut self.elsewhere,
            _ => {
                self.sent += 1;
                return;
            }
        };
        *counter += 1;
        self.lldp += u64::from(is_lldp);
        self.tagged += u64::from(frame.tag.is_some());
        self.longest = self.longest.max(frame.wire_len);
    }
}

/// Looks at interfaces side by side for so long. Of a frame nothing enters this process but its lengths, its
/// tag and 1 to 13 octets of its MAC addresses, whose number says what kind it is.
///
/// Needs `CAP_NET_RAW`; receives frames for other stations where `promiscuous`.
///
/// # Errors
/// For each interface of its own: why it cannot be looked at.
pub fn look(interfaces: &[&str], promiscuous: bool, time: Duration) -> Vec<Result<Look, capture::Error>> {
    let open = |name: &&str| {
        let socket = capture::open(name, &KINDS, promiscuous, Geometry::for_budget(RING_MIB))?;
        Ok((Ring::map(socket, Geometry::for_budget(RING_MIB))?, Look::default()))
    };
    let mut rings: Vec<Result<(Ring, Look), capture::Error>> = interfaces.iter().map(open).collect();
    let deadline = Instant::now() + time;
    while Instant::now() < deadline {
        let mut frames = 0;
        for slot in &mut rings {
            let Ok((ring, look)) = slot else { continue };
            match ring.poll(Duration::ZERO, |frame| look.count(&frame)) {
                Ok(read) => frames += read,
                Err(capture::Error::InterfaceDown | capture::Error::Block { .. }) => {}
                Err(error) => *slot = Err(error),
            }
        }
        if frames == 0 {
            std::thread::sleep(PAUSE);
        }
    }
    rings.into_iter().map(|ring| ring.map(|(_, look)| look)).collect()
}

/// Keeps one octet more than the kind's number, and of LLDP [`LLDP`] more.
const KINDS: [Instruction; 10] = [
    // A = the kind (SKF_AD_OFF + SKF_AD_PKTTYPE) + 1, kept in X while A is the Ethernet type.
    Instruction { code: 0x20, jt: 0, jf: 0, k: 0xffff_f004 },
    Instruction { code: 0x04, jt: 0, jf: 0, k: 1 },
    Instruction { code: 0x07, jt: 0, jf: 0, k: 0 },
    Instruction { code: 0x28, jt: 0, jf: 0, k: 12 },
    Instruction { code: 0x15, jt: 0, jf: 3, k: 0x88cc },
    Instruction { code: 0x87, jt: 0, jf: 0, k: 0 },
    Instruction { code: 0x04, jt: 0, jf: 0, k: 8 },
    Instruction { code: 0x16, jt: 0, jf: 0, k: 0 },
    Instruction { code: 0x87, jt: 0, jf: 0, k: 0 },
    Instruction { code: 0x16, jt: 0, jf: 0, k: 0 },
];
const LLDP: usize = 8;
const RING_MIB: u32 = 1;
const PAUSE: Duration = Duration::from_millis(20);
