//! People who meet, by a virtual clock: real nodes with stores on a simulated disk, sessions at each node's own hour over
//! links that break, sticks and a dead drop in real folders, torn, lost, and brought twice. And one who does harm.
//! Everything is drawn from a seed, so a run repeats exactly.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Mutex;

use wcmp_relay::bundle::{Export, Stamp, Writer};
use wcmp_relay::carry::{Import, candidates, export};
use wcmp_relay::exchange::{Error, Guest, Limits, Offer, Session, Shelf};
use wcmp_relay::node::Node;
use wcmp_relay::policy::{Allowance, Policy, Reason, Tally, Visit};
use wcmp_relay::store::{Options, Quota, SegmentStore, Store, StoreError};
use wcmp_relay::work::Work;
use wcmp_wire::{EnvelopeRef, Id, sha256};

use crate::kit::{HOUR, Numbers, envelope, id};
use crate::sim::{Disk, SimFs};

const PEOPLE: usize = 5;
const HOURS: u32 = 150;
/// In so many hours, from the first on, somebody writes a letter.
const LETTERS: u32 = 50;
const SEEDS: u64 = 20;

/// What the one who does harm brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Harm {
    None,
    /// Replays, old ones, far ones, large ones, cut ones, and a few that are as good as any.
    Noise,
    /// Good ones, as many as there is a budget for: the smallest, which expire soon and so are worth most to a full store.
    Flood,
    /// The same, each with a little work.
    FloodWithWork,
}

/// How everybody is set up.
#[derive(Clone, Copy, Debug)]
struct Setting {
    harm: Harm,
    quota: u64,
    /// What a visit may bring.
    visit: u64,
    /// Whether stamps are carried, and letters have one of this effort.
    effort: Option<u64>,
}

impl Setting {
    fn policy(&self) -> Policy {
        let mut policy = Policy::default();
        policy.quota = Quota {
            envelopes: self.quota,
            bytes: u64::MAX,
        };
        policy.visit.envelopes = self.visit;
        policy.max_size = 4000;
        policy.stamps = self.effort.is_some();
        policy
    }
}

type Real = Node<SegmentStore<SimFs>>;

struct Person {
    disk: Disk,
    node: Option<Real>,
    /// Of the link to the one who does harm.
    allowance: Allowance,
}

impl Person {
    fn open(disk: &Disk, policy: Policy, hour: u32, entropy: [u8; 32]) -> Real {
        let options = Options {
            quota: policy.quota,
            ..Options::default()
        };
        let store = SegmentStore::open(disk.mount(), options, &entropy).unwrap();
        Node::open(store, policy, hour, &entropy).unwrap()
    }

    fn node(&mut self) -> &mut Real {
        self.node.as_mut().unwrap()
    }

    fn ids(&mut self) -> BTreeSet<Id> {
        let all = self.node().store().list(0..=u32::MAX);
        all.unwrap().into_iter().map(|entry| entry.id).collect()
    }
}

/// What is brought: bytes, and the nonce of a stamp.
type Goods = Vec<(Option<[u8; 8]>, Vec<u8>)>;

/// The one who does harm: says that it has as many as it brings, and gives these whatever it is asked for.
#[derive(Default)]
struct Enemy {
    goods: Goods,
    /// Everything that it was given.
    seen: Vec<Vec<u8>>,
    next: u32,
    hour: u32,
    /// What it has brought, by what has to become of it.
    brought: BTreeMap<&'static str, u64>,
}

impl Shelf for Enemy {
    type Error = Infallible;

    fn offer(&mut self, each: &mut dyn FnMut(Offer)) -> Result<(), Infallible> {
        for n in 0..self.goods.len() {
            each(Offer {
                id: Id(sha256(&[b"nowhere", &n.to_be_bytes()])),
                expires: self.hour + 5,
                // A lie, mostly.
                len: 300,
            });
        }
        Ok(())
    }

