"""Frames of every shape, each with a secret of its own in what is not header (Debian's python3-scapy). Prints one JSON
object a frame: its name, how far its secret may come, the word that its secret repeats, where its payload begins,
what tshark must find in it, and its octets.

How far a secret may come: "nowhere"; "ring", into the memory that the kernel shares with the sensor and no further;
"kept", which the shipped rules keep, so that whoever searches can be seen to find something."""

import hashlib
import json
import struct

from scapy.all import (
    ARP, BOOTP, DHCP, EAP, EAPOL, GRE, HBHOptUnknown, ICMP, IP, LLC, SCTP, SNAP, TCP, UDP, VXLAN, Dot1AD, Dot1Q, Ether, ICMPv6EchoRequest,
    ICMPv6ND_NS, IPOption, IPOption_RR, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PPP,
    PPPoE, PPPoED, Radius, RadiusAttribute, Raw, SCTPChunkData,
)
from scapy.contrib.erspan import ERSPAN_II, ERSPAN_III, ERSPAN_PlatformSpecific
from scapy.contrib.geneve import GENEVE
from scapy.contrib.mpls import MPLS
from scapy.layers.dhcp6 import DHCP6_Solicit, DHCP6OptClientId, DHCP6OptUnknown, DUID_LL

# So long that it fits the options of IPv4 and TCP.
REPEATED = 6
CLIENT = bytes.fromhex("001b21000001")
number = 0


def shape(name, build, protocol="", before=0, reach="nowhere"):
    """`build` makes what follows the link addresses from the secret: a packet, or its type and octets. The payload begins
    `before` octets before the secret."""
    global number
    number += 1
    # Any seven octets in a row tell whose they are: two that are seldom anywhere, a number, and three that fit it.
    word = b"\xc5\xe7" + bytes([number]) + hashlib.sha256(bytes([number])).digest()[:3]
    secret = word * REPEATED
    frame = ethernet(number, build(secret))
    assert frame.count(secret) == 1, name
    tell(name, reach, word, frame.index(secret) - before, protocol, frame)


def control(name, made):
    tell(name, "kept", name.encode(), 0, "", ethernet(0, made))


def ethernet(last, made):
    # The number twice: what lies behind the beginning of an address in memory is no sender by chance.
    link = Ether(src=f"00:1b:21:{0xff - last:02x}:00:{last:02x}", dst="00:1b:21:ff:ff:01")
    if isinstance(made, tuple):
        return bytes(link)[:12] + struct.pack(">H", made[0]) + made[1]
    return bytes(link / made)


def tell(name, reach, word, payload, protocol, frame):
    print(json.dumps({"name": name, "reach": reach, "word": list(word), "payload": payload, "protocol": protocol,
                      "frame": list(frame)}))


def tlv(kind, value):
    return struct.pack(">H", kind << 9 | len(value)) + value


def lldp(last):
    return tlv(1, b"\4\0\x1b\x21\0\0" + bytes([last])) + tlv(2, b"\5eth0") + tlv(3, b"\0\x78")


def ip(**fields):
    return IP(src="10.20.0.7", dst="10.99.0.9", **fields)


def ip6(**fields):
    return IPv6(src="2001:db8::7", dst="2001:db8:99::9", **fields)


def udp(to=7777, source=7778):
    return UDP(sport=source, dport=to)


def tcp(to=7777, **fields):
    return TCP(sport=7778, dport=to, flags="PA", **fields)


def message(name, before, to, protocol="", layer=udp, network=ip):
    """A message of a known application: `before`, and behind it the secret."""
    shape(name, lambda s: network() / layer(to) / (before + s), protocol, before=len(before))


def short(name, packet, protocol=""):
    """A packet with the secret behind its end, as padding lies there."""
    shape(f"padding behind {name}", lambda s: (KINDS[type(packet)], bytes(packet) + s), protocol)


KINDS = {IP: 0x0800, IPv6: 0x86DD, ARP: 0x0806, EAPOL: 0x888E}

# Link.
# Experiments, wake-on-LAN, reverse ARP, PROFINET, FCoE, ATA, slow protocols, CFM, PTP, MACsec, IPX, TRILL, PBB, loopback.
for kind in [0x88B5, 0x0842, 0x8035, 0x8892, 0x8906, 0x88A2, 0x8809, 0x8902, 0x88F7, 0x88E5, 0x8137, 0x22F3, 0x88E7, 0x9000]:
    shape(f"Ethernet II {kind:#06x}", lambda s: (kind, s))
