//! What keys there are, and which of them begin a new epoch together.

/// What a wrapped key is for. The number is its identity on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KeyPurpose {
    /// Seals segments, batches and subjects' keys of an epoch.
    Data,
    /// Pseudonyms that the collect gate makes.
    Collect,
    /// Pseudonyms that the release gate makes.
    Release,
    /// Seals the records that are kept for one sensor session only.
    Session,
    /// Signs the ledger.
    Ledger,
    /// Tags by which identity rows are found.
    Blind,
    /// Seals what waits in the tail, one filling of it.
    Tail,
}

impl KeyPurpose {
    /// Those of which every key epoch has one.
    pub(super) const OF_EPOCH: [KeyPurpose; 4] =
        [KeyPurpose::Data, KeyPurpose::Collect, KeyPurpose::Release, KeyPurpose::Blind];

    /// Identity on disk and in associated data.
    pub(crate) fn number(self) -> u32 {
        match self {
            KeyPurpose::Data => 1,
            KeyPurpose::Collect => 2,
            KeyPurpose::Release => 3,
            KeyPurpose::Session => 4,
            KeyPurpose::Ledger => 16,
            KeyPurpose::Tail => 17,
            KeyPurpose::Blind => 5,
        }
    }
}

/// Which keys begin a new epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// All.
    All,
    /// The data key.
    Data,
    /// The pseudonym keys of both gates: equal devices have other pseudonyms from then on.
    Pseudonym,
    /// The key of the blind index.
    Blind,
}

impl Rotation {
    pub(super) fn purposes(self) -> &'static [KeyPurpose] {
        match self {
            Rotation::All => &KeyPurpose::OF_EPOCH,
            Rotation::Data => &[KeyPurpose::Data],
            Rotation::Pseudonym => &[KeyPurpose::Collect, KeyPurpose::Release],
            Rotation::Blind => &[KeyPurpose::Blind],
        }
    }

    /// All of them.
    pub(crate) const EACH: [Rotation; 4] =
        [Rotation::All, Rotation::Data, Rotation::Pseudonym, Rotation::Blind];

    /// The rotation of this name.
    pub(crate) fn from_name(name: &str) -> Option<Rotation> {
        Rotation::EACH.into_iter().find(|rotation| rotation.name() == name)
    }

    /// Its name in the ledger and in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Rotation::All => "all",
            Rotation::Data => "data",
            Rotation::Pseudonym => "pseudonym",
            Rotation::Blind => "blind",
        }
    }
}