    fn fetch(&mut self, _: &Id, give: &mut dyn FnMut(Stamp<'_>, &[u8])) -> Result<(), Infallible> {
        if let Some((nonce, bytes)) = self.goods.pop() {
            give(nonce.as_ref().map_or(Stamp::NONE, Stamp::work), &bytes);
        }
        Ok(())
    }

    fn take(&mut self, _: Stamp<'_>, envelope: &[u8]) -> Result<ControlFlow<()>, Infallible> {
        // Replays are of what may still be handed on for long.
        if EnvelopeRef::parse(envelope).unwrap().expires() > HOUR + HOURS {
            self.seen.push(envelope.to_vec());
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Enemy {
    fn number(&mut self) -> u32 {
        self.next += 1;
        1_000_000 + self.next
    }

    fn bring(&mut self, becomes: &'static str, bytes: Vec<u8>) {
        *self.brought.entry(becomes).or_default() += 1;
        self.goods.push((None, bytes));
    }

    /// Gets ready for a visit.
    fn pack(&mut self, harm: Harm, numbers: &mut Numbers) {
        self.goods.clear();
        let soon = self.hour + 1 + numbers.below(3) as u32;
        if harm == Harm::Noise {
            for _ in 0..2 {
                let number = self.number();
                self.bring("expired", envelope(number, self.hour - 1, 16));
                self.bring("too-far-ahead", envelope(number, self.hour + 745, 16));
                self.bring("malformed", envelope(number, soon, 16)[..200].to_vec());
                let good = envelope(number, soon, 16);
                // Twice, since the second has to be known.
                self.bring("kept or known", good.clone());
                self.bring("kept or known", good);
                if !self.seen.is_empty() {
                    let old = numbers.below(self.seen.len() as u64) as usize;
                    self.bring("kept or known", self.seen[old].clone());
                }
            }
            // Larger than anybody here takes, and than the largest there is.
            let (large, number) = (4200 + numbers.below(9000) as usize, self.number());
            self.bring("too-large", envelope(number, soon, large));
            return;
        }
        for _ in 0..300 {
            let bytes = envelope(self.number(), soon, 16);
            let nonce = (harm == Harm::FloodWithWork).then(|| {
                let mut work = Work::new(id(&bytes), 0);
                work.run(8);
                work.nonce()
            });
            self.goods.push((nonce, bytes));
        }
    }
}

fn letter(hour: u32) -> Vec<u8> {
    envelope(hour, hour + 200, 16 + hour as usize * 37 % 100)
}

/// The stamp of a letter, which is the same in all runs and takes a while.
fn worked(hour: u32, effort: u64) -> [u8; 8] {
    static DONE: Mutex<BTreeMap<u32, [u8; 8]>> = Mutex::new(BTreeMap::new());
    let mut done = DONE.lock().unwrap();
    *done.entry(hour).or_insert_with(|| {
        let mut work = Work::new(id(&letter(hour)), 0);
        while work.effort() < effort {
            work.run(64);
        }
        work.nonce()
    })
}

/// Whose session failed, and how.
type Failed<A, B> = (Option<Error<A>>, Option<Error<B>>);

/// A session over a link that breaks after so many bytes. Whether it came to its end.
fn talk<A: Shelf, B: Shelf>(
    (a, left): (&mut Session, &mut A),
    (b, right): (&mut Session, &mut B),
    most: usize,
) -> Result<bool, Failed<A::Error, B::Error>> {
    let mut carried = 0;
    loop {
        let before = carried;
        let mut wire = Vec::new();
        a.transmit(&mut wire, left).map_err(|e| (Some(e), None))?;
        carried += wire.len();
        b.receive(&wire, right).map_err(|e| (None, Some(e)))?;
        wire.clear();
        b.transmit(&mut wire, right).map_err(|e| (None, Some(e)))?;
        carried += wire.len();
        a.receive(&wire, left).map_err(|e| (Some(e), None))?;
        if a.is_done() && b.is_done() {
            return Ok(true);
        }
        if carried == before || carried > most {
            return Ok(false);
        }
    }
}

/// What came of it all.
struct Lived {
    /// Of letters times people, those that arrived.
    delivered: usize,
    /// What the enemy brought, and what became of it.
    brought: BTreeMap<&'static str, u64>,
    became: BTreeMap<String, u64>,
    most_stored: u64,
}

struct World {
    setting: Setting,
    numbers: Numbers,
    people: Vec<Person>,
    drop: tempfile::TempDir,
    enemy: Enemy,
    became: BTreeMap<String, u64>,
    most_stored: u64,
}

impl World {
    fn new(setting: Setting, seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let person = |seed: u64| {
            let disk = Disk::new(seed);
            let node = Person::open(&disk, setting.policy(), HOUR, [seed as u8 + 1; 32]);
            Person {
                disk,
                allowance: Allowance::new(node.policy(), HOUR),
                node: Some(node),
            }
        };
        Self {
            setting,
            people: (0..PEOPLE as u64)
                .map(|_| person(numbers.next() >> 8))
                .collect(),
            numbers,
            drop: tempfile::tempdir().unwrap(),
            enemy: Enemy::default(),
            became: BTreeMap::new(),
            most_stored: 0,
        }
    }

    fn somebody(&mut self) -> usize {
        self.numbers.below(PEOPLE as u64) as usize
    }

    /// Somebody writes, which is an intake like any other.
    fn write(&mut self, hour: u32) -> Id {
        let letter = letter(hour);
        let id = id(&letter);
        let nonce = self.setting.effort.map(|effort| worked(hour, effort));
        let stamp = nonce.as_ref().map_or(Stamp::NONE, Stamp::work);
        let writer = self.somebody();
        let node = self.people[writer].node();
        let mut visit = Visit::new(node.policy());
        node.take_in(&mut visit, &[(stamp, &letter)]).unwrap();
        // A store may be full of what is worth more.
        assert!(visit.tally.kept == 1 || self.setting.quota < 1000);
        id
    }

    fn meet(&mut self, a: usize, b: usize) {
        let nonces = [self.numbers.bytes(), self.numbers.bytes()];
        // One link in three breaks somewhere.
        let most = match self.numbers.below(3) {
            0 => self.numbers.below(30_000) as usize,
            _ => usize::MAX,
        };
        let [a, b] = self.people.get_disjoint_mut([a, b]).unwrap();
        let (a, b) = (a.node(), b.node());
        let session = |nonce: [u8; 32], node: &Real| {
            Session::new(
                *nonce.first_chunk().unwrap(),
                Limits::of(node.policy()),
                node.now(),
            )
        };
        let (mut left, mut right) = (session(nonces[0], a), session(nonces[1], b));
        let (mut at_a, mut at_b) = (Guest::new(a.policy()), Guest::new(b.policy()));
        let went = talk(
            (&mut left, &mut at_a.at(a)),
            (&mut right, &mut at_b.at(b)),
            most,
        );
        assert!(went.is_ok(), "{went:?}");
        let _ = at_a.at(a).flush().unwrap();
        let _ = at_b.at(b).flush().unwrap();
    }

    /// The enemy comes over a link, whose allowance is one for all its visits.
    fn harm(&mut self, hour: u32) {
        let (victim, nonces) = (
            self.somebody(),
            [self.numbers.bytes(), self.numbers.bytes()],
        );
        self.enemy.hour = hour;
        self.enemy.pack(self.setting.harm, &mut self.numbers);
        let Person {
            node, allowance, ..
        } = &mut self.people[victim];
        let node = node.as_mut().unwrap();
        let own = Limits::of(node.policy());
        let wide = Limits {
            envelope: 1 << 24,
            ..Limits::default()
        };
        let mut left = Session::new(*nonces[0].first_chunk().unwrap(), own, hour);
        let mut right = Session::new(*nonces[1].first_chunk().unwrap(), wide, hour);
        let mut guest = Guest::new(node.policy());
        allowance.set_now(hour);
        guest.share(allowance);
        let sides = (
            (&mut left, &mut guest.at(node)),
            (&mut right, &mut self.enemy),
        );
        let _ = talk(sides.0, sides.1, usize::MAX);
        let _ = guest.at(node).flush().unwrap();
        guest.share(allowance);
        self.count(guest.tally().clone());
        // What is larger than the session allows never comes to the node.
        *self.became.entry("too-large".into()).or_default() += left.report().oversized;
    }

    fn count(&mut self, tally: Tally) {
        *self.became.entry("kept or known".into()).or_default() += tally.kept;
        for (Reason(reason), count) in tally.dropped() {
            let reason = if reason == "known" {
                "kept or known"
            } else {
                reason
            };
            *self.became.entry(reason.into()).or_default() += count;
        }
    }

    /// The dead drop: somebody leaves what may be handed on; what lies there is torn or lost at times; somebody else takes
    /// it all in, twice.
    fn drop(&mut self) {
        let (giver, taker) = (self.somebody(), self.somebody());
        let mut files = Export::to_folder(self.drop.path(), getrandom::SysRng).unwrap();
        let handed = export(self.people[giver].node(), &mut files, &mut |_| ()).unwrap();
        if handed.envelopes > 0 {
            let files = files.finish().unwrap();
            let len = fs::metadata(&files[0]).unwrap().len();
            let file = fs::File::options().write(true).open(&files[0]).unwrap();
            match self.numbers.below(4) {
                0 => file.set_len(20 + self.numbers.below(len - 20)).unwrap(),
                1 => fs::remove_file(&files[0]).unwrap(),
                _ => {}
            }
        }
        self.bring_twice(taker);
        if self.numbers.one_in(3) {
            for entry in fs::read_dir(self.drop.path()).unwrap() {
                fs::remove_file(entry.unwrap().path()).unwrap();
            }
        }
    }

    fn bring_twice(&mut self, taker: usize) {
        let taker = self.people[taker].node();
        visit(taker, self.drop.path());
        let before = taker.store().totals();
        let again = visit(taker, self.drop.path());
        // Where there is room, and no budget was spent, the second time changes nothing.
        let spent = [Reason::ROOM, Reason::BUDGET];
        if spent.iter().all(|reason| again.dropped_for(*reason) == 0) && again.kept > 0 {
            assert!(before.envelopes + again.kept > taker.policy().quota.envelopes);
        }
    }

    /// The enemy leaves a bundle in the dead drop, with a frame whose length is a lie.
    fn harm_drop(&mut self, hour: u32) {
        self.enemy.hour = hour;
        let before = self.enemy.brought.clone();
        self.enemy.pack(self.setting.harm, &mut self.numbers);
        // Who takes it, and how often, is drawn: not counted.
        self.enemy.brought = before;
        let mut writer = Writer::new(Vec::new(), [7; 4]).unwrap();
        for (nonce, bytes) in &self.enemy.goods {
            let stamp = nonce.as_ref().map_or(Stamp::NONE, Stamp::work);
            writer.frame(stamp, bytes).unwrap();
        }
        let mut file = writer.finish().unwrap();
        let at = file.len() - 20;
        let lie = [&file[at..at + 4], &[0, 255, 255, 255]].concat();
        file.splice(at..at, lie);
        fs::write(self.drop.path().join("ENEMY222.WCM"), file).unwrap();
    }

    fn live(mut self) -> Lived {
        let mut letters = BTreeSet::new();
        for hour in HOUR..HOUR + HOURS {
            for person in &mut self.people {
                if self.numbers.one_in(40) {
                    // Its machine is started anew.
                    person.node = None;
                    let (policy, entropy) = (self.setting.policy(), self.numbers.bytes());
                    person.node = Some(Person::open(&person.disk, policy, hour, entropy));
                }
                person.node().set_now(hour).unwrap();
                person.node().purge().unwrap();
            }
            if hour < HOUR + LETTERS {
                letters.insert(self.write(hour));
            }
            for _ in 0..2 {
                let (a, b) = (self.somebody(), self.somebody());
                if a != b {
                    self.meet(a, b);
                }
            }
            if hour % 5 == 0 {
                self.drop();
            }
            if self.setting.harm != Harm::None {
                self.harm(hour);
                if hour % 10 == 0 {
                    self.harm_drop(hour);
                }
            }
            for person in &mut self.people {
                let stored = person.node().store().totals().envelopes;
                self.most_stored = self.most_stored.max(stored);
            }
        }
        let arrived = |person: &mut Person| person.ids().intersection(&letters).count();
        Lived {
            delivered: self.people.iter_mut().map(arrived).sum(),
            brought: self.enemy.brought,
            became: self.became,
            most_stored: self.most_stored,
        }
    }
}

fn visit(node: &mut Real, folder: &Path) -> Tally {
    let mut import = Import::new(node);
    for path in candidates(folder, false, 1000).unwrap().files {
        import.file(&path, &mut |_| ()).unwrap();
    }
    let (visit, taken): (Visit, Result<(), wcmp_relay::node::NodeError<StoreError>>) =
        import.finish();
    taken.unwrap();
    visit.tally
}

const EVERYTHING: usize = PEOPLE * LETTERS as usize;

/// All seeds in this setting, on two cores.
fn all(setting: Setting, check: impl Fn(u64, Lived) + Sync) {
    std::thread::scope(|scope| {
        for half in 0..2 {
            let check = &check;
            scope.spawn(move || {
                for seed in (half..SEEDS).step_by(2) {
                    check(seed, World::new(setting, seed * 1000).live());
                }
            });
        }
    });
}

const PEACE: Setting = Setting {
    harm: Harm::None,
    quota: 2000,
    visit: 500,
    effort: None,
};

#[test]
fn everybody_has_everything_in_the_end() {
    all(PEACE, |seed, lived| {
        assert_eq!(lived.delivered, EVERYTHING, "seed {seed}");
    });
}

#[test]
fn noise_delays_nobody_and_is_counted_by_what_is_wrong_with_it() {
    let setting = Setting {
        harm: Harm::Noise,
        ..PEACE
    };
    all(setting, |seed, lived| {
        assert_eq!(lived.delivered, EVERYTHING, "seed {seed}");
        let became: BTreeMap<&str, u64> = lived.became.iter().map(|(r, n)| (&r[..], *n)).collect();
        assert_eq!(became, lived.brought, "seed {seed}");
        assert!(became["malformed"] > 200);
    });
}

/// A flood of valid envelopes over links that have their allowance: it finds room beside the letters, since all links
/// together bring less than the store takes.
#[test]
fn a_flood_that_the_allowance_holds_below_the_quota_displaces_nothing() {
    let setting = Setting {
        harm: Harm::Flood,
        quota: 1200,
        visit: 40,
        ..PEACE
    };
    all(setting, |seed, lived| {
        assert_eq!(lived.delivered, EVERYTHING, "seed {seed}");
        // Five links, each with an allowance and as much again a day.
        let kept = lived.became["kept or known"];
        let days = u64::from(HOURS / 24 + 1);
        assert!(kept <= 5 * (40 + 48 * days), "seed {seed}: {kept}");
        assert!(lived.became["budget"] > 0);
    });
}

/// The limit of it: what is worth more displaces what is worth less, and small envelopes that expire soon are worth more.
/// The memory of what a store holds is bounded all the same.
#[test]
fn a_flood_beyond_the_quota_displaces_letters_without_work() {
    let setting = Setting {
        harm: Harm::Flood,
        quota: 150,
        ..PEACE
    };
    all(setting, |seed, lived| {
        assert!(
            lived.delivered < EVERYTHING * 19 / 20,
            "seed {seed}: {}",
            lived.delivered
        );
        assert!(
            lived.most_stored <= 150,
            "seed {seed}: {}",
            lived.most_stored
        );
    });
}

/// And what holds then: work, where the policies carry stamps.
#[test]
fn letters_with_work_stay_whatever_comes_with_less() {
    for harm in [Harm::Flood, Harm::FloodWithWork] {
        let setting = Setting {
            harm,
            quota: 150,
            effort: Some(1 << 15),
            ..PEACE
        };
        all(setting, |seed, lived| {
            assert_eq!(lived.delivered, EVERYTHING, "seed {seed}, {harm:?}");
            assert!(lived.most_stored <= 150);
        });
    }
}
