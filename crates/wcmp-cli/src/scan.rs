//! `scan`: finding one's own among everyone's.

mod store;

use core::mem;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use wcmp::suite::Form;
use wcmp::{
    Column, EnvelopeRef, Id, KeyType, OpenError, Provider, Readable, Receiver, Row, ScanCursor,
    Scanner, Suite, SuiteId, Way,
};

use crate::carrier::{Carrier, Found, walk};
use crate::error::{Exit, Failure, Result};
use crate::io::{is_dash, name, one_stdin, write_stdout};
use crate::keys;
use crate::summary::{Ending, Summary};
use crate::ui::{Ui, complain, json_line, say};

/// List the envelopes that are addressed to my keys: id, slot, and by what it was recognised.
#[derive(Args, Debug)]
pub(crate) struct Scan {
    /// A key of mine; once for each
    #[arg(long, value_name = "KEYFILE", required = true)]
    key: Vec<PathBuf>,
    /// The public key of somebody who was given these keys of mine; once for each
    #[arg(long, value_name = "PUBLICKEY")]
    contact: Vec<String>,
    /// Say how many envelopes and hints it were, and how fast
    #[arg(long)]
    stats: bool,
    /// Ask at most N times whether a stranger wrote: each key and envelope costs an X25519
    #[arg(long, value_name = "N")]
    stranger_budget: Option<u64>,
    /// Bundles, envelopes, folders of them such as a stick, or a node's store, which stays as it is; - is standard input
    #[arg(required = true)]
    bundle: Vec<PathBuf>,
}

/// So many envelopes, or bytes of them, are looked through at once.
const BATCH: usize = 1024;
const BATCH_BYTES: usize = 8 << 20;

/// The work and its count.
struct Pass<'a> {
    ui: &'a Ui,
    crypto: Provider,
    key_files: &'a [PathBuf],
    receivers: &'a [Receiver],
    scanner: Scanner<'a>,
    hour: u32,
    /// Envelopes read and not yet looked through: what it takes to look, and their bytes and ends.
    column: Column,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// X25519 left to be spent on strangers.
    budget: u64,
    /// Ids and the places of the keys they were found with.
    seen: HashSet<([u8; 32], usize)>,
    envelopes: u64,
    /// Of these, envelopes of which only the store's scan column was read.
    column_rows: u64,
    hints: u64,
    expired: u64,
    unreadable: u64,
    /// Envelopes that may yet be a stranger's.
    postponed: u64,
    summary: Summary,
    failure: Option<Box<Failure>>,
}

impl Scan {
    pub(crate) fn run(&self, ui: &Ui) -> Result<()> {
        let crypto = Provider::rust_crypto();
        let inputs = self.key.iter().chain(&self.bundle);
        one_stdin(inputs)?;
        let contacts = keys::public_all(&self.contact)?;
        let receivers = keys::load_all(&crypto, &self.key)?.into_iter().map(|key| {
            let mut receiver = Receiver::new(key);
            for contact in &contacts {
                receiver.add_contact(&crypto, contact.clone());
            }
            receiver
        });
        let receivers: Vec<Receiver> = receivers.collect();
        let mut pass = Pass {
            ui,
            key_files: &self.key,
            scanner: Scanner::new(&crypto, &receivers).on_all_cores(),
            receivers: &receivers,
            crypto,
            hour: ui.hour(),
            column: Column::new(),
            bytes: Vec::new(),
            ends: Vec::new(),
            budget: self.stranger_budget.unwrap_or(u64::MAX),
            seen: HashSet::new(),
            envelopes: 0,
            column_rows: 0,
            hints: 0,
            expired: 0,
            unreadable: 0,
            postponed: 0,
            summary: Summary::default(),
            failure: None,
        };
        let started = Instant::now();
        for path in &self.bundle {
            pass.input(path)?;
        }
        let seconds = started.elapsed().as_secs_f64();
        if self.stats {
            pass.stats(seconds)?;
        }
        pass.verdict()
    }
}

