//! The replay window, its reserve, and random nonces against models.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use wcmp_auth::call::Nonce;
use wcmp_auth::call::replay::{
    Counters, MAX_NONCES, NONCE_SECONDS, NonceRefused, Nonces, RESERVE, RandomNonce, Replayed,
    WINDOW, Window,
};

/// Everything that was accepted, and the floor below which nothing is good.
#[derive(Default)]
struct Model {
    accepted: BTreeSet<u64>,
    closed: u64,
}

impl Model {
    fn highest(&self) -> u64 {
        self.accepted.last().copied().unwrap_or(0).max(self.closed)
    }

    fn is_good(&self, counter: u64) -> bool {
        counter > self.closed
            && !self.accepted.contains(&counter)
            && u128::from(counter) + u128::from(WINDOW) >= u128::from(self.highest())
    }

    fn next(&self) -> Option<u64> {
        let first = self.highest().saturating_sub(WINDOW).max(self.closed);
        (first..=self.highest())
            .filter_map(|below| below.checked_add(1))
            .chain((first > 0).then_some(first))
            .filter(|counter| self.is_good(*counter))
            .min()
    }
}

/// Counters near each other, with leaps, and the ends of the range.
fn counter() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 0..3000u64,
        2 => 1000..1100u64,
        1 => prop::sample::select(vec![1, 2, 1023, 1024, 1025, 1026, 2048, 2049, 4096, 1 << 20]),
        1 => (0..3000u64).prop_map(|n| u64::MAX - n),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_window_is_the_set_of_what_was_accepted(counters in prop::collection::vec(counter(), 0..60)) {
        let (mut window, mut model) = (Window::new(), Model::default());
        for counter in counters {
            let verdict = window.check(counter);
            prop_assert_eq!(verdict.is_ok(), model.is_good(counter), "{} of {:?}", counter, window);
            match verdict {
                Ok(()) => {
                    window.record(counter);
                    model.accepted.insert(counter);
                }
                Err(Replayed { next }) => prop_assert_eq!(next, model.next()),
            }
            prop_assert_eq!(window.highest(), model.highest());
            prop_assert_eq!(Window::from_bytes(&window.to_bytes()), window);
        }
    }

    #[test]
    fn no_counter_is_accepted_twice_over_restarts(
        steps in prop::collection::vec((counter(), prop::bool::weighted(0.1)), 0..80),
    ) {
        let (mut stored, mut model) = (0, Model::default());
        let mut counters = Counters::resume(stored);
        for (counter, restart) in steps {
            if restart {
                counters = Counters::resume(stored);
                model.closed = stored;
                prop_assert!(stored <= model.accepted.last().copied().unwrap_or(0).saturating_add(RESERVE));
            }
            let verdict = counters.check(counter);
            prop_assert_eq!(verdict.is_ok(), model.is_good(counter));
            if verdict.is_ok() {
                if let Some(bound) = counters.to_reserve(counter) {
                    prop_assert!(bound >= counter && bound > stored);
                    stored = bound;
                    counters.reserved(bound);
                }
                prop_assert!(counter <= stored, "nothing beyond what is stored");
                counters.record(counter);
                prop_assert!(model.accepted.insert(counter), "accepted twice");
            }
        }
    }

    #[test]
    fn any_bytes_are_a_window(bytes in prop::collection::vec(any::<u8>(), Window::LEN), counter: u64) {
        let bytes = bytes.try_into().unwrap();
        let mut window = Window::from_bytes(&bytes);
        prop_assert_eq!(window.to_bytes(), bytes);
        if window.check(counter).is_ok() {
            window.record(counter);
            prop_assert!(window.check(counter).is_err());
        }
    }

    #[test]
    fn random_nonces_are_remembered_while_their_call_could_be_repeated(
        steps in prop::collection::vec((0..12usize, 0..700u64, -300i64..=300), 0..80),
    ) {
        let (mut nonces, mut model) = (Nonces::new(), BTreeMap::new());
        let mut now = 1_000_000u64;
        for (which, later, skew) in steps {
            now += later;
            let created = now.saturating_add_signed(skew);
            let nonce = random(which);
            let seen = model.get(&which).is_some_and(|until| now < *until);
            let verdict = nonces.check(&nonce, now);
            prop_assert_eq!(verdict, if seen { Err(NonceRefused::Replayed) } else { Ok(()) });
            if verdict.is_ok() {
                nonces.record(nonce, created);
                model.insert(which, created + NONCE_SECONDS);
            }
        }
    }
}

fn random(n: usize) -> RandomNonce {
    match Nonce::parse(&format!("{n:-<22}")) {
        Some(Nonce::Random(nonce)) => nonce,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_ends_of_the_window() {
    let mut window = Window::new();
    window.record(5000);
    assert!(window.is_good(5000 - WINDOW) && !window.is_good(5000 - WINDOW - 1));
    assert_eq!(
        window.check(5000),
        Err(Replayed {
            next: Some(5000 - WINDOW)
        })
    );
    let mut window = Window::new();
    assert_eq!(window.check(0), Err(Replayed { next: Some(1) }));
    for counter in 1..=3 {
        window.record(counter);
    }
    assert_eq!(window.check(2), Err(Replayed { next: Some(4) }));
    let mut window = Window::closed(u64::MAX - 1);
    assert_eq!(window.next(), Some(u64::MAX));
    window.record(u64::MAX);
    assert_eq!(window.check(u64::MAX), Err(Replayed { next: None }));
}

#[test]
fn a_token_has_at_most_so_many_random_nonces() {
    let mut nonces = Nonces::new();
    let now = 1_000_000;
    for n in 0..MAX_NONCES {
        assert_eq!(nonces.check(&random(n), now), Ok(()));
        nonces.record(random(n), now);
    }
    let next = random(MAX_NONCES);
    assert_eq!(nonces.check(&next, now + 1), Err(NonceRefused::TooMany));
    assert_eq!(
        nonces.check(&random(1), now + 1),
        Err(NonceRefused::Replayed)
    );
    assert_eq!(nonces.len(), MAX_NONCES);
    // They make room again when their time is over.
    let later = now + NONCE_SECONDS;
    assert_eq!(nonces.check(&next, later - 1), Err(NonceRefused::TooMany));
    assert_eq!(nonces.check(&next, later), Ok(()));
    assert!(nonces.is_empty());
}
