//! What a node stores and hands on does not depend on what its owner can read (spec 9.1).
//!
//! Nodes get the same bytes at the same hours under the same policy and from the same randomness: by hand, and over links
//! with a neighbour. One belongs to somebody for whom a part of the envelopes is, who recognises and opens each as it comes,
//! and wrote some; another to somebody for whom others are; a third to nobody who reads. Every file that they keep, every
//! file that they hand on, and every byte that they say over a link is the same.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use wcmp::message::{Sealer, Sender};
use wcmp::relay::bundle::{Export, Secret, Stamp};
use wcmp::relay::carry::export;
use wcmp::relay::exchange::have::{Have, offered};
use wcmp::relay::exchange::{Guest, Limits, Session};
use wcmp::relay::node::Node;
use wcmp::relay::policy::{Policy, Visit};
use wcmp::relay::store::{
    Columns, Cursor, Folder, MemoryStore, Options, Quota, SegmentStore, Store,
};
use wcmp::{Content, Readable, Receiver, ScanCursor, Scanner, Suite};
use wcmp_tests::kit::{CRYPTO, NOW, TestRng, person, receiver};

/// Hours, and what comes in them.
fn visits() -> Vec<(u32, Vec<Vec<u8>>)> {
    let (alice, bob, carol) = (person("alice"), person("bob"), person("carol"));
    let mut rng = TestRng::new(900);
    let mut visits = Vec::new();
    let mut hour = NOW;
    for visit in 0..12 {
        let mut batch = Vec::new();
        for i in 0..12u32 {
            let suite = if i % 2 == 0 {
                Suite::SealedAes256Gcm
            } else {
                Suite::OpenAes256Gcm
            };
            let to = if i % 3 == 0 { &carol } else { &bob };
            let content = Content::new("text/plain", vec![i as u8; rng.below(3000)]);
            let sealer = Sealer::new(suite, hour + 5 + 20 * i);
            let sealer = sealer.from(&alice).to(to.public()).introduce();
            let mut envelope = sealer.seal(&CRYPTO, &content, &mut rng).unwrap();
            match i {
                // A forgery in the name of a contact: whoever can check it must not show it.
                9 => *envelope.last_mut().unwrap() ^= 1,
                10 => envelope[100] ^= 1,
                11 => envelope.truncate(600),
                _ => {}
            }
            batch.push(envelope);
        }
        // Some come again.
        if let Some((_, before)) = visits.last() {
            let before: &Vec<Vec<u8>> = before;
            batch.extend(before.iter().take(3).cloned());
        }
        visits.push((hour, batch));
        hour += 1 + 7 * (visit % 4);
    }
    visits
}

type Kept = SegmentStore<Folder>;

/// The owner's side: looks through what came since the last time, opens what there is, and answers nothing.
fn read_inbox(store: &mut Kept, since: Cursor, owner: &Receiver, now: u32) -> u32 {
    let receivers = std::slice::from_ref(owner);
    let scanner = Scanner::new(&CRYPTO, receivers);
    let mut places = Vec::new();
    let look = |columns: &Columns<'_>| {
        let rows = wcmp::rows(columns);
        let (mut cursor, mut budget) = (ScanCursor::default(), u64::MAX);
        let scanned = scanner.scan(&rows, 0, now, &mut cursor, &mut budget, &mut |_| ());
        let found = scanned.found.iter();
        places.extend(found.filter_map(|found| columns.place(found.row as usize)));
    };
    store.scan(since, look).unwrap();
    let mut opened = 0;
    for place in places {
        let Some(id) = store.id(place).unwrap() else {
            continue;
        };
        let stored = store.get(&id).unwrap().unwrap();
        let readable = Readable::parse(&stored.envelope, now).unwrap();
        let recognised = readable.recognise(&CRYPTO, owner).unwrap();
        if let Ok(message) = recognised.open(&CRYPTO, &[]) {
            assert!(!matches!(message.sender, Sender::Anonymous));
            opened += 1;
        }
    }
    opened
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

