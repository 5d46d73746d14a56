//! What a node stores and hands on does not depend on what its owner can read (spec 9.1).
//!
//! Two nodes get the same bytes at the same hours under the same policy and from the same randomness. One belongs to
//! somebody for whom half of the envelopes are, who recognises and opens each as it comes; the other to somebody for whom
//! nothing is, or everything is forged. Every file that they keep and every file that they hand on is the same.
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
use wcmp::relay::bundle::{Export, Stamp};
use wcmp::relay::carry::export;
use wcmp::relay::node::Node;
use wcmp::relay::policy::{Policy, Visit};
use wcmp::relay::store::{Folder, Options, Quota, SegmentStore, Store};
use wcmp::{Content, Readable, Receiver, Suite};
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

/// The owner's side: looks at everything that came, opens what there is, and answers nothing.
fn read_inbox(
    store: &mut impl Store<Error = wcmp::relay::store::StoreError>,
    owner: &Receiver,
    now: u32,
) -> u32 {
    let mut opened = 0;
    for entry in store.list(0..=u32::MAX).unwrap() {
        let stored = store.get(&entry.id).unwrap().unwrap();
        let Ok(readable) = Readable::parse(&stored.envelope, now) else {
            continue;
        };
        if let Some(recognised) = readable.recognise(&CRYPTO, owner)
            && let Ok(message) = recognised.open(&CRYPTO, &[])
        {
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

/// Everything that a node keeps after each visit and hands on there, and how often its owner opened something.
fn life(owner: &Receiver, visits: &[(u32, Vec<Vec<u8>>)]) -> (Vec<BTreeMap<String, Vec<u8>>>, u32) {
    let home = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    let mut opened = 0;
    for (i, (now, batch)) in visits.iter().enumerate() {
        let mut policy = Policy::default();
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
        let mut visit = Visit::new(node.policy());
        let batch: Vec<_> = batch
            .iter()
            .map(|bytes| (Stamp::NONE, &bytes[..]))
            .collect();
        node.take_in(&mut visit, &batch).unwrap();
        opened += read_inbox(node.store(), owner, *now);

        let stick = tempfile::tempdir().unwrap();
        let mut out = Export::to_folder(stick.path(), TestRng::new(i as u64)).unwrap();
        export(&mut node, &mut out, &mut |_| ()).unwrap();
        out.finish().unwrap();
        drop(node);
        seen.push(files(stick.path()));
        seen.push(files(home.path()));
    }
    (seen, opened)
}

#[test]
fn equal_intake_and_different_keyrings_give_equal_bytes() {
    let visits = visits();
    let alice = person("alice");
    let bob = receiver(Suite::SealedAes256Gcm, "bob", &[alice.public()]);
    let stranger = receiver(Suite::SealedAes256Gcm, "nobody", &[]);
    let (bobs, opened) = life(&bob, &visits);
    let (strangers, none) = life(&stranger, &visits);
    assert!(opened > 50 && none == 0, "{opened} {none}");
    assert!(
        bobs.iter()
            .any(|folder| folder.values().any(|file| file.len() > 10_000))
    );
    assert_eq!(bobs.len(), strangers.len());
    for (i, (a, b)) in bobs.iter().zip(&strangers).enumerate() {
        assert_eq!(a, b, "after visit {}", i / 2);
    }
}

#[test]
fn the_relay_crate_cannot_name_a_key() {
    for features in ["std", "std,policy,sealed"] {
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
            assert!(!crates.contains(&key), "{features}: {key}");
        }
        // Files may be sealed, but by default there is no cipher either.
        assert_eq!(crates.contains(&"aes-gcm"), features.contains("sealed"));
    }
}
