//! The files of a store.

use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::background::{Background, Outcome};
use crate::bundle::MODIFIED;

/// A folder of files, as far as a store needs one.
///
/// What is written survives a loss of power only once [`sync_data`](FileSystem::sync_data) has returned for the file,
/// and a name that was created, renamed or removed only once [`sync_folder`](FileSystem::sync_folder) has. Until then
/// any part of it may survive, in any order. [`rename`](FileSystem::rename) happens as a whole or not at all.
pub trait FileSystem {
    /// The names of all files.
    ///
    /// # Errors
    /// As the system has it; so for all methods.
    fn list(&mut self) -> io::Result<Vec<String>>;

    /// Bytes of a file.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none.
    fn len(&mut self, name: &str) -> io::Result<u64>;

    /// Reads from `offset` on to the front of `buf`: any number of bytes above zero, zero at the end of the file.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such file.
    fn read_at(&mut self, name: &str, offset: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes to the end of a file, which is created if there is none. After an error any part may have been written.
    ///
    /// # Errors
    /// [`ErrorKind::StorageFull`] if there is no space left.
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file to `len` bytes, which it has.
    ///
    /// # Errors
    /// As the system has it.
    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()>;

    /// Makes the bytes of a file durable.
    ///
    /// # Errors
    /// As the system has it. Afterwards nothing that was written since the last success can be relied on.
    fn sync_data(&mut self, name: &str) -> io::Result<()>;

    /// May begin to make the bytes of a file durable, without waiting for it. What comes of it, the next call tells that
    /// writes to this file, syncs or renames it.
    fn start_sync(&mut self, _name: &str) {}

    /// Makes the bytes of several files durable, in any order or at once.
    ///
    /// # Errors
    /// As [`sync_data`](FileSystem::sync_data), of any of them.
    fn sync_each(&mut self, names: &[String]) -> io::Result<()> {
        names.iter().try_for_each(|name| self.sync_data(name))
    }

    /// Makes the names in the folder durable.
    ///
    /// # Errors
    /// As the system has it.
    fn sync_folder(&mut self) -> io::Result<()>;

    /// Renames a file, replacing another.
    ///
    /// # Errors
    /// As the system has it.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Its space may be freed a little later; whoever finds none waits for that.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none.
    fn unlink(&mut self, name: &str) -> io::Result<()>;

    /// Locks the folder until `self` is dropped.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] if somebody else holds the lock.
    fn lock(&mut self) -> io::Result<()>;
}

/// A folder of the real file system.
///
/// Every file that is written is dated 1980-01-02, and so is the folder: when the last batch of a day came is nobody's
/// business (spec 9.2). Times of creation, change and access cannot be set portably, and remain where the file system keeps
/// them.
pub struct Folder {
    path: PathBuf,
    /// Files that are open, each for reading and appending.
    open: HashMap<String, Arc<File>>,
    /// Files that are being synced.
    syncing: HashMap<String, Outcome>,
    /// Removed files whose space is being freed.
    freeing: Vec<Outcome>,
    background: Background,
    /// Given up last, when nothing goes on beside any more.
    lock: Option<File>,
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Folder({:?}, ..)", self.path)
    }
}

/// Handles that are kept: more than a month has days, times three; fewer than any system allows.
const MOST_OPEN: usize = 128;

/// Files that are synced, or whose space is freed, at once: more than a month has days.
const MOST_AT_ONCE: usize = 32;

/// The file that is locked. It stays empty.
const LOCK: &str = "lock";

