//! `store stats`, `prune` and `verify`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use wcmp::relay::node::Clock;
use wcmp::relay::store::Store;

use crate::error::{Failure, Result};
use crate::home::{self, ClockArgs, of_node, of_store};
use crate::io::write_stdout;
use crate::summary::plural;
use crate::ui::{Ui, date, say};

/// Look at the store, tidy it, check it.
#[derive(Subcommand, Debug)]
pub(crate) enum Stores {
    /// Say how much is there, and until when
    Stats,
    /// Remove what has expired or is too much, and sort what is left; needs no space
    Prune(Prune),
    /// Read every envelope, and drop those that the medium has damaged
    Verify,
}

#[derive(Args, Debug)]
pub(crate) struct Prune {
    #[command(flatten)]
    clock: ClockArgs,
}

impl Stores {
    pub(crate) fn run(&self, ui: &Ui) -> Result<()> {
        match self {
            Stores::Stats => stats(ui),
            Stores::Prune(prune) => prune.run(ui),
            Stores::Verify => verify(ui),
        }
    }
}

fn stats(ui: &Ui) -> Result<()> {
    let mut node = home::open(ui, None)?;
    let (clock, held, quota) = (node.clock(), node.held(), node.policy().quota);
    let (totals, days) = (node.store().totals(), node.store().days());
    let aside = node.store().kept_aside();
    // Of what has expired meanwhile some holds remain.
    let held = (held as u64).min(totals.envelopes);
    if ui.json {
        let days = days.iter().map(|day| {
            let totals = day.totals;
            json!({
                "expires_from": day.day.saturating_mul(24),
                "envelopes": totals.envelopes,
                "bytes": totals.bytes,
            })
        });
        return ui.document(&json!({
            "envelopes": totals.envelopes,
            "bytes": totals.bytes,
            "held": held,
            "clock": match clock {
                Clock::Running => "running",
                Clock::Lost => "lost",
                _ => "stepped",
            },
            "kept_aside": aside,
            "quota": {"envelopes": quota.envelopes, "bytes": quota.bytes},
            "days": days.collect::<Value>(),
        }));
    }
    let mut lines = format!(
        "{} of at most {}, {} bytes of at most {}\n{held} held\n",
        plural(totals.envelopes, "envelope"),
        quota.envelopes,
        totals.bytes,
        quota.bytes
    );
    for day in days {
        let last = day.day.saturating_mul(24).saturating_add(23);
        lines.push_str(&format!(
            "until {}: {}, {} bytes\n",
            date(last),
            plural(day.totals.envelopes, "envelope"),
            day.totals.bytes
        ));
    }
    lines.push_str(&kept_aside(aside));
    if clock != Clock::Running {
        lines.push_str(&format!("{clock}: nothing is removed or handed on\n"));
    }
    write_stdout(lines.as_bytes())
}

/// A line about files of which nothing could be read.
fn kept_aside(files: usize) -> String {
    match files {
        0 => String::new(),
        files => format!(
            "{} kept aside (*.bad), in which nothing could be read\n",
            plural(files as u64, "file")
        ),
    }
}

impl Prune {
    fn run(&self, ui: &Ui) -> Result<()> {
        let what = "pruning the store";
        let mut node = home::open(ui, Some(&self.clock))?;
        let bar = ui.steps(0);
        let gone = node.purge().map_err(|error| of_node(what, error))?;
        // An import that was killed has left its order. On a full disk there may be no space to sort in.
        let tidied = home::forget_order(&mut node).and_then(|()| {
            let store = node.store();
            let tidied = store.tidy_with(|done, all| {
                bar.set_length(all);
                bar.set_position(done);
            });
            tidied.map_err(|error| of_store("sorting", error))
        });
        bar.finish_and_clear();
        if ui.json {
            return ui.document(&json!({
                "envelopes": gone.envelopes,
                "bytes": gone.bytes,
                "sorted": tidied.is_ok(),
            }));
        }
        if let Err(failure) = &tidied {
            say(&failure.lines());
        }
        if ui.quiet {
            return Ok(());
        }
        let gone = format!(
            "removed {}, {} bytes\n",
            plural(gone.envelopes, "envelope"),
            gone.bytes
        );
        write_stdout(gone.as_bytes())
    }
}

fn verify(ui: &Ui) -> Result<()> {
    let what = "verifying the store";
    let mut node = home::open(ui, None)?;
    let store = node.store();
    let bar = ui.steps(store.totals().envelopes);
    let lost = store
        .verify(|read| bar.set_position(read))
        .map_err(|error| of_store(what, error))?;
    bar.finish_and_clear();
    let left = store.totals().envelopes;
    let (found, aside) = (store.damaged(), store.kept_aside());
    let document = json!({"envelopes": left, "damaged": found, "kept_aside": aside});
    if found > 0 || lost > 0 {
        let why = format!(
            "{}, {} intact",
            plural(found.max(lost), "damaged place"),
            left
        );
        let failure = Failure::refused(what, "bundle", why);
        return Err(match document {
            Value::Object(fields) => failure.with(fields),
            _ => failure,
        });
    }
    if ui.json {
        return ui.document(&document);
    }
    if ui.quiet {
        return Ok(());
    }
    let intact = format!("{}, all intact\n", plural(left, "envelope"));
    write_stdout((intact + &kept_aside(aside)).as_bytes())
}