shape("802.3 with LLC", lambda s: LLC(dsap=6, ssap=6, ctrl=3) / s, "llc")
shape("802.3 with a numbered LLC frame", lambda s: (len(s) + 4, b"\x04\x04\x00\x00" + s), "llc")
shape("802.3 with SNAP of an unknown protocol", lambda s: LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0x123456, code=1) / s, "llc")
shape("802.3 with SNAP and IP", lambda s: LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=0x800) / ip() / udp() / s, "llc:ip:udp")
shape("802.3 without LLC", lambda s: (len(s) + 2, b"\xff\xff" + s), before=-2)
shape("padding behind a short LLC frame", lambda s: (3, b"\x06\x06\x03" + s))
shape("padding behind a BPDU", lambda s: (38, b"\x42\x42\x03" + bytes(35) + s), "llc:stp")
for depth in range(1, 7):
    def tagged(s, depth=depth):
        packet = Dot1AD(vlan=100) if depth > 1 else Dot1Q(vlan=100)
        for level in range(1, depth):
            packet = packet / Dot1Q(vlan=100 + level)
        return packet / ip() / udp() / s
    shape(f"{depth} VLAN tags", tagged, "vlan:ethertype:ip:udp")
shape("more VLAN tags than are looked behind", lambda s: (0x8100, b"\0\1\x81\0" * 7 + b"\0\1\x08\0" + bytes(ip() / udp() / s)), "vlan", before=28)
shape("a VLAN tag, then an unknown type", lambda s: Dot1Q(vlan=5, type=0x88B5) / s, "vlan")
shape("an older double tag", lambda s: (0x9100, b"\0\7" + struct.pack(">HHH", 0x8100, 9, 0x0800) + bytes(ip() / tcp() / s)), "ip:tcp")
shape("MPLS", lambda s: MPLS(label=16, s=1) / ip() / tcp() / s, "mpls:ip:tcp")
shape("three MPLS labels", lambda s: MPLS(label=16, s=0) / MPLS(label=17, s=0) / MPLS(label=18, s=1) / ip() / udp() / s, "mpls:ip:udp")
shape("MPLS with Ethernet", lambda s: (0x8847, b"\0\1\1\x40\0\0\0\0" + bytes(Ether() / ip() / udp() / s)), "mpls")
shape("PPPoE discovery", lambda s: PPPoED(code=9) / (struct.pack(">HH", 0x0103, len(s)) + s), "pppoed")
shape("PPPoE session", lambda s: PPPoE(sessionid=1) / PPP(proto=0x21) / ip() / tcp() / s, "pppoes:ppp:ip:tcp")
shape("a password of PAP", lambda s: PPPoE(sessionid=1) / PPP(proto=0xC023) / (b"\1\1" + struct.pack(">H", len(s) + 7) + b"\1u" + bytes([len(s)]) + s), "ppp:pap")

# Network.
shape("IPv4 and UDP", lambda s: ip() / udp() / s, "ip:udp")
shape("IPv4 and TCP", lambda s: ip() / tcp() / s, "ip:tcp")
shape("IPv4 with options", lambda s: ip(options=[IPOption_RR(routers=["10.0.0.1"] * 9)]) / udp() / s, "ip:udp")
shape("IPv4 with options and TCP", lambda s: ip(options=[IPOption_RR(routers=["10.0.0.1"] * 2)]) / tcp() / s, "ip:tcp")
shape("a first fragment", lambda s: ip(flags="MF", id=7) / udp() / s)
shape("a first fragment of TCP", lambda s: ip(flags="MF", id=8) / tcp() / s)
shape("a later fragment", lambda s: ip(frag=9, id=7, proto=17) / s)
shape("a later fragment of TCP with options of IP", lambda s: ip(frag=9, id=8, proto=6, options=[IPOption_RR(routers=["10.0.0.1"])]) / s)
shape("a last fragment of ICMP", lambda s: ip(frag=185, id=9, proto=1) / s)
for protocol in [33, 46, 50, 88, 89, 94, 103, 112, 115, 132, 136, 137, 253]:
    # DCCP, RSVP, ESP, EIGRP, OSPF, IPIP, PIM, VRRP, L2TP, SCTP, UDP-Lite, MPLS, experiments.
    shape(f"IP protocol {protocol}", lambda s: ip(proto=protocol) / Raw(bytes(36) + s), before=36 if protocol not in (33, 132, 136) else 24)
