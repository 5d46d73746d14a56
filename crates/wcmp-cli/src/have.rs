//! `have`: says on a stick what this node has, so that what comes back is only what it lacks.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use wcmp::Id;
use wcmp::relay::bundle::{ExportError, write_once};
use wcmp::relay::exchange::have::{FILE_LEN, FILE_NAME, Have, HaveError, offered};

use crate::error::{Failure, Result};
use crate::home::{self, Carrying, ClockArgs, of_node};
use crate::io::{exists, name, read_limited, write_stdout, writing};
use crate::summary::plural;
use crate::ui::Ui;

/// Write to a stick what this node has, so that others bring only what it lacks
///
/// A file `have` of 1 MiB. Whoever finds the stick and has some of the same envelopes can tell that this node has them,
/// and about how many it has in all; so leave it out where that matters. The other side exports with --have.
#[derive(Args, Debug)]
pub(crate) struct WriteHave {
    /// The folder, such as a stick
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Replace the file, which may be somebody else's
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    clock: ClockArgs,
}

impl WriteHave {
    pub(crate) fn run(&self, ui: &Ui) -> Result<()> {
        let path = self.folder.join(FILE_NAME);
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| Failure::failed(writing(&path), error))?;
        let mut node = home::open(ui, Some(&self.clock))?;
        let ids = offered(&mut node).map_err(|error| of_node(writing(&path), error))?;
        let (file, rng) = (Have::write(&key, &ids), &mut wcmp::system_rng());
        write_once(&path, &file, self.force, rng).map_err(|error| match error {
            ExportError::Exists => exists(&path),
            ExportError::Io(error) => Failure::io(writing(&path), &error),
            error => Failure::failed(writing(&path), error),
        })?;
        if ui.json {
            return ui.document(&json!({"file": name(&path), "envelopes": ids.len()}));
        }
        if !ui.quiet {
            let envelopes = plural(ids.len() as u64, "envelope");
            write_stdout(format!("summary of {envelopes}\n").as_bytes())?;
        }
        Ok(())
    }
}

/// What is lacking where a summary comes from; `None` if it differs too much to tell: then all is handed on, as far as
/// there is room.
pub(crate) fn lacking(ui: &Ui, path: &Path, node: &mut Carrying) -> Result<Option<Vec<Id>>> {
    let what = || format!("summary {}", name(path));
    let refused = |error| Failure::refused(what(), "bundle", error);
    let have = Have::read(&read_limited(path, FILE_LEN)?).map_err(refused)?;
    let ours = offered(node).map_err(|error| of_node(what(), error))?;
    match have.compare(&ours) {
        Ok(compared) => Ok(Some(compared.lacks)),
        Err(HaveError::TooMany) => {
            ui.note(&format!(
                "{}: {}; all is handed on",
                what(),
                HaveError::TooMany
            ));
            Ok(None)
        }
        Err(error) => Err(refused(error)),
    }
}