impl Pass<'_> {
    fn input(&mut self, path: &Path) -> Result<()> {
        if is_dash(path) || !path.is_dir() {
            return match Carrier::open(path) {
                Ok(carrier) => self.carrier(carrier, path),
                Err(failure) => {
                    self.later(failure);
                    Ok(())
                }
            };
        }
        if store::is_store(path) {
            return match self.store(path) {
                Err(failure) if !failure.is_broken_pipe() => {
                    self.later(failure);
                    Ok(())
                }
                scanned => scanned,
            };
        }
        for path in files_of(path)? {
            match Carrier::open(&path) {
                Ok(carrier) => self.carrier(carrier, &path)?,
                // A folder may hold anything.
                Err(failure) if failure.exit() == Exit::Refused && !failure.is_code("bundle") => {
                    let text = format!("passed over: {}, neither envelope nor bundle", name(&path));
                    self.ui.note(&text);
                }
                Err(failure) => self.later(failure),
            }
        }
        Ok(())
    }

    /// One file that cannot be read does not keep the others from being looked at.
    fn later(&mut self, failure: Box<Failure>) {
        match self.failure {
            None => self.failure = Some(failure),
            Some(_) => say(&failure.lines()),
        }
    }

    fn carrier(&mut self, carrier: Carrier, path: &Path) -> Result<()> {
        let what = format!("scanning {}", name(path));
        let bar = self.ui.progress(carrier.len());
        let summary = walk(carrier, &what, &bar, |found| {
            match found {
                Found::Envelope { view, .. } => {
                    self.read(&view);
                    if self.column.len() >= BATCH || self.bytes.len() >= BATCH_BYTES {
                        let lines = self.look(path)?;
                        bar.suspend(|| write_stdout(lines.as_bytes()))?;
                    }
                }
                Found::Place(place) => {
                    self.summary.add(&place);
                    bar.suspend(|| complain(&format!("wcmp: {}: {place}", name(path))));
                }
            }
            Ok(())
        });
        bar.finish_and_clear();
        // A file that breaks off has been read up to there.
        write_stdout(self.look(path)?.as_bytes())?;
        let summary = summary?;
        if summary.ending == Ending::Miscounted {
            self.summary.ending = Ending::Miscounted;
            complain(&format!(
                "wcmp: {}: its end counts other frames",
                name(path)
            ));
        }
        Ok(())
    }

    /// Keeps an envelope until there are enough to look through.
    fn read(&mut self, view: &EnvelopeRef<'_>) {
        self.envelopes += 1;
        match Readable::new(*view, self.hour) {
            Ok(readable) => {
                self.column.push(&self.crypto, &readable);
                self.bytes.extend_from_slice(view.as_bytes());
                self.ends.push(self.bytes.len());
            }
            Err(OpenError::Expired) => self.expired += 1,
            Err(_) => self.unreadable += 1,
        }
    }

    /// Looks through what was read: a line for each envelope and key that recognises it.
    fn look(&mut self, path: &Path) -> Result<String> {
        let column = mem::take(&mut self.column);
        let rows: Vec<Row<'_>> = column.rows().collect();
        let all_found = self.find(&rows);
        drop(rows);
        self.column = column;
        let mut lines = String::new();
        for found in all_found {
            let envelope = usize::try_from(found.row).ok().and_then(|row| {
                let start = row
                    .checked_sub(1)
                    .map_or(Some(&0), |row| self.ends.get(row));
                self.bytes.get(*start?..*self.ends.get(row)?)
            });
            if let Some(view) = envelope.and_then(|bytes| EnvelopeRef::parse(bytes).ok()) {
                lines += &self.line(path, view.id(self.crypto.sha256), &found)?;
            }
        }
        self.column.clear();
        self.bytes.clear();
        self.ends.clear();
        Ok(lines)
    }

    /// What is addressed to the keys among these rows.
    fn find(&mut self, rows: &[Row<'_>]) -> Vec<wcmp::Found> {
        let mut cursor = ScanCursor::default();
        let budget = &mut self.budget;
        let scanned = self
            .scanner
            .scan(rows, 0, self.hour, &mut cursor, budget, &mut |_| ());
        self.hints += scanned.hints + scanned.strangers;
        let done = usize::try_from(cursor.strangers).unwrap_or(usize::MAX);
        let is_sealed = |row: &&Row<'_>| {
            Suite::try_from(SuiteId(row.suite)).is_ok_and(|suite| suite.form() == Form::Sealed)
        };
        let postponed = rows.iter().skip(done).filter(is_sealed).count();
        self.postponed += postponed as u64;
        scanned.found
    }

    /// The line for an envelope and a key that recognises it; empty if there was one.
    fn line(&mut self, path: &Path, id: Id, found: &wcmp::Found) -> Result<String> {
        let Some(receiver) = self.receivers.get(found.receiver) else {
            return Ok(String::new());
        };
        if !self.seen.insert((id.0, found.receiver)) {
            return Ok(String::new());
        }
        let (slot, way) = (found.slot, found.way);
        if !self.ui.json {
            return Ok(format!("{id} {slot} {}\n", way_name(way)));
        }
        let key = self.key_files.get(found.receiver).map(|path| name(path));
        json_line(&json!({
            "id": id.to_string(),
            "slot": slot,
            "way": way_name(way),
            "contact": contact_text(receiver, way),
            "key": key,
            "file": name(path),
        }))
    }

    fn stats(&self, seconds: f64) -> Result<()> {
        #[expect(clippy::cast_precision_loss, reason = "a rate to read")]
        let rate = self.envelopes as f64 / seconds.max(1e-9);
        if self.ui.json {
            return self.ui.document(&json!({ "stats": {
                "envelopes": self.envelopes,
                "by_column": self.column_rows,
                "expired": self.expired,
                "unreadable": self.unreadable,
                "hints": self.hints,
                "postponed": self.postponed,
                "seconds": seconds,
                "envelopes_per_second": rate,
            }}));
        }
        let mut text = format!(
            "envelopes: {} ({} expired, {} unreadable, {} not asked for strangers)\nhints tried: {}\nseconds: {seconds:.6}\nenvelopes per second: {rate:.0}\n",
            self.envelopes, self.expired, self.unreadable, self.postponed, self.hints,
        );
        if self.column_rows > 0 {
            text += &format!("by a store's scan column: {}\n", self.column_rows);
        }
        write_stdout(text.as_bytes())
    }

    fn verdict(self) -> Result<()> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if !self.summary.is_clean() {
            return Err(self.summary.failure("scanning".into()));
        }
        if self.seen.is_empty() {
            let why = "nothing is addressed to these keys";
            let failure = Failure::refused("scanning", "not-for-me", why);
            return Err(match (self.postponed, self.expired) {
                (0, 0) => failure,
                (0, count) => failure.hint(format!(
                    "{count} expired and not looked at; --now HOURS looks as of another hour"
                )),
                (count, _) => failure.hint(format!(
                    "{count} may be from strangers; a greater --stranger-budget asks"
                )),
            });
        }
        Ok(())
    }
}

