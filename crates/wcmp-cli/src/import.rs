//! `import`: what others hand on, into the store.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use wcmp::relay::bundle::{Secret, is_sealed_len};
use wcmp::relay::carry::{self, Candidates, FileReport, Form, ImportError, candidates};
use wcmp::relay::node::Clock;
use wcmp::relay::policy::VisitLimits;

use crate::error::{Failure, Result, one_line};
use crate::home::{self, ClockArgs, of_node, tally_document, tally_lines};
use crate::io::{is_dash, name, one_stdin, write_stdout};
use crate::sealed::Sealed;
use crate::summary::plural;
use crate::ui::{Ui, say};

/// Take in what a stick or bundle files hold
///
/// Reads regular files only and follows no links. Keeps every intact envelope of damaged ones, and says what was lost.
/// Doing it twice changes nothing.
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// Folders such as a stick, of which bundles are read by their names, but not folders in them; and files: bundles
    /// and single envelopes; - is standard input
    #[arg(required_unless_present = "own")]
    path: Vec<PathBuf>,
    /// An envelope that you wrote: it enters among others, and so only if at least 8 new ones of other people come with it,
    /// or when its file is a day old
    #[arg(long, value_name = "FILE")]
    own: Vec<PathBuf>,
    /// Insist on a secret for sealed bundles; naming one is enough to have them read
    #[arg(long)]
    sealed: bool,
    #[command(flatten)]
    with: Sealed,
    #[command(flatten)]
    clock: ClockArgs,
}

/// So many names of a folder are listed to choose among, if a visit may not bring more.
const LISTED: u64 = 1 << 18;

/// So many foreign envelopes a message of one's own has to come in with (spec 9.2).
const COVER: u64 = 8;

/// Whether a message has waited long enough by itself (spec 9.2).
fn is_a_day_old(ui: &Ui, path: &Path) -> bool {
    let written = path.metadata().and_then(|found| found.modified()).ok();
    let since = written.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.is_some_and(|since| u64::from(ui.hour()) >= since.as_secs() / 3600 + 24)
}

/// What there is to be read.
#[derive(Default)]
struct Inputs {
    /// Files, and whether they were named by the user.
    files: Vec<(PathBuf, bool)>,
    /// Where standard input is kept.
    stdin: Option<NamedTempFile>,
    irregular: Vec<PathBuf>,
    surplus: u64,
    folders: u64,
}

impl Import {
    pub(crate) fn run(&self, ui: &Ui) -> Result<()> {
        let secret = self.with.secret()?;
        if self.sealed && secret.is_none() {
            return Err(Failure::usage("importing", "--sealed has no secret")
                .hint("name it with --passphrase-file FILE or --secret-file FILE"));
        }
        let mut node = home::open(ui, Some(&self.clock))?;
        if node.clock() == Clock::Running {
            node.purge()
                .map_err(|error| of_node("removing what has expired", error))?;
        }
        let inputs = self.inputs(node.policy().visit, secret.is_some())?;
        let lengths = inputs.files.iter().map(|(path, _)| path.metadata());
        let bar = ui.progress(lengths.flatten().map(|found| found.len()).sum());

        let mut import = carry::Import::new(&mut node);
        if let Some(secret) = &secret {
            import = import.secret(secret);
        }
        let mut faults = Faults::default();
        let mut reports: Vec<Value> = Vec::new();
        for (path, named) in &inputs.files {
            let start = bar.position();
            let read = import.file(path, &mut |at| bar.set_position(start + at));
            let shown = inputs.shown(path);
            let what = format!("importing {shown}");
            match read {
                Ok(report) => {
                    reports.push(document(&shown, &report));
                    let failure = fault(&what, path, &report, *named, secret.as_ref());
                    faults.push(&bar, failure);
                }
                Err(ImportError::Node(error)) => {
                    faults.push(&bar, Some(of_node(what, error)));
                    break;
                }
                Err(ImportError::File(error)) => {
                    faults.push(&bar, Some(Failure::io(what, &error)));
                }
                Err(error) => faults.push(&bar, Some(Failure::failed(what, error))),
            }
            bar.set_position(start + path.metadata().map_or(0, |found| found.len()));
        }
        let mut waiting = Vec::new();
        let cover = if self.own.is_empty() {
            0
        } else {
            import.cover()
        };
        for path in &self.own {
            let what = format!("importing {}", name(path));
            if cover < COVER && !is_a_day_old(ui, path) {
                waiting.push(name(path));
                let why = format!(
                    "waits for {COVER} new envelopes of other people to come with it, {cover} did; or for a day"
                );
                faults.push(&bar, Some(Failure::failed(what, why)));
                continue;
            }
            let failure = match import.file(path, &mut |_| ()) {
                Ok(report) if report.form == Form::Envelope => None,
                Ok(_) => Some(Failure::refused(what, "malformed", "is no envelope")),
                Err(ImportError::File(error)) => Some(Failure::io(what, &error)),
                Err(error) => Some(Failure::failed(what, error)),
            };
            faults.push(&bar, failure);
        }
        // Whatever went wrong, what was read is taken in, and what became of it is said.
        let (visit, taken) = import.finish();
        let what = "taking envelopes in";
        faults.push(&bar, taken.err().map(|error| of_node(what, error)));
        // On a full disk the order may stay until the store is pruned, as the hint says.
        let full = home::not_fitting(what, &visit.tally);
        let forgotten = home::forget_order(&mut node).err();
        faults.push(&bar, forgotten.filter(|_| full.is_none()));
        faults.push(&bar, full);
        bar.finish_and_clear();

        let mut document = tally_document(&visit.tally);
        document.insert("files".into(), json!(reports));
        let irregular = inputs.irregular.iter().map(|path| name(path));
        document.insert("passed_over".into(), irregular.collect());
        document.insert("waiting".into(), json!(waiting));
        document.insert("surplus_files".into(), json!(inputs.surplus));
        document.insert("folders".into(), json!(inputs.folders));
        if ui.json {
            return match faults.last {
                Some(failure) => Err(failure.with(document)),
                None => ui.document(&document),
            };
        }
        if !ui.quiet {
            let mut lines = tally_lines(&visit.tally, node.policy());
            for path in &inputs.irregular {
                let path = one_line(&name(path));
                lines.push_str(&format!("passed over {path}: a link, folder or device\n"));
            }
            if inputs.surplus > 0 {
                let files = plural(inputs.surplus, "file");
                lines.push_str(&format!("not read: {files} more than a visit may bring\n"));
            }
            if inputs.folders > 0 {
                let folders = plural(inputs.folders, "folder");
                lines.push_str(&format!(
                    "not read: {folders} inside; name those to be read\n"
                ));
            }
            write_stdout(lines.as_bytes())?;
        }
        faults.last.map_or(Ok(()), Err)
    }

