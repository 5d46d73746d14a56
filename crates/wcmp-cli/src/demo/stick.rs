//! The sticks of the demo: bundle files, really written and read.

use std::fs;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use wcmp::EnvelopeRef;
use wcmp::relay::bundle::{Export, Stamp, Writer};
use wcmp::wire::sha256;

use crate::carrier::{Bundle, Found, walk_bundle};
use crate::error::{Failure, Result};
use crate::summary::{Ending, Fault, Summary};

/// At most so many copies are tampered with, and so many bytes of them.
const COPIES: usize = 64;
const COPIED: usize = 64 << 20;

/// A bundle file and what was read from it.
pub(super) struct Stick {
    path: PathBuf,
    pub(super) size: u64,
    pub(super) envelopes: Vec<Vec<u8>>,
}

/// A bundle of copies of one envelope, a bit flipped in each.
pub(super) struct Copies {
    pub(super) count: usize,
    /// Those that still look like envelopes.
    pub(super) envelopes: Vec<Vec<u8>>,
    /// The codes of those that do not.
    pub(super) refused: Vec<&'static str>,
    pub(super) complete: bool,
}

/// Writes envelopes to a stick.
pub(super) fn fill(folder: &Path, envelopes: Vec<Vec<u8>>) -> Result<Stick> {
    let what = || format!("writing to {}", folder.display());
    let mut members = Vec::with_capacity(envelopes.len());
    for envelope in envelopes {
        let view = EnvelopeRef::parse(&envelope).map_err(|error| Failure::parse(what(), error))?;
        members.push((view.id(sha256), envelope));
    }
    members.sort();
    let failed = |error| Failure::failed(what(), error);
    let mut export = Export::to_folder(folder, wcmp::system_rng()).map_err(failed)?;
    for (id, envelope) in &members {
        export.push(*id, Stamp::NONE, envelope).map_err(failed)?;
    }
    let files = export.finish().map_err(failed)?;
    match files.as_slice() {
        [path] => Stick::plug_in(path),
        _ => Err(Failure::failed(what(), "it became more than one file")),
    }
}

/// Takes everything from one stick and writes it to another.
pub(super) fn carry(from: &Stick, folder: &Path) -> Result<Stick> {
    fill(folder, Stick::plug_in(&from.path)?.envelopes)
}

impl Stick {
    fn plug_in(path: &Path) -> Result<Stick> {
        let mut envelopes = Vec::new();
        let (summary, size) = read(path, |found| {
            if let Found::Envelope { view, .. } = found {
                envelopes.push(view.as_bytes().to_vec());
            }
        })?;
        if !summary.is_complete() {
            return Err(summary.failure(format!("reading {}", path.display())));
        }
        Ok(Stick {
            path: path.into(),
            size,
            envelopes,
        })
    }

    pub(super) fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The bytes of the file.
    pub(super) fn read(&self) -> Result<Vec<u8>> {
        let what = || format!("reading {}", self.path.display());
        fs::read(&self.path).map_err(|error| Failure::io(what(), &error))
    }

    pub(super) fn views(&self) -> Result<Vec<EnvelopeRef<'_>>> {
        let views = self.envelopes.iter().map(|bytes| EnvelopeRef::parse(bytes));
        views
            .collect::<core::result::Result<_, _>>()
            .map_err(|error| Failure::parse("the demo", error))
    }

    pub(super) fn is_sorted(&self) -> bool {
        self.views()
            .is_ok_and(|views| views.is_sorted_by_key(|view| view.id(sha256)))
    }

    /// Whether the frames begin with the same marker.
    pub(super) fn shares_frames(&self, other: &Stick) -> bool {
        let marker = |stick: &Stick| {
            let bytes = stick.read().ok()?;
            bytes.get(20..24).map(<[u8]>::to_vec)
        };
        marker(self) == marker(other)
    }
}

fn read(path: &Path, mut each: impl FnMut(Found<'_>)) -> Result<(Summary, u64)> {
    let bundle = Bundle::open(path)?;
    let size = bundle.len;
    let what = format!("reading {}", path.display());
    let bar = ProgressBar::hidden();
    let summary = walk_bundle(bundle, &what, &bar, |found| {
        each(found);
        Ok(())
    })?;
    Ok((summary, size))
}

/// Flips one bit in each of many copies, from the first byte to the last, and reads them from a bundle with checksums
/// that hold.
pub(super) fn flipped_copies(folder: &Path, envelope: &[u8]) -> Result<Copies> {
    let what = "tampering";
    let count = (COPIED / envelope.len().max(1)).clamp(4, COPIES);
    let mut salt = [0; 4];
    getrandom::fill(&mut salt).map_err(|error| Failure::failed(what, error))?;
    let Ok(mut writer) = Writer::new(Vec::new(), salt);
    for copy in 0..count {
        let mut flipped = envelope.to_vec();
        let place = copy * (envelope.len() - 1) / (count - 1);
        if let Some(byte) = flipped.get_mut(place) {
            *byte ^= 1 << (copy % 8);
        }
        writer
            .frame(Stamp::NONE, &flipped)
            .map_err(|error| Failure::failed(what, error))?;
    }
    let Ok(file) = writer.finish();
    let path = folder.join("TAMPERED.WCM");
    fs::write(&path, file)
        .map_err(|error| Failure::io(format!("writing {}", path.display()), &error))?;

    let (mut envelopes, mut refused) = (Vec::new(), Vec::new());
    let (summary, _) = read(&path, |found| match found {
        Found::Envelope { view, .. } => envelopes.push(view.as_bytes().to_vec()),
        Found::Place(place) => {
            if let Fault::NotAnEnvelope(error) = place.fault {
                refused.push(error.code());
            }
        }
    })?;
    let complete = summary.damaged == 0 && summary.ending == Ending::Complete;
    Ok(Copies {
        count,
        envelopes,
        refused,
        complete,
    })
}