/// The regular files of a folder by name; links are not followed.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>> {
    let list = || {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                files.push(entry.path());
            }
        }
        files.sort_unstable();
        Ok(files)
    };
    list().map_err(|error| Failure::io(format!("reading {}", name(folder)), &error))
}

/// How many hints were computed and looked for.
pub(crate) fn hints_tried(suite: Suite, receiver: &Receiver, way: Option<Way>) -> u64 {
    if suite.key_type() != receiver.keys().key_type() {
        return 0;
    }
    if suite.form() == Form::Open {
        return 1;
    }
    let contacts = receiver.contacts().iter();
    let pairs = contacts.map(|c| u64::from(c.public().key_type() == KeyType::X25519));
    match way {
        Some(Way::Pair(place)) => pairs.take(place + 1).sum(),
        _ => pairs.sum::<u64>() + 1,
    }
}

pub(crate) fn way_name(way: Way) -> &'static str {
    match way {
        Way::Receiver => "receiver",
        Way::Pair(_) => "pair",
        Way::Stranger => "stranger",
    }
}

/// The contact by whose pair hint it was recognised.
fn contact_text(receiver: &Receiver, way: Way) -> Value {
    let contact = match way {
        Way::Pair(place) => receiver.contacts().get(place),
        Way::Receiver | Way::Stranger => None,
    };
    json!(contact.map(|contact| contact.public().to_text().to_string()))
}
