//! Files that are handed to somebody.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use core::{fmt, mem};
use std::fs::{self, File, FileTimes};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rand_core::TryCryptoRng;
use tempfile::TempPath;
use wcmp_wire::Id;

use super::format::{END_LEN, HEADER_LEN};
#[cfg(feature = "sealed")]
use super::{SEALED_PART_LIMIT, Sealing, Secret};
use super::{Sink, Stamp, WriteError, Writer, frame_len};

/// Most bytes of one file: a FAT32 stick takes no file of 4 GiB.
pub const PART_LIMIT: u64 = 1 << 30;

/// Seconds from 1970 to 1980-01-02T00:00:00Z, the modification time of every file: the second day that FAT knows, so
/// that no time zone takes it before the first.
pub(crate) const MODIFIED: u64 = 315_619_200;

/// So many random names are tried; each is taken already about once in 2^40 times.
const TRIES: usize = 8;

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
    /// The random number generator failed.
    Random,
    /// The file system failed.
    Io(io::Error),
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size => WriteError::<io::Error>::Size.fmt(f),
            Self::Order => f.write_str("ids must ascend"),
            Self::Exists => f.write_str("the file exists"),
            Self::Random => f.write_str("no random numbers"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ExportError {}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::AlreadyExists => Self::Exists,
            _ => Self::Io(error),
        }
    }
}

impl From<WriteError<io::Error>> for ExportError {
    fn from(error: WriteError<io::Error>) -> Self {
        match error {
            WriteError::Size => Self::Size,
            WriteError::Sink(error) => error.into(),
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
/// A sealed export (feature `sealed`) writes sealed bundles instead: their names have no ending, and `.TMP` while they
/// grow.
///
/// Unless it may, an export replaces no file, not even one that appears meanwhile. Where the file system can neither
/// rename without replacing nor make hard links (FAT can the former on Linux), a file that appears in the instant
/// between the look and the renaming is lost.
///
/// ```
/// use wcmp_relay::bundle::{Export, Stamp};
/// use wcmp_wire::Id;
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let mut export = Export::to_folder(folder, getrandom::SysRng)?;
/// export.push(Id([1; 32]), Stamp::NONE, b"an envelope")?;
/// export.push(Id([2; 32]), Stamp::NONE, b"another")?;
/// let files = export.finish()?;
/// assert_eq!(files.len(), 1);
/// assert_eq!(files[0].extension().unwrap(), "WCM");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Export<R> {
    folder: PathBuf,
    rng: R,
    /// The name asked for the first file, and whether it may replace another file.
    asked: Option<(PathBuf, bool)>,
    form: Form,
    part_limit: u64,
    last: Option<Id>,
    open: Part,
    /// Files that are whole and durable, but not yet renamed.
    closed: Vec<TempPath>,
}

// Without the state of the RNG.
impl<R> fmt::Debug for Export<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Export({:?}, ..)", self.folder)
    }
}

/// What sort of files are written.
enum Form {
    Plain,
    #[cfg(feature = "sealed")]
    Sealed(Secret),
}

impl Form {
    const fn temporary(&self) -> &'static str {
        match self {
            Self::Plain => ".WCP",
            #[cfg(feature = "sealed")]
            Self::Sealed(_) => ".TMP",
        }
    }

    const fn ending(&self) -> &'static str {
        match self {
            Self::Plain => ".WCM",
            #[cfg(feature = "sealed")]
            Self::Sealed(_) => "",
        }
    }

    /// Most bytes of a bundle in one file.
    const fn limit(&self) -> u64 {
        match self {
            Self::Plain => PART_LIMIT,
            #[cfg(feature = "sealed")]
            Self::Sealed(_) => SEALED_PART_LIMIT,
        }
    }
}

/// A file that is being written.
struct Part {
    writer: Writer<Output>,
    path: TempPath,
    len: u64,
}

enum Output {
    Plain(BufWriter<File>),
    #[cfg(feature = "sealed")]
    Sealed(alloc::boxed::Box<Sealing<File>>),
}

impl Sink for Output {
    type Error = io::Error;

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            #[cfg(feature = "sealed")]
            Self::Sealed(sealing) => sealing.write(bytes),
        }
    }
}

impl Output {
    fn finish(self) -> io::Result<File> {
        match self {
            Self::Plain(file) => file.into_inner().map_err(io::IntoInnerError::into_error),
            #[cfg(feature = "sealed")]
            Self::Sealed(sealing) => sealing.finish(),
        }
    }
}

impl<R: TryCryptoRng> Export<R> {
    /// Writes to files with random names in `folder`, which exists.
    ///
    /// What is drawn from `rng` names the files and salts them, and is no secret.
    ///
    /// # Errors
    /// [`ExportError::Random`] if the RNG fails. If the folder does not take a file.
    pub fn to_folder(folder: impl Into<PathBuf>, rng: R) -> Result<Self, ExportError> {
        Self::new(folder.into(), None, Form::Plain, rng)
    }