shape("AH over IPv4", lambda s: ip(proto=51) / Raw(b"\x11\4\0\0" + bytes(20) + bytes(udp()) + s), "ah")
shape("SCTP", lambda s: ip() / SCTP(sport=7778, dport=7777) / SCTPChunkData(data=s), "sctp", before=16)
shape("ICMP echo", lambda s: ip() / ICMP() / s, "icmp")
shape("what an ICMP error quotes", lambda s: ip() / ICMP(type=3, code=3) / ip() / udp() / s, "icmp:ip:udp", before=28)
shape("an unknown message of IGMP", lambda s: ip(proto=2) / Raw(b"\x13\0\0\0\0\0\0\0" + s))
shape("a bad version of IP", lambda s: (0x0800, b"\x55" + bytes(ip() / udp() / s)[1:]))
shape("a bad length of header", lambda s: (0x0800, b"\x44" + bytes(ip() / udp() / s)[1:]))
shape("no total length", lambda s: ip(len=0) / tcp() / s)
shape("IPv6 and UDP", lambda s: ip6() / udp() / s, "ipv6:udp")
shape("IPv6 and TCP", lambda s: ip6() / tcp() / s, "ipv6:tcp")
EXTENSIONS = {
    "hop-by-hop options": IPv6ExtHdrHopByHop(),
    "a routing header": IPv6ExtHdrRouting(addresses=["2001:db8::1"]),
    "destination options": IPv6ExtHdrDestOpt(),
    "a first fragment": IPv6ExtHdrFragment(m=1, id=7),
}
for extension, header in EXTENSIONS.items():
    shape(f"IPv6 with {extension} and UDP", lambda s: ip6() / header / udp() / s, "ipv6")
    shape(f"IPv6 with {extension} and TCP", lambda s: ip6() / header / tcp() / s, "ipv6")
for extension in (51, 135, 139, 140):
    # AH, mobility, HIP, shim6: 24 octets each.
    length = 4 if extension == 51 else 2
    shape(f"IPv6 with extension {extension}", lambda s: ip6(nh=extension) / Raw(bytes([17, length]) + bytes(22) + bytes(udp()) + s))
shape("a later fragment of IPv6", lambda s: ip6() / IPv6ExtHdrFragment(offset=9, id=7, nh=17) / Raw(s))
shape("a later fragment of IPv6 behind options", lambda s: ip6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrFragment(offset=9, id=7, nh=6) / Raw(s))
for count in (8, 9, 12):
    shape(f"{count} extension headers", lambda s: ip6(nh=60) / Raw((b"\x3c\0" + bytes(6)) * (count - 1) + b"\x11\0" + bytes(6) + bytes(udp()) + s), "ipv6",
          before=8 if count > 8 else 0)
shape("ESP over IPv6", lambda s: ip6(nh=50) / Raw(s))
shape("no next header", lambda s: ip6(nh=59) / Raw(s))
shape("ICMPv6 echo", lambda s: ip6() / ICMPv6EchoRequest() / s, "icmpv6")
shape("what an ICMPv6 error quotes", lambda s: ip6(nh=58) / Raw(b"\2\0\0\0\0\0\5\0" + bytes(ip6() / udp() / s)), "icmpv6", before=48)

# Transport.
SYN = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7)]
shape("a SYN with options and data", lambda s: ip() / TCP(sport=7778, dport=7777, flags="S", options=SYN) / s, "tcp")
shape("TCP with timestamps", lambda s: ip6() / tcp(options=[("NOP", None), ("NOP", None), ("Timestamp", (1, 2))]) / s, "tcp")
shape("TCP with sixty octets of header", lambda s: ip() / tcp(options=[("NOP", None)] * 40) / s, "tcp")
shape("TCP whose header says it is too short", lambda s: ip(proto=6) / Raw(bytes(tcp())[:12] + b"\x40" + bytes(tcp())[13:] + s))
shape("urgent data", lambda s: ip() / TCP(sport=7778, dport=7777, flags="PAU", urgptr=4) / s, "tcp")
shape("UDP without a length", lambda s: ip() / UDP(sport=7778, dport=7777, len=0) / s, "udp")

