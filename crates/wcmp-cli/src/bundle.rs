//! `bundle create`, `extract` and `check`.

mod check;
mod create;
mod extract;

use clap::Subcommand;
use serde_json::{Map, Value, json};

use self::check::Check;
use self::create::Create;
use self::extract::Extract;
use crate::error::Result;
use crate::summary::{Fault, Place};
use crate::ui::Ui;

/// How many places of a kind one document lists; the error in it counts them all.
const PLACES_LISTED: usize = 10_000;

/// Put envelopes into a bundle, take them out, check it.
#[derive(Subcommand, Debug)]
pub(crate) enum Bundles {
    /// Write envelopes to a bundle, sorted by id, each once; above 1 GiB to several
    Create(Create),
    /// Save every intact envelope of a bundle to a file named by its id
    Extract(Extract),
    /// Tell whether a bundle is complete and undamaged
    Check(Check),
}

impl Bundles {
    pub(crate) fn run(&self, ui: &Ui) -> Result<()> {
        match self {
            Bundles::Create(create) => create.run(ui),
            Bundles::Extract(extract) => extract.run(ui),
            Bundles::Check(check) => check.run(ui),
        }
    }
}

/// Places for a JSON document.
#[derive(Default)]
struct Places {
    damaged: Vec<Value>,
    skipped: Vec<Value>,
    others: Vec<Value>,
}

impl Places {
    fn push(&mut self, place: Place) {
        let mut document = json!({"offset": place.offset, "len": place.len});
        let list = match place.fault {
            Fault::Damaged => &mut self.damaged,
            Fault::Skipped => &mut self.skipped,
            Fault::NotAnEnvelope(error) => {
                if let Some(fields) = document.as_object_mut() {
                    fields.insert("code".into(), json!(error.code()));
                }
                &mut self.others
            }
        };
        if list.len() < PLACES_LISTED {
            list.push(document);
        }
    }

    fn document(self) -> Map<String, Value> {
        let mut document = Map::new();
        document.insert("damaged".into(), json!(self.damaged));
        document.insert("skipped".into(), json!(self.skipped));
        document.insert("not_envelopes".into(), json!(self.others));
        document
    }
}
