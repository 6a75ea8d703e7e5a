//! A disk that loses power: what of everything that was done is there afterwards.
//!
//! What was synchronised is there. Of what was written to a file since, any part may be there, in any order, by
//! sectors; a name that was given, changed or taken away since the directory was synchronised may be as before.

use std::collections::BTreeMap;
use std::path::Path;

use super::Random;
use super::trace::Done;

/// Files as they are on the disk, and what is under way to it.
#[derive(Default)]
pub(super) struct Disk<'a> {
    files: BTreeMap<usize, File<'a>>,
    names: BTreeMap<String, usize>,
    renames: Vec<&'a Done>,
}

#[derive(Default)]
struct File<'a> {
    durable: Vec<u8>,
    pending: Vec<&'a Done>,
}

/// What a power cut does with what is not synchronised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cut {
    /// None of it is there.
    Nothing,
    /// All of it is.
    Everything,
    /// Each write is there or not.
    Some,
    /// Each sector of each write is there or not.
    Torn,
    /// All up to some write, of which some sectors.
    Interrupted,
}

impl<'a> Disk<'a> {
    /// The next thing is done. `obeys` is whether this disk synchronises when it is told to.
    pub(super) fn does(&mut self, done: &'a Done, obeys: bool) {
        match done {
            Done::Created { file, .. } => {
                self.files.insert(*file, File::default());
                self.renames.push(done);
            }
            Done::Unlinked { .. } | Done::Renamed { .. } => self.renames.push(done),
            Done::Wrote { file, .. } | Done::Resized { file, .. } => {
                self.files.get_mut(file).unwrap().pending.push(done);
            }
            Done::Synchronised { file } if obeys => {
                let File { durable, pending } = self.files.get_mut(file).unwrap();
                pending.drain(..).for_each(|done| apply(durable, done, |_| true));
            }
            Done::SynchronisedDirectory if obeys => {
                self.renames.drain(..).for_each(|done| rename(&mut self.names, done));
            }
            Done::Synchronised { .. } | Done::SynchronisedDirectory | Done::Said(_) => {}
        }
    }

    /// Writes to `directory` what a power cut leaves at this moment.
    pub(super) fn after_power_cut(&self, cut: Cut, random: &mut Random, directory: &Path) {
        let mut names = self.names.clone();
        // Names change in order: a journal of the file system is kept up to some point.
        let kept = match cut {
            Cut::Nothing => 0,
            Cut::Everything => self.renames.len(),
            _ => usize::try_from(random.below(u64::try_from(self.renames.len()).unwrap() + 1)).unwrap(),
        };
        self.renames[..kept].iter().for_each(|done| rename(&mut names, done));
        for (name, file) in names {
            let File { durable, pending } = &self.files[&file];
            let mut content = durable.clone();
            let last = usize::try_from(random.below(u64::try_from(pending.len()).unwrap() + 1)).unwrap();
            for (at, done) in pending.iter().enumerate() {
                apply(&mut content, done, |_| match cut {
                    Cut::Nothing => false,
                    Cut::Everything => true,
                    Cut::Some | Cut::Torn => random.one_in(2),
                    Cut::Interrupted => at < last || (at == last && random.one_in(2)),
                });
                if cut == Cut::Interrupted && at == last {
                    break;
                }
            }
            std::fs::write(directory.join(name), content).unwrap();
        }
    }
}

impl Cut {
    pub(super) const ALL: [Cut; 5] = [Cut::Nothing, Cut::Everything, Cut::Some, Cut::Torn, Cut::Interrupted];
}

/// Does to the content what was done, as far as `keeps` says of each sector.
fn apply(content: &mut Vec<u8>, done: &Done, mut keeps: impl FnMut(usize) -> bool) {
    match done {
        Done::Wrote { at, octets, .. } => {
            let mut from = *at;
            while from < at + octets.len() {
                let to = ((from / SECTOR + 1) * SECTOR).min(at + octets.len());
                if keeps(from / SECTOR) {
                    if content.len() < to {
                        content.resize(to, 0);
                    }
                    content[from..to].copy_from_slice(&octets[from - at..to - at]);
                }
                from = to;
            }
        }
        Done::Resized { length, .. } if keeps(0) => content.resize(*length, 0),
        _ => {}
    }
}

fn rename(names: &mut BTreeMap<String, usize>, done: &Done) {
    match done {
        Done::Created { name, file } => drop(names.insert(name.clone(), *file)),
        Done::Unlinked { name } => drop(names.remove(name)),
        Done::Renamed { from, to } => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        _ => {}
    }
}

/// What a disk writes whole or not at all, octets.
const SECTOR: usize = 512;
