//! What a process did to the files of one directory, as `strace` saw it.
//!
//! strace sees the system calls that every engine below makes, with their octets and their results, without a change to what is
//! recorded; a shim within SQLite would see no more and need unsafe code.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// One thing that was done, in the order in which it was.
#[derive(Debug, PartialEq)]
pub(super) enum Done {
    /// A name was given to a new file; files are told apart by number.
    Created { name: String, file: usize },
    /// A name was taken away.
    Unlinked { name: String },
    /// A name was changed.
    Renamed { from: String, to: String },
    /// Octets were written.
    Wrote { file: usize, at: usize, octets: Vec<u8> },
    /// A file was cut or extended.
    Resized { file: usize, length: usize },
    /// A file was synchronised.
    Synchronised { file: usize },
    /// The directory was.
    SynchronisedDirectory,
    /// The process said something: a line that it wrote to the file [`SAID`].
    Said(String),
}

/// Runs a command and gives what it did in `directory`; `None`, with a word, where it may not be traced.
pub(super) fn record(command: &Command, directory: &Path) -> Option<Vec<Done>> {
    let log = directory.with_extension("strace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-xx", "-s", "16777216", "-e", "signal=none", "-e", CALLS, "-o"]).arg(&log);
    strace.arg(command.get_program()).args(command.get_args());
    strace.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    match strace.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) if String::from_utf8_lossy(&output.stderr).contains("Operation not permitted") => {
            return None;
        }
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => return None,
    }
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(log).unwrap();
    Some(read(&text, directory))
}

/// Reads strace's text.
fn read(text: &str, directory: &Path) -> Vec<Done> {
    let mut files = Files { directory: format!("{}/", directory.display()), ..Files::default() };
    let mut unfinished: BTreeMap<&str, String> = BTreeMap::new();
    for line in text.lines() {
        let (process, call) = line.split_once(' ').unwrap();
        let call = call.trim_start();
        if let Some(begun) = call.strip_suffix(" <unfinished ...>") {
            unfinished.insert(process, begun.to_owned());
        } else if call.starts_with("<... ") {
            let end = call.split_once("resumed>").unwrap().1;
            let begun = unfinished.remove(process).unwrap_or_default();
            files.call(&(begun + end));
        } else {
            files.call(call);
        }
    }
    files.done
}

/// Files that are open, by descriptor, and known, by name.
#[derive(Default)]
struct Files {
    directory: String,
    open: BTreeMap<i64, Open>,
    names: BTreeMap<String, usize>,
    count: usize,
    done: Vec<Done>,
}

#[derive(Clone)]
enum Open {
    Directory,
    Said,
    File { file: usize, position: usize },
}

impl Files {
    fn call(&mut self, call: &str) {
        let Some((name, rest)) = call.split_once('(') else { return };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else { return };
        let result: i64 = result.split_whitespace().next().and_then(|r| r.parse().ok()).unwrap_or(-1);
        if result < 0 {
            return;
        }
        let arguments = arguments.trim_end().trim_end_matches(')');
        // Strings are in hexadecimal: no comma and no quotation mark is within one.
        let (before, rest) = arguments.split_once('"').unwrap_or((arguments, ""));
        let (string, after) = rest.split_once('"').unwrap_or((rest, ""));
        let mut arguments: Vec<&str> = before.split(", ").filter(|part| !part.is_empty()).collect();
        if !rest.is_empty() {
            arguments.push(string);
            if let Some(two) = after.strip_prefix(", \"") {
                arguments.push(two.trim_end_matches('"'));
            } else {
                arguments.extend(after.split(", ").skip(1));
            }
        }
        let number = |at: usize| arguments[at].parse::<i64>().unwrap();
        let length = |at: usize| usize::try_from(number(at)).unwrap();
        match name {
            "openat" => self.opened(&path(arguments[1]), arguments[2], result),
            "close" => drop(self.open.remove(&number(0))),
            "unlink" | "unlinkat" => {
                let at = usize::from(name == "unlinkat");
                if let Some(name) = self.inside(&path(arguments[at])) {
                    self.names.remove(&name);
                    self.done.push(Done::Unlinked { name });
                }
            }
            "rename" => {
                let (from, to) = (self.inside(&path(arguments[0])), self.inside(&path(arguments[1])));
                if let (Some(from), Some(to)) = (from, to) {
                    if let Some(file) = self.names.remove(&from) {
                        self.names.insert(to.clone(), file);
                    }
                    self.done.push(Done::Renamed { from, to });
                }
            }
            "lseek" => {
                if let Some(Open::File { position, .. }) = self.open.get_mut(&number(0)) {
                    *position = usize::try_from(result).unwrap();
                }
            }
            "write" | "pwrite64" if self.open.contains_key(&number(0)) => {
                self.wrote(number(0), octets(arguments[1]), result, arguments.get(3));
            }
            "write" | "pwrite64" => {}
            "ftruncate" => {
                if let Some(Open::File { file, .. }) = self.open.get(&number(0)) {
                    self.done.push(Done::Resized { file: *file, length: length(1) });
                }
            }
            "fsync" | "fdatasync" => match self.open.get(&number(0)) {
                Some(Open::Directory) => self.done.push(Done::SynchronisedDirectory),
                Some(Open::File { file, .. }) => self.done.push(Done::Synchronised { file: *file }),
                _ => {}
            },
            other => panic!("strace was not asked for {other}"),
        }
    }

