//! Programs among the examples of this workspace, as they are now. Of two test crates: the
//! other one takes this file by its path.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// The example of a package. A test of the whole workspace has built it already; if a crate is
/// tested alone, or the sources are newer, it is built here.
pub(crate) fn example(package: &str, name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = built.entry(name.into());
    entry.or_insert_with(|| fresh(package, name)).clone()
}

fn fresh(package: &str, name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    let binary = profile.join("examples").join(file);
    // Both crates that include this are two folders below the root.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let root = root
        .skip(1)
        .find(|folder| folder.join("Cargo.lock").exists());
    let crates = root.unwrap().join("crates");
    let sources = [
        "wcmp-auth/src",
        "wcmp-auth/examples",
        "wcmp-auth-axum/src",
        "wcmp-auth-axum/examples",
    ];
    let newest = sources.iter().map(|folder| newest(&crates.join(folder)));
    if modified(&binary) < newest.max().unwrap() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--locked", "--package", package, "--example", name]);
        build.arg("--target-dir").arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success());
        // It is as new as what it was compared with, whether or not anything was compiled.
        let binary = fs::File::options().append(true).open(&binary).unwrap();
        binary.set_modified(SystemTime::now()).unwrap();
    }
    binary
}

fn modified(path: &Path) -> SystemTime {
    let read = fs::metadata(path).and_then(|metadata| metadata.modified());
    read.unwrap_or(SystemTime::UNIX_EPOCH)
}

fn newest(folder: &Path) -> SystemTime {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let times = files.map(|path| match path.is_dir() {
        true => newest(&path),
        false => modified(&path),
    });
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}
