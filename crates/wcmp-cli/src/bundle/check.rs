//! `bundle check`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::Places;
use crate::carrier::{Bundle, Found, walk_bundle};
use crate::error::Result;
use crate::io::{name, write_stdout};
use crate::sealed::Sealed;
use crate::summary::plural;
use crate::ui::Ui;

#[derive(Args, Debug)]
pub(crate) struct Check {
    /// The bundle; - is standard input
    bundle: PathBuf,
    #[command(flatten)]
    sealed: Sealed,
}

impl Check {
    pub(super) fn run(&self, ui: &Ui) -> Result<()> {
        let what = format!("checking {}", name(&self.bundle));
        let secret = self.sealed.secret()?;
        let bundle = Bundle::open_with(&self.bundle, secret.as_ref())?;
        let bar = ui.progress(bundle.len);
        let mut places = Places::default();
        let summary = walk_bundle(bundle, &what, &bar, |found| {
            let Found::Place(place) = found else {
                return Ok(());
            };
            if ui.json {
                places.push(place);
                return Ok(());
            }
            bar.suspend(|| write_stdout(format!("{place}\n").as_bytes()))
        })?;
        bar.finish_and_clear();
        let (envelopes, ending) = (summary.envelopes, summary.ending.name());
        let mut document = places.document();
        document.insert("complete".into(), json!(summary.is_complete()));
        document.insert("envelopes".into(), json!(envelopes));
        document.insert("ending".into(), json!(ending));
        if !ui.json {
            let envelopes = plural(envelopes, "envelope");
            write_stdout(format!("{envelopes}, {ending}\n").as_bytes())?;
        }
        if !summary.is_complete() {
            return Err(summary.failure(what).with(document));
        }
        if ui.json {
            ui.document(&document)?;
        }
        Ok(())
    }
}
