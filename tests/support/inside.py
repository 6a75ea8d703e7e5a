# Makes system calls in a running process, in place of what it does, as code that took it over
# would: process, capture descriptor. Prints each that is not refused. x86-64 only.
import ctypes, os, struct, sys

process, capture = int(sys.argv[1]), int(sys.argv[2])
if os.uname().machine != "x86_64":
    sys.exit("skipped: registers of other machines are not known here")
ATTACH, DETACH, SINGLESTEP, GETREGS, SETREGS = 16, 17, 9, 12, 13
# The order of struct user_regs_struct.
NAMES = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss".split()
libc = ctypes.CDLL(None, use_errno=True)


def ptrace(request, data=None):
    argument = ctypes.byref(data) if data is not None else None
    if libc.ptrace(ctypes.c_long(request), ctypes.c_long(process), None, argument) == -1:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def stopped():
    _, status = os.waitpid(process, 0)
    if not os.WIFSTOPPED(status):
        sys.exit(f"the process ended: {status}")


try:
    ptrace(ATTACH)
except PermissionError as error:
    sys.exit(f"skipped: the process may not be traced here: {error}")
stopped()
memory = open(f"/proc/{process}/mem", "r+b", buffering=0)
before = (ctypes.c_ulonglong * 27)()
ptrace(GETREGS, before)


def instruction():
    """Where the process has a syscall instruction: 0f 05."""
    for line in open(f"/proc/{process}/maps"):
        place, rights = line.split()[:2]
        if "x" in rights and "libc.so" in line:
            start, end = (int(address, 16) for address in place.split("-"))
            memory.seek(start)
            found = memory.read(end - start).find(b"\x0f\x05")
            if found >= 0:
                return start + found
    sys.exit("no system call instruction was found")


SYSCALL = instruction()


def call(number, *arguments):
    registers = (ctypes.c_ulonglong * 27)(*before)
    values = dict(zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), arguments), rax=number, orig_rax=-1, rip=SYSCALL)
    for name, value in values.items():
        registers[NAMES.index(name)] = value & (1 << 64) - 1
    ptrace(SETREGS, registers)
    ptrace(SINGLESTEP)
    stopped()
    ptrace(GETREGS, registers)
    return ctypes.c_longlong(registers[NAMES.index("rax")]).value


# The controls: what is called is called in the process, and what it needs it gets.
assert call(39) == process, "getpid"
page = call(9, 0, 1 << 16, 3, 0x22, -1, 0)
assert page > 0, "memory"
used = 0


def put(octets):
    global used
    memory.seek(page + used)
    memory.write(octets)
    used += (len(octets) + 15) // 16 * 16
    return page + used - (len(octets) + 15) // 16 * 16


frame = put(bytes(12) + b"\x88\xb5" + bytes(46))
parts = put(struct.pack("=QQ", frame, 60))
message = put(struct.pack("=QQQQQQQ", 0, 0, parts, 1, 0, 0, 0))
program = put(struct.pack("=HxxxxxxQ", 1, put(struct.pack("=HBBI", 6, 0, 0, 65535))))
number, name, root = put(bytes(128)), put(b"/etc/passwd\0"), put(b"/\0")
address = put(struct.pack("=H", 2) + struct.pack(">H", 443) + bytes([127, 0, 0, 1]) + bytes(8))
how = put(bytes(24))
SOL_SOCKET, SOL_PACKET = 1, 263
FILTER_OCTETS = 8 * 4096
length = put(bytes(8))
instructions = put(bytes(FILTER_OCTETS))


def locked_filter():
    """The filter as the kernel has it, and whether it is locked (SO_GET_FILTER counts instructions)."""
    memory.seek(length)
    memory.write(struct.pack("=I", 4096))
    assert call(55, capture, SOL_SOCKET, 26, instructions, length) == 0
    memory.seek(length)
    count = struct.unpack("=I", memory.read(4))[0]
    memory.seek(instructions)
    program = memory.read(8 * count)
    memory.seek(length)
    memory.write(struct.pack("=I", 4))
    assert call(55, capture, SOL_SOCKET, 44, number, length) == 0
    memory.seek(number)
    return program, struct.unpack("=I", memory.read(4))[0]


