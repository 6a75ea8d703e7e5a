//! The live way over a real kernel: a pair of virtual interfaces in a network namespace of its own.
//!
//! Each test starts itself again under `unshare -Urn`, so that it needs no root and sees no other
//! traffic. Where the machine permits no user namespaces it says so and passes.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use headgate_capture::{
    Error, Geometry, Instruction, Presence, Ring, Statistics, Tag, adopt, attach, open, prefer_card_time,
    prepare,
};

mod support;

use support::{
    GEOMETRY, HANDED, PATIENCE, again, frame, ip, isolated, permitted, promiscuity, python, quiet, receive,
    ring, send,
};

const NEAR: &str = "near0";
const FAR: &str = "far0";
/// An Ethernet type for experiments (IEEE 802.1Q-2022 table 10-1); the kernel itself sends none.
const TYPE: [u8; 2] = [0x88, 0xb5];
const KEPT: usize = 20;
/// Keeps 20 octets of frames with [`TYPE`], drops all others.
const PROGRAM: [Instruction; 4] = [
    Instruction { code: 0x28, jt: 0, jf: 0, k: 12 },
    Instruction { code: 0x15, jt: 0, jf: 1, k: 0x88b5 },
    Instruction { code: 0x06, jt: 0, jf: 0, k: 20 },
    Instruction { code: 0x06, jt: 0, jf: 0, k: 0 },
];
const SECRET: &[u8] = b"what nobody may see";

#[test]
fn frames_arrive_cut_with_their_length_and_time() {
    isolated("frames_arrive_cut_with_their_length_and_time", || {
        let mut ring = ring();
        let frame = frame(&TYPE, 600);
        send(FAR, &[frame.clone(), frame.clone()]);
        let seen = receive(&mut ring, 2);
        for seen in &seen {
            assert_eq!((seen.wire_len, seen.tag), (600, None));
            assert_eq!(seen.bytes, frame[..KEPT]);
        }
        assert!(seen[0].time_ns > 0 && seen[0].time_ns <= seen[1].time_ns);
    });
}

#[test]
fn both_directions_are_seen() {
    isolated("both_directions_are_seen", || {
        let mut ring = ring();
        send(NEAR, &[frame(&TYPE, 60)]);
        send(FAR, &[frame(&TYPE, 61)]);
        let lengths: Vec<_> = receive(&mut ring, 2).iter().map(|seen| seen.wire_len).collect();
        assert_eq!(lengths, [60, 61]);
    });
}

#[test]
fn a_tag_comes_beside_the_frame() {
    isolated("a_tag_comes_beside_the_frame", || {
        let mut ring = ring();
        let inner = frame(&TYPE, 100);
        for protocol in [0x8100u16, 0x88a8] {
            let tag = [&protocol.to_be_bytes()[..], &[0x60, 0x05]].concat();
            send(FAR, &[[&inner[..12], &tag, &inner[12..]].concat()]);
            let seen = receive(&mut ring, 1);
            assert_eq!(seen[0].tag, Some(Tag { protocol, control: 0x6005 }));
            assert_eq!((seen[0].wire_len, seen[0].bytes.as_slice()), (100, &inner[..KEPT]));
        }
    });
}

#[test]
fn nothing_beyond_the_cut_is_in_the_memory_of_the_process() {
    isolated("nothing_beyond_the_cut_is_in_the_memory_of_the_process", || {
        let descriptor = open(NEAR, &PROGRAM, true, GEOMETRY).unwrap();
        let mut ring = Ring::map(descriptor, GEOMETRY).unwrap();
        python(
            "import socket, sys\n\
             s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n\
             s.bind((sys.argv[1], 0))\n\
             for n in range(200): s.send(bytes(12) + b'\\x88\\xb5' + bytes([n]) * 6 + b'gnihton yeht' * 40)\n",
            &[FAR],
            None,
        );
        receive(&mut ring, 200);
        // Another process looks, so that the pattern itself lies in no memory of this one.
        python(
            "import re, sys\n\
             parts = [l.split()[0].split('-') for l in open(f'/proc/{sys.argv[1]}/maps') if 'socket:' in l]\n\
             assert parts, 'no ring is mapped'\n\
             ring = b''\n\
             for start, end in parts:\n\
             \x20   with open(f'/proc/{sys.argv[1]}/mem', 'rb') as memory:\n\
             \x20       memory.seek(int(start, 16)); ring += memory.read(int(end, 16) - int(start, 16))\n\
             assert ring.count(b'\\x88\\xb5') >= 200, 'the frames are not there'\n\
             assert b'gnihton' not in ring, 'payload is in the ring'\n",
            &[&std::process::id().to_string()],
            None,
        );
    });
}

