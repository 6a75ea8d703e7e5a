//! What a machine that starts from the network says of itself (RFC 4578; RFC 5970, 3.3 and 3.4).

use serde::Serialize;

use super::value::{OptionOctets, Value};
use crate::{Malformed, cursor::Cursor, registry::registry};

registry! {
    /// The kind of firmware that wants to boot (IANA processor architecture types; RFC 5970, 3.3).
    pub enum Architecture: u16 {
        /// x86 BIOS.
        X86Bios = 0, "x86-bios";
        /// NEC/PC98.
        NecPc98 = 1, "nec-pc98";
        /// Itanium.
        Itanium = 2, "itanium";
        /// DEC Alpha.
        DecAlpha = 3, "dec-alpha";
        /// Arc x86.
        ArcX86 = 4, "arc-x86";
        /// Intel Lean Client.
        IntelLeanClient = 5, "intel-lean-client";
        /// x86 UEFI.
        X86Uefi = 6, "x86-uefi";
        /// x64 UEFI.
        X64Uefi = 7, "x64-uefi";
        /// EFI XScale.
        EfiXscale = 8, "efi-xscale";
        /// EFI byte code.
        Ebc = 9, "ebc";
        /// ARM 32-bit UEFI.
        Arm32Uefi = 10, "arm32-uefi";
        /// ARM 64-bit UEFI.
        Arm64Uefi = 11, "arm64-uefi";
        /// PowerPC Open Firmware.
        PowerpcOpenFirmware = 12, "powerpc-open-firmware";
        /// PowerPC ePAPR.
        PowerpcEpapr = 13, "powerpc-epapr";
        /// POWER OPAL v3.
        PowerOpal = 14, "power-opal-v3";
        /// x86 UEFI boot from HTTP.
        X86UefiHttp = 15, "x86-uefi-http";
        /// x64 UEFI boot from HTTP.
        X64UefiHttp = 16, "x64-uefi-http";
        /// EFI byte code boot from HTTP.
        EbcHttp = 17, "ebc-http";
        /// ARM 32-bit UEFI boot from HTTP.
        Arm32UefiHttp = 18, "arm32-uefi-http";
        /// ARM 64-bit UEFI boot from HTTP.
        Arm64UefiHttp = 19, "arm64-uefi-http";
        /// PC/AT BIOS boot from HTTP.
        X86BiosHttp = 20, "x86-bios-http";
        /// ARM 32-bit U-Boot.
        Arm32Uboot = 21, "arm32-uboot";
        /// ARM 64-bit U-Boot.
        Arm64Uboot = 22, "arm64-uboot";
        /// ARM 32-bit U-Boot boot from HTTP.
        Arm32UbootHttp = 23, "arm32-uboot-http";
        /// ARM 64-bit U-Boot boot from HTTP.
        Arm64UbootHttp = 24, "arm64-uboot-http";
        /// RISC-V 32-bit UEFI.
        Riscv32Uefi = 25, "riscv32-uefi";
        /// RISC-V 32-bit UEFI boot from HTTP.
        Riscv32UefiHttp = 26, "riscv32-uefi-http";
        /// RISC-V 64-bit UEFI.
        Riscv64Uefi = 27, "riscv64-uefi";
        /// RISC-V 64-bit UEFI boot from HTTP.
        Riscv64UefiHttp = 28, "riscv64-uefi-http";
        /// RISC-V 128-bit UEFI.
        Riscv128Uefi = 29, "riscv128-uefi";
        /// RISC-V 128-bit UEFI boot from HTTP.
        Riscv128UefiHttp = 30, "riscv128-uefi-http";
        /// s390 Basic.
        S390Basic = 31, "s390-basic";
        /// s390 Extended.
        S390Extended = 32, "s390-extended";
        /// MIPS 32-bit UEFI.
        Mips32Uefi = 33, "mips32-uefi";
        /// MIPS 64-bit UEFI.
        Mips64Uefi = 34, "mips64-uefi";
        /// Sunway 32-bit UEFI.
        Sunway32Uefi = 35, "sunway32-uefi";
        /// Sunway 64-bit UEFI.
        Sunway64Uefi = 36, "sunway64-uefi";
        /// LoongArch 32-bit UEFI.
        Loongarch32Uefi = 37, "loongarch32-uefi";
        /// LoongArch 32-bit UEFI boot from HTTP.
        Loongarch32UefiHttp = 38, "loongarch32-uefi-http";
        /// LoongArch 64-bit UEFI.
        Loongarch64Uefi = 39, "loongarch64-uefi";
        /// LoongArch 64-bit UEFI boot from HTTP.
        Loongarch64UefiHttp = 40, "loongarch64-uefi-http";
        /// ARM Raspberry Pi boot.
        ArmRpiboot = 41, "arm-rpiboot";
    }
}

/// A Client Network Interface Identifier (RFC 4578, 2.2; RFC 5970, 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct NetworkInterface {
    /// The kind of interface; 1 is UNDI.
    pub kind: u8,
    /// Major version.
    pub major: u8,
    /// Minor version.
    pub minor: u8,
}

/// A Client Machine Identifier (RFC 4578, 2.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClientMachine<'a> {
    /// The kind of identifier; 0 is a UUID of 16 octets.
    pub kind: u8,
    /// The identifier, which names one machine.
    pub identifier: OptionOctets<'a>,
}

impl Architecture {
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        cursor.u16().map(Self::from)
    }
}

impl From<[u8; 3]> for NetworkInterface {
    fn from([kind, major, minor]: [u8; 3]) -> Self {
        NetworkInterface { kind, major, minor }
    }
}

impl<'a> ClientMachine<'a> {
    pub(super) fn read(value: &mut Value<'_, 'a>) -> Option<Self> {
        let mut cursor = value.cursor();
        let kind = value.note(cursor.u8().map_err(super::value::within))?;
        if kind == UUID && cursor.wire_remaining() != UUID_LEN {
            value.note::<()>(Err(crate::Kind::Length));
        }
        Some(ClientMachine { kind, identifier: OptionOctets(value.keep(cursor.rest())) })
    }
}

const UUID: u8 = 0;
const UUID_LEN: usize = 16;
