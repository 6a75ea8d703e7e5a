//! From octets to options: finds their instances, puts split ones together, and reads each by its code.

use arrayvec::ArrayVec;

use super::{
    Architecture, Authentication, ClientFqdn, ClientIdentifier, ClientMachine, MAX_DOMAINS, MAX_INSTANCES,
    Message, MessageType, NetworkInterface, OptionFact, OptionOctets, Options, RelayAgent, Route, UserClass,
    VendorClass, VendorOptions,
    value::{Value, within},
};
use crate::{
    Kind, Malformed,
    cursor::Cursor,
    domain::{self, Name},
};

/// Most octets of options that are looked at; no UDP datagram has more.
const MAX_OPTIONS_LEN: usize = 65_535;

/// Reads the options field, and `file` and `sname` where option 52 says that they hold options,
/// into `message`.
pub(super) fn read<'a>(message: &mut Message<'a>, options: Cursor<'a>, file: Cursor<'a>, sname: Cursor<'a>) {
    let mut instances = Instances::new();
    collect(message, &mut instances, options);
    // An overload that is itself in an overloaded field says nothing.
    let overloaded = instances
        .iter()
        .find(|instance| instance.code == OVERLOAD)
        .and_then(|instance| instance.value.first().copied())
        .filter(|value| matches!(value, 1..=3))
        .unwrap_or(0);
    if overloaded & 1 != 0 {
        message.file = None;
        collect(message, &mut instances, file);
    }
    if overloaded & 2 != 0 {
        message.sname = None;
        collect(message, &mut instances, sname);
    }
    message.options.order.extend(instances.iter().map(|instance| instance.code));
    // Any option may go on in an instance that was not captured.
    let is_whole = message.malformed.iter().all(|fault| fault.kind != Kind::NotCaptured);
    interpret(message, &instances, is_whole);
}

/// One instance of an option. Several of the same code are parts of one option (RFC 3396).
struct Instance<'a> {
    code: u8,
    start: Cursor<'a>,
    value: &'a [u8],
}

type Instances<'a> = ArrayVec<Instance<'a>, MAX_INSTANCES>;

/// Finds the instances of one field, up to its End option.
fn collect<'a>(message: &mut Message<'a>, instances: &mut Instances<'a>, cursor: Cursor<'a>) {
    let result = find(instances, cursor);
    message.malformed.note(result);
}

fn find<'a>(instances: &mut Instances<'a>, mut cursor: Cursor<'a>) -> Result<(), Malformed> {
    for _ in 0..MAX_OPTIONS_LEN {
        let start = cursor;
        let code = match cursor.u8() {
            Ok(END) => return Ok(()),
            Ok(PAD) => continue,
            Ok(code) => code,
            Err(malformed) if cursor.is_cut() => return Err(malformed),
            Err(_) => return Err(start.malformed(Kind::Missing)),
        };
        let value = match cursor.u8().and_then(|length| cursor.take(length.into())) {
            Ok(value) => value,
            Err(malformed) if malformed.kind == Kind::NotCaptured => return Err(malformed),
            Err(_) => return Err(start.malformed(Kind::Length)),
        };
        if instances.try_push(Instance { code, start, value }).is_err() {
            return Err(start.malformed(Kind::Limit));
        }
    }
    Ok(())
}

/// Reads each option where its first instance is. Unless all instances are there, none is malformed.
fn interpret<'a>(message: &mut Message<'a>, instances: &Instances<'a>, is_whole: bool) {
    for (position, first) in instances.iter().enumerate() {
        let (before, from_here) = instances.split_at_checked(position).unwrap_or_default();
        if before.iter().any(|instance| instance.code == first.code) {
            continue;
        }
        let parts = || from_here.iter().filter(|instance| instance.code == first.code).map(|i| i.value);
        let (fault, omitted) = if parts().nth(1).is_none() {
            let mut value = Value::borrowed(first.value);
            message.options.read(first.code, &mut value);
            (value.fault, value.omitted)
        } else {
            let whole: Vec<u8> = parts().flatten().copied().collect();
            let mut value = Value::joined(&whole, first.value);
            message.options.read(first.code, &mut value);
            (value.fault, value.omitted)
        };
        message.omitted = message.omitted.saturating_add(omitted);
        let fault = fault.filter(|_| is_whole);
        message.malformed.note(fault.map_or(Ok(()), |kind| Err(first.start.malformed(kind))));
    }
}

