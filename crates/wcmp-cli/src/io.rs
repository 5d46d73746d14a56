//! Files and streams: read with limits, written whole or not at all.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::error::{Failure, Result};

/// Whether the path stands for standard input or output.
pub(crate) fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// How an input is called in messages.
pub(crate) fn name(path: &Path) -> String {
    if is_dash(path) {
        "standard input".into()
    } else {
        path.display().to_string()
    }
}

/// Refuses a command line that reads standard input twice.
pub(crate) fn one_stdin(inputs: impl IntoIterator<Item = impl AsRef<Path>>) -> Result<()> {
    let inputs = inputs.into_iter();
    let dashes = inputs.filter(|path| is_dash(path.as_ref())).count();
    if dashes > 1 {
        return Err(Failure::usage(
            "reading standard input",
            "it is named for more than one input",
        ));
    }
    Ok(())
}

/// Opens a file to read. A folder is none.
pub(crate) fn open_file(path: &Path) -> Result<(File, Metadata)> {
    let what = || format!("reading {}", name(path));
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (metadata, file) = opened.map_err(|error| Failure::io(what(), &error))?;
    if metadata.is_dir() {
        return Err(Failure::failed(what(), "is a folder"));
    }
    Ok((file, metadata))
}

/// Reads a file or standard input, but no more than `limit` bytes and one that tells that there are more.
pub(crate) fn read_limited(path: &Path, limit: usize) -> Result<Vec<u8>> {
    let limit = limit as u64 + 1;
    let mut bytes = Vec::new();
    let read = if is_dash(path) {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        open_file(path)?.0.take(limit).read_to_end(&mut bytes)
    };
    read.map_err(|error| Failure::io(format!("reading {}", name(path)), &error))?;
    Ok(bytes)
}

/// Writes all of it to standard output, now.
pub(crate) fn write_stdout(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(bytes)
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::io("writing standard output", &error))
}

/// Who may read a file that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Its owner alone: keys, and what messages say.
    Secret,
    /// Whom the system lets.
    Usual,
}

/// Where a command's result goes. Made before the work, so that nothing is done in vain.
#[derive(Debug)]
pub(crate) enum Output {
    Stdout,
    /// A pipe, a terminal or the like, which is written to as it is.
    Device(PathBuf, File),
    /// A file that appears whole.
    File {
        path: PathBuf,
        access: Access,
        force: bool,
    },
}

impl Output {
    /// Standard output if no path is given or it is `-`.
    pub(crate) fn new(path: Option<&Path>, access: Access, force: bool) -> Result<Output> {
        let Some(path) = path.filter(|path| !is_dash(path)) else {
            return Ok(Output::Stdout);
        };
        let what = || writing(path);
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                return Err(Failure::failed(what(), "is a folder"));
            }
            Ok(found) if is_stream(&found) => {
                let file = File::options().write(true).open(path);
                let file = file.map_err(|error| Failure::io(what(), &error))?;
                return Ok(Output::Device(path.into(), file));
            }
            Ok(found) if !found.is_file() => {
                return Err(Failure::failed(what(), "is a device"));
            }
            _ => {}
        }
        if !force {
            free(path)?;
        }
        let folder = folder_of(path);
        if !folder.is_dir() {
            let why = format!("{} is no folder", folder.display());
            return Err(Failure::failed(what(), why));
        }
        let path = path.into();
        Ok(Output::File {
            path,
            access,
            force,
        })
    }

    pub(crate) fn is_terminal(&self) -> bool {
        match self {
            Output::Stdout => io::stdout().is_terminal(),
            Output::Device(_, file) => file.is_terminal(),
            Output::File { .. } => false,
        }
    }

    /// Refuses to send bytes that are no text to a terminal.
    pub(crate) fn refuse_terminal(&self, what: &str) -> Result<()> {
        if self.is_terminal() {
            return Err(Failure::failed(what, "binary is not written to a terminal")
                .hint("name a file with -o FILE, or pipe it on"));
        }
        Ok(())
    }

    pub(crate) fn write(self, bytes: &[u8]) -> Result<()> {
        match self {
            Output::Stdout => write_stdout(bytes),
            Output::Device(path, mut file) => file
                .write_all(bytes)
                .map_err(|error| Failure::io(writing(&path), &error)),
            Output::File {
                path,
                access,
                force,
            } => {
                let file = temporary(folder_of(&path), access, bytes);
                let file = file.map_err(|error| Failure::io(writing(&path), &error))?;
                persist(file, &path, force)?;
                sync_folder(&path)
            }
        }
    }
}

/// What failed, when a file cannot be written.
pub(crate) fn writing(path: &Path) -> String {
    format!("writing {}", path.display())
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Makes the folder that files go to, if there is none.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| Failure::io(writing(path), &error))
}

/// Makes a folder that only its owner can look into, if there is none; those it is in, too. Their names are on the medium
/// then.
pub(crate) fn make_private_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if folder_of(path) != Path::new(".") {
        make_private_folder(folder_of(path))?;
    }
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only there it has a mode"))]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        result => result.map_err(|error| Failure::io(writing(path), &error))?,
    }
    sync_folder(path)
}

/// An error if there is something of this name, be it a link that leads nowhere.
fn free(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(exists(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::io(writing(path), &error)),
    }
}

pub(crate) fn exists(path: &Path) -> Box<Failure> {
    Failure::failed(writing(path), "exists already").hint("--force replaces it")
}

/// A new file in `folder` with these bytes, on the medium. It is removed unless it is given a name.
pub(crate) fn temporary(folder: &Path, access: Access, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    let permissions = permissions(access);
    if let Some(permissions) = permissions {
        builder.permissions(permissions);
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Gives the file its name. Without `force` another file never loses it, even one that appears meanwhile.
fn persist(file: NamedTempFile, path: &Path, force: bool) -> Result<()> {
    let persisted = if force {
        file.persist(path)
    } else {
        file.persist_noclobber(path)
    };
    match persisted {
        Ok(_) => Ok(()),
        Err(error) if !force && error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(exists(path))
        }
        Err(error) => Err(Failure::io(writing(path), &error.error)),
    }
}

/// Waits until the file's name is on the medium, where a system can.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder_of(path)).and_then(|folder| folder.sync_all()) {
        // Some file systems of sticks have no such call.
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Err(Failure::io(writing(path), &error))
        }
        _ => Ok(()),
    }
}

#[cfg(unix)]
#[expect(
    clippy::unnecessary_wraps,
    reason = "other systems have no such permissions"
)]
fn permissions(access: Access) -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt;
    let mode = match access {
        Access::Secret => 0o600,
        Access::Usual => 0o666,
    };
    Some(Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn permissions(_: Access) -> Option<Permissions> {
    None
}

/// Whether it passes bytes on instead of keeping them.
#[cfg(unix)]
fn is_stream(found: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let kind = found.file_type();
    kind.is_char_device() || kind.is_fifo() || kind.is_socket()
}

#[cfg(not(unix))]
fn is_stream(_: &Metadata) -> bool {
    false
}