# Local sockets it may make: the store must be found again.
local = call(41, 1, 1, 0)
assert local > 0, "a local socket"
filtered = locked_filter()
assert len(filtered[0]) > 8 * 100 and filtered[1] == 1, "the filter is read, and locked"
tries = {
    "detach the filter": (54, capture, SOL_SOCKET, 27, number, 4),
    "replace the filter": (54, capture, SOL_SOCKET, 26, program, 16),
    "unlock the filter": (54, capture, SOL_SOCKET, 44, number, 4),
    "replace the filter by eBPF": (54, capture, SOL_SOCKET, 50, number, 4),
    "a filter that chooses among sockets": (54, capture, SOL_SOCKET, 51, program, 16),
    "a filter of a fanout": (54, capture, SOL_PACKET, 22, program, 16),
    "join a fanout": (54, capture, SOL_PACKET, 18, number, 4),
    "another ring": (54, capture, SOL_PACKET, 5, number, 28),
    "bind it to another interface": (49, capture, address, 16),
    "receive from it by message": (47, capture, message, 0x40),
    "a packet socket of its own to fill": (41, 17, 2, 0x0300),
    "an old packet socket": (41, 2, 10, 0x0300),
    "send": (44, capture, frame, 60, 0, 0, 0),
    "write": (1, capture, frame, 60),
    "writev": (20, capture, parts, 1),
    "sendmsg": (46, capture, message, 0),
    "a second name for it": (32, capture),
    "ioctl": (16, capture, 0x8912, number),
    "connect it": (42, capture, address, 16),
    "another packet socket": (41, 17, 3, 0),
    "a TCP socket": (41, 2, 1, 0),
    "a TCP socket over IPv6": (41, 10, 1, 0),
    "a socket of multipath TCP": (41, 2, 1, 262),
    "a UDP socket": (41, 2, 2, 0),
    "a UDP socket over IPv6": (41, 10, 2, 0),
    "a raw socket": (41, 2, 3, 1),
    "a netlink socket": (41, 16, 3, 0),
    "a socket to the hypervisor": (41, 40, 1, 0),
    "a pair of sockets": (53, 1, 1, 0, number),
    "take a descriptor of another": (47, local, message, 0x40),
    "copy a descriptor of another": (438, capture, 0, 0),
    "listen": (50, local, 1),
    "read a file": (257, -100, name, 0, 0),
    "read a file, as before openat": (2, name, 0, 0),
    "read a file, as after openat": (437, -100, name, how, 24),
    "read an open file": (0, 2, frame, 60),
    "read from a place of an open file": (17, 2, frame, 60, 0),
    "map a file": (9, 0, 4096, 1, 2, 2, 0),
    "a file's properties": (262, -100, name, frame, 0),
    "list a directory": (217, 2, frame, 60),
    "what a link leads to": (267, -100, name, frame, 60),
    "a file by its handle": (304, -100, frame, 0),
    "a file of memory": (319, name, 0),
    "send a file": (40, capture, 2, 0, 60),
    "write a file": (257, -100, name, 1, 0),
    "make a file": (257, -100, name, 0o101, 0o600),
    "start a program": (59, name, 0, 0),
    "fork": (57,),
    "clone": (56, 17, 0, 0, 0, 0),
    "trace": (101, 0x4206, os.getpid(), 0, 0),
    "kill": (62, os.getpid(), 0),
    "mount": (165, root, root, root, 0, 0),
    "a new network": (272, 0x40000000),
    "another network": (308, 3, 0x40000000),
    "memory to execute": (9, 0, 4096, 5, 0x22, -1, 0),
    "make memory executable": (10, page, 4096, 5),
    "io_uring": (425, 1, number),
    "bpf": (321, 0, number, 48),
    "perf_event_open": (298, number, 0, -1, -1, 0),
    "keyctl": (250, 0, -3, 0, 0, 0),
}
# These calls it needs; what they would do by these arguments, no local socket does.
others = {
    "connect a local socket by TCP": (42, local, address, 16),
    "send by a local socket to an address of TCP": (44, local, frame, 60, 0x20000000, address, 16),
}
EPERM = 1
permitted = {what: result for what, given in tries.items() if (result := call(*given)) != -EPERM}
permitted |= {what: result for what, given in others.items() if (result := call(*given)) >= 0}
if locked_filter() != filtered:
    permitted["the filter is another"] = filtered[1]
assert call(3, local) == 0 and call(11, page, 1 << 16) == 0
ptrace(SETREGS, before)
ptrace(DETACH)
if permitted:
    sys.exit(f"not refused: {permitted}")
print(f"{len(tries) + len(others)} refused")