impl<'a> Options<'a> {
    fn read(&mut self, code: u8, value: &mut Value<'_, 'a>) {
        match code {
            1 => self.subnet_mask = value.address(),
            3 => self.routers = value.addresses(),
            6 => self.dns_servers = value.addresses(),
            12 => self.hostname = value.text(),
            15 => self.domain_name = value.text(),
            26 => self.interface_mtu = value.u16(),
            28 => self.broadcast_address = value.address(),
            42 => self.ntp_servers = value.addresses(),
            43 => self.vendor_specific_length = Some(value.len()),
            50 => self.requested_address = value.address(),
            51 => self.lease_time = value.u32(),
            52 => {
                self.overload = value.u8();
                let is_known = self.overload.is_none_or(|overload| matches!(overload, 1..=3));
                value.note(if is_known { Ok(()) } else { Err(Kind::Value) });
            }
            53 => self.message_type = value.u8().map(MessageType::from),
            54 => self.server_identifier = value.address(),
            55 => self.parameter_request_list = value.octets(1),
            56 => self.message = value.text(),
            57 => self.maximum_message_size = value.u16(),
            58 => self.renewal_time = value.u32(),
            59 => self.rebinding_time = value.u32(),
            60 => self.vendor_class = value.text(),
            61 => {
                self.client_identifier = value.octets(2).map(|octets| ClientIdentifier(OptionOctets(octets)));
                value.note(self.client_identifier.as_ref().map_or(Ok(()), ClientIdentifier::check));
            }
            66 => self.tftp_server_name_length = Some(value.len()),
            67 => self.bootfile_name_length = Some(value.len()),
            77 => self.user_class = UserClass::read(value),
            81 => self.client_fqdn = ClientFqdn::read(value),
            82 => self.relay_agent = RelayAgent::read(value),
            90 => {
                self.authentication = value.note(Authentication::parse(&mut value.cursor()).map_err(within))
            }
            93 => self.architectures = value.list(Architecture::parse),
            94 => self.network_interface = value.fixed().map(NetworkInterface::from),
            97 => self.client_machine = ClientMachine::read(value),
            108 => self.ipv6_only_wait = value.u32(),
            114 => self.captive_portal = value.text(),
            116 => self.auto_configure = value.u8(),
            118 => self.subnet_selection = value.address(),
            119 => {
                let message = Some(value.cursor());
                let mut room = MAX_DOMAINS;
                self.domain_search = value.list(|cursor| {
                    // Names that find no room cost no more than their octets, wherever they point.
                    if room == 0 {
                        return domain::skip(cursor).map(|()| Name::default());
                    }
                    room = room.saturating_sub(1);
                    domain::read_complete(cursor, message)
                });
            }
            121 => self.routes = value.list(Route::parse),
            124 => self.vendor_classes = VendorClass::read(value),
            125 => self.vendor_options = VendorOptions::read(value),
            145 => self.forcerenew_nonce = value.octets(1).map(OptionOctets),
            150 => self.tftp_servers = value.addresses(),
            161 => self.mud_url = value.text(),
            249 => self.microsoft_routes = value.list(Route::parse),
            _ => {
                if self.others.try_push(OptionFact { code, length: value.len() }).is_err() {
                    value.omitted = value.omitted.saturating_add(1);
                }
            }
        }
    }
}

const PAD: u8 = 0;
const OVERLOAD: u8 = 52;
const END: u8 = 255;