#[test]
fn whoever_holds_the_descriptor_cannot_change_its_filter() {
    isolated("whoever_holds_the_descriptor_cannot_change_its_filter", || {
        let descriptor = open(NEAR, &PROGRAM, true, GEOMETRY).unwrap();
        python(
            "import socket, ctypes, struct, errno\n\
             s = socket.socket(fileno=0)\n\
             keep = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 65535))\n\
             program = struct.pack('HL', 1, ctypes.addressof(keep))\n\
             for name, value in [(26, program), (27, 0), (50, 0), (44, 0)]:\n\
             \x20   try: s.setsockopt(socket.SOL_SOCKET, name, value)\n\
             \x20   except OSError as e: assert e.errno == errno.EPERM, (name, e)\n\
             \x20   else: assert False, name\n",
            &[],
            Some(descriptor.try_clone().unwrap()),
        );
        let mut ring = Ring::map(descriptor, GEOMETRY).unwrap();
        send(FAR, &[frame(&TYPE, 600)]);
        assert_eq!(receive(&mut ring, 1)[0].bytes.len(), KEPT);
    });
}

#[test]
fn a_card_that_stamps_nothing_leaves_the_time_to_the_kernel() {
    isolated("a_card_that_stamps_nothing_leaves_the_time_to_the_kernel", || {
        let now = || {
            u64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos())
                .unwrap()
        };
        let descriptor = open(NEAR, &PROGRAM, true, GEOMETRY).unwrap();
        prefer_card_time(descriptor.as_fd(), NEAR).unwrap();
        let mut ring = Ring::map(descriptor, GEOMETRY).unwrap();
        let before = now();
        send(FAR, &[frame(&TYPE, 60)]);
        let seen = receive(&mut ring, 1);
        assert!((before..=now()).contains(&seen[0].time_ns));
    });
}

#[test]
fn what_the_kernel_counted_is_given_once() {
    isolated("what_the_kernel_counted_is_given_once", || {
        let mut ring = ring();
        send(FAR, &vec![frame(&TYPE, 60); 7]);
        send(FAR, &[frame(&[0x08, 0x00], 60)]);
        receive(&mut ring, 7);
        assert_eq!(ring.statistics().unwrap(), Statistics { received: 7, lost: 0 });
        assert_eq!(ring.statistics().unwrap(), Statistics::default());
    });
}

#[test]
fn frames_without_room_are_counted_as_lost() {
    isolated("frames_without_room_are_counted_as_lost", || {
        let geometry = Geometry { block_bytes: 4_096, blocks: 2 };
        let descriptor = open(NEAR, &PROGRAM, true, geometry).unwrap();
        let mut ring = Ring::map(descriptor, geometry).unwrap();
        send(FAR, &vec![frame(&TYPE, 60); 500]);
        let counted = ring.statistics().unwrap();
        assert_eq!(counted.received + counted.lost, 500);
        assert!(counted.lost > 0 && counted.received > 0, "{counted:?}");
        assert_eq!(u64::try_from(receive(&mut ring, usize::MAX).len()).unwrap(), counted.received);
        // The ring goes on, over every boundary of its blocks.
        for _ in 0..6 {
            send(FAR, &vec![frame(&TYPE, 60); 10]);
            assert_eq!(receive(&mut ring, 10).len(), 10);
        }
    });
}

