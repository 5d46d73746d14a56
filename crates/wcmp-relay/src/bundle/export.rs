//! Files that are handed to somebody.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use wcmp_wire::Id;

use super::format::{END_LEN, HEADER_LEN};
use super::{Io, Stamp, WriteError, Writer, frame_len};

/// Most bytes of one file: a FAT32 stick takes no file of 4 GiB.
pub const PART_LIMIT: u64 = 1 << 30;

/// Seconds from 1970 to 1980-01-02T00:00:00Z, the modification time of every file: the second day that FAT knows, so
/// that no time zone takes it before the first.
const MODIFIED: u64 = 315_619_200;

/// Why files were not written.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// The envelope has more than [`MAX_ENVELOPE`](wcmp_wire::MAX_ENVELOPE) bytes (error code `size`, spec 12).
    Size,
    /// The id is not greater than the one before it.
    Order,
    /// A file of this name exists.
    Exists,
    /// The file system failed.
    Io(io::Error),
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size => WriteError::<io::Error>::Size.fmt(f),
            Self::Order => f.write_str("ids must ascend"),
            Self::Exists => f.write_str("the file exists"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ExportError {}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<WriteError<io::Error>> for ExportError {
    fn from(error: WriteError<io::Error>) -> Self {
        match error {
            WriteError::Size => Self::Size,
            WriteError::Sink(error) => Self::Io(error),
        }
    }
}

/// Writes envelopes to bundle files such that nothing shows which program or person wrote them.
///
/// Each envelope is there once, in ascending order of ids; every file has a salt of its own, one End frame, at most
/// [`PART_LIMIT`] bytes, and the modification time 1980-01-02T00:00:00Z. Times of creation and of access cannot be set
/// portably and remain.
///
/// A file grows under a temporary name `XXXXXXXX.WCP`; [`finish`](Export::finish) makes it durable before it gives it
/// its own: the one asked for, or `XXXXXXXX.WCM`. X is a random character of `A`-`Z`, `2`-`7` (a long or lower-case
/// name leaves readable traces on FAT). Dropped before it is finished, and on every error, an export removes what it
/// wrote.
///
/// ```
/// use wcmp_relay::bundle::{Export, Stamp};
/// use wcmp_wire::Id;
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// # let mut next = 0;
/// # let random = |bytes: &mut [u8]| bytes.fill_with(|| { next += 1; next });
/// let mut export = Export::to_folder(folder, random)?; // from the system's randomness
/// export.push(Id([1; 32]), Stamp::NONE, b"an envelope")?;
/// export.push(Id([2; 32]), Stamp::NONE, b"another")?;
/// let files = export.finish()?;
/// assert_eq!(files.len(), 1);
/// assert_eq!(files[0].extension().unwrap(), "WCM");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Export<R> {
    folder: PathBuf,
    random: R,
    /// The name asked for the first file, and whether it may replace another file.
    asked: Option<(PathBuf, bool)>,
    part_limit: u64,
    last: Option<Id>,
    open: Part,
    /// Files that are whole and durable, but not yet renamed.
    closed: Vec<Temporary>,
}

/// A file that is being written.
#[derive(Debug)]
struct Part {
    writer: Writer<Io<BufWriter<File>>>,
    temporary: Temporary,
    len: u64,
}

impl<R: FnMut(&mut [u8])> Export<R> {
    /// Writes to files with random names in `folder`, which exists.
    ///
    /// `random` fills what it is given with random bytes; they name the files and salt them, and are no secret.
    ///
    /// # Errors
    /// If the folder does not take a file.
    pub fn to_folder(folder: impl Into<PathBuf>, random: R) -> Result<Self, ExportError> {
        Self::new(folder.into(), None, random)
    }

