//! From layer to layer. What a layer cannot read is noted; what came before it stays.

use super::{Encapsulation, Framing, Network, Packet, Wireless};
use crate::{
    Cursor, Faults, Layer, Link, Malformed, arp, avs, bpdu, cdp, eapol, edp, ethernet, fdp, ieee80211, isl,
    linux_cooked, llc, lldp, mpls, null, ppi, ppp, pppoe, prism, radiotap, sonmp, vlan,
};

use ieee80211::Form;

pub(super) type Outcome = Result<(), Malformed>;

impl<'a> Packet<'a> {
    #[inline(always)]
    pub(super) fn read_frame(&mut self, link: Link, bytes: &'a [u8], wire_len: u32) -> Outcome {
        let mut cursor = Cursor::new(bytes, wire_len, Layer::Ethernet);
        let result = match link {
            Link::Ethernet => {
                let (header, ethertype) = ethernet::parse(&mut cursor)?;
                self.read_ethernet(header, ethertype, cursor)
            }
            other => self.read_link(other, cursor)?,
        };
        self.note(result);
        Ok(())
    }

    /// A frame behind its Ethernet header and type, unless these are the beginning of an ISL header.
    #[inline(always)]
    pub(super) fn read_ethernet(
        &mut self,
        header: ethernet::Header,
        ethertype: u16,
        cursor: Cursor<'a>,
    ) -> Outcome {
        if isl::is_header(&header, cursor.rest()) {
            return self.read_isl(header, ethertype, cursor);
        }
        self.framing = Framing::Ethernet(header);
        self.read_tags(cursor, ethertype)
    }

    #[cold]
    fn read_isl(&mut self, header: ethernet::Header, length: u16, cursor: Cursor<'a>) -> Outcome {
        let (header, fault) = isl::parse(header, length, &mut cursor.enter(Layer::Isl));
        self.framing = Framing::Isl(Box::new(header));
        fault
    }

    /// A link other than Ethernet. The outer error is that of its own header.
    #[cold]
    fn read_link(&mut self, link: Link, mut cursor: Cursor<'a>) -> Result<Outcome, Malformed> {
        Ok(match link {
            Link::Ethernet => Ok(()),
            Link::LinuxCooked | Link::LinuxCooked2 => {
                cursor = cursor.enter(Layer::LinuxCooked);
                let header = match link {
                    Link::LinuxCooked => linux_cooked::parse(&mut cursor)?,
                    _ => linux_cooked::parse_2(&mut cursor)?,
                };
                let payload = header.payload();
                self.framing = Framing::LinuxCooked(Box::new(header));
                match payload {
                    linux_cooked::Payload::Ethertype(ethertype) => self.read_tags(cursor, ethertype),
                    linux_cooked::Payload::Llc => self.read_llc(cursor),
                    linux_cooked::Payload::Radiotap => self.read_radiotap(cursor),
                    linux_cooked::Payload::Novell | linux_cooked::Payload::Other => Ok(()),
                }
            }
            Link::Null | Link::Loop => {
                cursor = cursor.enter(Layer::Null);
                let header = match link {
                    Link::Null => null::parse(&mut cursor)?,
                    _ => null::parse_loop(&mut cursor)?,
                };
                self.framing = Framing::Null(header);
                header.family.ethertype().map_or(Ok(()), |ethertype| self.read_ethertype(cursor, ethertype))
            }
            Link::RawIp => match cursor.enter(Layer::Ipv4).u8().map(|octet| octet >> 4) {
                Ok(6) => self.read_ethertype(cursor, ethernet::IPV6),
                Ok(_) => self.read_ethertype(cursor, ethernet::IPV4),
                Err(fault) => Err(fault),
            },
            Link::Ipv4 => self.read_ethertype(cursor, ethernet::IPV4),
            Link::Ipv6 => self.read_ethertype(cursor, ethernet::IPV6),
            Link::Ieee80211 => self.read_ieee80211(cursor, Wireless::default(), Form::default()),
            Link::Radiotap => self.read_radiotap(cursor),
            Link::Prism | Link::Avs => self.read_monitored(cursor),
            Link::Ppi => {
                cursor = cursor.enter(Layer::Ppi);
                let header = ppi::parse(&mut cursor)?;
                self.note(header.malformed.map_or(Ok(()), Err));
                let inner = header.link();
                let wireless = Wireless { ppi: Some(header), ..Wireless::default() };
                match inner {
                    Some(Link::Ieee80211) => self.read_ieee80211(cursor, wireless, Form::default()),
                    Some(link) => {
                        self.framing = Framing::Wireless(Box::new(wireless));
                        self.read_inside_ppi(link, cursor)
                    }
                    None => {
                        self.framing = Framing::Wireless(Box::new(wireless));
                        Ok(())
                    }
                }
            }
        })
    }