# Applications.
message("DNS", b"\x12\x34\1\0\0\1\0\0\0\0\0\0\x24", 53, "dns")
message("DNS over TCP", b"\0\x31\x12\x34\1\0\0\1\0\0\0\0\0\0\x24", 53, "dns", tcp)
message("mDNS", bytes(4) + b"\0\1" + bytes(6) + b"\x24", 5353, "mdns")
message("LLMNR", b"\0\1" + bytes(2) + b"\0\1" + bytes(6) + b"\x24", 5355, "llmnr", network=ip6)
message("NetBIOS names", b"\0\1\1\x10\0\1" + bytes(6) + b"\x20", 137, "nbns")
message("SSDP", b"M-SEARCH * HTTP/1.1\r\nST: ", 1900, "ssdp")
message("a server name of TLS", b"\x16\3\1\0\x60\1\0\0\x5c\3\3", 443, "tls", tcp)
message("QUIC", b"\xc3\0\0\0\1\x08", 443)
message("HTTP", b"GET /private HTTP/1.1\r\nCookie: ", 80, layer=tcp)
message("HTTP over IPv6", b"GET / HTTP/1.1\r\nCookie: ", 8080, layer=tcp, network=ip6)
message("SSH", b"SSH-2.0-", 22, "ssh", tcp)
message("SNMP", b"0\x2a\2\1\1\4\x24", 161)
message("syslog", b"<34>1 - - - - - ", 514, "syslog")
message("TFTP", b"\0\1", 69, "tftp")
message("SIP", b"INVITE sip:", 5060)
message("SMB", b"\0\0\0\x40\xfeSMB", 445, layer=tcp)
message("IMAP", b"a LOGIN user ", 143, layer=tcp)
message("NTP", b"\x23" + bytes(47), 123, "ntp")
message("L2TP", b"\0\2\0\7\0\7\0\x21" + bytes(ip() / tcp()), 1701, "l2tp")
message("LISP", bytes(8) + bytes(ip() / udp()), 4341, "lisp")
message("WireGuard", b"\4\0\0\0" + bytes(12), 51820, "wg")

# Control protocols, where their rules leave it off.
shape("BOOTP without DHCP", lambda s: ip() / UDP(sport=68, dport=67) / Raw(bytes(236) + b"none" + s), before=240)
shape("another message on the ports of DHCPv6", lambda s: ip6() / UDP(sport=546, dport=547) / (b"\xc8\1\2\3" + s), before=4)
shape("an unknown code of RADIUS", lambda s: ip() / udp(1812) / (b"\xc8\1\0\x40" + bytes(16) + s), before=20)
for name, port, code in [("authentication", 1812, 1), ("accounting", 1813, 4)]:
    shape(f"the user name in RADIUS {name}", lambda s: ip() / udp(port) / Radius(code=code, id=7, attributes=[
        RadiusAttribute(type=1, value=s)]), "radius", before=18, reach="rule")
    shape(f"an unnamed attribute in RADIUS {name}", lambda s: ip() / udp(port) / Radius(code=code, id=8, attributes=[
        RadiusAttribute(type=1, value=b"u"), RadiusAttribute(type=224, value=s)]), "radius", before=21, reach="rule")
shape("dynamic authorization", lambda s: ip() / udp(3799) / Radius(code=43, id=9, attributes=[RadiusAttribute(type=1, value=s)]), "radius", before=18)
shape("an EAP identity", lambda s: EAPOL(version=2, type=0) / EAP(code=2, id=1, type=1, identity=s), "eapol")
shape("a challenge of EAP-MD5", lambda s: EAPOL(version=2, type=0, len=len(s) + 6) / Raw(b"\1\1" + struct.pack(">H", len(s) + 6) + b"\4" + bytes([len(s)]) + s), "eapol", before=1)
shape("TLS in EAP", lambda s: EAPOL(version=2, type=0, len=len(s) + 6) / Raw(b"\2\1" + struct.pack(">H", len(s) + 6) + b"\x0d\0" + s), "eapol", before=1)
shape("key data", lambda s: EAPOL(version=2, type=3, len=len(s) + 95) / Raw(b"\2\0\x8a" + bytes(90) + struct.pack(">H", len(s)) + s), "eapol", before=92)
shape("MACsec key agreement", lambda s: EAPOL(version=3, type=5, len=len(s)) / Raw(s), "eapol")

