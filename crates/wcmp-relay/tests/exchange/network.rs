//! People who meet, for a month of a virtual clock: links that break, sticks that are damaged, and one who does harm.
//! Everything is drawn from a seed, so a run repeats exactly.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ops::ControlFlow;

use wcmp_relay::bundle::{Event, Reader, Stamp, Writer};
use wcmp_relay::exchange::{Limits, Offer, Shelf};
use wcmp_relay::store::Store;
use wcmp_wire::{EnvelopeRef, Id, sha256};

use super::kit::{Carrier, HOUR, envelope, id, limits, meet_over};

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 += 1;
        let bytes = sha256(&[&self.0.to_be_bytes()]);
        usize::from_be_bytes(bytes[..8].try_into().unwrap()) % sides
    }
}

const PEOPLE: usize = 8;
const HOURS: u32 = 200;

/// Who does harm offers what it never has, and sends replays, old ones, wrong ones, large ones, and noise.
struct Enemy {
    seen: Vec<Vec<u8>>,
    dice: Dice,
    hour: u32,
}

impl Shelf for Enemy {
    type Error = Infallible;

    fn offer(&mut self, each: &mut dyn FnMut(Offer)) -> Result<(), Infallible> {
        for n in 0_u32..60 {
            each(Offer {
                id: Id(sha256(&[b"enemy", &n.to_be_bytes()])),
                expires: self.hour + n,
                len: 300,
            });
        }
        Ok(())
    }

    fn fetch(&mut self, _: &Id, give: &mut dyn FnMut(Stamp<'_>, &[u8])) -> Result<(), Infallible> {
        let number = 1_000_000 + self.dice.roll(1000) as u32;
        for _ in 0..3 {
            match self.dice.roll(6) {
                0 => give(Stamp::NONE, &envelope(number, self.hour - 2, 16)),
                1 => give(Stamp::NONE, &envelope(number, self.hour + 2000, 16)),
                2 => give(Stamp::NONE, &envelope(number, self.hour + 5, 6000)),
                3 => give(Stamp::NONE, &envelope(number, self.hour + 5, 16)[1..]),
                _ => {
                    if let Some(old) = self.seen.get(self.dice.roll(self.seen.len().max(1))) {
                        give(Stamp::NONE, old);
                    }
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, _: Stamp<'_>, envelope: &[u8]) -> Result<ControlFlow<()>, Infallible> {
        self.seen.push(envelope.to_vec());
        Ok(ControlFlow::Continue(()))
    }
}

/// A bundle of all that may be handed on, cut or damaged on its way.
fn stick(from: &mut Carrier, dice: &mut Dice) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), [dice.roll(256) as u8; 4]).unwrap();
    for entry in from.store.list(from.hour..=u32::MAX).unwrap() {
        let stored = from.store.get(&entry.id).unwrap().unwrap();
        writer.frame(Stamp::NONE, &stored.envelope).unwrap();
    }
    let mut file = writer.finish().unwrap();
    match dice.roll(3) {
        0 => file.truncate(20 + dice.roll(file.len() - 19)),
        1 => {
            let at = 20 + dice.roll(file.len() - 20);
            file[at] ^= 0x55;
        }
        _ => {}
    }
    file
}

fn import(file: &[u8], to: &mut Carrier) {
    let Ok(mut reader) = Reader::open(file, to.max_size) else {
        return;
    };
    while let Ok(Some(event)) = reader.next() {
        if let Event::Frame {
            stamp, envelope, ..
        } = event
        {
            let _ = to.take(stamp, envelope);
        }
    }
}

/// Runs the month; who has which of the envelopes that were sent, at the end.
fn live(seed: u64, enemy: bool) -> (Vec<Carrier>, BTreeMap<Id, u32>) {
    let mut dice = Dice(seed << 32);
    let mut people: Vec<Carrier> = (0..PEOPLE).map(|_| Carrier::new()).collect();
    for person in &mut people {
        person.max_size = 4000;
    }
    let mut harm = Enemy {
        seen: Vec::new(),
        dice: Dice(seed << 32 | 1 << 31),
        hour: HOUR,
    };
    let mut sent = BTreeMap::new();
    for hour in HOUR..HOUR + HOURS {
        harm.hour = hour;
        for person in &mut people {
            person.hour = hour;
            person.store.expire(hour).unwrap();
        }
        if hour < HOUR + HOURS / 2 {
            let letter = envelope(hour, hour + 400, 16 + dice.roll(300));
            people[dice.roll(PEOPLE)].put(&letter);
            sent.insert(id(&letter), hour);
        }
        for _ in 0..2 {
            let (a, b) = (dice.roll(PEOPLE), dice.roll(PEOPLE));
            let nonce = dice.roll(1 << 30) as u32;
            // One link in three breaks somewhere.
            let most = [usize::MAX, usize::MAX, dice.roll(20_000)][dice.roll(3)];
            let at_once = 1 + dice.roll(3000);
            if a == b {
                let file = stick(&mut people[a], &mut dice);
                import(&file, &mut people[dice.roll(PEOPLE)]);
                import(&file, &mut people[dice.roll(PEOPLE)]);
                continue;
            }
            let [a, b] = people.get_disjoint_mut([a, b]).unwrap();
            let (left, right) = (near(a), near(b));
            let meeting = meet_over((a, left), (b, right), (at_once, most), nonce);
            assert_eq!(meeting.errors, [None, None]);
        }
        if enemy {
            let victim = &mut people[dice.roll(PEOPLE)];
            let (nonce, ours) = (dice.roll(1 << 30) as u32, near(victim));
            let (at_once, most) = (1 + dice.roll(3000), usize::MAX);
            let wide = Limits {
                envelope: 1 << 24,
                ..Limits::default()
            };
            meet_over((victim, ours), (&mut harm, wide), (at_once, most), nonce);
        }
    }
    (people, sent)
}

/// The sessions of the kit run at one fixed hour; expiry is the carriers' own.
fn near(carrier: &Carrier) -> Limits {
    Limits {
        ttl: 1500,
        ..limits(carrier)
    }
}

#[test]
fn everybody_has_everything_in_the_end() {
    for seed in 0..3 {
        let (mut people, sent) = live(seed, false);
        let all: BTreeSet<Id> = sent.keys().copied().collect();
        for person in &mut people {
            assert_eq!(person.ids(), all, "seed {seed}");
        }
    }
}

#[test]
fn one_who_does_harm_delays_nobody() {
    for seed in 0..3 {
        let (mut people, sent) = live(seed, true);
        for person in &mut people {
            let ids = person.ids();
            assert!(sent.keys().all(|id| ids.contains(id)), "seed {seed}");
            // And nothing that breaks the rules was let in, and none of its noise: it made no valid envelope.
            assert_eq!(ids.len(), sent.len());
            for id in ids {
                let stored = person.store.get(&id).unwrap().unwrap();
                let view = EnvelopeRef::parse(&stored.envelope).unwrap();
                assert!(view.expires() <= HOUR + HOURS + 744);
            }
        }
        let refused: u32 = people.iter().flat_map(|p| p.dropped.values()).sum();
        assert!(refused > 100, "the enemy was there: {refused}");
    }
}
