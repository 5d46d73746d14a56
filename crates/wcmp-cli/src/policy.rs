//! `policy show` and `check`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use wcmp::relay::policy::{Header, Policy, Reason, Rule, Subject, Verdict, Visit};
use wcmp::wire::sha256;

use crate::carrier::{Carrier, Found, walk};
use crate::error::{Failure, Result};
use crate::home::{self, read_policy, tally_lines};
use crate::io::{make_private_folder, write_stdout};
use crate::ui::{Ui, json_line};

/// Look at policies: what is taken in, kept and handed on.
#[derive(Subcommand, Debug)]
pub(crate) enum Policies {
    /// Print what the policy of this home folder, or another, comes to
    Show(Show),
    /// Say for every envelope of a bundle what a policy would do with it
    Check(Check),
}

#[derive(Args, Debug)]
pub(crate) struct Show {
    /// The policy; absent: the one of the home folder
    file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Check {
    /// The policy
    file: PathBuf,
    /// A bundle or an envelope; - is standard input
    bundle: PathBuf,
}

impl Policies {
    pub(crate) fn run(&self, ui: &Ui) -> Result<()> {
        match self {
            Policies::Show(show) => show.run(ui),
            Policies::Check(check) => check.run(ui),
        }
    }
}

impl Show {
    fn run(&self, ui: &Ui) -> Result<()> {
        let policy = match &self.file {
            Some(file) => read_policy(file)?,
            None => {
                let home = home::folder(ui)?;
                make_private_folder(&home)?;
                home::policy(&home)?
            }
        };
        let Policy {
            max_size,
            max_lifetime,
            max_slots,
            ref suites,
            hold,
            stamps,
            visit,
            quota,
            ..
        } = policy;
        let rules: Vec<String> = policy.rules().map(Rule::describe).collect();
        if ui.json {
            return ui.document(&json!({
                "max_size": max_size,
                "max_lifetime": max_lifetime,
                "max_slots": max_slots,
                "suites": suites,
                "hold": hold,
                "stamps": stamps,
                "visit": {
                    "envelopes": visit.envelopes,
                    "bytes": visit.bytes,
                    "files": visit.files,
                    "read": visit.read,
                },
                "store": {"envelopes": quota.envelopes, "bytes": quota.bytes},
                "rules": rules,
            }));
        }
        let suites = match suites {
            None => "# suites: all".into(),
            Some(suites) => {
                let suites: Vec<String> = suites.iter().map(|id| format!("{id:#06x}")).collect();
                format!("suites = [{}]", suites.join(", "))
            }
        };
        let mut lines = format!(
            "max_size = {max_size}\nmax_lifetime = {max_lifetime}\nmax_slots = {max_slots}\n{suites}\n\
             hold = {hold}\nstamps = {stamps}\n\n\
             [visit]\nenvelopes = {}\nbytes = {}\nfiles = {}\nread = {}\n\n\
             [store]\nenvelopes = {}\nbytes = {}\n",
            visit.envelopes, visit.bytes, visit.files, visit.read, quota.envelopes, quota.bytes
        );
        for rule in rules {
            lines.push_str(&format!("\n[[rule]]\n{rule}\n"));
        }
        write_stdout(lines.as_bytes())
    }
}

impl Check {
    fn run(&self, ui: &Ui) -> Result<()> {
        let policy = read_policy(&self.file)?;
        let what = format!("checking {}", crate::io::name(&self.bundle));
        let carrier = Carrier::open(&self.bundle)?;
        let bar = ui.progress(carrier.len());
        let mut visit = Visit::new(&policy);
        let mut lines = String::new();
        let summary = walk(carrier, &what, &bar, |found| {
            let Found::Envelope { stamp, view, .. } = found else {
                return Ok(());
            };
            let header = Header::from(&view);
            let id = view.id(sha256);
            let mut subject = Subject {
                header,
                now: ui.hour(),
                effort: None,
            };
            let mut verdict = policy.judge(&subject);
            // Work is asked for only where there is no room.
            subject.effort = Some(stamp.effort(&id));
            let when_full = match (verdict, policy.judge(&subject)) {
                (Verdict::Defer, Verdict::Drop(reason)) => Some(reason.0),
                _ => None,
            };
            if !matches!(verdict, Verdict::Drop(_)) && !visit.allows(header.size, 0, 0) {
                verdict = Verdict::Drop(Reason::BUDGET);
            }
            let reason = match verdict {
                Verdict::Drop(reason) => {
                    visit.tally.drop(reason);
                    Some(reason)
                }
                Verdict::Keep | Verdict::Defer => {
                    visit.tally.keep(header.size);
                    None
                }
            };
            let verdict = if reason.is_some() { "drop" } else { "keep" };
            let why = reason.map(|reason| policy.explain(reason));
            if ui.json {
                lines.push_str(&json_line(&json!({
                    "id": id.to_string(),
                    "verdict": verdict,
                    "reason": reason.map(|reason| reason.0),
                    "why": why,
                    "when_full": when_full,
                }))?);
            } else {
                lines.push_str(&match (reason.zip(why), when_full) {
                    (Some((reason, why)), _) => format!("drop {id} {reason}: {why}\n"),
                    (None, None) => format!("keep {id}\n"),
                    (None, Some(rule)) => {
                        format!("keep {id}; if the store is full, drop: {rule}\n")
                    }
                });
            }
            if lines.len() > 1 << 16 {
                bar.suspend(|| write_stdout(lines.as_bytes()))?;
                lines.clear();
            }
            Ok(())
        })?;
        bar.finish_and_clear();
        if !ui.json {
            lines.push_str(&tally_lines(&visit.tally, &policy));
        }
        write_stdout(lines.as_bytes())?;
        if !summary.is_clean() {
            return Err::<(), Box<Failure>>(summary.failure(what));
        }
        Ok(())
    }
}
