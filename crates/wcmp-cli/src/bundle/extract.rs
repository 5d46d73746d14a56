//! `bundle extract`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use wcmp::wire::sha256;

use super::Places;
use crate::carrier::{Bundle, Found, walk_bundle};
use crate::error::{Failure, Result};
use crate::io::{Access, make_folder, name, sync_folder, temporary, writing};
use crate::sealed::Sealed;
use crate::summary::{Ending, plural};
use crate::ui::{Ui, complain, say};

#[derive(Args, Debug)]
pub(crate) struct Extract {
    /// The folder that the envelopes go to; made if there is none
    #[arg(short = 'C', value_name = "DIR", required = true)]
    folder: PathBuf,
    /// Replace files of the same name that hold something else
    #[arg(long)]
    force: bool,
    /// The bundle; - is standard input
    bundle: PathBuf,
    #[command(flatten)]
    sealed: Sealed,
}

impl Extract {
    pub(super) fn run(&self, ui: &Ui) -> Result<()> {
        let what = format!("extracting {}", name(&self.bundle));
        let secret = self.sealed.secret()?;
        let bundle = Bundle::open_with(&self.bundle, secret.as_ref())?;
        make_folder(&self.folder)?;
        let bar = ui.progress(bundle.len);
        let mut ids: Vec<String> = Vec::new();
        let mut places = Places::default();
        let mut conflict = None;
        let summary = walk_bundle(bundle, &what, &bar, |found| {
            match found {
                Found::Envelope { view, .. } => {
                    let id = view.id(sha256).to_string();
                    let path = self.folder.join(&id);
                    match self.save(&path, view.as_bytes())? {
                        Saved::Yes if ui.json => ids.push(id),
                        Saved::Yes => {}
                        Saved::Occupied => {
                            let text = "exists already and holds something else";
                            let failure =
                                Failure::failed(writing(&path), text).hint("--force replaces it");
                            if let Some(earlier) = conflict.replace(failure) {
                                bar.suspend(|| say(&earlier.lines()));
                            }
                        }
                    }
                }
                Found::Place(place) => {
                    places.push(place);
                    let text = format!("wcmp: {}: {place}", name(&self.bundle));
                    bar.suspend(|| complain(&text));
                }
            }
            Ok(())
        })?;
        bar.finish_and_clear();
        sync_folder(&self.folder.join("any"))?;

        let mut document = places.document();
        document.insert("envelopes".into(), json!(summary.envelopes));
        document.insert("ids".into(), json!(ids));
        document.insert("ending".into(), json!(summary.ending.name()));
        if let Some(conflict) = conflict {
            return Err(conflict.with(document));
        }
        if !summary.is_clean() {
            return Err(summary.failure(what).with(document));
        }
        let ending = match summary.ending {
            Ending::Complete => "",
            _ => "; the bundle was cut off there",
        };
        let envelopes = plural(summary.envelopes, "envelope");
        ui.note(&format!("{envelopes} saved{ending}"));
        if ui.json {
            ui.document(&document)?;
        }
        Ok(())
    }

    fn save(&self, path: &Path, bytes: &[u8]) -> Result<Saved> {
        let failed = |error: io::Error| Failure::io(writing(path), &error);
        match found(path, bytes).map_err(failed)? {
            There::Same => return Ok(Saved::Yes),
            There::Other if !self.force => return Ok(Saved::Occupied),
            There::Other | There::Nothing => {}
        }
        let file = temporary(&self.folder, Access::Usual, bytes).map_err(failed)?;
        if self.force {
            file.persist(path).map_err(|error| failed(error.error))?;
            return Ok(Saved::Yes);
        }
        match file.persist_noclobber(path) {
            Ok(_) => Ok(Saved::Yes),
            // Somebody was faster.
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                Ok(match found(path, bytes).map_err(failed)? {
                    There::Same => Saved::Yes,
                    There::Other | There::Nothing => Saved::Occupied,
                })
            }
            Err(error) => Err(failed(error.error)),
        }
    }
}

enum Saved {
    Yes,
    Occupied,
}

/// What is at a path already.
enum There {
    Nothing,
    Same,
    Other,
}

/// Looks without following a link.
fn found(path: &Path, bytes: &[u8]) -> io::Result<There> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(There::Nothing),
        Err(error) => return Err(error),
    };
    if !metadata.is_file() || metadata.len() != bytes.len() as u64 {
        return Ok(There::Other);
    }
    let mut there = Vec::with_capacity(bytes.len());
    let limit = bytes.len() as u64 + 1;
    File::open(path)?.take(limit).read_to_end(&mut there)?;
    Ok(if there == bytes {
        There::Same
    } else {
        There::Other
    })
}
