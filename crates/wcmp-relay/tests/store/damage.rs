//! Bits rot anywhere: what is hit is reported and dropped, the rest lives, and nothing wrong is given out.

use std::collections::{BTreeMap, BTreeSet};

use wcmp_relay::bundle::Stamp;
use wcmp_relay::node::{Clock, Node};
use wcmp_relay::policy::{Policy, Visit};
use wcmp_relay::store::{Cursor, Incoming, Options, SegmentStore, Store};
use wcmp_wire::Id;

use crate::kit::{Numbers, envelope, incoming};
use crate::sim::{Disk, SimFs};

const NOW: u32 = 480_000;

fn open(disk: &Disk) -> SegmentStore<SimFs> {
    SegmentStore::open(disk.mount(), Options::default(), &[3; 32]).unwrap()
}

/// A disk with envelopes of one day, and their ids.
fn disk(envelopes: u64) -> (Disk, BTreeSet<Id>) {
    let disk = Disk::new(1);
    let batch: Vec<Vec<u8>> = (0..envelopes).map(|n| envelope(n, NOW, 100)).collect();
    let batch: Vec<_> = batch.iter().map(|bytes| incoming(bytes, None)).collect();
    let mut store = open(&disk);
    store.insert(&batch, NOW).unwrap();
    (disk, batch.iter().map(Incoming::id).collect())
}

fn ids(store: &mut SegmentStore<SimFs>) -> BTreeSet<Id> {
    let listed = store.list(0..=u32::MAX).unwrap();
    listed.iter().map(|entry| entry.id).collect()
}

fn name(disk: &Disk, kind: &str) -> String {
    let files = disk.files().into_iter().map(|(name, _)| name);
    files.into_iter().find(|name| name.ends_with(kind)).unwrap()
}

#[test]
fn rot_costs_what_it_hits() {
    for seed in 0..400 {
        let mut numbers = Numbers(seed);
        let disk = Disk::new(seed);
        let options = Options::default();
        let mut store = SegmentStore::open(disk.mount(), options, &numbers.bytes()).unwrap();
        let mut made = BTreeMap::new();
        for _ in 0..3 {
            let batch: Vec<Vec<u8>> = (0..8)
                .map(|_| envelope(numbers.next(), 480_000 + numbers.below(40) as u32, 100))
                .collect();
            let batch: Vec<_> = batch.iter().map(|bytes| incoming(bytes, None)).collect();
            store.insert(&batch, 480_000).unwrap();
            for one in &batch {
                made.insert(one.id(), one.envelope().as_bytes().to_vec());
            }
        }
        drop(store);
        // One bit of one file.
        let files = disk.files();
        let files: Vec<_> = files.iter().filter(|(_, len)| *len > 0).collect();
        let (name, len) = files[numbers.below(files.len() as u64) as usize];
        let at = numbers.below(*len as u64) as usize;
        disk.damage(name, |bytes| bytes[at] ^= 1 << (at % 8));
        let hit = u64::from(name.ends_with("wcmp"));

        let mut store = SegmentStore::open(disk.mount(), options, &numbers.bytes()).unwrap();
        store.verify(|_| {}).unwrap();
        let mut lost = 0;
        for (id, bytes) in &made {
            match store.get(id).unwrap() {
                Some(stored) => assert_eq!(stored.envelope, *bytes),
                None => lost += 1,
            }
        }
        assert!(lost <= hit, "seed {seed}: {name} {at}");
        assert!(store.damaged() >= lost);
        let listed = store.list(0..=u32::MAX).unwrap();
        assert_eq!(listed.len() as u64, made.len() as u64 - lost);
    }
}

