//! Our code and its peers side by side, in one process.
//!
//! `cargo bench -p wcmp-benches` runs everything. Criterion measures each side with
//! its statistics and reports; then the sides are run in turns (A B A B ...), and the
//! table of their medians and ratios is what counts: turns cancel what a shared
//! machine does to one side. [`on_one_core`] takes the time of the processor, which
//! leaves out what other programs took of it.
//!
//! With `WCMP_BENCH_RECORD` in the environment, the turns alone are run, and every
//! median is appended to the file of that name: so `performance` makes the page
//! docs/performance.md.

use std::env;
use std::fs::OpenOptions;
use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use criterion::Criterion;
use rustix::time::{ClockId, clock_gettime};

/// The file for medians: a line of group, side and number each, with tabs between.
pub const RECORD: &str = "WCMP_BENCH_RECORD";

/// One thing to measure: a name and the work.
pub type Side<'a> = (&'a str, &'a mut dyn FnMut());

const ROUNDS: usize = 31;
const ROUND: Duration = Duration::from_millis(20);
/// What takes long gets fewer rounds, but not fewer than this.
const FEWEST_ROUNDS: usize = 9;
const GROUP: Duration = Duration::from_secs(8);

/// A Criterion that measures each side for about two seconds.
#[must_use]
pub fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20)
        .configure_from_args()
}

/// Measures the sides by Criterion and then in turns; prints and returns the median
/// nanoseconds of one call of each. Ratios are to the first side.
pub fn side_by_side(c: &mut Criterion, group: &str, sides: &mut [Side<'_>]) -> Vec<f64> {
    let start = Instant::now();
    turns(c, group, 1, sides, &|| start.elapsed())
}

/// The same for sides that do all their work on this thread, `items` of the same in one
/// call: nanoseconds of the processor for one of them.
pub fn on_one_core(c: &mut Criterion, group: &str, items: u32, sides: &mut [Side<'_>]) -> Vec<f64> {
    turns(c, group, items, sides, &|| {
        Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
    })
}

fn turns(
    c: &mut Criterion,
    group: &str,
    items: u32,
    sides: &mut [Side<'_>],
    now: &dyn Fn() -> Duration,
) -> Vec<f64> {
    if env::var_os(RECORD).is_none() {
        let mut criterion_group = c.benchmark_group(group);
        for (name, work) in sides.iter_mut() {
            criterion_group.bench_function(*name, |b| b.iter(|| black_box(&mut *work)()));
        }
        criterion_group.finish();
    }

    let calls: Vec<u32> = sides
        .iter_mut()
        .map(|(_, work)| calls_per_round(work, now))
        .collect();
    let mut times = vec![Vec::with_capacity(ROUNDS); sides.len()];
    let (start, mut rounds) = (Instant::now(), 0);
    while rounds < ROUNDS && (rounds < FEWEST_ROUNDS || start.elapsed() < GROUP) {
        for (((_, work), calls), times) in sides.iter_mut().zip(&calls).zip(&mut times) {
            times.push(time(work, *calls, now) / f64::from(items));
        }
        rounds += 1;
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    println!("\n{group} (medians of {rounds} turns)");
    let first = medians.first().copied().unwrap_or(f64::NAN);
    for ((name, _), ns) in sides.iter().zip(&medians) {
        println!("  {name:<44} {ns:>14.2} ns   {:>8.3} x", ns / first);
        record(group, name, *ns);
    }
    println!();
    medians
}

/// Appends a number to the file for medians, if there is one.
///
/// # Panics
/// If the file cannot be written.
pub fn record(group: &str, side: &str, number: f64) {
    let Some(path) = env::var_os(RECORD) else {
        return;
    };
    let file = OpenOptions::new().append(true).create(true).open(path);
    let written = file.and_then(|mut file| writeln!(file, "{group}\t{side}\t{number}"));
    #[expect(clippy::expect_used, reason = "a bench stops at the first surprise")]
    written.expect("medians can be recorded");
}

/// Nanoseconds per call.
fn time(work: &mut dyn FnMut(), calls: u32, now: &dyn Fn() -> Duration) -> f64 {
    let start = now();
    for _ in 0..calls {
        work();
    }
    (now() - start).as_secs_f64() * 1e9 / f64::from(calls)
}

/// So many calls that a round takes its time.
fn calls_per_round(work: &mut dyn FnMut(), now: &dyn Fn() -> Duration) -> u32 {
    // The first call of all may be long: libraries set themselves up in it.
    work();
    let mut calls = 1;
    while calls < 1 << 24 {
        let elapsed = time(work, calls, now) * f64::from(calls);
        if elapsed * 2.0 >= ROUND.as_secs_f64() * 1e9 {
            break;
        }
        calls *= 2;
    }
    calls
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
