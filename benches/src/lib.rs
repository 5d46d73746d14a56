//! Our code and its peers side by side, in one process.
//!
//! `cargo bench -p wcmp-benches` runs everything. Criterion measures each side with
//! its statistics and reports; then the sides are run in turns (A B A B ...), and the
//! table of their medians and ratios is what the README quotes: turns cancel what a
//! shared machine does to one side.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;

/// One thing to measure: a name and the work.
pub type Side<'a> = (&'a str, &'a mut dyn FnMut());

const ROUNDS: usize = 31;
const ROUND: Duration = Duration::from_millis(20);

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
    let mut criterion_group = c.benchmark_group(group);
    for (name, work) in sides.iter_mut() {
        criterion_group.bench_function(*name, |b| b.iter(|| black_box(&mut *work)()));
    }
    criterion_group.finish();

    let calls: Vec<u32> = sides
        .iter_mut()
        .map(|(_, work)| calls_per_round(work))
        .collect();
    let mut rounds = vec![Vec::with_capacity(ROUNDS); sides.len()];
    for _ in 0..ROUNDS {
        for (((_, work), calls), times) in sides.iter_mut().zip(&calls).zip(&mut rounds) {
            times.push(time(work, *calls));
        }
    }
    let medians: Vec<f64> = rounds.iter_mut().map(|times| median(times)).collect();
    println!("\n{group} (medians of {ROUNDS} turns)");
    let first = medians.first().copied().unwrap_or(f64::NAN);
    for ((name, _), ns) in sides.iter().zip(&medians) {
        println!("  {name:<44} {ns:>14.1} ns   {:>8.2} x", ns / first);
    }
    println!();
    medians
}

/// Nanoseconds per call.
fn time(work: &mut dyn FnMut(), calls: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        work();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}

/// So many calls that a round takes its time.
fn calls_per_round(work: &mut dyn FnMut()) -> u32 {
    let mut calls = 1;
    while calls < 1 << 24 {
        let elapsed = time(work, calls) * f64::from(calls);
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