# Padding.
short("ARP", ARP(psrc="10.20.0.7", pdst="10.20.0.1", hwsrc="00:1b:21:00:00:01"), "arp")
short("TCP", ip() / tcp(), "tcp")
short("TCP over IPv6", ip6() / tcp(), "tcp")
short("UDP", ip() / udp() / b"x", "udp")
short("a later fragment", ip(frag=9, id=7, proto=17) / Raw(b"x"))
short("ICMPv6", ip6() / ICMPv6ND_NS(tgt="2001:db8::1"), "icmpv6")
short("IGMP", ip(proto=2) / Raw(b"\x16\0\x09\x04\xe0\0\0\x16"), "igmp")
short("EAPOL", EAPOL(version=2, type=1, len=0), "eapol")
short("DHCP", ip() / UDP(sport=68, dport=67) / BOOTP(chaddr=b"\0\x1b\x21\0\0\1") / DHCP(options=[("message-type", 1), "end"]), "dhcp")

# Tunnels, and what is in them.
INNER = {
    "TCP": lambda s: Ether() / ip() / tcp() / s,
    "UDP over IPv6": lambda s: Ether() / ip6() / udp() / s,
    "a tag and DNS": lambda s: Ether() / Dot1Q(vlan=9) / ip() / udp(53) / s,
    "a later fragment": lambda s: Ether() / ip(frag=9, proto=17) / s,
    "an unknown type": lambda s: Ether(type=0x88B5) / s,
    "an ICMP echo": lambda s: Ether() / ip() / ICMP() / s,
    "EAPOL": lambda s: Ether() / EAPOL(version=2, type=5, len=len(s)) / Raw(s),
    "ARP and padding": lambda s: Raw(bytes(Ether() / ARP()) + s),
    "GRE again": lambda s: Ether() / ip() / GRE() / ip() / udp() / s,
}
TAZMEN = b"\1\0\0\1\x0a\1\x05\0\1"
OUTER = {
    "VXLAN": (lambda: ip() / udp(4789) / VXLAN(vni=7), "vxlan:eth"),
    "VXLAN over IPv6": (lambda: ip6() / udp(4789) / VXLAN(vni=7), "vxlan:eth"),
    "VXLAN-GPE": (lambda: ip() / udp(4790) / Raw(b"\x0c\0\0\3\0\0\7\0"), "udp:eth"),
    "GENEVE": (lambda: ip() / udp(6081) / GENEVE(vni=7, proto=0x6558), "geneve:eth"),
    "GENEVE with options": (lambda: ip() / udp(6081) / Raw(b"\2\0\x65\x58\0\0\7\0\1\2\x80\1\0\0\0\7"), "geneve:eth"),
    "GRE with Ethernet": (lambda: ip() / GRE(proto=0x6558, key_present=1, key=7), "gre:eth"),
    "ERSPAN I": (lambda: ip() / GRE(proto=0x88BE), "gre"),
    "ERSPAN II": (lambda: ip() / GRE(proto=0x88BE, seqnum_present=1) / ERSPAN_II(ver=1, session_id=7), "gre:erspan:eth"),
    "ERSPAN III": (lambda: ip() / GRE(proto=0x22EB, seqnum_present=1) / ERSPAN_III(session_id=7), "gre:erspan:eth"),
    "ERSPAN III, longer": (lambda: ip() / GRE(proto=0x22EB, seqnum_present=1) / ERSPAN_III(session_id=7, o=1) / ERSPAN_PlatformSpecific(), "gre:erspan"),
    "TZSP": (lambda: ip() / udp(37008) / Raw(TAZMEN), "tzsp:eth"),
    "Ethernet in IP": (lambda: ip(proto=97) / Raw(b"\x30\0"), ""),
}
for tunnel, (outer, protocol) in OUTER.items():
    for inner, build in INNER.items():
        # All of them in those that differ most.
        if tunnel in ("VXLAN", "GENEVE", "ERSPAN II", "TZSP") or inner in ("TCP", "UDP over IPv6", "an unknown type"):
            shape(f"{inner} in {tunnel}", lambda s: outer() / Raw(bytes(build(s))), protocol,
                  before=8 + 20 + 4 if inner == "GRE again" else 0)
