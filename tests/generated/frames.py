"""Frames by an independent generator (Debian's python3-scapy): FRAMES.py SEED COUNT CAPTURE writes COUNT frames of each
shape with values by chance into a pcap file, and prints what a reader must find in each, as one JSON list a frame:
[layer, field, value] for fields that are numbers, names or addresses, the parts of a field's name with dots between."""

import json
import random
import sys

from scapy.all import (
    ARP, BOOTP, DHCP, GRE, GRE_PPTP, ICMP, IP, LLC, SNAP, STP, TCP, UDP, VXLAN, Dot1AD, Dot1Q, Ether, ICMPv6ND_NA,
    ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6, IPv6ExtHdrDestOpt, Radius, Raw, wrpcap,
)
from scapy.contrib.lldp import (
    LLDPDUChassisID, LLDPDUEndOfLLDPDU, LLDPDUGenericOrganisationSpecific, LLDPDUPortDescription, LLDPDUPortID,
    LLDPDUSystemName, LLDPDUTimeToLive,
)
from scapy.layers.dot11 import Dot11, Dot11QoS
from scapy.layers.dhcp6 import DHCP6_Solicit, DHCP6OptClientId, DHCP6OptElapsedTime, DHCP6OptIA_NA, DUID_LL

rng = random.Random(int(sys.argv[1]))


def number(bits):
    # The bounds of every length come often.
    return rng.choice([0, 1, (1 << bits) - 1, rng.getrandbits(bits), rng.getrandbits(bits)])


def mac():
    return ":".join(f"{octet:02x}" for octet in [rng.getrandbits(8) & 0xFE] + [rng.getrandbits(8) for _ in range(5)])


def v4():
    return ".".join(str(rng.randrange(1, 255)) for _ in range(4))


def v6():
    return "2001:db8:" + ":".join(f"{rng.randrange(1, 65536):x}" for _ in range(6))


def port():
    # Ports of protocols that are read are not drawn.
    return rng.randrange(20000, 30000)


def ether():
    source, destination = mac(), mac()
    return Ether(src=source, dst=destination), [("ethernet", "source", source), ("ethernet", "destination", destination)]


def tagged():
    frame, facts = ether()
    outer, inner, priority = number(12), number(12), number(3)
    frame = frame / Dot1AD(vlan=outer, prio=priority) / Dot1Q(vlan=inner)
    return frame, facts + [("vlan", "vid", outer), ("vlan", "priority", priority), ("vlan", "vid", inner)]


def ipv4(frame, facts, protocol=None):
    source, destination, ttl, identification = v4(), v4(), number(8), number(16)
    header = IP(src=source, dst=destination, ttl=ttl, id=identification, flags=rng.choice(["DF", 0]))
    if protocol is not None:
        header.proto = protocol
    return frame / header, facts + [
        ("ipv4", "source", source), ("ipv4", "destination", destination), ("ipv4", "ttl", ttl),
        ("ipv4", "identification", identification), ("ipv4", "dont_fragment", bool(header.flags.DF)),
    ]


def ipv6(frame, facts):
    source, destination, hops, label = v6(), v6(), number(8), number(20)
    return frame / IPv6(src=source, dst=destination, hlim=hops, fl=label), facts + [
        ("ipv6", "source", source), ("ipv6", "destination", destination), ("ipv6", "hop_limit", hops),
        ("ipv6", "flow_label", label),
    ]


def either(frame, facts):
    return rng.choice([ipv4, ipv6])(frame, facts)


def tcp():
    frame, facts = either(*rng.choice([ether, tagged])())
    source, destination, sequence, window = port(), port(), number(32), number(16)
    options = rng.sample([("MSS", number(16)), ("WScale", number(4)), ("SAckOK", b""), ("Timestamp", (number(32), 7))],
                         rng.randrange(5))
    segment = TCP(sport=source, dport=destination, seq=sequence, window=window, flags="SA", options=options)
    return frame / segment / Raw(b"x" * rng.randrange(40)), facts + [
        ("tcp", "source", source), ("tcp", "destination", destination), ("tcp", "sequence", sequence),
        ("tcp", "window", window), ("tcp", "flags", 0x12),
    ]


def udp():
    frame, facts = either(*ether())
    source, destination, length = port(), port(), rng.randrange(40)
    return frame / UDP(sport=source, dport=destination) / Raw(b"x" * length), facts + [
        ("udp", "source", source), ("udp", "destination", destination), ("udp", "length", 8 + length),
    ]


def extension():
    frame, facts = ipv6(*ether())
    source, destination = port(), port()
    return frame / IPv6ExtHdrDestOpt() / UDP(sport=source, dport=destination), facts + [
        ("ipv6", "extensions", 1), ("ipv6", "protocol", 17), ("udp", "source", source),
    ]