    /// Writes to the file `path`; where one file is not enough, further ones with random names stand beside it.
    ///
    /// # Errors
    /// [`ExportError::Exists`] if there is something at `path` and not `overwrite`. Else as
    /// [`to_folder`](Export::to_folder).
    pub fn to_file(path: impl Into<PathBuf>, overwrite: bool, rng: R) -> Result<Self, ExportError> {
        Self::new_at(path.into(), overwrite, Form::Plain, rng)
    }

    /// As [`to_folder`](Export::to_folder), but sealed.
    ///
    /// # Errors
    /// As there.
    #[cfg(feature = "sealed")]
    pub fn sealed_to_folder(
        folder: impl Into<PathBuf>,
        secret: Secret,
        rng: R,
    ) -> Result<Self, ExportError> {
        Self::new(folder.into(), None, Form::Sealed(secret), rng)
    }

    /// As [`to_file`](Export::to_file), but sealed.
    ///
    /// # Errors
    /// As there.
    #[cfg(feature = "sealed")]
    pub fn sealed_to_file(
        path: impl Into<PathBuf>,
        overwrite: bool,
        secret: Secret,
        rng: R,
    ) -> Result<Self, ExportError> {
        Self::new_at(path.into(), overwrite, Form::Sealed(secret), rng)
    }

    fn new_at(path: PathBuf, overwrite: bool, form: Form, rng: R) -> Result<Self, ExportError> {
        if path.file_name().is_none() {
            return Err(io::Error::from(ErrorKind::InvalidInput).into());
        }
        let folder = folder_of(&path).to_path_buf();
        if !overwrite && occupied(&path)? {
            return Err(ExportError::Exists);
        }
        Self::new(folder, Some((path, overwrite)), form, rng)
    }

    fn new(
        folder: PathBuf,
        asked: Option<(PathBuf, bool)>,
        form: Form,
        mut rng: R,
    ) -> Result<Self, ExportError> {
        let open = Part::create(&folder, &form, &mut rng)?;
        Ok(Self {
            folder,
            rng,
            asked,
            part_limit: form.limit(),
            form,
            last: None,
            open,
            closed: Vec::new(),
        })
    }

    /// Begins a new file before one has more than so many bytes; a frame that is longer still gets a file. More than
    /// fit a file of [`PART_LIMIT`] bytes means that many. In a sealed export the bytes are those of the plain bundle.
    #[must_use]
    pub fn part_limit(mut self, bytes: u64) -> Self {
        self.part_limit = bytes.min(self.form.limit());
        self
    }

