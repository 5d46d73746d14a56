//! Everything that may be handed on, into files.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;
use core::time::Duration;
use std::fs;
use std::path::Path;

use rand_core::TryCryptoRng;
use wcmp_wire::{EnvelopeRef, Id, MAX_ENVELOPE, sha256};

use super::{is_random_name, open_regular};
use crate::bundle::{Event, Export, ExportError, Io, Reader, time_of_medium};
use crate::node::{Node, NodeError};
use crate::store::Store;

/// What was handed on.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Handed {
    /// Envelopes.
    pub envelopes: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Why nothing was handed on.
#[derive(Debug)]
pub enum HandError<E> {
    /// The node failed, or its clock stepped.
    Node(NodeError<E>),
    /// The files were not written.
    Export(ExportError),
}

impl<E: fmt::Display> fmt::Display for HandError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(error) => error.fmt(f),
            Self::Export(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for HandError<E> {}

impl<E> From<NodeError<E>> for HandError<E> {
    fn from(error: NodeError<E>) -> Self {
        Self::Node(error)
    }
}

impl<E> From<ExportError> for HandError<E> {
    fn from(error: ExportError) -> Self {
        Self::Export(error)
    }
}

/// Pushes everything that may be handed on now to `files`, ascending by id. The caller finishes them. `progress` is told
/// of each envelope's bytes. Takes memory for one envelope, and 32 to 80 bytes for each in the store.
///
/// # Errors
/// If the node or the files fail, or the clock stepped.
pub fn export<S: Store, R: TryCryptoRng>(
    node: &mut Node<S>,
    files: &mut Export<R>,
    progress: &mut dyn FnMut(u64),
) -> Result<Handed, HandError<S::Error>> {
    let ids: Vec<Id> = node.offered()?.iter().map(|entry| entry.id).collect();
    export_these(node, files, &ids, progress)
}

/// Pushes these envelopes, whose ids ascend, as far as they may be handed on: for a stick to somebody whose summary
/// [`Have`](crate::exchange::have::Have) tells what is lacking there.
///
/// # Errors
/// As [`export`].
pub fn export_these<S: Store, R: TryCryptoRng>(
    node: &mut Node<S>,
    files: &mut Export<R>,
    ids: &[Id],
    progress: &mut dyn FnMut(u64),
) -> Result<Handed, HandError<S::Error>> {
    let mut handed = Handed::default();
    for id in ids {
        // It may have been evicted or found damaged meanwhile.
        if let Some(stored) = node.hand(id)? {
            files.push(*id, stored.stamp(), &stored.envelope)?;
            handed.envelopes += 1;
            handed.bytes += stored.envelope.len() as u64;
            progress(stored.envelope.len() as u64);
        }
    }
    Ok(handed)
}

/// Of what may be handed on, and is among these ids if some are given, the newest: as much as `room` bytes of envelopes
/// take, for a medium that does not take all. Ascending by id, for [`export_these`].
///
/// When an envelope was written nobody can know, so the newest are those that expire last.
///
/// # Errors
/// If the node fails, or the clock stepped.
pub fn newest<S: Store>(
    node: &mut Node<S>,
    among: Option<&[Id]>,
    room: u64,
) -> Result<Vec<Id>, NodeError<S::Error>> {
    let among: Option<BTreeSet<&Id>> = among.map(|ids| ids.iter().collect());
    let mut entries = node.offered()?;
    entries.retain(|entry| among.as_ref().is_none_or(|ids| ids.contains(&entry.id)));
    entries.sort_unstable_by_key(|entry| (Reverse(entry.expires), entry.id));
    let mut left = room;
    let mut ids = Vec::new();
    for entry in entries {
        // A large one that finds no room leaves it to smaller ones.
        if let Some(rest) = left.checked_sub(entry.size.into()) {
            left = rest;
            ids.push(entry.id);
        }
    }
    ids.sort_unstable();
    Ok(ids)
}

/// A leftover is at least so much older than a file that is being made now.
const LEFT: Duration = Duration::from_secs(3600);

/// Removes files `XXXXXXXX.WCP` that an export which was killed has left in a folder, and says how many.
///
/// Only regular files with such names are, whose every intact envelope the node has, so that nothing is lost; and only
/// if they were last written an hour before a file that is made now, so that an export that goes on keeps its file.
///
/// # Errors
/// If the folder cannot be read or written, or the RNG fails. Files that cannot be read or removed are left.
pub fn sweep<S: Store>(
    node: &mut Node<S>,
    folder: &Path,
    rng: &mut impl TryCryptoRng,
) -> Result<u64, ExportError> {
    let mut leftovers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let random = name.and_then(|name| name.strip_suffix(".WCP"));
        if random.is_some_and(is_random_name) {
            leftovers.push(path);
        }
    }
    if leftovers.is_empty() {
        return Ok(0);
    }
    // By the clock of the medium, which may be another machine's.
    let now = time_of_medium(folder, rng)?;
    let mut swept = 0;
    for path in leftovers {
        let Ok((file, metadata)) = open_regular(&path) else {
            continue;
        };
        let age = metadata
            .modified()
            .ok()
            .and_then(|then| now.duration_since(then).ok());
        if age.is_some_and(|age| age >= LEFT)
            && is_known(node, Io(file))
            && fs::remove_file(&path).is_ok()
        {
            swept += 1;
        }
    }
    Ok(swept)
}

/// Whether all that is in a file is in the store too.
fn is_known<S: Store>(node: &mut Node<S>, file: Io<fs::File>) -> bool {
    let Ok(mut reader) = Reader::open(file, MAX_ENVELOPE) else {
        return false;
    };
    loop {
        match reader.next() {
            Ok(Some(Event::Frame { envelope, .. })) => {
                let id = EnvelopeRef::parse(envelope).map(|envelope| envelope.id(sha256));
                if id.is_ok_and(|id| !node.store().contains(&id)) {
                    return false;
                }
            }
            // What was cut off is lost anyway.
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}