impl Folder {
    /// The folder at `path`, which is made durably if it is not there.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        make_folder(&path, &mut sync_names)?;
        Ok(Self {
            path,
            open: HashMap::new(),
            syncing: HashMap::new(),
            freeing: Vec::new(),
            background: Background::new(MOST_AT_ONCE),
            lock: None,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[cfg(unix)]
    fn date_folder(&self) {
        let _ = File::open(&self.path).map(|folder| date(&folder));
    }

    #[cfg(not(unix))]
    fn date_folder(&self) {}

    /// Waits for a sync that was started.
    fn synced(&mut self, name: &str) -> io::Result<()> {
        match self.syncing.remove(name) {
            Some(sync) => sync.wait(),
            None => Ok(()),
        }
    }

    /// Waits for space that is being freed, if there is some.
    fn freed(&mut self) -> bool {
        let some = !self.freeing.is_empty();
        for outcome in self.freeing.drain(..) {
            let _ = outcome.wait();
        }
        some
    }

    fn write(&mut self, name: &str, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.file(name, true)?.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_full(&error) && self.freed() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn file(&mut self, name: &str, create: bool) -> io::Result<&File> {
        if !self.open.contains_key(name) {
            if self.open.len() >= MOST_OPEN {
                self.open.clear();
            }
            let mut options = OpenOptions::new();
            options.read(true).append(true).create(create);
            let file = options.open(self.path.join(name))?;
            self.open.insert(name.to_string(), Arc::new(file));
            // It may be new.
            if create {
                self.date_folder();
            }
        }
        let file = self.open.get(name);
        file.map(Arc::as_ref)
            .ok_or_else(|| ErrorKind::NotFound.into())
    }
}

/// Makes a folder and those it is in, and lets `sync` make the name of each new one durable in the folder it is in.
fn make_folder(path: &Path, sync: &mut impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    if parent != Path::new(".") {
        make_folder(parent, sync)?;
    }
    match fs::create_dir(path) {
        // Somebody else was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
        result => result?,
    }
    sync(parent)
}

/// Makes the names in a folder durable.
#[cfg(unix)]
fn sync_names(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
fn sync_names(_: &Path) -> io::Result<()> {
    Ok(()) // Elsewhere a folder cannot be opened as a file.
}

/// Whether no space was left.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

/// Dates a file or folder. Where that cannot be done, it has the time of the system.
fn date(file: &File) {
    let then = UNIX_EPOCH + Duration::from_secs(MODIFIED);
    let _ = file.set_modified(then);
}

impl FileSystem for Folder {
    fn list(&mut self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn len(&mut self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.path.join(name))?.len())
    }

    fn read_at(&mut self, name: &str, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let file = self.file(name, false)?;
        loop {
            match read_at(file, offset, buf) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        // What was lost of a file is not to be passed over.
        self.synced(name)?;
        let written = self.write(name, bytes);
        date(self.file(name, true)?);
        written
    }

    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()> {
        self.synced(name)?;
        let file = self.file(name, false)?;
        let cut = file.set_len(len);
        date(file);
        cut
    }

    fn sync_data(&mut self, name: &str) -> io::Result<()> {
        self.synced(name)?;
        self.file(name, false)?.sync_data()
    }

    fn start_sync(&mut self, name: &str) {
        if let Some(file) = self.open.get(name).map(Arc::clone)
            && !self.syncing.contains_key(name)
        {
            let sync = self.background.run(move || file.sync_data());
            self.syncing.insert(name.to_string(), sync);
        }
    }

    // The medium is waited for at once, not thirty times: thirty files take hardly longer than one.
    fn sync_each(&mut self, names: &[String]) -> io::Result<()> {
        names.iter().for_each(|name| self.start_sync(name));
        names
            .iter()
            .try_for_each(|name| match self.syncing.contains_key(name) {
                true => self.synced(name),
                false => self.sync_data(name),
            })
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.date_folder();
        sync_names(&self.path)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.synced(from)?;
        self.syncing.remove(to);
        self.open.remove(from);
        self.open.remove(to);
        let renamed = fs::rename(self.path.join(from), self.path.join(to));
        self.date_folder();
        renamed
    }

    fn unlink(&mut self, name: &str) -> io::Result<()> {
        // The name of a file that is open goes at once. To free the space takes long, and is waited for by whoever needs
        // it.
        let _ = self.file(name, false);
        self.syncing.remove(name);
        let file = self.open.remove(name);
        let removed = fs::remove_file(self.path.join(name));
        self.date_folder();
        if let Some(file) = file {
            if self.freeing.len() >= MOST_AT_ONCE {
                self.freed();
            }
            let free = move || {
                drop(file);
                Ok(())
            };
            self.freeing.push(self.background.run(free));
        }
        removed
    }

    fn lock(&mut self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let file = options.open(self.path.join(LOCK))?;
        date(&file);
        match fs4::FileExt::try_lock(&file) {
            Ok(()) => {}
            Err(fs4::TryLockError::WouldBlock) => return Err(ErrorKind::WouldBlock.into()),
            Err(fs4::TryLockError::Error(error)) => return Err(error),
        }
        self.lock = Some(file);
        self.date_folder();
        Ok(())
    }
}

#[cfg(unix)]
fn read_at(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buf, offset)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read(buf)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn the_name_of_every_new_folder_is_made_durable() {
        let home = tempfile::tempdir().unwrap();
        let [a, b, c] = ["a", "a/b", "a/b/c"].map(|name| home.path().join(name));
        let mut synced = Vec::new();
        let mut sync = |path: &Path| {
            synced.push(path.to_path_buf());
            Ok(())
        };
        make_folder(&b, &mut sync).unwrap();
        make_folder(&c, &mut sync).unwrap();
        make_folder(&c, &mut sync).unwrap();
        assert_eq!(synced, [home.path(), &a, &b]);
        assert!(c.is_dir());
        let fails = make_folder(&c.join("d"), &mut |_| Err(ErrorKind::Other.into()));
        assert!(fails.is_err(), "a name that is not durable is none");
    }

    #[test]
    fn any_number_of_files_is_synced_and_none_left_out() {
        let path = tempfile::tempdir().unwrap();
        let mut folder = Folder::new(path.path()).unwrap();
        let mut names: Vec<String> = (0..3 * MOST_OPEN).map(|i| format!("{i}")).collect();
        for name in &names {
            folder.append(name, b"1").unwrap();
        }
        folder.sync_each(&names).unwrap();
        folder.sync_each(&[]).unwrap();
        for missing in [0, 1, MOST_AT_ONCE, names.len()] {
            names.insert(missing, "missing".to_string());
            let error = folder.sync_each(&names).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            names.remove(missing);
        }
    }

    #[test]
    fn a_sync_that_was_started_and_failed_is_not_passed_over() {
        let path = tempfile::tempdir().unwrap();
        let mut folder = Folder::new(path.path()).unwrap();
        folder.append("a", b"1").unwrap();
        let mut failing = |then: &dyn Fn(&mut Folder) -> io::Result<()>| {
            let failed = folder.background.run(|| Err(ErrorKind::Unsupported.into()));
            folder.syncing.insert("a".into(), failed);
            let error = then(&mut folder).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        };
        failing(&|folder| folder.append("a", b"2"));
        failing(&|folder| folder.truncate("a", 0));
        failing(&|folder| folder.sync_data("a"));
        failing(&|folder| folder.sync_each(&["a".into()]));
        failing(&|folder| folder.rename("a", "b"));
        folder.start_sync("a");
        folder.start_sync("missing");
        folder.sync_each(&["a".into()]).unwrap();
        assert_eq!(fs::read(path.path().join("a")).unwrap(), b"1");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn who_finds_the_medium_full_waits_for_what_is_being_freed() {
        use core::sync::atomic::{AtomicBool, Ordering};

        let path = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/full", path.path().join("full")).unwrap();
        let mut folder = Folder::new(path.path()).unwrap();
        let freed = Arc::new(AtomicBool::new(false));
        let (go_on, waiting) = std::sync::mpsc::channel();
        let job = {
            let freed = Arc::clone(&freed);
            move || {
                let _: Result<(), _> = waiting.recv();
                freed.store(true, Ordering::Release);
                Ok(())
            }
        };
        folder.freeing.push(folder.background.run(job));
        // Nobody waits while there is space.
        folder.append("a", b"1").unwrap();
        assert!(!freed.load(Ordering::Acquire));
        go_on.send(()).unwrap();
        let error = folder.append("full", b"1").unwrap_err();
        assert!(is_full(&error), "{error}");
        assert!(freed.load(Ordering::Acquire) && folder.freeing.is_empty());
    }

    #[test]
    fn removed_files_are_gone_at_once_any_number_of_them() {
        let path = tempfile::tempdir().unwrap();
        let mut folder = Folder::new(path.path()).unwrap();
        for i in 0..3 * MOST_OPEN {
            let name = format!("{i}");
            folder.append(&name, b"1").unwrap();
            folder.start_sync(&name);
            folder.unlink(&name).unwrap();
            assert!(folder.freeing.len() <= MOST_AT_ONCE);
            assert_eq!(folder.list().unwrap(), Vec::<String>::new());
            let error = folder.unlink(&name).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
        }
        assert!(folder.open.is_empty() && folder.syncing.is_empty());
    }
}