/// The files of a node, each damaged at every place, and cut at every length: nothing is handed on before its hold, the
/// owner is never locked out, and what the segments hold stays.
#[test]
fn every_damage_to_a_nodes_small_files_is_survived() {
    let disk = Disk::new(1);
    let policy = || {
        let mut policy = Policy::default();
        policy.stamps = true;
        policy
    };
    let node = |disk: &Disk, now| Node::open(open(disk), policy(), now, &[9; 32]).unwrap();
    let all: Vec<Vec<u8>> = (0..12).map(|n| envelope(n, NOW + 40, 30)).collect();
    let take = |node: &mut Node<SegmentStore<SimFs>>, some: &[Vec<u8>], stamp: Stamp<'_>| {
        let batch: Vec<_> = some.iter().map(|bytes| (stamp, &bytes[..])).collect();
        let mut visit = Visit::new(node.policy());
        node.take_in(&mut visit, &batch).unwrap();
    };
    let mut first = node(&disk, NOW);
    take(&mut first, &all[..8], Stamp::NONE);
    take(&mut first, &all[8..], Stamp::NONE);
    // Marks, of stamps that come later.
    take(&mut first, &all[..3], Stamp::work(&[1; 8]));
    let ready: BTreeSet<Id> = first.offered().unwrap().iter().map(|e| e.id).collect();
    let held = first.held();
    assert!(ready.len() < 4 && ready.len() + held == 12);
    drop(first);
    let everything = ids(&mut open(&disk));

    let files = disk.files().into_iter();
    let small = files.filter(|(name, len)| *len > 0 && !name.ends_with("wcmp"));
    let mut cases = 0;
    for (name, len) in small.collect::<Vec<_>>() {
        // Opening heals files, so each case begins with the whole disk.
        for case in 0..2 * len {
            let disk = disk.copy();
            disk.damage(&name, |bytes| match case.checked_sub(len) {
                None => bytes[case] ^= 1 << (case % 8),
                Some(cut) => bytes.truncate(cut),
            });
            let mut node = node(&disk, NOW);
            if name == "state" {
                assert_eq!((node.clock(), node.held()), (Clock::Lost, 12));
                assert!(node.offered().is_err());
                node.confirm_clock().unwrap();
                assert_eq!(node.offered().unwrap(), []);
            } else {
                assert_eq!((node.clock(), node.held()), (Clock::Running, held));
                let offered = node.offered().unwrap();
                assert!(
                    offered.iter().map(|e| e.id).eq(ready.iter().copied()),
                    "{name} {case}"
                );
            }
            let store = node.store();
            assert_eq!(ids(store), everything, "{name} {case}");
            store.scan(Cursor::START, |_| ()).unwrap();
            assert_eq!(store.verify(|_| ()).unwrap(), 0);
            assert_eq!(store.damaged(), 0, "{name} {case}");
            cases += 1;
        }
    }
    assert!(cases > 3000, "{cases}");
}

/// Somebody has renamed a segment, or copied it: no envelope that is intact is thrown away.
#[test]
fn a_segment_under_another_name_is_not_thrown_away() {
    let (disk, all) = disk(5);
    let segment = name(&disk, ".wcmp");
    let (day, _) = segment.split_once('-').unwrap();

    // Another salt: its header says which it has.
    let renamed = disk.copy();
    renamed.rename(&segment, &format!("{day}-12345678.wcmp"));
    let mut store = open(&renamed);
    assert_eq!((ids(&mut store), store.damaged()), (all.clone(), 0));
    drop(store);
    assert_eq!(ids(&mut open(&renamed)), all);

    // Another day, on which none of them expires: it is kept aside, until that day is over.
    let moved = disk.copy();
    moved.rename(&segment, "00009999-12345678.wcmp");
    for _ in 0..2 {
        let mut store = open(&moved);
        assert_eq!((ids(&mut store).len(), store.kept_aside()), (0, 1));
        store.expire(0x9999 * 24).unwrap();
    }
    assert!(name(&moved, ".bad").starts_with("00009999-12345678"));
    let mut store = open(&moved);
    store.expire(0x999A * 24).unwrap();
    assert_eq!(store.kept_aside(), 0);
    assert!(
        moved
            .files()
            .iter()
            .all(|(name, _)| !name.ends_with(".bad"))
    );

    // Another day and the same salt, beside the right one.
    let copied = disk.copy();
    copied.copy_file(&segment, &segment.replace(day, "00000001"));
    let mut store = open(&copied);
    let found = ids(&mut store);
    assert!(found == all || store.kept_aside() == 2, "{found:?}");
}

