//! `export`: everything that may be handed on, to a stick or a file.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use wcmp::Id;
use wcmp::relay::bundle::{Export as Files, ExportError, Secret};
use wcmp::relay::carry::{self, HandError, Handed};
use wcmp::relay::node::Clock;
use wcmp::relay::store::StoreError;

use crate::error::{Failure, Result};
use crate::have;
use crate::home::{self, Carrying, ClockArgs, of_node};
use crate::io::{exists, is_dash, name, write_stdout, writing};
use crate::sealed::Sealed;
use crate::summary::plural;
use crate::ui::Ui;

/// Write all envelopes that may be handed on to a stick or a file
///
/// To a folder go bundles with random names, to a file one by that name; above 1 GiB to several. What came lately is
/// held for a random time of up to a day; if nothing may be handed on, no file is written. Where there is no room for
/// all, those that expire last go first. Modification times of the files say 1980; their times of creation and access
/// cannot be set, and remain.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// A folder such as a stick, or the file to write
    path: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
    /// Write sealed bundles; needs --passphrase-file or --secret-file
    #[arg(long)]
    sealed: bool,
    /// Only what is lacking where this summary comes from, which `wcmp have` wrote
    #[arg(long, value_name = "FILE")]
    have: Option<PathBuf>,
    #[command(flatten)]
    with: Sealed,
    #[command(flatten)]
    clock: ClockArgs,
}

impl Export {
    pub(crate) fn run(&self, ui: &Ui) -> Result<()> {
        let what = format!("exporting to {}", self.path.display());
        if is_dash(&self.path) {
            return Err(Failure::usage(what, "an export may need several files")
                .hint("name a folder or a file"));
        }
        let secret = match (self.sealed, self.with.secret()?) {
            (true, None) => {
                return Err(Failure::usage(what, "--sealed has no secret")
                    .hint("name it with --passphrase-file FILE or --secret-file FILE"));
            }
            (false, Some(_)) => {
                return Err(Failure::usage(what, "there is a secret but no --sealed"));
            }
            (_, secret) => secret,
        };
        let failed = |error| match error {
            ExportError::Exists => exists(&self.path),
            ExportError::Io(error) => Failure::io(writing(&self.path), &error),
            error => Failure::failed(writing(&self.path), error),
        };
        let mut node = home::open(ui, Some(&self.clock))?;
        if node.clock() != Clock::Running {
            return Err(of_node(
                what,
                wcmp::relay::node::NodeError::Frozen(node.clock()),
            ));
        }
        let lacking = match &self.have {
            Some(path) => have::lacking(ui, path, &mut node)?,
            None => None,
        };
        let purged = node.purge().map_err(|error| of_node(&what, error))?;
        let mut swept = 0;
        if self.path.is_dir() {
            swept = carry::sweep(&mut node, &self.path, &mut wcmp::system_rng()).map_err(failed)?;
        }
        let bar = ui.progress(wcmp::relay::store::Store::totals(node.store()).bytes);
        let mut chosen = lacking.clone();
        let (mut room, mut ready) = (u64::MAX, None);
        let (handed, files) = loop {
            let mut written = 0;
            bar.set_position(0);
            let done = self.write(
                &mut node,
                secret.as_ref(),
                chosen.as_deref(),
                &mut |bytes| {
                    written += bytes;
                    bar.inc(bytes);
                },
            );
            match done {
                Err(HandError::Export(ExportError::Io(error))) if is_full(&error) => {
                    // What fits is found by trying: beside the envelopes there are frames and padding.
                    room = written.min(room) / 8 * 7;
                    let mut newest = |room| {
                        carry::newest(&mut node, lacking.as_deref(), room)
                            .map_err(|error| of_node(&what, error))
                    };
                    if ready.is_none() {
                        ready = Some(newest(u64::MAX)?.len() as u64);
                    }
                    let fitting = newest(room)?;
                    if fitting.is_empty() {
                        return Err(Failure::io(writing(&self.path), &error));
                    }
                    chosen = Some(fitting);
                }
                Err(HandError::Export(error)) => return Err(failed(error)),
                Err(HandError::Node(error)) => return Err(of_node(&what, error)),
                Ok(done) => break done,
            }
        };
        bar.finish_and_clear();
        let no_room = ready.map_or(0, |ready| ready.saturating_sub(handed.envelopes));

        let total = wcmp::relay::store::Store::totals(node.store()).envelopes;
        let held = match lacking {
            Some(_) => 0,
            None => total.saturating_sub(handed.envelopes + no_room),
        };
        let files: Vec<String> = files.iter().map(|file| name(file)).collect();
        if ui.json {
            return ui.document(&json!({
                "files": files,
                "envelopes": handed.envelopes,
                "bytes": handed.bytes,
                "held": held,
                "no_room": no_room,
                "purged": purged.envelopes,
                "swept": swept,
            }));
        }
        if ui.quiet {
            return Ok(());
        }
        let mut lines = match (handed.envelopes, &lacking) {
            (0, None) => "nothing may be handed on yet, so nothing was written\n".to_owned(),
            (0, Some(_)) => "nothing is lacking there, so nothing was written\n".to_owned(),
            (envelopes, _) => format!(
                "handed on {}, {} bytes\n",
                plural(envelopes, "envelope"),
                handed.bytes
            ),
        };
        for file in &files {
            lines.push_str(&format!("{}\n", crate::error::one_line(file)));
        }
        for (count, why) in [
            (held, "held: they came lately, or expire today"),
            (
                no_room,
                "left out: there is no room; those that expire last went first",
            ),
            (purged.envelopes, "removed: their day is over"),
            (swept, "files removed that an earlier export has left"),
        ] {
            if count > 0 {
                lines.push_str(&format!("{count} {why}\n"));
            }
        }
        write_stdout(lines.as_bytes())
    }
    /// Writes these, or all that may be handed on; no file if that is nothing.
    fn write(
        &self,
        node: &mut Carrying,
        secret: Option<&Secret>,
        ids: Option<&[Id]>,
        progress: &mut dyn FnMut(u64),
    ) -> core::result::Result<(Handed, Vec<PathBuf>), HandError<StoreError>> {
        let (rng, force) = (wcmp::system_rng(), self.force);
        let mut files = match (self.path.is_dir(), secret.cloned()) {
            (true, None) => Files::to_folder(&self.path, rng),
            (true, Some(secret)) => Files::sealed_to_folder(&self.path, secret, rng),
            (false, None) => Files::to_file(&self.path, force, rng),
            (false, Some(secret)) => Files::sealed_to_file(&self.path, force, secret, rng),
        }?;
        let handed = match ids {
            Some(ids) => carry::export_these(node, &mut files, ids, progress),
            None => carry::export(node, &mut files, progress),
        }?;
        if handed.envelopes == 0 {
            // Dropped, it leaves nothing.
            return Ok((handed, Vec::new()));
        }
        Ok((handed, files.finish()?))
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}
