//! A nearly full disk takes what fits, and a full one still hands on.

use wcmp_relay::bundle::{Stamp, Writer};
use wcmp_relay::carry::Import;
use wcmp_relay::exchange::{Guest, Limits, Session};
use wcmp_relay::node::Node;
use wcmp_relay::policy::{Policy, Reason, Tally};
use wcmp_relay::store::{Options, SegmentStore, Store};

use super::kit::{HOUR, envelope};
use super::sim::{Disk, SimFs};

type Real = Node<SegmentStore<SimFs>>;

fn node(disk: &Disk) -> Real {
    let store = SegmentStore::open(disk.mount(), Options::default(), &[7; 32]).unwrap();
    let mut policy = Policy::default();
    policy.hold = 0;
    Node::open(store, policy, HOUR, &[7; 32]).unwrap()
}

/// Takes in envelopes of these numbers, of one day and with so many bytes of payload, from a file.
fn import(node: &mut Real, numbers: std::ops::Range<u32>, payload: usize) -> Tally {
    let mut writer = Writer::new(Vec::new(), [1; 4]).unwrap();
    for n in numbers {
        writer
            .frame(Stamp::NONE, &envelope(n, HOUR + 50, payload))
            .unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.wcmp");
    std::fs::write(&path, writer.finish().unwrap()).unwrap();
    let mut import = Import::new(node);
    import.file(&path, &mut |_| ()).unwrap();
    let (visit, taken) = import.finish();
    taken.unwrap();
    visit.tally
}

#[test]
fn an_import_keeps_what_fits_and_says_what_did_not() {
    let disk = Disk::new(1);
    disk.set_capacity(Some(256 << 10));
    let mut node = node(&disk);
    let first = import(&mut node, 0..340, 1000);
    assert!(first.kept > 150, "{first:?}");
    assert_eq!(first.kept + first.dropped_for(Reason::DISK), 340);
    assert_eq!(node.store().totals().envelopes, first.kept);
    // Again: what is there is known, and it does not fit any better.
    let again = import(&mut node, 0..340, 1000);
    assert!(again.dropped_for(Reason::KNOWN) >= first.kept);
    assert_eq!(
        again.kept + again.dropped_for(Reason::DISK) + again.dropped_for(Reason::KNOWN),
        340
    );
    // With room, it goes on.
    disk.set_capacity(None);
    import(&mut node, 0..340, 1000);
    assert_eq!(node.store().totals().envelopes, 340);
}

/// A full disk costs a bounded number of attempts, however much comes.
#[test]
fn a_disk_that_takes_nothing_is_not_asked_for_each_envelope() {
    let disk = Disk::new(2);
    let mut node = node(&disk);
    disk.set_capacity(Some(0));
    let begin = std::time::Instant::now();
    let tally = import(&mut node, 0..20_000, 16);
    assert_eq!((tally.kept, tally.dropped_for(Reason::DISK)), (0, 20_000));
    assert!(begin.elapsed() < std::time::Duration::from_secs(20));
}

#[test]
fn a_full_disk_ends_what_is_wanted_and_not_what_is_given() {
    let (disk, roomy) = (Disk::new(3), Disk::new(4));
    let (mut full, mut other) = (node(&disk), node(&roomy));
    import(&mut full, 0..50, 300);
    import(&mut other, 1000..1600, 2000);
    disk.set_capacity(Some(
        disk.files().iter().map(|(_, len)| len).sum::<usize>() + 100_000,
    ));
    // Both ways round, since sides differ in what they do.
    for nonces in [[1, 2], [2, 1]] {
        let mut a = Session::new([nonces[0]; 16], Limits::of(full.policy()), HOUR);
        let mut b = Session::new([nonces[1]; 16], Limits::of(other.policy()), HOUR);
        let (mut at_full, mut at_other) = (Guest::new(full.policy()), Guest::new(other.policy()));
        let mut wire = Vec::new();
        while !(a.is_done() && b.is_done()) {
            a.transmit(&mut wire, &mut at_full.at(&mut full)).unwrap();
            b.receive(&wire, &mut at_other.at(&mut other)).unwrap();
            wire.clear();
            b.transmit(&mut wire, &mut at_other.at(&mut other)).unwrap();
            a.receive(&wire, &mut at_full.at(&mut full)).unwrap();
            wire.clear();
        }
        let _ = at_full.at(&mut full).flush().unwrap();
        let _ = at_other.at(&mut other).flush().unwrap();
        assert!(at_full.tally().dropped_for(Reason::DISK) > 0);
        assert_eq!(
            other.store().totals().envelopes,
            650,
            "all that is ours came"
        );
    }
    assert!(full.store().totals().envelopes > 60);
}