/// Nothing in a segment can be recognised: it is kept, and its loss told once.
#[test]
fn a_segment_that_cannot_be_read_is_kept_aside() {
    let (disk, _) = disk(1);
    let segment = name(&disk, ".wcmp");
    disk.damage(&segment, |bytes| bytes[60] ^= 1);
    disk.remove(&name(&disk, ".idx"));
    let store = open(&disk);
    assert_eq!((store.damaged(), store.kept_aside()), (1, 1));
    drop(store);
    let store = open(&disk);
    assert_eq!((store.damaged(), store.kept_aside()), (0, 1));
    assert_eq!(name(&disk, ".bad"), segment.replace("wcmp", "bad"));

    // With nothing in it there is nothing to keep.
    let (disk, _) = self::disk(1);
    disk.damage(&name(&disk, ".wcmp"), |bytes| bytes.truncate(20));
    disk.remove(&name(&disk, ".idx"));
    let store = open(&disk);
    assert_eq!((store.damaged(), store.kept_aside()), (0, 0));
}

/// The power went while a batch was written: that is no damage, and does not stay. What was acknowledged and is damaged is
/// told, wherever it is.
#[test]
fn a_batch_that_was_cut_off_is_no_damage() {
    for with_index in [true, false] {
        let (disk, all) = disk(4);
        let segment = name(&disk, ".wcmp");
        if !with_index {
            disk.remove(&name(&disk, ".idx"));
        }
        let mut whole = Vec::new();
        disk.damage(&segment, |bytes| whole.clone_from(bytes));
        // The beginning of a further frame, of every length.
        let frame = whole[20..].to_vec();
        for cut in 1..14 + 150 {
            let torn = disk.copy();
            torn.damage(&segment, |bytes| bytes.extend(&frame[..cut]));
            let mut store = open(&torn);
            assert_eq!(
                (ids(&mut store), store.damaged()),
                (all.clone(), 0),
                "{cut}"
            );
            store.tidy().unwrap();
            drop(store);
            assert_eq!(open(&torn).damaged(), 0);
            assert_ne!(name(&torn, ".wcmp"), segment, "written anew without it");
        }
        // The last frame, which was acknowledged, with one bit changed or, as the index tells, cut.
        let last = (0..whole.len() - 4)
            .rfind(|at| whole[*at..*at + 4] == whole[20..24])
            .unwrap();
        for bit in 0..8 * (whole.len() - last) {
            let rotten = disk.copy();
            rotten.damage(&segment, |bytes| bytes[last + bit / 8] ^= 1 << (bit % 8));
            let mut store = open(&rotten);
            store.verify(|_| ()).unwrap();
            assert_eq!((ids(&mut store).len(), store.damaged()), (3, 1), "{bit}");
            store.tidy().unwrap();
            drop(store);
            let mut store = open(&rotten);
            store.verify(|_| ()).unwrap();
            assert_eq!(store.damaged(), 0, "told once");
        }
        if with_index {
            let cut = disk.copy();
            cut.damage(&segment, |bytes| bytes.truncate(last + 30));
            assert_eq!(open(&cut).damaged(), 1);
        }
    }
}

/// What a node stores does not depend on what its owner reads (spec 9.1): not even of what is damaged.
#[test]
fn reading_changes_nothing() {
    let (disk, all) = disk(6);
    let segment = name(&disk, ".wcmp");
    disk.damage(&segment, |bytes| bytes[60] ^= 1);
    let read = |disk: &Disk| {
        let mut store = open(disk);
        for id in &all {
            let _ = store.get(id).unwrap();
        }
        store.scan(Cursor::START, |_| ()).unwrap();
        ids(&mut store);
        (store.damaged(), store.totals().envelopes)
    };
    let before = disk.contents();
    assert_eq!(read(&disk), (0, 6));
    assert_eq!(disk.contents(), before);
    let mut store = open(&disk);
    let intact = all.iter().filter(|id| store.check(id).unwrap()).count();
    assert_eq!(
        (intact, store.damaged(), store.totals().envelopes),
        (5, 1, 5)
    );
}
