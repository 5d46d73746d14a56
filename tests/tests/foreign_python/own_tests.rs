//! The tests that the Python implementation brings along.

use std::process::Command;

use wcmp_tests::foreign::{folder, interpreter};

#[test]
fn python_passes_its_own_tests() {
    let Some(python) = interpreter(crate::target()) else {
        return;
    };
    let status = Command::new(python)
        .args(["-B", "-m", "unittest"])
        .current_dir(folder())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}