def arp():
    frame, facts = ether()
    sender, target, hardware, operation = v4(), v4(), mac(), rng.choice([1, 2])
    return frame / ARP(op=operation, hwsrc=hardware, psrc=sender, pdst=target), facts + [
        ("arp", "sender_protocol", sender), ("arp", "target_protocol", target), ("arp", "sender_hardware", hardware),
        ("arp", "operation", operation),
    ]


def ping():
    frame, facts = ipv4(*ether())
    return frame / ICMP(type=8, id=number(16), seq=number(16)), facts + [("icmp", "message_type", 8), ("icmp", "code", 0)]


def neighbor():
    frame, facts = ipv6(*ether())
    target, hardware = v6(), mac()
    solicits = rng.random() < 0.5
    if solicits:
        message = ICMPv6ND_NS(tgt=target) / ICMPv6NDOptSrcLLAddr(lladdr=hardware)
    else:
        message = ICMPv6ND_NA(tgt=target) / ICMPv6NDOptDstLLAddr(lladdr=hardware)
    return frame / message, facts + [("ndp", "message_type", 135 if solicits else 136)]


def dhcp():
    frame, facts = ipv4(*ether())
    client, xid, kind = mac(), number(32), rng.choice([1, 3, 8])
    options = [("message-type", kind), ("hostname", b"pc"), ("param_req_list", [1, 3, 6, 15]), "end"]
    boot = BOOTP(op=1, chaddr=bytes.fromhex(client.replace(":", "")), xid=xid)
    return frame / UDP(sport=68, dport=67) / boot / DHCP(options=options), facts + [
        ("dhcpv4", "xid", xid), ("dhcpv4", "has_cookie", True), ("dhcpv4", "op", 1),
    ]


def dhcpv6():
    frame, facts = ipv6(*ether())
    transaction = number(24)
    message = DHCP6_Solicit(trid=transaction) / DHCP6OptClientId(duid=DUID_LL(lladdr=mac()))
    message = message / DHCP6OptElapsedTime(elapsedtime=number(16)) / DHCP6OptIA_NA(iaid=number(32))
    return frame / UDP(sport=546, dport=547) / message, facts + [
        ("dhcpv6", "transaction_id", transaction), ("dhcpv6", "message_type", 1),
    ]


def vxlan():
    frame, facts = ipv4(*ether())
    vni = number(24)
    inner, inside = udp()
    # Of two layers of one name the second is the inner one.
    return frame / UDP(sport=port(), dport=4789) / VXLAN(vni=vni, flags=8) / inner, (
        [fact for fact in facts if fact[0] == "ipv4"] + [("vxlan", "vni", vni)]
        + [fact for fact in inside if fact[0] not in ("ipv4", "udp", "ethernet")]
    )


def gre():
    frame, facts = ipv4(*ether(), protocol=47)
    key = number(32)
    source, destination = v6(), v6()
    return frame / GRE(proto=0x86DD, key_present=1, key=key) / IPv6(src=source, dst=destination, nh=59), facts + [
        ("gre", "key", key), ("ipv6", "source", source), ("ipv6", "destination", destination),
    ]


def station():
    """A data frame of IEEE 802.11, and what must be found of it."""
    radios = [mac() for _ in range(4)]
    to_ds, from_ds = rng.choice([(1, 0), (0, 1), (1, 1)])
    destination = radios[2 if to_ds else 0]
    source = radios[(3 if from_ds else 1) if to_ds else 2]
    has_qos = rng.random() < 0.5
    header = Dot11(type=2, subtype=8 if has_qos else 0, FCfield=to_ds | from_ds << 1, addr1=radios[0], addr2=radios[1],
                   addr3=radios[2], addr4=radios[3] if to_ds and from_ds else None)
    if has_qos:
        header = header / Dot11QoS(TID=rng.randrange(8))
    ends, inside = (v4(), v4()), (port(), port())
    packet = IP(src=ends[0], dst=ends[1]) / UDP(sport=inside[0], dport=inside[1])
    return header / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=0x0800) / packet, [
        ("ieee80211", "source", source), ("ieee80211", "destination", destination), ("ipv4", "source", ends[0]),
        ("ipv4", "destination", ends[1]), ("udp", "source", inside[0]), ("udp", "destination", inside[1]),
    ]


def capwap():
    frame, _ = ipv4(*ether())
    inner, inside = station()
    # HLEN 2, WBID 1, T; all else zero.
    return frame / UDP(sport=port(), dport=5247) / Raw(b"\0\x10\3\0\0\0\0\0") / inner, inside


def swapped():
    """As some controllers write Frame Control."""
    frame, inside = capwap()
    octets = bytes(frame)
    at = len(Ether() / IP() / UDP()) + 8
    return Ether(octets[:at] + octets[at + 1:at - 1:-1] + octets[at + 2:]), inside