#[test]
fn without_frames_polling_ends_by_itself() {
    isolated("without_frames_polling_ends_by_itself", || {
        let mut ring = ring();
        assert_eq!(ring.poll(Duration::from_millis(1), |_| panic!("a frame")).unwrap(), 0);
        send(FAR, &[frame(&[0x08, 0x00], 60)]);
        assert_eq!(ring.poll(2 * Ring::LONGEST_WAIT, |_| panic!("a frame")).unwrap(), 0);
    });
}

#[test]
fn an_interface_that_goes_down_comes_back_and_one_that_goes_away_does_not() {
    isolated("an_interface_that_goes_down_comes_back_and_one_that_goes_away_does_not", || {
        let mut ring = ring();
        ip(&["link", "set", NEAR, "down"]);
        assert!(matches!(quiet(&mut ring), Err(Error::InterfaceDown)));
        assert!(matches!(quiet(&mut ring), Ok(0)));
        ip(&["link", "set", NEAR, "up"]);
        send(FAR, &[frame(&TYPE, 60)]);
        assert_eq!(receive(&mut ring, 1).len(), 1);

        ip(&["link", "set", NEAR, "down"]);
        assert!(matches!(quiet(&mut ring), Err(Error::InterfaceDown)));
        ip(&["link", "del", NEAR]);
        assert!(matches!(quiet(&mut ring), Err(Error::InterfaceGone)));
    });
}

#[test]
fn an_interface_that_goes_away_while_up_is_gone() {
    isolated("an_interface_that_goes_away_while_up_is_gone", || {
        let mut ring = ring();
        ip(&["link", "del", NEAR]);
        assert!(matches!(quiet(&mut ring), Err(Error::InterfaceGone | Error::InterfaceDown)));
        assert!(matches!(quiet(&mut ring), Err(Error::InterfaceGone)));
    });
}

#[test]
fn an_interface_that_does_not_exist_is_answered_with_those_that_do() {
    isolated("an_interface_that_does_not_exist_is_answered_with_those_that_do", || {
        let error = open("eth99", &PROGRAM, true, GEOMETRY).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::NoInterface { .. }), "{text}");
        assert!(text.contains("eth99") && text.contains(NEAR) && text.contains(FAR), "{text}");
    });
}

#[test]
fn an_interface_without_ethernet_frames_is_refused() {
    isolated("an_interface_without_ethernet_frames_is_refused", || {
        let tun = Command::new("ip").args(["tuntap", "add", "other0", "mode", "tun"]).status();
        if !tun.unwrap().success() {
            println!("skipped: tunnel interfaces are not permitted here");
            return;
        }
        let result = open("other0", &PROGRAM, true, GEOMETRY);
        assert!(matches!(result, Err(Error::NotEthernet { .. })), "{result:?}");
        assert!(open("lo", &PROGRAM, true, GEOMETRY).is_ok());
    });
}

#[test]
fn a_program_that_the_kernel_refuses_names_the_step() {
    isolated("a_program_that_the_kernel_refuses_names_the_step", || {
        let endless = [Instruction { code: 0x15, jt: 9, jf: 9, k: 0 }];
        let error = open(NEAR, &endless, true, GEOMETRY).unwrap_err();
        assert!(matches!(error, Error::Open { step: "attach the filter", .. }), "{error}");
    });
}

#[test]
fn only_lldp_groups_are_joined_when_not_promiscuous() {
    isolated("only_lldp_groups_are_joined_when_not_promiscuous", || {
        let receives = || {
            let shown = Command::new("ip").args(["-d", "link", "show", NEAR]).output().unwrap();
            let groups = Command::new("ip").args(["maddress", "show", NEAR]).output().unwrap();
            let text = String::from_utf8([shown.stdout, groups.stdout].concat()).unwrap();
            (
                text.contains("promiscuity 1"),
                ["0e", "03", "00"].map(|end| text.contains(&format!("01:80:c2:00:00:{end}"))),
            )
        };
        let descriptor = open(NEAR, &PROGRAM, false, GEOMETRY).unwrap();
        assert_eq!(receives(), (false, [true; 3]));
        drop(descriptor);
        let _descriptor = open(NEAR, &PROGRAM, true, GEOMETRY).unwrap();
        assert_eq!(receives(), (true, [false; 3]));
    });
}

