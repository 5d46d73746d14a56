//! A policy's text: any is refused in one line that names a place, or judges without panicking.

use core::str;

use wcmp_relay::policy::{Header, Policy, Reason, Subject, Verdict};

/// Whether a text is a policy that keeps to its own limits, or is refused with a line of it.
///
/// # Panics
/// If not.
pub fn policy(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let policy: Policy = match text.parse() {
        Ok(policy) => policy,
        Err(error) => {
            let error: wcmp_relay::policy::FileError = error;
            assert!(error.line <= text.split('\n').count() + 1, "{error}");
            assert!(!error.to_string().contains('\n'), "{error}");
            return;
        }
    };
    assert!(policy.hold <= 24 && policy.max_lifetime <= 720 && policy.max_slots <= 4096);
    for size in [0, policy.max_size, policy.max_size.saturating_add(1)] {
        for effort in [None, Some(0), Some(u64::MAX)] {
            let header = Header {
                suite: 0x0101,
                expires: 1010,
                size,
                slots: 4,
            };
            let subject = Subject {
                header,
                now: 1000,
                effort,
            };
            if let Verdict::Drop(reason) = policy.judge(&subject) {
                assert!(!policy.explain(reason).is_empty());
            }
            if size > policy.max_size {
                assert_eq!(policy.judge(&subject), Verdict::Drop(Reason::LARGE));
            }
        }
    }
}
