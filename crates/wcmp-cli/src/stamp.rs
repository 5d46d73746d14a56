//! `stamp`: work for an envelope.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use wcmp::EnvelopeRef;
use wcmp::relay::bundle::{Export, ExportError, Stamp as Label};
use wcmp::relay::work::Work;
use wcmp::wire::{MAX_ENVELOPE, sha256};

use crate::error::{Failure, Result};
use crate::io::{exists, name, read_limited, write_stdout, writing};
use crate::ui::Ui;

/// Nonces that are tried between two looks at the bar.
const AT_ONCE: u64 = 1 << 14;

/// Put a stamp beside an envelope: work, by which full stores rank what they keep
///
/// Writes a bundle with the envelope and its stamp. Everybody can see the stamp, and follow copies by it; nodes hand it
/// on only where their policy says so. Nothing is written if it is interrupted.
#[derive(Args, Debug)]
pub(crate) struct Stamp {
    /// Go on until the stamp is worth this much, which takes about as many tries
    #[arg(long, value_name = "N", default_value = "1000000")]
    effort: u64,
    /// Begin with this nonce; for test vectors [default: a random one]
    #[arg(long, value_name = "NONCE")]
    start: Option<u64>,
    /// The bundle to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Replace an existing OUT
    #[arg(long)]
    force: bool,
    /// The envelope; - is standard input
    envelope: PathBuf,
}

impl Stamp {
    pub(crate) fn run(&self, ui: &Ui) -> Result<()> {
        let what = format!("stamping {}", name(&self.envelope));
        let bytes = read_limited(&self.envelope, MAX_ENVELOPE)?;
        let view = EnvelopeRef::parse(&bytes).map_err(|error| Failure::parse(&what, error))?;
        let id = view.id(sha256);
        let failed = |error| match error {
            ExportError::Exists => exists(&self.output),
            ExportError::Io(error) => Failure::io(writing(&self.output), &error),
            error => Failure::failed(writing(&self.output), error),
        };
        // Before the work, that nothing is done in vain.
        if !self.force && std::fs::symlink_metadata(&self.output).is_ok() {
            return Err(exists(&self.output));
        }
        let start = match self.start {
            Some(start) => start,
            None => getrandom::u64().map_err(|error| Failure::failed(&what, error))?,
        };
        let bar = ui.steps(self.effort);
        let mut work = Work::new(id, start);
        while work.effort() < self.effort {
            // With a nonce given, no more than needed.
            work.run(if self.start.is_some() { 1 } else { AT_ONCE });
            bar.set_position(work.tried().min(self.effort));
        }
        bar.finish_and_clear();

        let rng = wcmp::system_rng();
        let mut export = Export::to_file(&self.output, self.force, rng).map_err(failed)?;
        let nonce = work.nonce();
        export
            .push(id, Label::work(&nonce), &bytes)
            .map_err(failed)?;
        export.finish().map_err(failed)?;
        let (effort, tried) = (work.effort(), work.tried());
        if ui.json {
            return ui.document(&json!({
                "id": id.to_string(),
                "nonce": u64::from_be_bytes(nonce).to_string(),
                "effort": effort,
                "tried": tried,
            }));
        }
        if ui.quiet {
            return Ok(());
        }
        write_stdout(format!("effort {effort} after {tried} tries\n").as_bytes())
    }
}
