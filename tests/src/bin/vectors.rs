//! Writes `tests/vectors/`; with `--check`, says what differs and fails if anything does.

use std::env;
use std::process::ExitCode;

use wcmp_tests::vectors;

fn main() -> ExitCode {
    match env::args().nth(1).as_deref() {
        None => {
            vectors::write();
            ExitCode::SUCCESS
        }
        Some("--check") => {
            let differences = vectors::differences();
            for line in &differences {
                eprintln!("{line}");
            }
            ExitCode::from(u8::from(!differences.is_empty()))
        }
        Some(other) => {
            eprintln!("unknown argument {other}; usage: vectors [--check]");
            ExitCode::from(2)
        }
    }
}
