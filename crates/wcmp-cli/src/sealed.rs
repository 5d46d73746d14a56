//! The secrets of sealed bundles.

use std::path::{Path, PathBuf};

use clap::Args;
use wcmp::relay::bundle::Secret;
use zeroize::Zeroizing;

use crate::error::{Failure, Result};
use crate::io::{name, read_limited};

/// More than any passphrase and its line break.
const PASSPHRASE_FILE: usize = 4096;

/// What a sealed bundle is sealed with.
#[derive(Args, Debug)]
pub(crate) struct Sealed {
    /// Sealed bundles: with the passphrase in this file, its first line; - is standard input
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "secret_file",
        help_heading = "Sealed bundles, which look like noise"
    )]
    passphrase_file: Option<PathBuf>,
    /// Sealed bundles: with the 32 bytes in this file, exchanged in person
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Sealed bundles, which look like noise"
    )]
    secret_file: Option<PathBuf>,
}

impl Sealed {
    /// The files named.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.passphrase_file.iter().chain(&self.secret_file)
    }

    /// The secret, if one was named.
    pub(crate) fn secret(&self) -> Result<Option<Secret>> {
        match (&self.passphrase_file, &self.secret_file) {
            (Some(path), _) => passphrase(path).map(Some),
            (None, Some(path)) => paired(path).map(Some),
            (None, None) => Ok(None),
        }
    }
}

fn passphrase(path: &Path) -> Result<Secret> {
    let what = || format!("passphrase file {}", name(path));
    let bytes = Zeroizing::new(read_limited(path, PASSPHRASE_FILE)?);
    if bytes.len() > PASSPHRASE_FILE {
        return Err(Failure::failed(what(), "is too long"));
    }
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match core::str::from_utf8(line) {
        Ok("") => Err(Failure::failed(what(), "is empty")),
        Ok(text) if text.contains('\n') => Err(Failure::failed(what(), "has more than one line")),
        Ok(text) => Ok(Secret::passphrase(text)),
        Err(_) => Err(Failure::failed(what(), "is no UTF-8")),
    }
}

fn paired(path: &Path) -> Result<Secret> {
    let bytes = Zeroizing::new(read_limited(path, 33)?);
    let (secret, rest) = match bytes.split_first_chunk::<32>() {
        Some((secret, rest)) => (Zeroizing::new(*secret), rest),
        None => return Err(not_32(path)),
    };
    if !rest.is_empty() && rest != b"\n" {
        return Err(not_32(path));
    }
    Ok(Secret::paired(*secret))
}

fn not_32(path: &Path) -> Box<Failure> {
    Failure::failed(format!("secret file {}", name(path)), "has not 32 bytes")
        .hint("`head -c 32 /dev/urandom > FILE` makes one")
}
