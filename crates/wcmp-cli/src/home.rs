//! The home folder: a store of what is carried, and the policy it is carried by.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};
use wcmp::relay::node::{Clock, Node, NodeError};
use wcmp::relay::policy::{FileError, Policy, Reason, Tally};
use wcmp::relay::store::{Folder, Options, SegmentStore, Store, StoreError};

use crate::error::{Failure, Result};
use crate::io::{Access, make_private_folder, read_limited, temporary, writing};
use crate::ui::Ui;

/// More than any policy.
const POLICY_FILE: usize = 1 << 20;

pub(crate) type Carrying = Node<SegmentStore<Folder>>;

/// What commands say that open the store.
#[derive(Args, Debug)]
pub(crate) struct ClockArgs {
    /// The clock stepped back, or a week forward, and is right: go on by it
    #[arg(long)]
    confirm_clock: bool,
}

/// Where it is: as asked for, as the environment says, or where the platform keeps data.
pub(crate) fn folder(ui: &Ui) -> Result<PathBuf> {
    let named = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let platform = || {
        if cfg!(windows) {
            named("APPDATA").map(|data| data.join("wcmp"))
        } else if cfg!(target_os = "macos") {
            named("HOME").map(|home| home.join("Library/Application Support/wcmp"))
        } else {
            named("XDG_DATA_HOME")
                .or_else(|| named("HOME").map(|home| home.join(".local/share")))
                .map(|data| data.join("wcmp"))
        }
    };
    ui.home
        .clone()
        .or_else(|| named("WCMP_HOME"))
        .or_else(platform)
        .ok_or_else(|| {
            Failure::failed("finding the home folder", "the environment names none")
                .hint("name one with --home DIR")
        })
}

/// A policy in a file.
pub(crate) fn read_policy(path: &Path) -> Result<Policy> {
    let what = || format!("policy {}", path.display());
    let bytes = read_limited(path, POLICY_FILE)?;
    if bytes.len() > POLICY_FILE {
        return Err(Failure::failed(what(), "is too long"));
    }
    let text = core::str::from_utf8(&bytes).map_err(|_| Failure::failed(what(), "is no UTF-8"))?;
    text.parse().map_err(|error: FileError| {
        let failure = Failure::failed(
            what(),
            FileError {
                meant: None,
                ..error.clone()
            },
        );
        match error.meant {
            Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
            None => failure,
        }
    })
}

/// The policy in the home folder; one that says nothing but the defaults is written where there is none.
pub(crate) fn policy(home: &Path) -> Result<Policy> {
    let path = home.join("policy.toml");
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let file = temporary(home, Access::Usual, include_bytes!("policy.toml"))
                .map_err(|error| Failure::io(writing(&path), &error))?;
            match file.persist_noclobber(&path) {
                Err(error) if error.error.kind() != ErrorKind::AlreadyExists => {
                    return Err(Failure::io(writing(&path), &error.error));
                }
                _ => {}
            }
        }
        _ => {}
    }
    read_policy(&path)
}

/// Opens the node in the home folder, which is made at first use.
pub(crate) fn open(ui: &Ui, clock: Option<&ClockArgs>) -> Result<Carrying> {
    let home = folder(ui)?;
    make_private_folder(&home)?;
    let policy = policy(&home)?;
    let path = home.join("store");
    let what = || format!("opening the store {}", path.display());
    make_private_folder(&path)?;
    let mut entropy = [0; 64];
    getrandom::fill(&mut entropy).map_err(|error| Failure::failed(what(), error))?;
    let (for_store, for_node) = halves(&entropy);
    let folder = Folder::new(&path).map_err(|error| Failure::io(what(), &error))?;
    let options = Options {
        quota: policy.quota,
        ..Options::default()
    };
    let store =
        SegmentStore::open(folder, options, &for_store).map_err(|error| of_store(what(), error))?;
    if store.damaged() > 0 {
        let places = crate::summary::plural(store.damaged(), "damaged place");
        ui.note(&format!("{places} in the store: what was there is lost"));
    }
    let mut node =
        Node::open(store, policy, ui.hour(), &for_node).map_err(|error| of_node(what(), error))?;
    if clock.is_some_and(|clock| clock.confirm_clock) {
        node.confirm_clock()
            .map_err(|error| of_node(what(), error))?;
    }
    if node.clock() != Clock::Running {
        ui.note(&format!(
            "{}: nothing is removed or handed on",
            node.clock()
        ));
    }
    Ok(node)
}

fn halves(both: &[u8; 64]) -> ([u8; 32], [u8; 32]) {
    let half = |bytes: Option<&[u8; 32]>| bytes.copied().unwrap_or([0; 32]);
    (half(both.first_chunk()), half(both.last_chunk()))
}

/// Ends a visit: nobody reads arrivals yet, so the order in which envelopes came is forgotten.
pub(crate) fn forget_order(node: &mut Carrying) -> Result<()> {
    let store = node.store();
    let forgotten = store.forget_arrivals(store.latest());
    forgotten.map_err(|error| of_store("forgetting the order of arrival", error))
}

pub(crate) fn of_store(what: impl Into<String>, error: StoreError) -> Box<Failure> {
    match error {
        StoreError::Io(error) => Failure::io(what, &error),
        StoreError::Full => of_full(what, StoreError::Full),
        error => Failure::failed(what, error),
    }
}

pub(crate) fn of_node(what: impl Into<String>, error: NodeError<StoreError>) -> Box<Failure> {
    match error {
        NodeError::Store(error) => of_store(what, error),
        NodeError::Frozen(_) => Failure::failed(what, error)
            .hint("look at the clock; if it is right, say so with --confirm-clock"),
        error => Failure::failed(what, error),
    }
}

/// What to say if the disk was too full for some.
pub(crate) fn not_fitting(what: &str, tally: &Tally) -> Option<Box<Failure>> {
    let count = tally.dropped_for(Reason::DISK);
    (count > 0).then(|| {
        let why = format!(
            "no space left for {}",
            crate::summary::plural(count, "envelope")
        );
        of_full(what, why)
    })
}

fn of_full(what: impl Into<String>, why: impl core::fmt::Display) -> Box<Failure> {
    Failure::failed(what, why)
        .hint("`wcmp store prune` removes what has expired, also on a full disk")
}

/// How many were kept, and dropped for which reason: lines for people.
pub(crate) fn tally_lines(tally: &Tally, policy: &Policy) -> String {
    let mut lines = format!(
        "kept {}, {} bytes\n",
        crate::summary::plural(tally.kept, "envelope"),
        tally.kept_bytes
    );
    for (reason, count) in tally.dropped() {
        lines.push_str(&format!(
            "dropped {count}, {reason}: {}\n",
            policy.explain(reason)
        ));
    }
    lines
}

/// The same for a JSON document.
pub(crate) fn tally_document(tally: &Tally) -> Map<String, Value> {
    let mut document = Map::new();
    document.insert("kept".into(), json!(tally.kept));
    document.insert("kept_bytes".into(), json!(tally.kept_bytes));
    let dropped = tally.dropped();
    let dropped = dropped.map(|(Reason(reason), count)| (reason.to_owned(), json!(count)));
    document.insert("dropped".into(), dropped.collect());
    document
}
