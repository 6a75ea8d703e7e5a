//! A frame in a tunnel of every sort, with a secret as its payload.

pub const SECRET: &[u8] = b"SECRET-PAYLOAD-SECRET-PAYLOAD";

/// Within: a tagged frame of IPv4 with options and of TCP with options, and one of IPv6 with an extension header and UDP.
pub fn frames() -> Vec<Vec<u8>> {
    let tcp = [
        &[0x9c, 0x40, 0x1f, 0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0x70, 0x10, 0, 0, 0, 0, 0, 0][..],
        &[1; 8],
        SECRET,
    ];
    let v4 = [
        &[0x46, 0, 0, 24 + 28 + 29, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2][..],
        &[1; 4],
        &tcp.concat(),
    ];
    let udp = [&[0x9c, 0x40, 0x1f, 0x90, 0, 8 + 29, 0, 0][..], SECRET].concat();
    let v6 =
        [&[0x60, 0, 0, 0, 0, 16 + 29, 60, 64][..], &[0xfe, 0x80], &[7; 30], &[17, 0, 1, 4, 0, 0, 0, 0], &udp];
    let macs = [0x00, 0x40, 0x8c, 0, 0, 1, 0x02, 0, 0, 0, 0, 2];
    let tagged = [&macs[..], &[0x81, 0, 0, 20, 0x81, 0, 0, 7, 0x08, 0x00], &v4.concat()].concat();
    let packets = [(v4.concat(), [0x08, 0x00], 4, 1), (v6.concat(), [0x86, 0xdd], 41, 2)];
    let mut frames = Vec::new();
    for (packet, ethertype, protocol, next) in packets {
        let frame = [&macs[..], &ethertype, &packet].concat();
        // To an access point, with QoS; its cell has another address.
        let radio = |control: [u8; 2], qos: &[u8]| {
            let addresses = [&[0x06, 0, 0, 9, 9, 9], &macs[6..], &macs[..6]].concat();
            let snap = [0xaa, 0xaa, 3, 0, 0, 0];
            [&control[..], &[0, 0], &addresses, &[0x10, 0], qos, &snap, &ethertype, &packet].concat()
        };
        let [swapped, encrypted, probe] =
            [radio([0x01, 0x08], &[]), radio([0x88, 0x41], &[5, 0]), radio([0x40, 0], &[])];
        let radio = radio([0x88, 0x01], &[5, 0]);
        let ppp = if next == 1 { 0x21 } else { 0x57 };
        let iii = |kind: u8, rest: &[u8]| {
            let gre = [0x10, 0, 0x22, 0xeb, 0, 0, 0, 3];
            [&gre[..], &[0x20, 20, 0x58, 0x65, 1, 2, 3, 4, 0, 9, kind, u8::from(!rest.is_empty())], rest]
                .concat()
        };
        let above_ip = [
            (47, [&[0, 0][..], &ethertype].concat(), &packet),
            (47, [&[0xb0, 0][..], &ethertype, &[0; 12]].concat(), &packet),
            (47, vec![0x20, 0, 0x65, 0x58, 0, 0, 0, 5], &tagged),
            (47, vec![0, 0, 0x88, 0x0b, 0xff, 3, 0, ppp], &packet),
            (47, vec![0x30, 0x81, 0x88, 0x0b, 0, 200, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, ppp], &packet),
            (47, vec![0x30, 0x01, 0x88, 0x0b, 0, 200, 0, 7, 0, 0, 0, 1, 0xc0, 0x23], &packet),
            (47, vec![0, 0, 0x88, 0xbe], &tagged),
            (47, vec![0x10, 0, 0x88, 0xbe, 0, 0, 0, 3, 0x10, 7, 0x58, 0x65, 0, 0, 0xab, 0xcd], &frame),
            (47, iii(0, &[]), &frame),
            (47, iii(0, &[0x0c, 0, 0, 0, 0, 0, 0, 9]), &tagged),
            (47, iii(8, &[]), &packet),
            (protocol, vec![], &packet),
            (143, vec![], &frame),
        ];
        let above_udp = [
            (4789, vec![8, 0, 0, 0, 0, 0, 7, 0], &frame),
            (8472, vec![8, 0, 0, 0, 0, 0, 7, 0], &tagged),
            (4789, vec![0x88, 0x48, 0, 9, 0, 0, 7, 0], &frame),
            (4790, vec![0x0c, 0, 0, 3, 0, 0, 7, 0], &frame),
            (4790, vec![0x0c, 0, 0, next, 0, 0, 7, 0], &packet),
            (6081, vec![0, 0, 0x65, 0x58, 0, 0, 7, 0], &tagged),
            (6081, [&[2, 0x40][..], &ethertype, &[0, 0, 7, 0], &[9; 8]].concat(), &packet),
            (37_008, vec![1, 0, 0, 1, 10, 1, 0xd0, 0, 18, 1, 6, 1], &frame),
            (5247, vec![0, 0x20, 0x42, 0x10, 0, 0, 0, 0, 6, 2, 0, 0, 0, 0, 9, 0], &frame),
            (37_008, vec![1, 0, 0, 0x12, 10, 1, 0xd0, 1], &radio),
            (5247, vec![0, 0x20, 0x43, 0x20, 0, 0, 0, 0, 4, 0xc4, 30, 0, 0x6c, 0, 0, 0], &radio),
            (5247, vec![0, 0x10, 0x03, 0, 0, 0, 0, 0], &swapped),
            (5247, vec![0, 0x10, 0x03, 0, 0, 0, 0, 0], &encrypted),
            (37_008, vec![1, 0, 0, 0x12, 1], &probe),
        ];
        let above_udp = above_udp.into_iter().map(|(port, header, within)| {
            let length = 8 + header.len() as u16 + within.len() as u16;
            let udp = [50_000, port, length, 0].map(u16::to_be_bytes).concat();
            (17, [udp, header].concat(), within)
        });
        for (protocol, header, within) in above_ip.into_iter().chain(above_udp) {
            frames.push(carried(protocol, &[&header[..], within].concat()));
        }
    }
    frames
}

fn carried(protocol: u8, rest: &[u8]) -> Vec<u8> {
    let length = (20 + rest.len() as u16).to_be_bytes();
    let link = [0x00, 0x1c, 0x73, 0, 0, 1, 0x00, 0x1b, 0x21, 0, 0, 1, 0x08, 0x00];
    let ip = [0x45, 0, length[0], length[1], 0, 0, 0x40, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    [&link[..], &ip, rest].concat()
}
