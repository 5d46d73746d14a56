//! `have`: says on a stick what this node has, so that what comes back is only what it lacks.

use core::time::Duration;
use std::fs::FileTimes;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use serde_json::json;
use wcmp::Id;
use wcmp::relay::exchange::have::{FILE_LEN, FILE_NAME, Have, HaveError, offered};

use crate::error::{Failure, Result};
use crate::home::{self, Carrying, ClockArgs, of_node};
use crate::io::{
    Access, exists, name, read_limited, sync_folder, temporary, write_stdout, writing,
};
use crate::summary::plural;
use crate::ui::Ui;

/// 1980-01-02T00:00:00Z in seconds since 1970, as for bundles.
const MODIFIED: Duration = Duration::from_secs(315_619_200);

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
        let failed = |error| Failure::io(writing(&path), &error);
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| Failure::failed(writing(&path), error))?;
        let mut node = home::open(ui, Some(&self.clock))?;
        let ids = offered(&mut node).map_err(|error| of_node(writing(&path), error))?;
        let file = temporary(&self.folder, Access::Usual, &Have::write(&key, &ids));
        let file = file.map_err(failed)?;
        let modified = SystemTime::UNIX_EPOCH + MODIFIED;
        let times = FileTimes::new().set_modified(modified);
        file.as_file().set_times(times).map_err(failed)?;
        if self.force {
            file.persist(&path).map_err(|error| failed(error.error))?;
        } else {
            file.persist_noclobber(&path)
                .map_err(|error| match error.error.kind() {
                    std::io::ErrorKind::AlreadyExists => exists(&path),
                    _ => failed(error.error),
                })?;
        }
        sync_folder(&path)?;
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
