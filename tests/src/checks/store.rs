//! Any bytes in the small files of a node's store: nothing panics, nothing that the segments hold is lost, and nothing is
//! handed on before its hold.

use core::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::rc::Rc;

use wcmp_relay::bundle::Stamp;
use wcmp_relay::node::{Clock, Node};
use wcmp_relay::policy::{Policy, Visit};
use wcmp_relay::store::{Cursor, FileSystem, Options, SegmentStore, Store};
use wcmp_wire::{Envelope, Id, sha256};

const NOW: u32 = 494_000;

/// A folder in memory.
#[derive(Clone, Debug, Default)]
struct Memory(Rc<RefCell<BTreeMap<String, Vec<u8>>>>);

impl Memory {
    fn with<T>(&self, name: &str, work: impl FnOnce(&mut Vec<u8>) -> T) -> io::Result<T> {
        let mut files = self.0.borrow_mut();
        files.get_mut(name).map(work).ok_or_else(missing)
    }
}

fn missing() -> io::Error {
    ErrorKind::NotFound.into()
}

impl FileSystem for Memory {
    fn list(&mut self) -> io::Result<Vec<String>> {
        Ok(self.0.borrow().keys().cloned().collect())
    }

    fn len(&mut self, name: &str) -> io::Result<u64> {
        self.with(name, |file| file.len() as u64)
    }

    fn read_at(&mut self, name: &str, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.with(name, |file| {
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let rest = file.get(start..).unwrap_or_default();
            let n = rest.len().min(buf.len());
            buf[..n].copy_from_slice(&rest[..n]);
            n
        })
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.0.borrow_mut();
        files.entry(name.to_owned()).or_default().extend(bytes);
        Ok(())
    }

    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()> {
        self.with(name, |file| {
            file.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        })
    }

    fn sync_data(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.0.borrow_mut();
        let file = files.remove(from).ok_or_else(missing)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn unlink(&mut self, name: &str) -> io::Result<()> {
        self.0
            .borrow_mut()
            .remove(name)
            .map(drop)
            .ok_or_else(missing)
    }

    fn lock(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn envelope(number: u8) -> Vec<u8> {
    let envelope = Envelope {
        suite: 0x0101,
        sender_nonce: [number; 16],
        sender_hint: [2; 16],
        expires: NOW + 40 + u32::from(number % 3) * 10,
        commitment: [3; 32],
        payload: vec![4; 16],
        recipient_nonce: [5; 16],
        encapsulation: vec![6; 32],
        hints: vec![[7; 16]],
        sealed_keys: vec![8; 48],
        signature: vec![9; 64],
    };
    envelope.encode().expect("it is well-formed")
}

fn open(folder: &Memory) -> Node<SegmentStore<Memory>> {
    let store = SegmentStore::open(folder.clone(), Options::default(), &[1; 32]);
    let mut policy = Policy::default();
    policy.stamps = true;
    Node::open(store.expect("memory does not fail"), policy, NOW, &[2; 32])
        .expect("no state locks the owner out")
}

/// Ten envelopes in two batches, some with stamps that came later.
fn fresh() -> Memory {
    let folder = Memory::default();
    let mut node = open(&folder);
    let all: Vec<Vec<u8>> = (0..10).map(envelope).collect();
    for (range, stamp) in [
        (0..6, Stamp::NONE),
        (6..10, Stamp::NONE),
        (0..4, Stamp::work(&[1; 8])),
    ] {
        let batch: Vec<_> = all[range].iter().map(|bytes| (stamp, &bytes[..])).collect();
        let mut visit = Visit::new(node.policy());
        node.take_in(&mut visit, &batch)
            .expect("memory does not fail");
    }
    drop(node);
    folder
}

/// Puts bytes into a small file of a store, as `data` says, and looks at everything.
///
/// # Panics
/// If something that the segments hold is lost, or something is handed on early.
pub fn store(data: &[u8]) {
    let [which, how, data @ ..] = data else {
        return;
    };
    let folder = fresh();
    let ready: Vec<Id> = ids(&mut open(&folder));
    let names: Vec<String> = folder.0.borrow().keys().cloned().collect();
    let small: Vec<&String> = names
        .iter()
        .filter(|name| !name.ends_with("wcmp"))
        .collect();
    let name = small[usize::from(*which) % small.len()].clone();
    let mut files = folder.0.borrow_mut();
    let file = files.entry(name.clone()).or_default();
    let before = file.clone();
    match how % 4 {
        0 => *file = data.to_vec(),
        1 => file.extend(data),
        2 => file.truncate(data.first().map_or(0, |n| usize::from(*n) * 2)),
        _ => {
            for [high, low, bits] in data.as_chunks().0 {
                let at = usize::from(u16::from_be_bytes([*high, *low]));
                let len = file.len().max(1);
                if let Some(byte) = file.get_mut(at % len) {
                    *byte ^= bits;
                }
            }
        }
    }
    let changed = *file != before;
    drop(files);

    let mut node = open(&folder);
    if name == "state" && changed {
        assert_eq!((node.clock(), node.held()), (Clock::Lost, 10));
        assert!(node.offered().is_err());
        node.confirm_clock().expect("memory does not fail");
        assert_eq!(ids(&mut node), []);
    } else {
        assert_eq!(ids(&mut node), ready);
    }
    let store = node.store();
    let mut arrived = 0;
    let mut cursor = Cursor::START;
    while let Some(arrivals) = store.arrivals(cursor).expect("memory does not fail") {
        arrived += arrivals.entries.len();
        cursor = arrivals.cursor;
    }
    assert!(arrived >= 10);
    let mut shown = 0;
    let scanned = store.scan(Cursor::START, |columns| shown += columns.len());
    scanned.expect("memory does not fail");
    assert_eq!(shown, 10);
    assert_eq!(store.verify(|_| ()).expect("memory does not fail"), 0);
    for number in 0..10 {
        let bytes = envelope(number);
        let id = wcmp_wire::EnvelopeRef::parse(&bytes)
            .expect("it is well-formed")
            .id(sha256);
        let stored = store.get(&id).expect("memory does not fail");
        assert_eq!(stored.expect("the segment holds it").envelope, bytes);
    }
    store.tidy().expect("memory does not fail");
    drop(node);
    assert_eq!(open(&folder).store().totals().envelopes, 10);
}

/// What is offered.
fn ids(node: &mut Node<SegmentStore<Memory>>) -> Vec<Id> {
    let offered = node.offered().expect("the clock goes on");
    offered.iter().map(|entry| entry.id).collect()
}
