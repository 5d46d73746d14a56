//! Makes docs/performance.md and its plots: runs the benches, and writes down what they
//! found.
//!
//! ```text
//! cargo run --release -p wcmp-benches --bin performance             about ten minutes
//! cargo run --release -p wcmp-benches --bin performance -- --again  from the last run's medians
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a tool that stops at the first surprise"
)]

mod page;
mod plots;
mod run;
mod tables;
mod targets;

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use run::Run;

const BENCHES: [&str; 4] = ["parse", "hints", "scan", "seal_open"];

fn main() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let target = env::current_exe().expect("a program has a path");
    let target = target.parent().expect("it is in a folder");
    let (medians, load) = (
        target.join("performance.tsv"),
        target.join("performance.load"),
    );
    if env::args().nth(1).as_deref() != Some("--again") {
        let _ = fs::remove_file(&medians);
        let before = load_now();
        for bench in BENCHES {
            let status = Command::new("cargo")
                .args(["bench", "--locked", "-p", "wcmp-benches", "--bench", bench])
                .env(wcmp_benches::RECORD, &medians)
                .current_dir(root)
                .status();
            assert!(status.expect("cargo runs").success(), "{bench} failed");
        }
        let text = format!("{before} before, {} after", load_now());
        fs::write(&load, text).expect("the load can be kept");
    }
    let run = Run::read(&medians, &load);
    let docs = root.join("docs");
    fs::create_dir_all(docs.join("performance")).expect("a folder can be made");
    plots::draw_all(&run, &docs.join("performance"));
    fs::write(docs.join("performance.md"), page::page(&run)).expect("the page can be written");
    println!("{}", targets::table(&run));
}

/// Processes that want to run, on average of one minute and five.
fn load_now() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut numbers = load.split(' ');
    let mut next = || numbers.next().unwrap_or("?").to_owned();
    format!("{} ({})", next(), next())
}
