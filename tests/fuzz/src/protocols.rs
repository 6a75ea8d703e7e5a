//! The readers, each as a target. A new one is a line here.

use headgate_wire::{
    Cursor, Layer, Link, arp, avs, bpdu, capwap, cdp, dhcpv4, dhcpv6, eap, eapol, edp, erspan, ethernet, fdp,
    geneve, gre, icmp, icmpv6, ieee80211, igmp, ipsec, linux_cooked, llc, lldp, mdns, mld, mpls, ndp, null,
    ppi, ppp, pppoe, prism, radiotap, radius, sctp, sonmp, tcp, tzsp, udp, vlan, vxlan,
};

use super::property::{packet, put};

/// Reads octets, of so many on the wire, in one of the reader's variants, and writes down all that it read.
pub type Read = fn(&[u8], u32, u8, &mut Vec<u8>);

macro_rules! protocols {
    ($($layer:ident |$cursor:ident, $variant:pat_param| $read:expr;)*) => {
        /// The protocols and their readers.
        pub const PROTOCOLS: &[(Layer, Read)] = &[$((Layer::$layer, |octets, wire_len, $variant, out| {
            #[allow(unused_mut)]
            let mut $cursor = Cursor::new(octets, wire_len, Layer::$layer);
            put(out, &$read);
        })),*];
    };
}

protocols! {
    Ah |c, _| ipsec::parse_authentication(&mut c);
    Arp |c, _| arp::parse(&mut c);
    Avs |c, _| avs::parse(&mut c);
    Bpdu |c, variant| if variant & 1 == 0 { bpdu::parse(c) } else { bpdu::parse_pvst(c) };
    Capwap |c, variant| capwap::parse(&mut c, match variant & 3 {
        0 => capwap::Channel::ToController,
        1 => capwap::Channel::FromController,
        _ => capwap::Channel::Control,
    });
    Cdp |c, _| cdp::parse(c);
    Dhcpv4 |c, _| dhcpv4::parse(c);
    Dhcpv6 |c, _| dhcpv6::parse(c);
    Eap |c, _| eap::parse(c);
    Eapol |c, _| eapol::parse(c);
    Edp |c, _| edp::parse(c);
    Erspan |c, variant| erspan::parse(&mut c, match variant & 3 {
        0 => erspan::Type::II,
        1 => erspan::Type::III,
        _ => erspan::Type::I,
    });
    Esp |c, _| ipsec::parse_esp(&mut c);
    Ethernet |c, _| ethernet::parse(&mut c);
    Fdp |c, _| fdp::parse(c);
    Geneve |c, _| geneve::parse(&mut c);
    Gre |c, _| gre::parse(&mut c);
    Icmp |c, _| icmp::parse(&mut c).map(|header| (header, header.check(c)));
    Icmpv6 |c, _| icmpv6::parse(&mut c).map(|header| (header, header.check(c)));
    Ieee80211 |c, variant| ieee80211::parse(&mut c, ieee80211::Form {
        data_pad: variant & 1 != 0,
        may_be_swapped: variant & 2 != 0,
    });
    Igmp |c, _| igmp::parse(c);
    Ipv4 |c, _| packet(Link::Ipv4, c, None);
    Ipv6 |c, _| packet(Link::Ipv6, c, None);
    LinuxCooked |c, variant| match variant & 1 {
        0 => linux_cooked::parse(&mut c),
        _ => linux_cooked::parse_2(&mut c),
    };
    Llc |c, _| llc::parse(&mut c);
    Lldp |c, _| lldp::parse(c);
    Mdns |c, _| mdns::parse(c);
    Mld |c, _| mld::parse(c);
    Mpls |c, _| mpls::parse(&mut c);
    Ndp |c, _| ndp::parse(c);
    Null |c, variant| if variant & 1 == 0 { null::parse(&mut c) } else { null::parse_loop(&mut c) };
    Ppi |c, _| ppi::parse(&mut c);
    Ppp |c, _| ppp::parse(&mut c);
    Pppoe |c, variant| match variant & 1 {
        0 => (pppoe::parse_discovery(c).map(Some), None),
        _ => (Ok(None), Some(pppoe::parse_session(&mut c))),
    };
    Prism |c, _| prism::parse(&mut c);
    Radiotap |c, _| radiotap::parse(&mut c);
    Radius |c, _| radius::parse(c);
    Sctp |c, _| sctp::parse(&mut c).map(|header| (header, header.check(c)));
    Sonmp |c, _| sonmp::parse(c);
    Tcp |c, _| tcp::parse(&mut c).map(|mut header| {
        let options = header.read_options(&mut c);
        (header, options)
    });
    Tzsp |c, _| tzsp::parse(&mut c);
    Udp |c, _| udp::parse(&mut c);
    Vlan |c, _| {
        let mut tags = vlan::Tags::new();
        let ethertype = vlan::parse(&mut c, 0x8100, &mut tags);
        (tags, ethertype)
    };
    Vxlan |c, variant| vxlan::parse(&mut c, variant & 1 == 1);
}