    fn opened(&mut self, path: &str, flags: &str, descriptor: i64) {
        self.open.remove(&descriptor);
        if path == self.directory.trim_end_matches('/') {
            self.open.insert(descriptor, Open::Directory);
            return;
        }
        let Some(name) = self.inside(path) else { return };
        if name == SAID {
            self.open.insert(descriptor, Open::Said);
            return;
        }
        let file = *self.names.entry(name.clone()).or_insert_with(|| {
            let file = self.count;
            self.count += 1;
            self.done.push(Done::Created { name, file });
            file
        });
        assert!(!flags.contains("O_TRUNC"), "a file of the store is opened to be overwritten");
        self.open.insert(descriptor, Open::File { file, position: 0 });
    }

    fn wrote(&mut self, descriptor: i64, mut octets: Vec<u8>, result: i64, at: Option<&&str>) {
        let result = usize::try_from(result).unwrap();
        assert!(octets.len() >= result, "strace cut a string");
        octets.truncate(result);
        match self.open.get_mut(&descriptor) {
            Some(Open::Said) => {
                let text = String::from_utf8(octets).unwrap();
                self.done.extend(text.lines().map(|line| Done::Said(line.to_owned())));
            }
            Some(Open::File { file, position }) => {
                let start = at.map_or(*position, |at| at.parse().unwrap());
                if at.is_none() {
                    *position += octets.len();
                }
                self.done.push(Done::Wrote { file: *file, at: start, octets });
            }
            _ => {}
        }
    }

    /// The name of a file of the directory.
    fn inside(&self, path: &str) -> Option<String> {
        let name = path.strip_prefix(&self.directory)?;
        // Shared memory is made anew at each start and is never synchronised.
        (!name.contains('/') && !name.ends_with("-shm")).then(|| name.to_owned())
    }
}

fn path(text: &str) -> String {
    String::from_utf8(octets(text)).unwrap()
}

/// The octets of a string in hexadecimal escapes.
fn octets(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.as_bytes().chunks_exact(4).flat_map(|escape| [escape[2], escape[3]]).collect();
    hex::decode(digits).unwrap()
}

/// The file in the directory that the process says things in.
pub(super) const SAID: &str = "said";
const CALLS: &str =
    "trace=openat,close,write,pwrite64,lseek,ftruncate,fsync,fdatasync,unlink,unlinkat,rename";

#[test]
fn what_strace_says_is_read() {
    let hex = |text: &str| text.bytes().map(|b| format!("\\x{b:02x}")).collect::<String>();
    let text = format!(
        "7 openat(AT_FDCWD, \"{}\", O_RDWR|O_CREAT, 0600) = 5\n\
         7 openat(AT_FDCWD, \"{}\", O_RDONLY) = 6\n\
         7 openat(AT_FDCWD, \"{}\", O_RDONLY) = -1 ENOENT (No such file or directory)\n\
         7 pwrite64(5, \"{}\", 4, 8) = 3\n\
         8 write(5, \"{}\", 1 <unfinished ...>\n\
         7 fsync(6)          = 0\n\
         8 <... write resumed>)              = 1\n\
         7 close(5) = 0\n\
         7 write(5, \"\\x41\", 1) = 1\n",
        hex("/d/db"),
        hex("/d"),
        hex("/d/none"),
        hex("abcd"),
        hex("z"),
    );
    let expected = [
        Done::Created { name: "db".into(), file: 0 },
        Done::Wrote { file: 0, at: 8, octets: b"abc".to_vec() },
        Done::SynchronisedDirectory,
        Done::Wrote { file: 0, at: 0, octets: b"z".to_vec() },
    ];
    assert_eq!(read(&text, Path::new("/d")), expected);
}