/// A neighbour, who is the same for everybody: has some of what comes next, and some of its own.
fn neighbour(visit: usize, now: u32, batch: &[Vec<u8>]) -> Node<MemoryStore> {
    let mut policy = Policy::default();
    policy.hold = 0;
    let mut node = Node::open(MemoryStore::new(Quota::NONE), policy, now, &[99; 32]).unwrap();
    let mut rng = TestRng::new(5000 + visit as u64);
    let own: Vec<Vec<u8>> = (0..4)
        .map(|i| {
            let sealer = Sealer::dummy(Suite::SealedAes256Gcm, now + 30 + i);
            sealer.seal(&CRYPTO, &Content::default(), &mut rng).unwrap()
        })
        .collect();
    let brought = own.iter().chain(batch.iter().step_by(3));
    let brought: Vec<_> = brought.map(|bytes| (Stamp::NONE, &bytes[..])).collect();
    let mut visit = Visit::new(node.policy());
    node.take_in(&mut visit, &brought).unwrap();
    node
}

/// A session with it; every byte that the node says.
fn exchange(node: &mut Node<Kept>, other: &mut Node<MemoryStore>, nonce: u8) -> Vec<u8> {
    let session = |nonce, policy: &Policy, now| Session::new([nonce; 16], Limits::of(policy), now);
    // In turn it describes and finds the difference.
    let mut a = session(nonce, node.policy(), node.now());
    let mut b = session(100, other.policy(), other.now());
    let (mut at_a, mut at_b) = (Guest::new(node.policy()), Guest::new(other.policy()));
    let (mut said, mut wire) = (Vec::new(), Vec::new());
    while !(a.is_done() && b.is_done()) {
        let before = said.len();
        a.transmit(&mut said, &mut at_a.at(node)).unwrap();
        b.receive(&said[before..], &mut at_b.at(other)).unwrap();
        b.transmit(&mut wire, &mut at_b.at(other)).unwrap();
        a.receive(&wire, &mut at_a.at(node)).unwrap();
        wire.clear();
    }
    let _ = at_a.at(node).flush().unwrap();
    let _ = at_b.at(other).flush().unwrap();
    said
}

/// What a life leaves behind.
struct Life {
    /// Every file after each visit, and what was said over the link.
    seen: Vec<BTreeMap<String, Vec<u8>>>,
    opened: u32,
    evicted: bool,
}

/// Everything that a node keeps after each visit and hands on there, and how often its owner opened something.
fn life(owner: Option<&Receiver>, visits: &[(u32, Vec<Vec<u8>>)]) -> Life {
    let home = tempfile::tempdir().unwrap();
    let mut life = Life {
        seen: Vec::new(),
        opened: 0,
        evicted: false,
    };
    for (i, (now, batch)) in visits.iter().enumerate() {
        let mut policy = Policy::default();
        policy.stamps = true;
        policy.quota = Quota {
            envelopes: 60,
            bytes: u64::MAX,
        };
        let options = Options {
            quota: policy.quota,
            ..Options::default()
        };
        let entropy = [i as u8 + 1; 32];
        let folder = Folder::new(home.path()).unwrap();
        let store = SegmentStore::open(folder, options, &entropy).unwrap();
        let mut node = Node::open(store, policy, *now, &entropy).unwrap();
        node.purge().unwrap();
        let since = node.store().latest();
        let mut visit = Visit::new(node.policy());
        // Every fourth has a stamp, of more or less work.
        let nonces: Vec<[u8; 8]> = (0..batch.len() as u64).map(u64::to_be_bytes).collect();
        let stamp = |n: usize| match n % 4 {
            0 => Stamp::work(&nonces[n]),
            _ => Stamp::NONE,
        };
        let bytes = batch.iter().enumerate();
        let brought: Vec<_> = bytes.map(|(n, bytes)| (stamp(n), &bytes[..])).collect();
        node.take_in(&mut visit, &brought).unwrap();
        life.evicted |= node.store().totals().envelopes == 60;
        if let Some(owner) = owner {
            life.opened += read_inbox(node.store(), since, owner, *now);
        }

        let next = visits.get(i + 1).map_or(&batch[..], |(_, next)| &next[..]);
        let mut other = neighbour(i, *now, next);
        let since = node.store().latest();
        let said = exchange(&mut node, &mut other, [50, 150][i % 2]);
        if let Some(owner) = owner {
            life.opened += read_inbox(node.store(), since, owner, *now);
        }
        // As the command does after each visit.
        let latest = node.store().latest();
        node.store().forget_arrivals(latest).unwrap();

        let stick = tempfile::tempdir().unwrap();
        let mut out = Export::to_folder(stick.path(), TestRng::new(i as u64)).unwrap();
        export(&mut node, &mut out, &mut |_| ()).unwrap();
        out.finish().unwrap();
        let sealed = stick.path().join("sealed");
        let (secret, rng) = (Secret::paired([3; 32]), TestRng::new(700 + i as u64));
        let mut out = Export::sealed_to_file(&sealed, false, secret, rng).unwrap();
        export(&mut node, &mut out, &mut |_| ()).unwrap();
        out.finish().unwrap();
        let have = Have::write(&[i as u8; 32], &offered(&mut node).unwrap());
        fs::write(stick.path().join("have"), have).unwrap();
        fs::write(stick.path().join("said"), said).unwrap();
        if i % 4 == 3 {
            node.store().tidy().unwrap();
        }
        drop(node);
        life.seen.push(files(stick.path()));
        life.seen.push(files(home.path()));
    }
    life
}

