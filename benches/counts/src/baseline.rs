//! The counts that were committed, and how far others may be from them.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.txt");
/// Per cent.
const MOST: u64 = 5;

/// Counts, and what they depend on beside the code.
pub(crate) struct Baseline {
    pub(crate) rustc: String,
    pub(crate) processor: String,
    pub(crate) counts: Vec<(String, u64)>,
}

/// What comparing found.
pub(crate) struct Verdict {
    pub(crate) table: String,
    pub(crate) failures: usize,
}

impl Baseline {
    /// Counts that were made by this build on this machine.
    pub(crate) fn now(counts: Vec<(String, u64)>) -> Baseline {
        let rustc = Command::new("rustc").arg("--version").output();
        let rustc = rustc.expect("rustc is here").stdout;
        Baseline {
            rustc: String::from_utf8_lossy(&rustc).trim().into(),
            processor: processor(),
            counts,
        }
    }

    pub(crate) fn read() -> Baseline {
        Baseline::parse(&fs::read_to_string(FILE).expect("the baseline is there"))
    }

    pub(crate) fn write(&self) {
        let mut text = String::from(
            "# Instructions; made by `cargo run --release -p wcmp-counts -- --renew`, compared without `-- --renew`.\n",
        );
        let Baseline {
            rustc, processor, ..
        } = self;
        write!(text, "rustc: {rustc}\nprocessor: {processor}\n\n").unwrap();
        for (name, count) in &self.counts {
            writeln!(text, "{name}: {count}").unwrap();
        }
        fs::write(FILE, text).expect("the baseline can be written");
    }

    fn parse(text: &str) -> Baseline {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let mut pairs = lines.filter_map(|line| line.split_once(": "));
        let mut next = || pairs.next().expect("a line").1.to_owned();
        Baseline {
            rustc: next(),
            processor: next(),
            counts: pairs
                .map(|(name, count)| (name.into(), count.parse().expect("a number")))
                .collect(),
        }
    }

    /// A path fails that takes too much more, or is on one side alone.
    #[expect(clippy::cast_precision_loss, reason = "per cents")]
    pub(crate) fn verdict(&self, now: &Baseline) -> Verdict {
        let mut table = format!("{:<48} {:>12} {:>12} {:>8}\n", "", "baseline", "now", "");
        let mut failures = 0;
        let find = |of: &Baseline, name: &str| {
            let found = of.counts.iter().find(|(other, _)| other == name);
            found.map(|(_, count)| *count)
        };
        for (name, count) in &now.counts {
            let Some(before) = find(self, name) else {
                failures += 1;
                writeln!(
                    table,
                    "{name:<48} {:>12} {count:>12}  NEW: renew the baseline",
                    ""
                )
                .unwrap();
                continue;
            };
            let remark = if count * 100 > before * (100 + MOST) {
                failures += 1;
                "  MORE"
            } else if count * 100 < before * (100 - MOST) {
                "  less: renew the baseline"
            } else {
                ""
            };
            let more = (*count as f64 / before as f64 - 1.0) * 100.0;
            writeln!(
                table,
                "{name:<48} {before:>12} {count:>12} {more:>+7.2}%{remark}"
            )
            .unwrap();
        }
        for (name, count) in &self.counts {
            if find(now, name).is_none() {
                failures += 1;
                writeln!(table, "{name:<48} {count:>12}  GONE: renew the baseline").unwrap();
            }
        }
        Verdict { table, failures }
    }
}

/// Instructions that paths are chosen by and valgrind lets a program see.
fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    {
        let has = [
            ("aes", std::is_x86_feature_detected!("aes")),
            ("avx2", std::is_x86_feature_detected!("avx2")),
            ("bmi2", std::is_x86_feature_detected!("bmi2")),
            ("pclmulqdq", std::is_x86_feature_detected!("pclmulqdq")),
            ("sse4.2", std::is_x86_feature_detected!("sse4.2")),
        ];
        let names: Vec<&str> = has
            .iter()
            .filter(|(_, has)| *has)
            .map(|(n, _)| *n)
            .collect();
        format!("x86_64 {}", names.join(" "))
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::env::consts::ARCH.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, u64)]) -> Baseline {
        Baseline {
            rustc: String::new(),
            processor: String::new(),
            counts: counts
                .iter()
                .map(|(name, n)| ((*name).into(), *n))
                .collect(),
        }
    }

    #[test]
    fn more_than_five_per_cent_fails_and_so_does_what_is_on_one_side_alone() {
        let baseline = counts(&[("a", 1000), ("b", 1000)]);
        let failures = |now: &[(&str, u64)]| baseline.verdict(&counts(now)).failures;
        assert_eq!(failures(&[("a", 1050), ("b", 10)]), 0);
        assert_eq!(failures(&[("a", 1051), ("b", 1000)]), 1);
        assert_eq!(failures(&[("a", 2000), ("b", 2000)]), 2);
        assert_eq!(failures(&[("a", 1000)]), 1);
        assert_eq!(failures(&[("a", 1000), ("b", 1000), ("c", 1)]), 1);
    }

    #[test]
    fn what_is_committed_is_read() {
        let baseline = Baseline::read();
        assert!(baseline.rustc.starts_with("rustc "));
        assert_eq!(baseline.counts.len(), crate::paths::Path::all().len());
    }
}