def tzsp():
    frame, _ = ipv4(*ether())
    inner, inside = station()
    return frame / UDP(sport=port(), dport=37008) / Raw(b"\1\0\0\x12\x0a\1\xd0\1") / inner, inside


def pptp():
    frame, _ = ipv4(*ether(), protocol=47)
    sequence, acknowledgment, call = number(32), number(32), number(16)
    source, destination = v6(), v6()
    shortened = rng.choice([b"\xff\3\0\x57", b"\xff\3\x57", b"\0\x57", b"\x57"])
    payload = shortened + bytes(IPv6(src=source, dst=destination, nh=59))
    header = GRE_PPTP(seqnum_present=1, acknum_present=1, payload_len=len(payload), call_id=call,
                     seqence_number=sequence, ack_number=acknowledgment)
    return frame / header / Raw(payload), [
        ("gre", "version", 1), ("gre", "sequence", sequence), ("gre", "pptp.acknowledgment", acknowledgment),
        ("gre", "pptp.call_id", call), ("ppp", "protocol", 0x57), ("ipv6", "source", source),
        ("ipv6", "destination", destination),
    ]


def radius():
    frame, facts = ipv4(*ether())
    identifier, code = number(8), rng.choice([1, 2, 3, 4, 5])
    return frame / UDP(sport=port(), dport=1812) / Radius(code=code, id=identifier), facts + [
        ("radius", "code", code), ("radius", "identifier", identifier),
    ]


def bridge():
    source, root = mac(), mac()
    message = LLC(dsap=0x42, ssap=0x42, ctrl=3) / STP(rootmac=root, bridgemac=source, portid=number(16))
    # A length, not a type.
    frame = Ether(src=source, dst="01:80:c2:00:00:00", type=len(message)) / message
    return frame, [("ethernet", "source", source), ("llc", "dsap", 0x42), ("bpdu", "version", 0)]


def lldp():
    source, lifetime, name, description = mac(), number(16), "sw" * number(6), "p" * number(8)
    device, level, orientation, price, octets = number(8), number(8), number(8), number(16), rng.randbytes(20)
    domain, role, position = number(16), number(16), number(16)

    def organisation(code, subtype, value):
        return LLDPDUGenericOrganisationSpecific(org_code=code, subtype=subtype, data=value)

    unit = LLDPDUChassisID(subtype=4, id=source) / LLDPDUPortID(subtype=5, id=b"eth0") / LLDPDUTimeToLive(ttl=lifetime)
    unit = unit / LLDPDUPortDescription(description=description) / LLDPDUSystemName(system_name=name)
    unit = unit / organisation(0x0080C2, 20, bytes([device, level, orientation]))
    unit = unit / organisation(0x00120F, 8, octets + price.to_bytes(2, "big"))
    unit = unit / organisation(0x000ECF, 8, b"".join(n.to_bytes(2, "big") for n in (domain, role, position)))
    controllers = b"".join(bytes([n, 10, 0, 0, n]) + f"{n:036x}".encode() for n in range(rng.randrange(13)))
    unit = unit / organisation(0x000142, 0xCF, controllers) / LLDPDUEndOfLLDPDU()
    return Ether(src=source, dst="01:80:c2:00:00:0e") / unit, [
        ("lldp", "chassis_id.value", source), ("lldp", "port_id.value", "eth0"), ("lldp", "ttl", lifetime),
        ("lldp", "port_description", description), ("lldp", "system_name", name),
        ("lldp", "dot1.topology_recognition.device_type", device), ("lldp", "dot1.topology_recognition.level", level),
        ("lldp", "dot1.topology_recognition.port_orientation", orientation),
        ("lldp", "dot3.power_measurements.measurements", octets.hex(":")),
        ("lldp", "dot3.power_measurements.price_index", price),
        ("lldp", "profinet.mrp_interconnection_port_status.domain", domain),
        ("lldp", "profinet.mrp_interconnection_port_status.role", role),
        ("lldp", "profinet.mrp_interconnection_port_status.position", position), ("lldp", "unknown", 0),
        ("lldp", "cisco.appliance_vector", [
            {"id": n, "ip": f"10.0.0.{n}", "uuid": f"{n:036x}"} for n in range(len(controllers) // 41)
        ]),
    ]


SHAPES = [
    tcp, udp, extension, arp, ping, neighbor, dhcp, dhcpv6, vxlan, gre, capwap, swapped, tzsp, pptp, radius, bridge, lldp,
]

frames = []
for shape in SHAPES:
    for _ in range(int(sys.argv[2])):
        frame, facts = shape()
        frames.append(frame)
        print(json.dumps([shape.__name__, facts]))
wrpcap(sys.argv[3], frames)
