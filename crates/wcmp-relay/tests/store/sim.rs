//! A file system that loses, reorders and tears what is not synced.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

use wcmp_relay::store::FileSystem;

use crate::kit::Numbers;

/// Writes reach the medium in pieces of so many bytes, each of them or not.
const SECTOR: usize = 64;

/// A medium, which outlives the programs that use it.
///
/// A write, a truncation or a change of a name is only sure after the sync that belongs to it. When the power goes,
/// of the others any may have happened, in any order; of a write, any of its sectors.
#[derive(Clone, Debug)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    numbers: Numbers,
    files: BTreeMap<u64, File>,
    next_file: u64,
    /// As programs see them.
    names: BTreeMap<String, u64>,
    /// As they are on the medium.
    durable_names: BTreeMap<String, u64>,
    changes: Vec<Change>,
    /// Which opening holds the lock.
    locked: Option<u64>,
    next_opening: u64,
    /// Most bytes of all files.
    capacity: Option<usize>,
    /// Calls until the power goes.
    power: Option<u64>,
    dead: bool,
    /// One call in so many fails.
    faults: Option<u64>,
}

#[derive(Clone, Debug, Default)]
struct File {
    seen: Vec<u8>,
    durable: Vec<u8>,
    writes: Vec<Write>,
}

#[derive(Clone, Debug)]
enum Write {
    At(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Clone, Debug)]
enum Change {
    Create(String, u64),
    Rename(String, String, u64),
    Unlink(String, u64),
}

/// One program's view of a [`Disk`]. Its lock ends with it.
#[derive(Debug)]
pub(crate) struct SimFs {
    disk: Disk,
    opening: u64,
}

impl Drop for SimFs {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.locked == Some(self.opening) {
            state.locked = None;
        }
    }
}

impl Disk {
    /// An empty medium. What it loses follows from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            numbers: Numbers(seed),
            files: BTreeMap::new(),
            next_file: 0,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            changes: Vec::new(),
            locked: None,
            next_opening: 0,
            capacity: None,
            power: None,
            dead: false,
            faults: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// What a program that starts now sees.
    pub(crate) fn mount(&self) -> SimFs {
        let mut state = self.state();
        state.next_opening += 1;
        SimFs {
            disk: self.clone(),
            opening: state.next_opening,
        }
    }

    /// Most bytes of all files.
    pub(crate) fn set_capacity(&self, bytes: Option<usize>) {
        self.state().capacity = bytes;
    }

    /// The power goes in the midst of the call after so many.
    pub(crate) fn power_fails_after(&self, calls: u64) {
        self.state().power = Some(calls);
    }

    /// From now on, one call in `n` fails.
    pub(crate) fn set_faults(&self, n: Option<u64>) {
        self.state().faults = n;
    }

    /// Whether the power is off.
    pub(crate) fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// The power goes, if it has not, and comes back: what was not synced is lost in part.
    pub(crate) fn restart(&self) {
        let state = &mut *self.state();
        let numbers = &mut state.numbers;
        for change in state.changes.drain(..) {
            if numbers.one_in(2) {
                change.apply(&mut state.durable_names);
            }
        }
        state.names.clone_from(&state.durable_names);
        for file in state.files.values_mut() {
            file.lose(numbers);
            file.seen.clone_from(&file.durable);
        }
        let names = &state.names;
        state
            .files
            .retain(|file, _| names.values().any(|named| named == file));
        (state.power, state.dead, state.locked) = (None, false, None);
    }

    /// Names and sizes of all files.
    pub(crate) fn files(&self) -> Vec<(String, usize)> {
        let state = self.state();
        let len = |file| {
            state
                .files
                .get(file)
                .map_or(0, |file: &File| file.seen.len())
        };
        state
            .names
            .iter()
            .map(|(name, file)| (name.clone(), len(file)))
            .collect()
    }

