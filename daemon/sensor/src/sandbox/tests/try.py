# Makes system calls before and after programs are put in force in this process: programs, the number of a
# capture descriptor, the permitted numbers, two lists of (what, number, arguments), the work.
import ctypes, os, struct, sys, tempfile
from errno import EPERM
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, PROT_EXEC, PROT_READ, PROT_WRITE
from os import O_CREAT, O_PATH, O_RDONLY, O_TRUNC, O_WRONLY
from signal import SIGCHLD
from socket import *

programs = [[tuple(map(int, i.split(","))) for i in p.split()] for p in sys.argv[1].split(";") if p]
capture, work = int(sys.argv[2]), sys.argv[6]
permitted, only_then, even_before = map(eval, sys.argv[3:6])
libc = ctypes.CDLL(None, use_errno=True)
kept = []


def memory(octets):
    kept.append(ctypes.create_string_buffer(octets, max(len(octets), 256)))
    return ctypes.addressof(kept[-1])


def call(number, arguments):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) for a in arguments))
    return ctypes.get_errno() if result == -1 else 0


def apart(number, arguments):
    """In a process of its own, which the call may change or end."""
    child = os.fork()
    if child == 0:
        os._exit(call(number, arguments))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


raw = socket(AF_PACKET, SOCK_RAW, 0)
raw.bind(("lo", 0))
os.dup2(raw.fileno(), capture)
raw.close()
near, far = socketpair()
pipe, fill = os.pipe()
os.write(fill, bytes(256))
directory = tempfile.mkdtemp()
place = os.path.join(directory, "file")
with open(place, "wb") as text:
    text.write(bytes(4096))
AT_FDCWD, AT_EMPTY_PATH, F_DUPFD, CLONE_NEWNET, CLONE_THREAD = -100, 0x1000, 0, 0x40000000, 0x10000
PTRACE_TRACEME, PTRACE_SEIZE, PR_SET_DUMPABLE = 0, 0x4206, 4
SO_ATTACH_FILTER, SO_DETACH_FILTER, SO_LOCK_FILTER, SO_ATTACH_BPF = 26, 27, 44, 50
SOL_PACKET, PACKET_DROP_MEMBERSHIP, PACKET_TX_RING = 263, 2, 13
names = dict(
    globals(),
    local=near.fileno(),
    pipe=pipe,
    file=os.open(place, os.O_RDWR),
    namespace=os.open("/proc/self/ns/net", O_RDONLY),
    parent=os.getppid(),
    # The programs are those of the parent: its number is their own, and this one is another's.
    another=os.getpid(),
    number=memory(struct.pack("=iiii", 0, 0, 0, 0)),
    frame=memory(bytes(12) + b"\x88\xb5" + bytes(46)),
    path=memory(place.encode() + b"\0"),
    program=memory(b"/bin/true\0"),
    root=memory(b"/\0"),
    empty=memory(b"\0"),
    clone_arguments=memory(struct.pack("=QQQQQ", 0, 0, 0, 0, SIGCHLD)),
)
names["parts"] = memory(struct.pack("=QQ", names["frame"], 60))
names["message"] = memory(struct.pack("=QQQQQQQ", 0, 0, names["parts"], 1, 0, 0, 0))
names["filter"] = memory(struct.pack("=HxxxxxxQ", 1, memory(struct.pack("=HBBI", 6, 0, 0, 65535))))
page = libc.mmap
page.restype = ctypes.c_void_p
names["page"] = page(None, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)


def arguments(text):
    return eval(f"({text},)" if text else "()", names)


only_then = [(what, number, arguments(text)) for what, number, text in only_then]
even_before = [(what, number, arguments(text)) for what, number, text in even_before]
before = [what for what, number, given in only_then if apart(number, given) == EPERM]
assert not before, f"refused already: {before}"
x86_64 = os.uname().machine == "x86_64"
openat, reading_it = 257 if x86_64 else 56, arguments("AT_FDCWD, path, O_RDONLY, 0")
assert apart(openat, reading_it) == 0

assert libc.prctl(38, 1, 0, 0, 0) == 0
for program in programs:
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *i) for i in program))
    filtered = ctypes.create_string_buffer(struct.pack("HL", len(program), ctypes.addressof(code)))
    assert libc.prctl(22, 2, filtered, 0, 0) == 0

# What a file's reader may do that a wire's may not: a thread, not a process; writing, as nothing is captured.
reading = {
    "wires": set(),
    "files": {"write", "sendto", "connect", "a timeout on a capture descriptor", "clone3"},
    "interfaces": {"bind"},
}[work]
allowed = [what for what, number, given in only_then + even_before if what not in reading and call(number, given) != EPERM]
# uretprobe and uprobe, which the kernel lets past every filter: outside a probe they only raise SIGILL.
others = set(range(1024)) - set(permitted) - ({335, 336} if x86_64 else set())
tried = len(others)
others = [number for number in others if call(number, [capture] + [0] * 5) != EPERM]
opened = call(openat, reading_it)
os.write(2, f"{work}: {len(only_then) + len(even_before)} attempts, {tried} other numbers\n".encode())
if allowed or others or (opened == EPERM) != (work != "files"):
    os.write(2, f"permitted: {allowed}, by number: {others}, open: {opened}\n".encode())
    os._exit(1)
os._exit(0)
