//! Scanning a node's store: through its scan column, without reading envelopes, and without changing a byte of it.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;

use wcmp::relay::store::{
    Columns, Cursor, FileSystem, Folder, Options, Place, SegmentStore, Store,
};
use wcmp::{Found, Row, Suite, SuiteId};

use super::Pass;
use crate::error::{Failure, Result};
use crate::home::of_store;
use crate::io::{name, write_stdout};

/// Whether the folder is that of a store.
pub(super) fn is_store(path: &Path) -> bool {
    ["lock", "state"]
        .iter()
        .all(|name| path.join(name).is_file())
}

impl Pass<'_> {
    pub(super) fn store(&mut self, path: &Path) -> Result<()> {
        let what = || format!("scanning {}", name(path));
        let mut entropy = [0; 32];
        getrandom::fill(&mut entropy).map_err(|error| Failure::failed(what(), error))?;
        let folder = Unchanged::new(path).map_err(|error| Failure::io(what(), &error))?;
        let store = SegmentStore::open(folder, Options::default(), &entropy);
        let mut store = store.map_err(|error| of_store(what(), error))?;
        let bar = self.ui.steps(store.totals().envelopes);
        let mut mine: Vec<(Place, Found)> = Vec::new();
        let scanned = store.scan(Cursor::START, |columns| {
            self.columns(columns, &mut mine);
            bar.inc(columns.len() as u64);
        });
        scanned.map_err(|error| of_store(what(), error))?;
        bar.finish_and_clear();
        let mut lines = String::new();
        for (place, found) in mine {
            // What was evicted is still in a column for a while.
            let id = store.id(place).map_err(|error| of_store(what(), error))?;
            if let Some(id) = id {
                lines += &self.line(path, id, &found)?;
            }
        }
        write_stdout(lines.as_bytes())
    }

    /// Looks through a part of the column; `mine` gets what is addressed to the keys, and where it is.
    fn columns(&mut self, columns: &Columns<'_>, mine: &mut Vec<(Place, Found)>) {
        let rows = wcmp::rows(columns);
        self.envelopes += rows.len() as u64;
        self.column_rows += rows.len() as u64;
        let known = |row: &&Row<'_>| Suite::try_from(SuiteId(row.suite)).is_ok();
        let (known, unknown): (Vec<&Row<'_>>, Vec<&Row<'_>>) = rows.iter().partition(known);
        self.unreadable += unknown.len() as u64;
        let expired = known.iter().filter(|row| row.expires < self.hour).count();
        self.expired += expired as u64;
        for found in self.find(&rows) {
            let place = usize::try_from(found.row).ok();
            if let Some(place) = place.and_then(|row| columns.place(row)) {
                mine.push((place, found));
            }
        }
    }
}

/// A folder that is read, and stays as it is: what a store would tidy at its opening is tidied in memory.
struct Unchanged {
    folder: Folder,
    /// Files as they would be; `None` for those that would be gone.
    over: BTreeMap<String, Option<Vec<u8>>>,
}

impl Unchanged {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self {
            folder: Folder::new(path)?,
            over: BTreeMap::new(),
        })
    }

    fn bytes(&mut self, name: &str) -> io::Result<Vec<u8>> {
        match self.over.get(name) {
            Some(Some(bytes)) => return Ok(bytes.clone()),
            Some(None) => return Err(ErrorKind::NotFound.into()),
            None => {}
        }
        let len = usize::try_from(self.folder.len(name)?).map_err(|_| ErrorKind::FileTooLarge)?;
        let mut bytes = vec![0; len];
        let mut done = 0;
        while let Some(rest @ [_, ..]) = bytes.get_mut(done..) {
            match self.folder.read_at(name, done as u64, rest)? {
                0 => break,
                n => done += n,
            }
        }
        bytes.truncate(done);
        Ok(bytes)
    }
}

impl FileSystem for Unchanged {
    fn list(&mut self) -> io::Result<Vec<String>> {
        let mut names = self.folder.list()?;
        names.retain(|name| !self.over.contains_key(name));
        let over = self.over.iter().filter(|(_, bytes)| bytes.is_some());
        names.extend(over.map(|(name, _)| name.clone()));
        Ok(names)
    }

    fn len(&mut self, name: &str) -> io::Result<u64> {
        match self.over.get(name) {
            Some(Some(bytes)) => Ok(bytes.len() as u64),
            Some(None) => Err(ErrorKind::NotFound.into()),
            None => self.folder.len(name),
        }
    }

    fn read_at(&mut self, name: &str, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        match self.over.get(name) {
            Some(Some(bytes)) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX);
                let rest = bytes.get(from..).unwrap_or_default();
                let n = rest.len().min(buf.len());
                if let (Some(to), Some(from)) = (buf.get_mut(..n), rest.get(..n)) {
                    to.copy_from_slice(from);
                }
                Ok(n)
            }
            Some(None) => Err(ErrorKind::NotFound.into()),
            None => self.folder.read_at(name, offset, buf),
        }
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut whole = match self.bytes(name) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            whole => whole?,
        };
        whole.extend_from_slice(bytes);
        self.over.insert(name.into(), Some(whole));
        Ok(())
    }

    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()> {
        let mut whole = self.bytes(name)?;
        whole.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        self.over.insert(name.into(), Some(whole));
        Ok(())
    }

    fn sync_data(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let bytes = self.bytes(from)?;
        self.over.insert(from.into(), None);
        self.over.insert(to.into(), Some(bytes));
        Ok(())
    }

    fn unlink(&mut self, name: &str) -> io::Result<()> {
        self.len(name)?;
        self.over.insert(name.into(), None);
        Ok(())
    }

    fn lock(&mut self) -> io::Result<()> {
        self.folder.lock()
    }
}
