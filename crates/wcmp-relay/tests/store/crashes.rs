//! The power goes at any call of any history: what a store has acknowledged is there afterwards, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};
use std::env;

use wcmp_relay::bundle::Stamp;
use wcmp_relay::store::{Cursor, Options, Quota, SegmentStore, Store, StoreError, Taken};
use wcmp_wire::Id;

use crate::kit::{Numbers, envelope, incoming};
use crate::sim::{Disk, SimFs};

const START: u32 = 24 * 20_000;

/// What a store was given, and what it has said.
struct World {
    disk: Disk,
    numbers: Numbers,
    options: Options,
    now: u32,
    /// Calls fail now and then.
    faulty: bool,
    /// The hour for which the store was last asked to expire.
    expired: u32,
    /// Every envelope there ever was.
    made: BTreeMap<Id, Vec<u8>>,
    /// Acknowledged, with the effort of the best stamp acknowledged.
    acknowledged: BTreeMap<Id, u64>,
    state: Vec<u8>,
    /// States that may have been written since.
    next_states: Vec<Vec<u8>>,
    reader: Cursor,
    seen: BTreeSet<Id>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let quota = if numbers.one_in(3) {
            Quota {
                envelopes: 5 + numbers.below(30),
                bytes: 2000 + numbers.below(10_000),
            }
        } else {
            Quota::NONE
        };
        Self {
            disk: Disk::new(numbers.next()),
            options: Options {
                quota,
                segment_limit: if numbers.one_in(2) { 1000 } else { 1 << 20 },
            },
            numbers,
            now: START,
            faulty: false,
            expired: START,
            made: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            state: Vec::new(),
            next_states: Vec::new(),
            reader: Cursor::START,
            seen: BTreeSet::new(),
        }
    }

    fn open(&mut self) -> Result<SegmentStore<SimFs>, StoreError> {
        SegmentStore::open(self.disk.mount(), self.options, &self.numbers.bytes())
    }

    fn some_id(&mut self) -> Option<Id> {
        let n = self.numbers.below(self.made.len().max(1) as u64) as usize;
        self.made.keys().nth(n).copied()
    }

    fn effort(id: &Id, nonce: Option<[u8; 8]>) -> u64 {
        nonce.map_or(0, |nonce| Stamp::work(&nonce).effort(id))
    }

    fn step(&mut self, store: &mut SegmentStore<SimFs>) -> Result<(), StoreError> {
        match self.numbers.below(20) {
            0..=9 => self.insert(store),
            10 => {
                self.now += self.numbers.below(20) as u32;
                self.expired = self.now;
                store.expire(self.now).map(drop)
            }
            11 => {
                // Another stamp for one that may be there.
                let Some(id) = self.some_id() else {
                    return Ok(());
                };
                let nonce = self.numbers.next().to_be_bytes();
                self.put(store, &[(self.made[&id].clone(), Some(nonce))])
            }
            12 => {
                let state = self.numbers.bytes()[..self.numbers.below(32) as usize].to_vec();
                self.next_states.push(state.clone());
                store.set_state(&state)?;
                self.state = state;
                self.next_states.clear();
                Ok(())
            }
            13 | 14 => self.read(store),
            15 => store.forget_arrivals(self.reader),
            16 => store.tidy(),
            17 => store.scan(Cursor::START, |_| {}).map(drop),
            18 => store.list(0..=u32::MAX).map(drop),
            _ => match self.some_id() {
                Some(id) => store.get(&id).map(drop),
                None => Ok(()),
            },
        }
    }

    fn insert(&mut self, store: &mut SegmentStore<SimFs>) -> Result<(), StoreError> {
        let mut batch = Vec::new();
        for _ in 0..=self.numbers.below(6) {
            let expires = self.now + self.numbers.below(60) as u32;
            let payload = self.numbers.below(200) as usize;
            let old = self.some_id().filter(|_| self.numbers.one_in(4));
            let bytes = match old {
                Some(id) => self.made[&id].clone(),
                None => envelope(self.numbers.next(), expires, payload),
            };
            let nonce = self
                .numbers
                .one_in(3)
                .then(|| self.numbers.next().to_be_bytes());
            batch.push((bytes, nonce));
        }
        self.put(store, &batch)
    }

    fn put(
        &mut self,
        store: &mut SegmentStore<SimFs>,
        batch: &[(Vec<u8>, Option<[u8; 8]>)],
    ) -> Result<(), StoreError> {
        let batch: Vec<_> = batch
            .iter()
            .map(|(bytes, nonce)| incoming(bytes, nonce.as_ref()))
            .collect();
        for one in &batch {
            self.made
                .insert(one.id(), one.envelope().as_bytes().to_vec());
        }
        let taken = store.insert(&batch, self.now)?;
        for (taken, one) in taken.iter().zip(&batch) {
            let effort = one.stamp().effort(&one.id());
            match taken {
                Taken::New | Taken::Known => {
                    let known = self.acknowledged.entry(one.id()).or_default();
                    *known = effort.max(*known);
                }
                Taken::Refused => {
                    self.acknowledged.remove(&one.id());
                }
            }
        }
        if self.options.quota != Quota::NONE {
            assert!(self.options.quota.allows(store.totals()));
            self.acknowledged.retain(|id, _| store.contains(id));
        }
        Ok(())
    }

    /// A reader goes on to the newest arrival.
    fn read(&mut self, store: &mut SegmentStore<SimFs>) -> Result<(), StoreError> {
        while let Some(arrivals) = store.arrivals(self.reader)? {
            self.seen
                .extend(arrivals.entries.iter().map(|entry| entry.id));
            self.reader = arrivals.cursor;
        }
        Ok(())
    }

    /// Compares what there is with what there has to be.
    fn check(&mut self, store: &mut SegmentStore<SimFs>) {
        for (id, effort) in &self.acknowledged {
            let envelope = &self.made[id];
            let expires = incoming(envelope, None).envelope().expires();
            if expires / 24 < self.expired / 24 {
                continue;
            }
            let stored = store.get(id).unwrap();
            let stored = stored.unwrap_or_else(|| panic!("lost {id}"));
            assert_eq!(stored.envelope, *envelope);
            assert!(Self::effort(id, stored.nonce) >= *effort, "lost a stamp");
        }
        let listed = store.list(0..=u32::MAX).unwrap();
        assert_eq!(listed.len() as u64, store.totals().envelopes);
        assert!(listed.is_sorted_by(|a, b| a.id < b.id));
        for entry in &listed {
            let stored = store.get(&entry.id).unwrap().unwrap();
            assert_eq!(stored.envelope, self.made[&entry.id]);
            assert_eq!(entry.effort, Self::effort(&entry.id, stored.nonce));
            assert!(store.contains(&entry.id));
        }
        self.read(store).unwrap();
        let mut shown = Vec::new();
        store
            .scan(Cursor::START, |columns| {
                shown.extend((0..columns.len()).map(|i| columns.place(i).unwrap()));
            })
            .unwrap();
        let shown: BTreeSet<Id> = shown
            .into_iter()
            .filter_map(|place| store.id(place).unwrap())
            .collect();
        for entry in &listed {
            // An expired segment may come back, until it is expired again; so may what was evicted, if calls fail.
            let over = entry.expires / 24 < self.expired / 24;
            let seen = self.seen.contains(&entry.id);
            let evicted = self.faulty && self.options.quota != Quota::NONE;
            assert!(over || seen || evicted, "a reader missed {}", entry.id);
            assert!(shown.contains(&entry.id), "a scan missed {}", entry.id);
        }
        let state = store.state().unwrap();
        assert!(state == self.state || self.next_states.contains(&state));
        // Where the call had failed, the next crash may show the other one again.
        self.next_states
            .push(std::mem::replace(&mut self.state, state));
    }

    /// What came back after a crash, though it had been evicted or never acknowledged, counts from now on.
    fn accept(&mut self, store: &mut SegmentStore<SimFs>) {
        for entry in store.list(0..=u32::MAX).unwrap() {
            self.acknowledged.insert(entry.id, entry.effort);
        }
    }

    /// Steps until the power goes; then it comes back, and all is compared.
    fn until_the_power_fails(&mut self) {
        self.disk.power_fails_after(self.numbers.below(250));
        if let Ok(mut store) = self.open() {
            while !self.disk.is_dead() {
                let result = self.step(&mut store);
                assert!(result.is_ok() || self.disk.is_dead(), "{result:?}");
            }
        }
        self.disk.restart();
        let mut store = self.open().unwrap();
        self.check(&mut store);
        self.accept(&mut store);
        drop(store);
        let mut store = self.open().unwrap();
        self.check(&mut store);
    }
}

