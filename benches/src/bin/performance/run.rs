//! The medians of one run, and the machine they are of.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

pub(crate) struct Run {
    medians: BTreeMap<(String, String), f64>,
    /// How much else the machine had to do.
    pub(crate) load: String,
}

impl Run {
    pub(crate) fn read(medians: &Path, load: &Path) -> Run {
        let text = fs::read_to_string(medians).expect("medians of a run");
        let line = |line: &str| {
            let mut fields = line.split('\t');
            let mut next = || fields.next().expect("three fields").to_owned();
            let (group, side, number) = (next(), next(), next());
            ((group, side), number.parse().expect("a number"))
        };
        Run {
            medians: text.lines().map(line).collect(),
            load: fs::read_to_string(load).unwrap_or_default(),
        }
    }

    /// A median, in nanoseconds unless the group says otherwise.
    pub(crate) fn get(&self, group: &str, side: &str) -> f64 {
        self.find(group, side)
            .unwrap_or_else(|| panic!("no median of {side:?} in {group:?}"))
    }

    /// The same of a side that not every machine has.
    pub(crate) fn find(&self, group: &str, side: &str) -> Option<f64> {
        self.medians.get(&(group.into(), side.into())).copied()
    }

    /// The fastest hint path that this machine has.
    pub(crate) fn hint(&self, keys: u32) -> f64 {
        let group = format!("one hint, {keys} keys");
        let sides = ["wcmp, SHA extensions", "wcmp, AVX2", "wcmp, portable"];
        let all = sides.iter().filter_map(|side| self.find(&group, side));
        all.fold(f64::INFINITY, f64::min)
    }

    /// The stack of ready-made parts behind this parser: postcard or wcmp-wire.
    pub(crate) fn stack(&self, parser: &str, keys: u32, slots: u32) -> f64 {
        let group = format!("scan, {keys} keys, {slots} slots");
        self.get(&group, &format!("{parser}, hmac + sha2, =="))
    }

    pub(crate) fn scan(&self, keys: u32, slots: u32) -> f64 {
        let group = format!("scan, {keys} keys, {slots} slots");
        self.get(&group, "wcmp, from the column")
    }
}

/// Processor, cores, compiler.
pub(crate) fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once(": "));
        value.map_or("?", |(_, value)| value)
    };
    let flags: Vec<&str> = field("flags").split(' ').collect();
    let interesting = ["sha_ni", "avx2", "vaes", "avx512f"];
    let has: Vec<&str> = interesting
        .into_iter()
        .filter(|flag| flags.contains(flag))
        .collect();
    let rustc = Command::new("rustc").arg("--version").output();
    let rustc = rustc.map_or_else(
        |_| String::new(),
        |out| String::from_utf8_lossy(&out.stdout).trim().into(),
    );
    format!(
        "{} (family {}, model {}; {}), {} cores, {rustc}",
        field("model name"),
        field("cpu family"),
        field("model\t"),
        has.join(", "),
        thread::available_parallelism().map_or(1, usize::from),
    )
}

/// With three significant digits and a unit.
pub(crate) fn time(ns: f64) -> String {
    let (number, unit) = match ns {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "us"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    format!("{} {unit}", digits(number))
}

/// Three significant digits, or the whole number if it has more.
pub(crate) fn digits(number: f64) -> String {
    match number.abs() {
        n if n >= 100.0 => format!("{number:.0}"),
        n if n >= 10.0 => format!("{number:.1}"),
        n if n >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}