    /// Writes to the file `path`; where one file is not enough, further ones with random names stand beside it.
    ///
    /// # Errors
    /// [`ExportError::Exists`] if there is something at `path` and not `overwrite`. If the folder does not take a file.
    pub fn to_file(
        path: impl Into<PathBuf>,
        overwrite: bool,
        random: R,
    ) -> Result<Self, ExportError> {
        let path = path.into();
        if path.file_name().is_none() {
            return Err(io::Error::from(io::ErrorKind::InvalidInput).into());
        }
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder.to_path_buf(),
            _ => PathBuf::from("."),
        };
        if !overwrite && occupied(&path)? {
            return Err(ExportError::Exists);
        }
        Self::new(folder, Some((path, overwrite)), random)
    }

    fn new(
        folder: PathBuf,
        asked: Option<(PathBuf, bool)>,
        mut random: R,
    ) -> Result<Self, ExportError> {
        let open = Part::create(&folder, &mut random)?;
        Ok(Self {
            folder,
            random,
            asked,
            part_limit: PART_LIMIT,
            last: None,
            open,
            closed: Vec::new(),
        })
    }

    /// Begins a new file before one has more than so many bytes; a frame that is longer still gets a file. More than
    /// [`PART_LIMIT`] means that many.
    #[must_use]
    pub fn part_limit(mut self, bytes: u64) -> Self {
        self.part_limit = bytes.min(PART_LIMIT);
        self
    }

    /// Writes an envelope, whose id the caller knows. Neither is checked against the other.
    ///
    /// # Errors
    /// [`ExportError::Order`] if the id is not greater than the one before, [`ExportError::Size`] if the envelope has
    /// more than [`MAX_ENVELOPE`](wcmp_wire::MAX_ENVELOPE) bytes: in both cases nothing was written, and the export
    /// can go on. After [`ExportError::Io`] it cannot.
    pub fn push(&mut self, id: Id, stamp: Stamp<'_>, envelope: &[u8]) -> Result<(), ExportError> {
        if self.last.is_some_and(|last| last >= id) {
            return Err(ExportError::Order);
        }
        if envelope.len() > wcmp_wire::MAX_ENVELOPE {
            return Err(ExportError::Size);
        }
        let len = frame_len(stamp, envelope.len());
        if self.open.writer.frames() > 0 && self.open.len + len > self.part_limit {
            let next = Part::create(&self.folder, &mut self.random)?;
            let full = core::mem::replace(&mut self.open, next);
            self.closed.push(full.close()?);
        }
        self.open.writer.frame(stamp, envelope)?;
        self.open.len += len;
        self.last = Some(id);
        Ok(())
    }

    /// Makes the files durable, gives them their names, and returns their paths in the order of the envelopes.
    ///
    /// # Errors
    /// [`ExportError::Exists`] if something has appeared at the path asked for; if the file system fails. Then no file
    /// of this export is left, except one that has already replaced another.
    pub fn finish(mut self) -> Result<Vec<PathBuf>, ExportError> {
        self.closed.push(self.open.close()?);
        for file in &mut self.closed {
            let (path, overwrite) = match self.asked.take() {
                Some(asked) => asked,
                None => (random_path(&self.folder, "WCM", &mut self.random), false),
            };
            file.rename(path, overwrite)?;
        }
        sync_folder(&self.folder)?;
        Ok(self.closed.into_iter().map(Temporary::keep).collect())
    }
}

impl Part {
    fn create(folder: &Path, random: &mut impl FnMut(&mut [u8])) -> Result<Self, ExportError> {
        let path = random_path(folder, "WCP", random);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        let temporary = Temporary { path, remove: true };
        let mut salt = [0; 4];
        random(&mut salt);
        let writer = Writer::new(Io(BufWriter::with_capacity(1 << 18, file)), salt)?;
        Ok(Self {
            writer,
            temporary,
            len: (HEADER_LEN + END_LEN) as u64,
        })
    }

    /// Writes what is missing, sets the time, and waits until all of it is on the medium.
    fn close(self) -> Result<Temporary, ExportError> {
        let file = self
            .writer
            .finish()?
            .0
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(MODIFIED);
        file.set_times(FileTimes::new().set_modified(modified))?;
        file.sync_all()?;
        Ok(self.temporary)
    }
}

/// A file that is removed when this is dropped.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
    remove: bool,
}

impl Temporary {
    /// Gives the file its name. What replaced another file is not removed any more: that would leave neither.
    fn rename(&mut self, to: PathBuf, overwrite: bool) -> Result<(), ExportError> {
        let replaces = occupied(&to)?;
        if replaces && !overwrite {
            return Err(ExportError::Exists);
        }
        fs::rename(&self.path, &to)?;
        self.path = to;
        self.remove = !replaces;
        Ok(())
    }

    fn keep(mut self) -> PathBuf {
        self.remove = false;
        core::mem::take(&mut self.path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.remove {
            // Nobody is left to tell if it fails.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether something is at the path, be it a dangling link.
///
/// Between this and the renaming another program can still put a file there: no portable call renames without
/// replacing.
fn occupied(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A path in `folder` of eight random characters and an extension.
fn random_path(folder: &Path, extension: &str, random: &mut impl FnMut(&mut [u8])) -> PathBuf {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bytes = [0; 8];
    random(&mut bytes);
    let mut name: String = bytes
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte % 32)))
        .map(|c| char::from(*c))
        .collect();
    name.push('.');
    name.push_str(extension);
    folder.join(name)
}

/// Waits until names in the folder are on the medium, where a system can.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder)?.sync_all() {
        // Some file systems of sticks have no such call.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        result => result,
    }
}