#[test]
fn a_ring_is_mapped_once_and_only_in_its_size() {
    isolated("a_ring_is_mapped_once_and_only_in_its_size", || {
        let descriptor = open(NEAR, &PROGRAM, true, GEOMETRY).unwrap();
        let wrong = Geometry { blocks: 9, ..GEOMETRY };
        assert!(matches!(Ring::map(descriptor.try_clone().unwrap(), wrong), Err(Error::Map { .. })));
        let ring = Ring::map(descriptor.try_clone().unwrap(), GEOMETRY).unwrap();
        assert!(matches!(Ring::map(descriptor.try_clone().unwrap(), GEOMETRY), Err(Error::Map { .. })));
        drop(ring);
        assert!(Ring::map(descriptor, GEOMETRY).is_ok());
        let no_ring = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(matches!(Ring::map(OwnedFd::from(no_ring), GEOMETRY), Err(Error::Map { .. })));
    });
}

/// Opens with rights, then hands the descriptor to a process in another user and network namespace,
/// which has no right over the interface and reads all the same.
#[test]
fn a_process_without_rights_reads_what_it_was_handed() {
    const NAME: &str = "a_process_without_rights_reads_what_it_was_handed";
    if std::env::var_os(HANDED).is_some() {
        assert!(matches!(open(NEAR, &PROGRAM, true, GEOMETRY), Err(Error::NoInterface { .. })));
        let mut ring = Ring::map(adopt(0).unwrap(), GEOMETRY).unwrap();
        assert_eq!(receive(&mut ring, 3).len(), 3);
        return;
    }
    isolated(NAME, || {
        let descriptor = open(NEAR, &PROGRAM, true, GEOMETRY).unwrap();
        send(FAR, &vec![frame(&TYPE, 60); 3]);
        let status = again(NAME).env(HANDED, "1").stdin(Stdio::from(descriptor)).status();
        assert!(status.unwrap().success());
    });
}

/// Each case is handed over as standard input, as it would be inherited.
#[test]
fn only_a_locked_filter_is_believed() {
    const NAME: &str = "only_a_locked_filter_is_believed";
    if let Some(case) = std::env::var_os(HANDED) {
        let result = adopt(0);
        let expected = match case.to_str().unwrap() {
            "cooked" => matches!(result, Err(Error::NotPacketSocket(0))),
            "bare" => matches!(result, Err(Error::NoFilter(0))),
            "unlocked" => matches!(result, Err(Error::FilterNotLocked(0))),
            "locked" => result.is_ok(),
            other => panic!("{other}"),
        };
        assert!(expected, "{case:?}: {result:?}");
        return;
    }
    isolated(NAME, || {
        for case in ["cooked", "bare", "unlocked", "locked"] {
            python(
                "import ctypes, os, socket, struct, sys\n\
                 case, *command = sys.argv[1:]\n\
                 kind = socket.SOCK_DGRAM if case == 'cooked' else socket.SOCK_RAW\n\
                 s = socket.socket(socket.AF_PACKET, kind, 0)\n\
                 keep = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 20))\n\
                 if case != 'bare': s.setsockopt(socket.SOL_SOCKET, 26, struct.pack('HL', 1, ctypes.addressof(keep)))\n\
                 if case in ('locked', 'cooked'): s.setsockopt(socket.SOL_SOCKET, 44, 1)\n\
                 os.dup2(s.fileno(), 0)\n\
                 os.environ['HEADGATE_TEST_HANDED'] = case\n\
                 os.execv(command[0], command)\n",
                &[case, std::env::current_exe().unwrap().to_str().unwrap(), "--exact", NAME, "--nocapture"],
                None,
            );
        }
    });
}