    /// Another medium with the same on it, all of it durable.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new(1);
        for (name, bytes) in self.contents() {
            let mut fs = copy.mount();
            fs.append(&name, &bytes).unwrap();
            fs.sync_data(&name).unwrap();
            fs.sync_folder().unwrap();
        }
        copy
    }

    /// Names and bytes of all files.
    pub(crate) fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        let bytes = |file| state.files.get(file).map(|file| file.seen.clone());
        let names = state.names.iter();
        names
            .map(|(name, file)| (name.clone(), bytes(file).unwrap()))
            .collect()
    }

    /// Somebody renames a file.
    pub(crate) fn rename(&self, from: &str, to: &str) {
        let mut fs = self.mount();
        fs.rename(from, to).unwrap();
        fs.sync_folder().unwrap();
    }

    /// Somebody copies a file.
    pub(crate) fn copy_file(&self, from: &str, to: &str) {
        let bytes = self.contents().remove(from).unwrap();
        self.mount().append(to, &bytes).unwrap();
    }

    /// Somebody removes a file.
    pub(crate) fn remove(&self, name: &str) {
        let mut fs = self.mount();
        fs.unlink(name).unwrap();
        fs.sync_folder().unwrap();
    }

    /// Changes bytes of a file, on the medium too.
    pub(crate) fn damage(&self, name: &str, damage: impl FnOnce(&mut Vec<u8>)) {
        let state = &mut *self.state();
        let file = state
            .names
            .get(name)
            .and_then(|file| state.files.get_mut(file))
            .unwrap();
        damage(&mut file.seen);
        file.durable.clone_from(&file.seen);
        file.writes.clear();
    }
}

impl Change {
    fn apply(self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Create(name, file) => {
                names.insert(name, file);
            }
            Self::Rename(from, to, file) => {
                if names.get(&from) == Some(&file) {
                    names.remove(&from);
                }
                names.insert(to, file);
            }
            Self::Unlink(name, file) => {
                if names.get(&name) == Some(&file) {
                    names.remove(&name);
                }
            }
        }
    }
}

impl File {
    /// Some of what was not synced reaches the medium, the rest never will.
    fn lose(&mut self, numbers: &mut Numbers) {
        for write in std::mem::take(&mut self.writes) {
            match write {
                Write::Truncate(len) => {
                    if numbers.one_in(2) {
                        self.durable.truncate(len);
                    }
                }
                Write::At(start, bytes) => {
                    let kept = numbers.below(3);
                    for (i, sector) in bytes.chunks(SECTOR).enumerate() {
                        // None of it, all of it, or some.
                        if kept == 1 || kept == 2 && numbers.one_in(2) {
                            put(&mut self.durable, start + i * SECTOR, sector);
                        }
                    }
                }
            }
        }
    }

    fn sync(&mut self) {
        for write in std::mem::take(&mut self.writes) {
            match write {
                Write::Truncate(len) => self.durable.truncate(len),
                Write::At(start, bytes) => put(&mut self.durable, start, &bytes),
            }
        }
    }
}

/// Writes `bytes` at `start`, with zeros before if the file was shorter.
fn put(file: &mut Vec<u8>, start: usize, bytes: &[u8]) {
    file.resize(file.len().max(start + bytes.len()), 0);
    file[start..start + bytes.len()].copy_from_slice(bytes);
}

impl State {
    fn used(&self) -> usize {
        let len = |file| self.files.get(file).map_or(0, |file| file.seen.len());
        self.names.values().map(len).sum()
    }

    /// Counts a call. The answer is whether it goes wrong, and then part of it may happen.
    fn call(&mut self) -> io::Result<bool> {
        if self.dead {
            return Err(off());
        }
        if let Some(power) = &mut self.power {
            if *power == 0 {
                self.dead = true;
                return Ok(true);
            }
            *power -= 1;
        }
        Ok(self.faults.is_some_and(|n| self.numbers.one_in(n)))
    }