#[test]
fn equal_intake_and_different_keyrings_give_equal_bytes() {
    let visits = visits();
    let alice = person("alice");
    let bob = receiver(Suite::SealedAes256Gcm, "bob", &[alice.public()]);
    let carol = receiver(Suite::SealedAes256Gcm, "carol", &[]);
    let bobs = life(Some(&bob), &visits);
    let carols = life(Some(&carol), &visits);
    let nobodys = life(None, &visits);
    // Both inboxes are there for something, and the third is not.
    assert!(
        bobs.opened > 50 && carols.opened > 15,
        "{} {}",
        bobs.opened,
        carols.opened
    );
    assert_ne!(bobs.opened, carols.opened);
    assert!(bobs.evicted);
    let largest = |name: &str| {
        let folders = bobs.seen.iter();
        folders
            .filter_map(|folder| folder.get(name))
            .map(Vec::len)
            .max()
            .unwrap()
    };
    assert!(largest("sealed") > 10_000 && largest("said") > 10_000);
    for others in [&carols, &nobodys] {
        assert_eq!(bobs.seen.len(), others.seen.len());
        for (i, (a, b)) in bobs.seen.iter().zip(&others.seen).enumerate() {
            let names =
                |folder: &BTreeMap<String, Vec<u8>>| folder.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(a), names(b), "after visit {}", i / 2);
            for (name, bytes) in a {
                assert!(bytes == &b[name], "{name} after visit {}", i / 2);
            }
        }
    }
}

/// A message of one's own is an intake like any other: the node of who wrote it and that of who got it are the same.
#[test]
fn who_wrote_a_message_keeps_and_hands_on_what_who_got_it_does() {
    let visits = visits();
    let [alice, bob] = ["alice", "bob"].map(|name| receiver(Suite::SealedAes256Gcm, name, &[]));
    // All of these are Alice's own.
    let (alices, bobs) = (life(Some(&alice), &visits), life(Some(&bob), &visits));
    assert!(bobs.opened > alices.opened);
    assert!(alices.seen == bobs.seen);
}

#[test]
fn the_relay_crate_cannot_name_a_key() {
    // The link has Diffie-Hellman in it, for a secret of its own; no key that a message is for or from.
    let of_links = ["curve25519-dalek"];
    for features in ["std", "std,policy,sealed", "std,policy,sealed,noise"] {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let tree = Command::new(cargo)
            .args([
                "tree",
                "--offline",
                "--locked",
                "-p",
                "wcmp-relay",
                "-e",
                "normal",
            ])
            .args([
                "--prefix",
                "none",
                "--no-default-features",
                "--features",
                features,
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(
            tree.status.success(),
            "{}",
            String::from_utf8_lossy(&tree.stderr)
        );
        let tree = String::from_utf8(tree.stdout).unwrap();
        let crates: Vec<&str> = tree
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert!(
            crates.contains(&"wcmp-wire") && crates.contains(&"sha2"),
            "{tree}"
        );
        for key in [
            "wcmp-suite",
            "wcmp-message",
            "wcmp-protocol",
            "x25519-dalek",
            "ed25519-dalek",
            "curve25519-dalek",
            "x-wing",
            "ml-kem",
            "hpke",
            "ring",
            "aws-lc-rs",
        ] {
            let link = features.contains("noise") && of_links.contains(&key);
            assert!(link || !crates.contains(&key), "{features}: {key}");
        }
        // Files may be sealed, but by default there is no cipher either.
        assert_eq!(crates.contains(&"aes-gcm"), features.contains("sealed"));
        assert_eq!(crates.contains(&"snow"), features.contains("noise"));
    }
}