    fn inputs(&self, visit: VisitLimits, sealed: bool) -> Result<Inputs> {
        let (most, read) = (visit.files, visit.read);
        one_stdin(self.path.iter().chain(self.with.files()))?;
        let mut inputs = Inputs::default();
        for path in &self.path {
            let what = || format!("reading {}", name(path));
            if is_dash(path) {
                let kept = keep_stdin(read).map_err(|error| Failure::io(what(), &error))?;
                inputs.files.push((kept.path().to_path_buf(), true));
                inputs.stdin = Some(kept);
                continue;
            }
            let found = std::fs::symlink_metadata(path);
            let found = found.map_err(|error| Failure::io(what(), &error))?;
            if !found.is_dir() {
                inputs.files.push((path.clone(), true));
                continue;
            }
            let left = most.saturating_sub(inputs.files.len() as u64);
            let listed = candidates(path, sealed, left.max(LISTED));
            let Candidates {
                mut files,
                irregular,
                mut surplus,
                folders,
            } = listed.map_err(|error| Failure::io(what(), &error))?;
            if files.len() as u64 > left {
                // Another choice every time, or whoever names his files first keeps all others out.
                let any = RandomState::new();
                files.sort_by_cached_key(|file| any.hash_one(file));
                let rest = files.split_off(usize::try_from(left).unwrap_or(usize::MAX));
                surplus += rest.len() as u64;
                files.sort();
            }
            inputs
                .files
                .extend(files.into_iter().map(|file| (file, false)));
            inputs.irregular.extend(irregular);
            inputs.surplus += surplus;
            inputs.folders += folders;
        }
        Ok(inputs)
    }
}

impl Inputs {
    /// How a file is called.
    fn shown(&self, path: &Path) -> String {
        match &self.stdin {
            Some(kept) if kept.path() == path => "standard input".into(),
            _ => name(path),
        }
    }
}

/// Standard input as a file, as far as a visit may read; removed when dropped.
fn keep_stdin(most: u64) -> io::Result<NamedTempFile> {
    let mut kept = NamedTempFile::new()?;
    io::copy(
        &mut io::stdin().lock().take(most.saturating_add(1)),
        &mut kept,
    )?;
    Ok(kept)
}

/// What went wrong: each is said at once, the last one at the end.
#[derive(Default)]
struct Faults {
    last: Option<Box<Failure>>,
}

impl Faults {
    fn push(&mut self, bar: &indicatif::ProgressBar, failure: Option<Box<Failure>>) {
        let Some(failure) = failure else {
            return;
        };
        if let Some(earlier) = self.last.replace(failure) {
            bar.suspend(|| say(&earlier.lines()));
        }
    }
}

/// What is wrong with a file that was read.
fn fault(
    what: &str,
    path: &Path,
    report: &FileReport,
    named: bool,
    secret: Option<&Secret>,
) -> Option<Box<Failure>> {
    if report.damaged > 0 {
        let why = format!(
            "{} of {} bytes; {} read around it",
            plural(report.damaged, "damaged place"),
            report.lost,
            plural(report.frames, "envelope"),
        );
        return Some(Failure::refused(what, "bundle", why));
    }
    if report.stopped {
        let why = format!("read only in part, {}", plural(report.frames, "envelope"));
        return Some(Failure::refused(what, "bundle", why));
    }
    if report.form != Form::Unknown {
        return None;
    }
    let sealed = path
        .metadata()
        .is_ok_and(|found| is_sealed_len(found.len()));
    if path.metadata().is_ok_and(|found| found.len() == 0) {
        return Some(Failure::refused(what, "bundle", "is empty"));
    }
    match secret {
        Some(_) if sealed => Some(Failure::locked(
            what,
            "no bundle, or sealed with another passphrase or secret",
        )),
        None if sealed && named => Some(
            Failure::refused(what, "bundle", "neither bundle nor envelope")
                .hint("if it is sealed, name --passphrase-file or --secret-file"),
        ),
        _ => Some(Failure::refused(
            what,
            "bundle",
            "neither bundle nor envelope",
        )),
    }
}

fn document(shown: &str, report: &FileReport) -> Value {
    json!({
        "path": shown,
        "form": match report.form {
            Form::Bundle => "bundle",
            Form::Sealed => "sealed",
            Form::Envelope => "envelope",
            Form::Unknown => "unknown",
        },
        "frames": report.frames,
        "damaged": report.damaged,
        "lost": report.lost,
        "complete": report.complete,
        "stopped": report.stopped,
    })
}