    /// Writes an envelope, whose id the caller knows. Neither is checked against the other.
    ///
    /// # Errors
    /// [`ExportError::Order`] if the id is not greater than the one before, [`ExportError::Size`] if the envelope has
    /// more than [`MAX_ENVELOPE`](wcmp_wire::MAX_ENVELOPE) bytes: in both cases nothing was written, and the export
    /// can go on. After another error it cannot.
    pub fn push(&mut self, id: Id, stamp: Stamp<'_>, envelope: &[u8]) -> Result<(), ExportError> {
        if self.last.is_some_and(|last| last >= id) {
            return Err(ExportError::Order);
        }
        if envelope.len() > wcmp_wire::MAX_ENVELOPE {
            return Err(ExportError::Size);
        }
        let len = frame_len(stamp, envelope.len());
        if self.open.writer.frames() > 0 && self.open.len + len > self.part_limit {
            let next = Part::create(&self.folder, &self.form, &mut self.rng)?;
            let full = mem::replace(&mut self.open, next);
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
    /// [`ExportError::Exists`] if something has appeared at the path asked for; if the RNG or the file system fails.
    /// Then no file of this export is left, except one that has already replaced another.
    pub fn finish(mut self) -> Result<Vec<PathBuf>, ExportError> {
        self.closed.push(self.open.close()?);
        let mut files = self.closed.into_iter();
        let asked = self.asked.and_then(|asked| Some((files.next()?, asked)));
        let mut named = Vec::new();
        for mut file in files {
            let rename = |path: &Path| rename(&mut file, path, false);
            let ((), path) = at_random(&self.folder, self.form.ending(), &mut self.rng, rename)?;
            named.push((file, path));
        }
        // The last one: nothing is replaced before the others are there.
        if let Some((mut file, (path, overwrite))) = asked {
            rename(&mut file, &path, overwrite)?;
            named.insert(0, (file, path));
        }
        sync_folder(&self.folder)?;
        let keep = |(mut file, path): (TempPath, PathBuf)| {
            file.disable_cleanup(true);
            path
        };
        Ok(named.into_iter().map(keep).collect())
    }
}

impl Part {
    fn create(
        folder: &Path,
        form: &Form,
        rng: &mut impl TryCryptoRng,
    ) -> Result<Self, ExportError> {
        let salt = random(rng)?;
        let create = |path: &Path| Ok((File::create_new(path)?, TempPath::try_from_path(path)?));
        let ((file, path), _) = at_random(folder, form.temporary(), rng, create)?;
        let output = match form {
            Form::Plain => Output::Plain(BufWriter::with_capacity(1 << 18, file)),
            #[cfg(feature = "sealed")]
            Form::Sealed(secret) => {
                let sealing = Sealing::new(file, secret, random(rng)?)?;
                Output::Sealed(alloc::boxed::Box::new(sealing))
            }
        };
        let writer = Writer::new(output, salt)?;
        Ok(Self {
            writer,
            path,
            len: (HEADER_LEN + END_LEN) as u64,
        })
    }

    /// Writes what is missing, sets the time, and waits until all of it is on the medium.
    fn close(self) -> Result<TempPath, ExportError> {
        let file = self.writer.finish()?.finish()?;
        settle(&file)?;
        Ok(self.path)
    }
}

/// Writes one file that is handed on beside bundles, as [`Export`] writes them: under a temporary name that leaves nothing
/// readable on FAT, with the modification time of all, and durable before it gets its name.
///
/// # Errors
/// [`ExportError::Exists`] if the file is there and not to be replaced; if the RNG or the file system fails. Then nothing
/// is left.
pub fn write_once(
    path: &Path,
    bytes: &[u8],
    overwrite: bool,
    rng: &mut impl TryCryptoRng,
) -> Result<(), ExportError> {
    let folder = folder_of(path);
    if !overwrite && occupied(path)? {
        return Err(ExportError::Exists);
    }
    let (mut file, mut temporary) = temporary(folder, rng)?;
    file.write_all(bytes)?;
    settle(&file)?;
    rename(&mut temporary, path, overwrite)?;
    temporary.disable_cleanup(true);
    Ok(sync_folder(folder)?)
}

/// What the clock of a medium says, which may be another machine's: of a file that is made, and removed at once.
pub(crate) fn time_of_medium(
    folder: &Path,
    rng: &mut impl TryCryptoRng,
) -> Result<SystemTime, ExportError> {
    let (file, _removed) = temporary(folder, rng)?;
    Ok(file.metadata()?.modified()?)
}

/// A file that is no bundle, or not yet.
fn temporary(folder: &Path, rng: &mut impl TryCryptoRng) -> Result<(File, TempPath), ExportError> {
    let create = |path: &Path| Ok((File::create_new(path)?, TempPath::try_from_path(path)?));
    Ok(at_random(folder, ".TMP", rng, create)?.0)
}

/// Sets the time, and waits until all of it is on the medium.
fn settle(file: &File) -> io::Result<()> {
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(MODIFIED);
    file.set_times(FileTimes::new().set_modified(modified))?;
    file.sync_all()
}

/// Gives the file another name; without `overwrite` it must be free.
fn rename(file: &mut TempPath, to: &Path, overwrite: bool) -> io::Result<()> {
    let mut renamed = TempPath::try_from_path(to)?;
    // So far it is not ours to remove.
    renamed.disable_cleanup(true);
    let Err(failed) = mem::replace(file, renamed).persist_noclobber(to) else {
        file.disable_cleanup(false);
        return Ok(());
    };
    let taken = match failed.error.kind() {
        ErrorKind::AlreadyExists => true,
        // The file system has neither RENAME_NOREPLACE nor links, such as FAT through some drivers.
        ErrorKind::PermissionDenied | ErrorKind::Unsupported => occupied(to)?,
        _ => return Err(failed.error),
    };
    if taken && !overwrite {
        *file = failed.path;
        return Err(ErrorKind::AlreadyExists.into());
    }
    failed.path.persist(to)?;
    // What replaced another file is not removed any more: that would leave neither.
    file.disable_cleanup(taken);
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Whether something is at the path, be it a dangling link.
fn occupied(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Does what needs a free name with random ones in `folder`, until one is free.
fn at_random<T>(
    folder: &Path,
    ending: &str,
    rng: &mut impl TryCryptoRng,
    mut attempt: impl FnMut(&Path) -> io::Result<T>,
) -> Result<(T, PathBuf), ExportError> {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut tries = 1..TRIES;
    loop {
        let bytes: [u8; 8] = random(rng)?;
        let mut name: String = bytes
            .iter()
            .filter_map(|byte| ALPHABET.get(usize::from(byte % 32)))
            .map(|c| char::from(*c))
            .collect();
        name.push_str(ending);
        let path = folder.join(name);
        match attempt(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && tries.next().is_some() => {}
            result => return Ok((result?, path)),
        }
    }
}

fn random<const N: usize>(rng: &mut impl TryCryptoRng) -> Result<[u8; N], ExportError> {
    let mut bytes = [0; N];
    rng.try_fill_bytes(&mut bytes)
        .map_err(|_| ExportError::Random)?;
    Ok(bytes)
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
                ErrorKind::InvalidInput | ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        result => result,
    }
}
