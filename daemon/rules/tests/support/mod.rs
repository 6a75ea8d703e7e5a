//! Captures to test against.
// A test says what it skipped.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

#[path = "../../../../tests/support/captures.rs"]
mod captures;

pub use captures::each_frame;

/// The project's own captures, and the foreign ones where there are some beside the workspace.
pub fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let folders = [Some(root.join("tests/golden")), captures::foreign()];
    folders.into_iter().flatten().flat_map(|folder| captures::within(&folder)).collect()
}
