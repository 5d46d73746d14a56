//! Importing and exporting take no more memory for twenty times the bytes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use wcmp_relay::bundle::{Export, Io, Stamp, Writer};
use wcmp_relay::carry::{Import, export};
use wcmp_relay::node::Node;
use wcmp_relay::policy::Policy;
use wcmp_relay::store::{Folder, Options, SegmentStore};
use wcmp_wire::{Envelope, sha256};

const NOW: u32 = 494_000;

fn bundle(path: &Path, envelopes: u32) {
    let file = BufWriter::new(File::create(path).unwrap());
    let mut writer = Writer::new(Io(file), [1; 4]).unwrap();
    for n in 0..envelopes {
        let seed = sha256(&[&n.to_be_bytes()]);
        let envelope = Envelope {
            suite: 0x0101,
            sender_nonce: *seed.first_chunk().unwrap(),
            sender_hint: [2; 16],
            expires: NOW + 100 + n % 24,
            commitment: seed,
            payload: vec![4; 60_000],
            recipient_nonce: [5; 16],
            encapsulation: vec![6; 32],
            hints: vec![[7; 16]],
            sealed_keys: vec![11; 48],
            signature: vec![12; 64],
        };
        let envelope = envelope.encode().unwrap();
        writer.frame(Stamp::NONE, &envelope).unwrap();
    }
    std::io::Write::flush(&mut writer.finish().unwrap().0).unwrap();
}

/// The most bytes that an import and an export of so many envelopes of 60 KB hold at a time.
fn peaks(envelopes: u32) -> (u64, u64) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("in.wcmp");
    bundle(&path, envelopes);
    let folder = Folder::new(home.path().join("store")).unwrap();
    let store = SegmentStore::open(folder, Options::default(), &[7; 32]).unwrap();
    let mut policy = Policy::default();
    policy.hold = 0;
    let mut node = Node::open(store, policy, NOW, &[7; 32]).unwrap();
    let import = allocation_counter::measure(|| {
        let mut import = Import::new(&mut node);
        import.file(&path, &mut |_| ()).unwrap();
        let (visit, taken) = import.finish();
        taken.unwrap();
        assert_eq!(visit.tally.kept, u64::from(envelopes));
    });
    let out = home.path().join("out.wcmp");
    let exported = allocation_counter::measure(|| {
        let mut files = Export::to_file(&out, false, getrandom::SysRng).unwrap();
        let handed = export(&mut node, &mut files, &mut |_| ()).unwrap();
        assert_eq!(handed.envelopes, u64::from(envelopes));
        files.finish().unwrap();
    });
    (import.bytes_max, exported.bytes_max)
}

#[test]
fn memory_does_not_grow_with_the_file() {
    // 18 MB, more than a batch, and 360 MB.
    let (small, large) = (peaks(300), peaks(6000));
    // An index and a list of a few bytes for each envelope are all that may grow.
    let more = 5700 * 300;
    assert!(large.0 < small.0 + more, "import: {small:?} {large:?}");
    assert!(large.1 < small.1 + more, "export: {small:?} {large:?}");
    assert!(large.0 < 100 << 20 && large.1 < 20 << 20, "{large:?}");
}