#[test]
fn an_opened_descriptor_is_believed() {
    isolated("an_opened_descriptor_is_believed", || {
        let descriptor = open(NEAR, &PROGRAM, true, GEOMETRY).unwrap();
        let raw = descriptor.as_raw_fd();
        let adopted = adopt(descriptor.into_raw_fd()).unwrap();
        assert_eq!(adopted.as_raw_fd(), raw);
        let ring = Ring::map(adopted, GEOMETRY).unwrap();
        assert_eq!((ring.as_fd().as_raw_fd(), ring.geometry()), (raw, GEOMETRY));
    });
}

#[test]
fn opening_without_the_capability_says_which_one() {
    const NAME: &str = "opening_without_the_capability_says_which_one";
    if std::env::var_os(HANDED).is_some() {
        assert!(matches!(open("lo", &PROGRAM, true, GEOMETRY), Err(Error::Permission)));
        assert!(Error::Permission.to_string().contains("CAP_NET_RAW"));
        return;
    }
    if !permitted() {
        return;
    }
    // A user namespace without a network namespace: no right over the machine's own network.
    let status = Command::new("unshare")
        .arg("-U")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(HANDED, "1")
        .status();
    assert!(status.unwrap().success());
}

/// Without any right, and from another network: what follows an interface has none.
#[test]
fn an_interface_that_is_back_is_watched_again() {
    const NAME: &str = "an_interface_that_is_back_is_watched_again";
    if std::env::var_os(HANDED).is_some() {
        let socket = adopt(0).unwrap();
        // The kernel says that a link is there some time after it is.
        let deadline = Instant::now() + PATIENCE;
        while attach(socket.as_fd(), NEAR, true).unwrap() == Presence::NoLink && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(attach(socket.as_fd(), NEAR, true).unwrap(), Presence::Up, "once more changes nothing");
        return;
    }
    isolated(NAME, || {
        let descriptor = prepare("late0", &PROGRAM, GEOMETRY).unwrap();
        assert_eq!(attach(descriptor.as_fd(), "late0", true).unwrap(), Presence::Gone);
        drop(descriptor);

        let descriptor = open(NEAR, &PROGRAM, true, GEOMETRY).unwrap();
        let mut ring = Ring::map(descriptor.try_clone().unwrap(), GEOMETRY).unwrap();
        send(FAR, &[frame(&TYPE, 60)]);
        assert_eq!(receive(&mut ring, 1).len(), 1);
        for round in 0..3 {
            ip(&["link", "del", NEAR]);
            while !matches!(quiet(&mut ring), Err(Error::InterfaceGone)) {}
            assert_eq!(attach(descriptor.as_fd(), NEAR, true).unwrap(), Presence::Gone);
            ip(&["link", "add", NEAR, "type", "veth", "peer", "name", FAR]);
            assert_eq!(attach(descriptor.as_fd(), NEAR, true).unwrap(), Presence::Down);
            assert!(matches!(quiet(&mut ring), Err(Error::InterfaceDown)), "as if it had gone down just now");
            ip(&["link", "set", NEAR, "up"]);
            assert_eq!(attach(descriptor.as_fd(), NEAR, true).unwrap(), Presence::NoLink);
            ip(&["link", "set", FAR, "up"]);
            let handed = Stdio::from(descriptor.try_clone().unwrap());
            assert!(again(NAME).env(HANDED, "1").stdin(handed).status().unwrap().success());
            send(FAR, &vec![frame(&TYPE, 60); 1 + round]);
            assert_eq!(receive(&mut ring, 1 + round).len(), 1 + round, "and cut as ever");
        }
        assert_eq!(ring.statistics().unwrap().lost, 0);
        assert!(promiscuity(NEAR));
        drop((ring, descriptor));
        assert!(!promiscuity(NEAR), "released by the last holder's end");
    });
}