PLAIN = {
    "GRE": lambda: ip() / GRE(),
    "GRE with key and sequence": lambda: ip() / GRE(key_present=1, key=7, seqnum_present=1, chksum_present=1),
    "IP in IP": lambda: ip(),
    "IP in IPv6": lambda: ip6(),
    "GRE over IPv6": lambda: ip6() / GRE(),
    "MPLS in GRE": lambda: ip() / GRE(proto=0x8847) / MPLS(label=16, s=0) / MPLS(label=17, s=1),
}
for tunnel, outer in PLAIN.items():
    shape(f"IPv4 and TCP in {tunnel}", lambda s: outer() / ip() / tcp() / s, "ip:tcp")
    shape(f"IPv6 and UDP in {tunnel}", lambda s: outer() / ip6() / udp() / s, "ipv6:udp")
shape("MPLS with Ethernet in GRE", lambda s: ip() / GRE(proto=0x8847) / (b"\0\1\1\x40\0\0\0\0" + bytes(Ether() / ip() / udp() / s)), "gre:mpls")
shape("GRE with an unknown protocol", lambda s: ip() / GRE(proto=0x88B5) / s, "gre")
PPTP = b"\x30\x81\x88\x0b\0\x99\0\7" + bytes(8)
shape("PPP in GRE", lambda s: ip() / GRE(proto=0x880B) / (b"\xff\3\0\x21" + bytes(ip() / udp() / s)), "gre:ppp:ip:udp")
shape("a short PPP header in PPTP", lambda s: ip(proto=47) / Raw(PPTP + b"\x57" + bytes(ip6() / tcp() / s)), "gre:ppp:ipv6:tcp")
shape("a password in PPTP", lambda s: ip(proto=47) / Raw(PPTP + b"\xff\3\xc0\x23\1\1\0\x30\1u\x24" + s), "ppp:pap", before=11)
shape("encrypted PPP in PPTP", lambda s: ip(proto=47) / Raw(PPTP + b"\0\xfd\x90\0" + s), "gre:ppp", before=4)
shape("padding behind an acknowledgment of PPTP", lambda s: ip(proto=47) / Raw(b"\x20\x81\x88\x0b" + bytes(8) + s), "gre")


def wlan(control, rest, snap=True):
    """A frame of IEEE 802.11 with QoS where its type says so; its cell has another address than both ends."""
    header = control + bytes(2) + b"\6\0\0\x99\0\1" + b"\0\x1b\x21\0\0\xee" + b"\0\x1b\x21\0\0\xef" + b"\x10\0"
    header += b"\0\x1b\x21\0\0\xed" if control[1] & 3 == 3 else b""
    header += b"\5\0" if control[0] & 0x88 == 0x88 else b""
    return header + (b"\xaa\xaa\3\0\0\0\x08\0" if snap else b"") + rest


RADIO = {
    "CAPWAP": lambda octets: ip() / udp(5247) / (b"\0\x20\x43\x20\0\0\0\0\4\xc4\x1e\0\x6c\0\0\0" + octets),
    "TZSP": lambda octets: ip() / udp(37008) / (b"\1\0\0\x12\x0a\1\xd0\1" + octets),
}
for tunnel, carry in RADIO.items():
    layers = {"CAPWAP": "capwap.data", "TZSP": "tzsp:wlan"}[tunnel]
    shape(f"802.11 in {tunnel}", lambda s: carry(wlan(b"\x08\1", bytes(ip() / tcp() / s))), layers)
    shape(f"802.11 with QoS and four addresses in {tunnel}", lambda s: carry(wlan(b"\x88\3", bytes(ip() / udp() / s))), layers)
    shape(f"encrypted 802.11 in {tunnel}", lambda s: carry(wlan(b"\x88\x41", s, snap=False)), layers)
    shape(f"frames in a frame of 802.11 in {tunnel}", lambda s: carry(
        wlan(b"\x88\1", b"", snap=False)[:24] + b"\x85\0" + bytes(12) + b"\0\x2c" + b"\xaa\xaa\3\0\0\0\x08\0" + s), layers, before=22)
    # Of a station that passes by no address is kept: what is no header begins with the first.
    shape(f"a probe request in {tunnel}", lambda s: carry(wlan(b"\x40\0", b"\0\x24" + s, snap=False)), layers, before=22)