    /// A frame of another link in a PPI header, which stays the framing. It is never PPI again.
    fn read_inside_ppi(&mut self, link: Link, mut cursor: Cursor<'a>) -> Outcome {
        match link {
            Link::Ethernet => {
                let (header, ethertype) = ethernet::parse(&mut cursor.enter(Layer::Ethernet))?;
                cursor.take(ethernet::HEADER_LEN)?;
                if isl::is_header(&header, cursor.rest()) {
                    return Ok(());
                }
                self.read_tags(cursor, ethertype)
            }
            Link::Ipv4 => self.read_ethertype(cursor, ethernet::IPV4),
            Link::Ipv6 => self.read_ethertype(cursor, ethernet::IPV6),
            _ => Ok(()),
        }
    }

    fn read_radiotap(&mut self, cursor: Cursor<'a>) -> Outcome {
        let mut cursor = cursor.enter(Layer::Radiotap);
        let header = radiotap::parse(&mut cursor)?;
        self.note(header.malformed.map_or(Ok(()), Err));
        let has_frame = header.has_frame();
        let form = Form { data_pad: header.has_data_pad(), ..Form::default() };
        let wireless = Wireless { radiotap: Some(header), ..Wireless::default() };
        if has_frame {
            return self.read_ieee80211(cursor, wireless, form);
        }
        self.framing = Framing::Wireless(Box::new(wireless));
        Ok(())
    }

    /// A Prism or AVS header, which their first octets tell apart, and the frame behind it.
    pub(super) fn read_monitored(&mut self, cursor: Cursor<'a>) -> Outcome {
        let mut wireless = Wireless::default();
        let mut cursor = cursor.enter(Layer::Prism);
        let mut ahead = cursor;
        if avs::least_length(ahead.u32()?).is_some() {
            cursor = cursor.enter(Layer::Avs);
            wireless.avs = Some(avs::parse(&mut cursor)?);
        } else {
            let header = prism::parse(&mut cursor)?;
            self.note(header.malformed.map_or(Ok(()), Err));
            wireless.prism = Some(header);
        }
        self.read_ieee80211(cursor, wireless, Form::default())
    }

    pub(super) fn read_ieee80211(
        &mut self,
        cursor: Cursor<'a>,
        mut wireless: Wireless,
        form: Form,
    ) -> Outcome {
        let mut cursor = cursor.enter(Layer::Ieee80211);
        let header = ieee80211::parse(&mut cursor, form);
        let (payload, fault) = match &header {
            Ok(header) => (header.payload, header.malformed),
            Err(fault) => (ieee80211::Payload::None, Some(*fault)),
        };
        wireless.header = header.ok();
        self.framing = Framing::Wireless(Box::new(wireless));
        self.note(fault.map_or(Ok(()), Err));
        match payload {
            ieee80211::Payload::Llc if !cursor.is_empty() => self.read_llc(cursor),
            _ => Ok(()),
        }
    }

    #[inline(always)]
    pub(super) fn read_tags(&mut self, mut cursor: Cursor<'a>, ethertype: u16) -> Outcome {
        self.ethertype = ethertype;
        self.ethertype = vlan::parse(&mut cursor, ethertype, &mut self.tags)?;
        self.read_ethertype(cursor, self.ethertype)
    }

    /// What an Ethernet type announces. MPLS and LLC announce another one, at most once each.
    #[inline(always)]
    pub(super) fn read_ethertype(&mut self, cursor: Cursor<'a>, ethertype: u16) -> Outcome {
        match ethertype {
            ethernet::IPV4 => self.read_ipv4(cursor.enter(Layer::Ipv4)),
            ethernet::IPV6 => self.read_ipv6(cursor.enter(Layer::Ipv6)),
            other => self.read_other_ethertype(cursor, other),
        }
    }