    fn file(&mut self, name: &str) -> io::Result<&mut File> {
        let file = self.names.get(name);
        let file = file.and_then(|file| self.files.get_mut(file));
        file.ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn change(&mut self, change: Change) {
        change.clone().apply(&mut self.names);
        self.changes.push(change);
    }
}

fn off() -> io::Error {
    io::Error::other("the power is off")
}

fn fault() -> io::Error {
    io::Error::other("a fault")
}

impl SimFs {
    fn state(&self) -> MutexGuard<'_, State> {
        self.disk.state()
    }
}

impl FileSystem for SimFs {
    fn list(&mut self) -> io::Result<Vec<String>> {
        let mut state = self.state();
        if state.call()? {
            return Err(fault());
        }
        Ok(state.names.keys().cloned().collect())
    }

    fn len(&mut self, name: &str) -> io::Result<u64> {
        let mut state = self.state();
        if state.call()? {
            return Err(fault());
        }
        Ok(state.file(name)?.seen.len() as u64)
    }

    fn read_at(&mut self, name: &str, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state();
        if state.call()? {
            return Err(fault());
        }
        let file = state.file(name)?;
        let rest = file.seen.get(offset as usize..).unwrap_or_default();
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let state = &mut *self.state();
        let wrong = state.call()?;
        if !state.names.contains_key(name) {
            state.next_file += 1;
            let file = state.next_file;
            state.files.insert(file, File::default());
            state.change(Change::Create(name.to_string(), file));
        }
        let free = state
            .capacity
            .map_or(usize::MAX, |all| all.saturating_sub(state.used()));
        let part = if wrong {
            state.numbers.below(bytes.len() as u64 + 1) as usize
        } else {
            bytes.len()
        };
        let part = part.min(free);
        let file = state.file(name)?;
        let start = file.seen.len();
        file.seen.extend(&bytes[..part]);
        file.writes.push(Write::At(start, bytes[..part].to_vec()));
        match (wrong, part < bytes.len()) {
            (true, _) => Err(fault()),
            (false, true) => Err(ErrorKind::StorageFull.into()),
            (false, false) => Ok(()),
        }
    }

    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()> {
        let state = &mut *self.state();
        if state.call()? {
            return Err(fault());
        }
        let file = state.file(name)?;
        file.seen.truncate(len as usize);
        file.writes.push(Write::Truncate(len as usize));
        Ok(())
    }

    fn sync_data(&mut self, name: &str) -> io::Result<()> {
        let state = &mut *self.state();
        let wrong = state.call()?;
        let mut numbers = state.numbers.clone();
        let file = state.file(name)?;
        if wrong {
            // The system takes the pages for clean, and never writes them.
            file.lose(&mut numbers);
            state.numbers = numbers;
            return Err(fault());
        }
        file.sync();
        Ok(())
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        let state = &mut *self.state();
        if state.call()? {
            return Err(fault());
        }
        state.changes.clear();
        state.durable_names.clone_from(&state.names);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let state = &mut *self.state();
        let wrong = state.call()?;
        let file = *state.names.get(from).ok_or(ErrorKind::NotFound)?;
        if !wrong || state.numbers.one_in(2) {
            state.change(Change::Rename(from.to_string(), to.to_string(), file));
        }
        if wrong { Err(fault()) } else { Ok(()) }
    }

    fn unlink(&mut self, name: &str) -> io::Result<()> {
        let state = &mut *self.state();
        let wrong = state.call()?;
        let file = *state.names.get(name).ok_or(ErrorKind::NotFound)?;
        if !wrong || state.numbers.one_in(2) {
            state.change(Change::Unlink(name.to_string(), file));
        }
        if wrong { Err(fault()) } else { Ok(()) }
    }

    fn lock(&mut self) -> io::Result<()> {
        let state = &mut *self.disk.state();
        if state.call()? {
            return Err(fault());
        }
        if state.locked.is_some() {
            return Err(ErrorKind::WouldBlock.into());
        }
        state.locked = Some(self.opening);
        Ok(())
    }
}