shape("swapped 802.11 in CAPWAP", lambda s: RADIO["CAPWAP"](wlan(b"\x88\1", bytes(ip() / tcp() / s)).replace(b"\x88\1", b"\1\x88", 1)), "capwap.data:wlan")
shape("a later fragment of 802.11", lambda s: RADIO["TZSP"](wlan(b"\x08\1", s, snap=False).replace(b"\x10\0", b"\x11\0")), "tzsp:wlan")
shape("Ethernet in CAPWAP", lambda s: ip() / udp(5247) / (b"\0\x10\2\0\0\0\0\0" + bytes(Ether() / ip() / tcp() / s)), "capwap")
shape("encrypted data in CAPWAP", lambda s: ip() / udp(5247) / (b"\1\0\0\0\x17\xfe\xfd" + s), before=3)
shape("a later fragment in CAPWAP", lambda s: ip() / udp(5247) / (b"\0\x10\2\x80\0\1\0\x08" + s), "capwap")
shape("control in CAPWAP", lambda s: ip() / udp(5246) / (b"\0\x10\0\0\0\0\0\0" + bytes(4) + s), before=12)

# What is header or control protocol comes into the ring whole, and what of it has no name comes no further.
shape("an option of IPv4", lambda s: ip(options=IPOption(b"\x9e\x26" + s + bytes(2))) / udp() / b"x", "udp", reach="ring")
shape("an option of IPv6", lambda s: ip6() / IPv6ExtHdrHopByHop(options=[HBHOptUnknown(otype=0x1E, optdata=s)]) / udp() / b"x",
      "udp", reach="ring")
shape("an option of TCP", lambda s: ip() / tcp(options=[(253, s)]) / b"x", "tcp", reach="ring")
shape("an option of DHCP", lambda s: ip() / UDP(sport=68, dport=67) / BOOTP(chaddr=CLIENT, xid=1) / DHCP(
    options=[("message-type", 1), (224, s), "end"]), "dhcp", reach="ring")
shape("an option of DHCPv6", lambda s: ip6() / UDP(sport=546, dport=547) / DHCP6_Solicit() / DHCP6OptClientId(
    duid=DUID_LL(lladdr="00:1b:21:00:00:01")) / DHCP6OptUnknown(optcode=65001, data=s), "dhcpv6", reach="ring")
shape("a TLV of another organisation in LLDP", lambda s: (0x88CC, lldp(1) + tlv(127, b"\x12\x34\x56\1" + s) + bytes(2)), "lldp",
      reach="ring")
shape("what follows the end of an LLDPDU", lambda s: (0x88CC, lldp(2) + bytes(2) + s), "lldp", reach="ring")
shape("a TLV of CDP", lambda s: (len(s) + 30, b"\xaa\xaa\3\0\0\x0c\x20\0\2\xb4\0\0\0\1\0\x0eswitch-cdp"
      + struct.pack(">HH", 0x7777, len(s) + 4) + s), "cdp", reach="ring")
shape("an option of neighbour discovery", lambda s: ip6(nh=58) / Raw(b"\x87" + bytes(23) + b"\xfd\5" + s + bytes(2)), "icmpv6",
      reach="ring")
shape("what follows a membership", lambda s: ip(proto=2) / Raw(b"\x16\0\x09\x04\xe0\0\0\x16" + s), "igmp", reach="ring")
shape("what follows a BPDU", lambda s: (38 + len(s), b"\x42\x42\3" + bytes(35) + s), "stp", reach="ring")

# What the shipped rules keep. The client speaks last.
control("switch-proof", (0x88CC, lldp(3) + tlv(5, b"switch-proof") + tlv(7, b"\0\4\0\4") + bytes(2)))
control("client-proof", ip() / UDP(sport=68, dport=67) / BOOTP(chaddr=CLIENT, xid=2) / DHCP(
    options=[("message-type", 3), ("hostname", b"client-proof"), "end"]))