/// Runs histories on all cores; `WCMP_SEED` names one of them.
pub(crate) fn histories(number: u64, run: impl Fn(u64) + Sync) {
    let seeds: std::ops::Range<u64> = match env::var("WCMP_SEED").map(|seed| seed.parse().unwrap())
    {
        Ok(seed) => seed..seed + 1,
        Err(_) => 0..number,
    };
    let next = std::sync::atomic::AtomicU64::new(seeds.start);
    let failed = std::sync::Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if seed >= seeds.end || failed.lock().unwrap().is_some() {
                        break;
                    }
                    let result =
                        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(seed)));
                    if result.is_err() {
                        *failed.lock().unwrap() = Some(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert_eq!(failed, None, "repeat with WCMP_SEED");
}

/// 30 000 places where the power goes.
#[test]
fn nothing_acknowledged_is_lost_when_the_power_goes() {
    histories(10_000, |seed| {
        let mut world = World::new(seed);
        for _ in 0..3 {
            world.until_the_power_fails();
        }
    });
}

/// Calls fail now and then, and the power goes as well, 12 000 times.
#[test]
fn nothing_acknowledged_is_lost_when_calls_fail() {
    histories(6000, |seed| {
        let mut world = World::new(seed);
        world.faulty = true;
        let faults = 5 + world.numbers.below(60);
        for _ in 0..2 {
            world.disk.set_faults(Some(faults));
            if let Ok(mut store) = world.open() {
                for _ in 0..20 {
                    let _ = world.step(&mut store);
                }
                world.disk.set_faults(None);
                world.check(&mut store);
            }
            world.disk.set_faults(None);
            world.disk.restart();
            let mut store = world.open().unwrap();
            world.check(&mut store);
            world.accept(&mut store);
        }
    });
}
