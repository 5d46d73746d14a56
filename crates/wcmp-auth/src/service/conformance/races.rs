//! Many threads at once: each decision is made once, and holds for whoever asks
//! after it.

use alloc::vec::Vec;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::{Admission, Link, Names, Nonce, Reason, Store, admit};

const THREADS: u64 = 64;

/// Of many that do the same at once, one does it; and what is revoked is so for
/// every call that begins later.
///
/// # Panics
/// If not.
pub fn decides_once(store: &dyn Store) {
    let names = Names::new();
    once("consume", |_| {
        store
            .consume(&names.snonce(0), names.now + 120, names.now)
            .unwrap()
    });
    once("put_if", |_| {
        store.put_if(names.account(0, 0, None)).unwrap()
    });
    once("create", |_| {
        store.create(names.session(0, 0, 0, 0, 3600)).unwrap()
    });
    once("compare_and_swap", |n| {
        let spent = Link::Spent {
            rnonce: names.snonce(n),
            successor: names.token(n + 100),
        };
        store
            .compare_and_swap(&names.token(0), Link::Live, spent)
            .unwrap()
    });
    once("compare_and_swap_account", |n| {
        let account = names.account(0, n, None);
        store.compare_and_swap_account(0, account).unwrap()
    });
    once("revoke", |_| store.revoke(&names.token(0)).unwrap());

    let names = Names::new();
    assert!(store.put_if(names.account(0, 0, None)).unwrap());
    assert!(store.create(names.session(1, 1, 0, 0, 3600)).unwrap());
    for nonce in [Nonce::Counter(17), super::random_nonce(17)] {
        once("admit", |_| {
            admit(store, &names.facts(1, nonce), names.now) == Admission::Admitted
        });
    }
    // Different counters, each by two threads.
    let admitted = AtomicUsize::new(0);
    at_once(|n| {
        let facts = names.facts(1, Nonce::Counter(100 + n / 2));
        if admit(store, &facts, names.now) == Admission::Admitted {
            admitted.fetch_add(1, Ordering::SeqCst);
        }
    });
    assert_eq!(admitted.into_inner(), 32);

    ends_at_once(store, |names| {
        assert!(store.revoke(&names.token(1)).unwrap());
    });
    ends_at_once(store, |names| {
        let account = names.account(0, 1, Some(names.token(9)));
        assert!(store.compare_and_swap_account(0, account).unwrap());
    });
}

/// Whatever `end` does to session 1, holds for calls that begin after it.
fn ends_at_once(store: &dyn Store, end: impl Fn(&Names)) {
    let names = Names::new();
    assert!(store.put_if(names.account(0, 0, None)).unwrap());
    assert!(store.create(names.session(1, 1, 0, 0, 3600)).unwrap());
    let (ended, admitted) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for thread in 0..4 {
            let (names, ended, admitted) = (&names, &ended, &admitted);
            scope.spawn(move || {
                for n in 1..=200 {
                    let before = ended.load(Ordering::SeqCst);
                    // Upwards, inside the window whoever is ahead.
                    let facts = names.facts(1, Nonce::Counter(n * 4 + thread));
                    match admit(store, &facts, names.now) {
                        Admission::Admitted => {
                            assert!(!before, "admitted after its end");
                            admitted.fetch_add(1, Ordering::SeqCst);
                        }
                        Admission::Refused(Reason::Revoked) if before => return,
                        Admission::Refused(Reason::Revoked | Reason::Replayed { .. }) => {}
                        other => panic!("{other:?}"),
                    }
                }
            });
        }
        while admitted.load(Ordering::SeqCst) < 20 {
            thread::yield_now();
        }
        end(&names);
        ended.store(true, Ordering::SeqCst);
    });
    assert!(store.get(&names.token(1)).unwrap().unwrap().revoked);
}

fn once(what: &str, act: impl Fn(u64) -> bool + Sync) {
    let done = AtomicUsize::new(0);
    at_once(|n| {
        if act(n) {
            done.fetch_add(1, Ordering::SeqCst);
        }
    });
    assert_eq!(done.into_inner(), 1, "{what}");
}

fn at_once(act: impl Fn(u64) + Sync) {
    let barrier = Barrier::new(usize::try_from(THREADS).unwrap());
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|n| {
                let (act, barrier) = (&act, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    act(n);
                })
            })
            .collect();
        for thread in threads {
            assert!(thread.join().is_ok());
        }
    });
}
