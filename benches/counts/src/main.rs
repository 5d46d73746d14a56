//! Counts the instructions of our code, path by path, and compares them with `baseline.txt`.
//!
//! Seconds on a shared machine vary by a half; instructions repeat. So they are what a change is judged by:
//!
//! ```text
//! cargo run --release -p wcmp-counts               fails if a path takes over 5 % more than the baseline
//! cargo run --release -p wcmp-counts -- --renew    writes the baseline anew
//! ```
//!
//! Each path runs in a process of its own under callgrind, which counts only what [`counted_work`] does. Valgrind knows
//! neither the SHA extensions nor AVX-512: where a processor has them, other instructions are counted than are used.
//! They are counted with what is needed of the C library and the allocator.
//!
//! With another rustc than the baseline's, counts are compared all the same, and a notice says so: what the compiler
//! loses is lost too, and the remedy, if it is that, is to renew. With a processor that has other instructions, the
//! numbers mean something else: they are shown and not compared. Less by more than 5 % passes, and asks for a renewal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a tool that stops at the first surprise"
)]

mod baseline;
mod paths;

use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::{env, thread};

use baseline::Baseline;
use paths::Path;

/// Valgrind counts between entering and leaving this function.
#[inline(never)]
fn counted_work(work: &mut dyn FnMut()) {
    work();
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    match arguments.next().as_deref() {
        None => compare(),
        Some("--renew") => {
            let baseline = Baseline::now(count_all());
            baseline.write();
            println!("{} counts written", baseline.counts.len());
            ExitCode::SUCCESS
        }
        Some("--run") => {
            run(&arguments.next().unwrap_or_default());
            ExitCode::SUCCESS
        }
        Some(_) => {
            eprintln!("usage: wcmp-counts [--renew]");
            ExitCode::from(2)
        }
    }
}

/// One path, under valgrind. The first time is for what is set up only once.
fn run(name: &str) {
    let path = Path::all().into_iter().find(|path| path.name == name);
    let mut work = (path.expect("a path of this name").prepare)();
    work();
    counted_work(&mut *work);
}

/// The counts of all paths, two or more processes at a time.
fn count_all() -> Vec<(String, u64)> {
    let paths = Path::all();
    let left = Mutex::new(paths.iter().enumerate());
    let done = Mutex::new(Vec::new());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let Some((place, path)) = left.lock().unwrap().next() else {
                        return;
                    };
                    let counted = (place, path.name.to_owned(), count(path.name));
                    done.lock().unwrap().push(counted);
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_unstable();
    done.into_iter()
        .map(|(_, name, count)| (name, count))
        .collect()
}

/// The instructions of one path. The environment is empty, as its length moves the stack.
fn count(name: &str) -> u64 {
    let valgrind = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(["--collect-atstart=no", "--toggle-collect=*counted_work*"])
        .arg(env::current_exe().unwrap())
        .args(["--run", name])
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .output()
        .expect("valgrind is installed");
    let said = String::from_utf8_lossy(&valgrind.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let count = collected.and_then(|(_, count)| count.trim().parse().ok());
    match count {
        Some(count) if count > 0 && valgrind.status.success() => count,
        _ => panic!("{name}: valgrind counted nothing and said\n{said}"),
    }
}

fn compare() -> ExitCode {
    let baseline = Baseline::read();
    let now = Baseline::now(count_all());
    if now.rustc != baseline.rustc {
        println!(
            "The baseline is of {}, this is {}: a difference may be the compiler's.",
            baseline.rustc, now.rustc
        );
    }
    let comparable = now.processor == baseline.processor;
    if !comparable {
        println!(
            "The baseline is of a processor with {}, this one has {}: shown, not compared.",
            baseline.processor, now.processor
        );
    }
    let verdict = baseline.verdict(&now);
    println!("{}", verdict.table);
    if verdict.failures == 0 {
        return ExitCode::SUCCESS;
    }
    println!(
        "{} of {} paths differ. If that is meant: cargo run --release -p wcmp-counts -- --renew",
        verdict.failures,
        now.counts.len()
    );
    ExitCode::from(u8::from(comparable))
}
