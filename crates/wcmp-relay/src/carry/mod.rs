//! Sticks and dead drops: folders of bundle files, into a [`Node`] and out of it.
//!
//! **Import** takes regular files only and follows no links. It reads what the policy's visit limits allow, through
//! damage and unreadable blocks, and says what was lost. Importing twice changes nothing. It needs memory for one
//! batch, whatever the size of the stick.
//!
//! **Export** writes everything that may be handed on, ascending by id, through [`Export`]. Before it does,
//! [`sweep`] removes what an export that was killed has left behind.
//!
//! ```
//! use wcmp_relay::bundle::Export;
//! use wcmp_relay::carry::{Import, candidates, export};
//! use wcmp_relay::node::Node;
//! use wcmp_relay::policy::Policy;
//! use wcmp_relay::store::{MemoryStore, Quota};
//!
//! # let stick = tempfile::tempdir()?;
//! # let stick = stick.path();
//! let store = MemoryStore::new(Quota::NONE);
//! let mut node = Node::open(store, Policy::default(), 494_000, &[7; 32])?;
//! let mut import = Import::new(&mut node);
//! for path in candidates(stick, false, 1000)?.files {
//!     let report = import.file(&path, &mut |_| ())?;
//!     println!("{}: {} envelopes, {} places damaged", path.display(), report.frames, report.damaged);
//! }
//! let (visit, taken) = import.finish();
//! println!("{} kept", visit.tally.kept);
//! taken?;
//!
//! let mut files = Export::to_folder(stick, getrandom::SysRng)?;
//! let handed = export(&mut node, &mut files, &mut |_| ())?;
//! files.finish()?;
//! println!("{} handed on", handed.envelopes);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod export;
mod import;
mod source;

use alloc::vec::Vec;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

pub use export::{HandError, Handed, export, export_these, newest, sweep};
pub use import::{FileReport, Form, Import, ImportError};

#[cfg(doc)]
use crate::{bundle::Export, node::Node};

/// Files of a folder that may be bundles.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Candidates {
    /// In the order of their names.
    pub files: Vec<PathBuf>,
    /// Entries that look like bundles by their names but are links, folders or devices.
    pub irregular: Vec<PathBuf>,
    /// Files beyond the most that were asked for.
    pub surplus: u64,
    /// Folders in it: whoever wants what is in these, too, names them.
    pub folders: u64,
}

/// Lists the files of a folder, not of folders in it, that are called as bundles are: `*.WCM`, `*.wcmp`, and `*.WCP`,
/// which a writer that was killed has left. With `sealed` also those without an ending whose names have 8 characters
/// of `A`-`Z`, `2`-`7`. At most `most`.
///
/// # Errors
/// If the folder cannot be read.
pub fn candidates(folder: &Path, sealed: bool, most: u64) -> io::Result<Candidates> {
    let mut found = Candidates::default();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        let bundle = name.rsplit_once('.').is_some_and(|(_, ending)| {
            ["wcm", "wcmp", "wcp"].contains(&ending.to_ascii_lowercase().as_str())
        });
        let sealed = sealed && is_random_name(name);
        let kind = entry.file_type()?;
        if !bundle && !sealed {
            found.folders += u64::from(kind.is_dir());
            continue;
        }
        if !kind.is_file() {
            found.irregular.push(entry.path());
        } else if (found.files.len() as u64) < most {
            found.files.push(entry.path());
        } else {
            found.surplus += 1;
        }
    }
    found.files.sort();
    found.irregular.sort();
    Ok(found)
}

/// Whether the name is one that [`Export`](crate::bundle::Export) draws, without an ending.
fn is_random_name(name: &str) -> bool {
    name.len() == 8
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte))
}

/// Opens a regular file, and no other: a link is not followed, a pipe or device not touched.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] if it is anything else; if it cannot be opened.
pub fn open_regular(path: &Path) -> io::Result<(File, Metadata)> {
    let irregular = || io::Error::new(ErrorKind::InvalidInput, "is no regular file");
    let named = fs::symlink_metadata(path)?;
    if !named.is_file() {
        return Err(irregular());
    }
    let file = open_at_once(path)?;
    let opened = file.metadata()?;
    // Something else may have taken its place meanwhile.
    if !opened.is_file() || !same_file(&named, &opened) {
        return Err(irregular());
    }
    Ok((file, opened))
}

/// Opens what is there, also if it became a link or a pipe since it was looked at: the one fails, the other does not wait
/// for a writer.
fn open_at_once(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.open(path)
}

#[cfg(unix)]
fn same_file(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn same_file(_: &Metadata, _: &Metadata) -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// What takes a file's place between the look and the opening.
    #[test]
    fn a_link_is_not_followed_and_a_pipe_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "x").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        assert!(open_at_once(&at("file")).is_ok());
        assert!(open_at_once(&at("link")).is_err());
        let made = Command::new("mkfifo").arg(at("pipe")).status();
        if made.is_ok_and(|status| status.success()) {
            let (opened, answer) = mpsc::channel();
            let path = at("pipe");
            std::thread::spawn(move || opened.send(open_at_once(&path).is_ok()));
            assert_eq!(answer.recv_timeout(Duration::from_secs(10)), Ok(true));
        }
    }
}