    #[cold]
    fn read_other_ethertype(&mut self, mut cursor: Cursor<'a>, ethertype: u16) -> Outcome {
        match ethertype {
            length if llc::is_length(length) => {
                self.note(llc::limit(&mut cursor, length));
                self.read_llc(cursor)
            }
            ethernet::ARP => {
                let packet = arp::parse(&mut cursor.enter(Layer::Arp))?;
                self.network = Network::Arp(packet);
                packet.malformed.map_or(Ok(()), Err)
            }
            ethernet::LLDP => {
                let message = lldp::parse(cursor.enter(Layer::Lldp));
                self.network = self.boxed(message, |m| &m.malformed, Network::Lldp);
                Ok(())
            }
            eapol::ETHERTYPE | eapol::PREAUTHENTICATION_ETHERTYPE => {
                let message = eapol::parse(cursor.enter(Layer::Eapol))?;
                self.network = self.boxed(message, |m| &m.malformed, Network::Eapol);
                Ok(())
            }
            pppoe::DISCOVERY => {
                let message = pppoe::parse_discovery(cursor.enter(Layer::Pppoe))?;
                self.network = self.boxed(message, |m| &m.malformed, Network::Pppoe);
                Ok(())
            }
            pppoe::SESSION if self.encapsulation.as_ref().is_none_or(|e| e.pppoe.is_none()) => {
                cursor = cursor.enter(Layer::Pppoe);
                let session = pppoe::parse_session(&mut cursor)?;
                self.note(session.malformed.map_or(Ok(()), Err));
                self.encapsulation().pppoe = Some(session);
                let inner = session.protocol.and_then(ppp::Protocol::ethertype);
                inner.map_or(Ok(()), |ethertype| self.read_ethertype(cursor, ethertype))
            }
            mpls::UNICAST | mpls::MULTICAST
                if self.encapsulation.as_ref().is_none_or(|e| e.mpls.is_none()) =>
            {
                cursor = cursor.enter(Layer::Mpls);
                let header = mpls::parse(&mut cursor)?;
                self.note(header.malformed.map_or(Ok(()), Err));
                let payload = header.payload;
                self.encapsulation().mpls = Some(header);
                match payload {
                    mpls::Payload::Ipv4 => self.read_ethertype(cursor, ethernet::IPV4),
                    mpls::Payload::Ipv6 => self.read_ethertype(cursor, ethernet::IPV6),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// What PPP carries.
    pub(super) fn read_ppp(&mut self, cursor: Cursor<'a>) -> Outcome {
        let mut cursor = cursor.enter(Layer::Ppp);
        let header = ppp::parse(&mut cursor)?;
        self.encapsulation().ppp = Some(header);
        let inner = header.protocol.ethertype();
        inner.map_or(Ok(()), |ethertype| self.read_ethertype(cursor, ethertype))
    }

    /// Puts a message into its place, and notes its first fault.
    pub(super) fn boxed<T, W>(
        &mut self,
        message: T,
        faults: impl FnOnce(&T) -> &Faults,
        wrap: impl FnOnce(Box<T>) -> W,
    ) -> W {
        self.note(faults(&message).first());
        wrap(Box::new(message))
    }

    pub(super) fn encapsulation(&mut self) -> &mut Encapsulation {
        self.encapsulation.get_or_insert_default()
    }

    fn read_llc(&mut self, cursor: Cursor<'a>) -> Outcome {
        let mut cursor = cursor.enter(Layer::Llc);
        let Some(header) = llc::parse(&mut cursor)? else { return Ok(()) };
        self.encapsulation().llc = Some(header);
        self.network = match header.content() {
            llc::Content::Ethertype(ethertype) => return self.read_ethertype(cursor, ethertype),
            llc::Content::Service(llc::Lsap::Bpdu) => {
                self.boxed(bpdu::parse(cursor.enter(Layer::Bpdu))?, |m| &m.malformed, Network::Bpdu)
            }
            llc::Content::Organisation(llc::PVST) => {
                self.boxed(bpdu::parse_pvst(cursor.enter(Layer::Bpdu))?, |m| &m.malformed, Network::Bpdu)
            }
            llc::Content::Organisation(llc::CDP) => {
                self.boxed(cdp::parse(cursor.enter(Layer::Cdp))?, |m| &m.malformed, Network::Cdp)
            }
            llc::Content::Organisation(llc::EDP) => {
                self.boxed(edp::parse(cursor.enter(Layer::Edp))?, |m| &m.malformed, Network::Edp)
            }
            llc::Content::Organisation(llc::FDP) => {
                self.boxed(fdp::parse(cursor.enter(Layer::Fdp))?, |m| &m.malformed, Network::Fdp)
            }
            llc::Content::Organisation(llc::SONMP | llc::SONMP_FLATNET) => {
                Network::Sonmp(sonmp::parse(cursor.enter(Layer::Sonmp))?)
            }
            _ => return Ok(()),
        };
        Ok(())
    }
}
