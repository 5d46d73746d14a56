//! `export`: everything that may be handed on, to a stick or a file.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use wcmp::relay::bundle::{Export as Files, ExportError};
use wcmp::relay::carry::{self, HandError};
use wcmp::relay::node::Clock;

use crate::error::{Failure, Result};
use crate::have;
use crate::home::{self, ClockArgs, of_node};
use crate::io::{exists, name, write_stdout, writing};
use crate::sealed::Sealed;
use crate::summary::plural;
use crate::ui::Ui;

/// Write all envelopes that may be handed on to a stick or a file
///
/// To a folder go bundles with random names, to a file one by that name; above 1 GiB to several. What came lately is
/// held for a random time of up to a day. Modification times of the files say 1980; their times of creation and access
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
        let what = format!("exporting to {}", name(&self.path));
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
        let (rng, force) = (wcmp::system_rng(), self.force);
        let mut swept = 0;
        let files = if self.path.is_dir() {
            swept = carry::sweep(&mut node, &self.path)
                .map_err(|error| Failure::io(writing(&self.path), &error))?;
            match secret {
                None => Files::to_folder(&self.path, rng),
                Some(secret) => Files::sealed_to_folder(&self.path, secret, rng),
            }
        } else {
            match secret {
                None => Files::to_file(&self.path, force, rng),
                Some(secret) => Files::sealed_to_file(&self.path, force, secret, rng),
            }
        };
        let mut files = files.map_err(failed)?;
        let bar = ui.progress(wcmp::relay::store::Store::totals(node.store()).bytes);
        let mut progress = |bytes| bar.inc(bytes);
        let handed = match &lacking {
            Some(ids) => carry::export_these(&mut node, &mut files, ids, &mut progress),
            None => carry::export(&mut node, &mut files, &mut progress),
        };
        let handed = handed.map_err(|error| match error {
            HandError::Node(error) => of_node(&what, error),
            HandError::Export(error) => failed(error),
        })?;
        let files = files.finish().map_err(failed)?;
        bar.finish_and_clear();

        let total = wcmp::relay::store::Store::totals(node.store()).envelopes;
        let held = match lacking {
            Some(_) => 0,
            None => total.saturating_sub(handed.envelopes),
        };
        let files: Vec<String> = files.iter().map(|file| name(file)).collect();
        if ui.json {
            return ui.document(&json!({
                "files": files,
                "envelopes": handed.envelopes,
                "bytes": handed.bytes,
                "held": held,
                "purged": purged.envelopes,
                "swept": swept,
            }));
        }
        if ui.quiet {
            return Ok(());
        }
        let mut lines = format!(
            "handed on {}, {} bytes\n",
            plural(handed.envelopes, "envelope"),
            handed.bytes
        );
        for file in &files {
            lines.push_str(&format!("{}\n", crate::error::one_line(file)));
        }
        for (count, why) in [
            (held, "held: they came lately, or expire today"),
            (purged.envelopes, "removed: their day is over"),
            (swept, "files removed that an earlier export has left"),
        ] {
            if count > 0 {
                lines.push_str(&format!("{count} {why}\n"));
            }
        }
        write_stdout(lines.as_bytes())
    }
}
