//! Sticks: what is read of them, and what is left alone.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::time::{Duration, SystemTime};

use wcmp_relay::bundle::{Export, Stamp, Writer};
use wcmp_relay::carry::{FileReport, Form, Import, ImportError, candidates, export, newest, sweep};
use wcmp_relay::node::Node;
use wcmp_relay::policy::{Policy, Reason, Tally, Visit};
use wcmp_relay::store::{MemoryStore, Quota, Store};
use wcmp_wire::{EnvelopeRef, Id, sha256};

mod envelopes;

use envelopes::{NOW, envelope as envelope_until};

fn envelope(n: u32) -> Vec<u8> {
    envelope_until(n, NOW + 300, 1040)
}

fn bundle(numbers: impl Iterator<Item = u32>) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), [9; 4]).unwrap();
    for n in numbers {
        writer.frame(Stamp::NONE, &envelope(n)).unwrap();
    }
    writer.finish().unwrap()
}

/// Without holds, so that what came goes.
fn node() -> Node<MemoryStore> {
    let mut policy = Policy::default();
    policy.hold = 0;
    Node::open(MemoryStore::new(Quota::NONE), policy, NOW, &[7; 32]).unwrap()
}

fn import(node: &mut Node<MemoryStore>, folder: &Path) -> (Vec<FileReport>, Tally) {
    let mut import = Import::new(node);
    let files = candidates(folder, true, 1000).unwrap().files;
    let reports = files
        .iter()
        .map(|path| import.file(path, &mut |_| ()).unwrap())
        .collect();
    (reports, finish(import))
}

/// Ends a visit of a node that works.
fn finish(import: Import<'_, MemoryStore>) -> Tally {
    let (visit, taken) = import.finish();
    taken.unwrap();
    visit.tally
}

#[test]
fn every_intact_envelope_of_a_damaged_stick_comes_in_and_twice_changes_nothing() {
    let stick = tempfile::tempdir().unwrap();
    let at = |name: &str| stick.path().join(name);
    fs::write(at("AAAAAAAA.WCM"), bundle(0..50)).unwrap();
    let mut damaged = bundle(50..100);
    let frame = envelope(0).len() + 14;
    damaged[20 + frame * 3 + 100] ^= 1;
    damaged[20 + frame * 30 + 5] ^= 1;
    fs::write(at("BBBBBBBB.WCM"), &damaged).unwrap();
    let cut = bundle(100..150);
    fs::write(at("leftover.WCP"), &cut[..20 + frame * 10 + 7]).unwrap();
    fs::write(at("mine.wcmp"), bundle(140..145)).unwrap();
    fs::write(at("lower.wcm"), b"not a bundle at all").unwrap();
    fs::write(at("letter.txt"), bundle(200..210)).unwrap();

    let mut node = node();
    let (reports, tally) = import(&mut node, stick.path());
    let frames: Vec<_> = reports
        .iter()
        .map(|r| (r.frames, r.damaged, r.complete))
        .collect();
    assert_eq!(
        frames,
        [
            (50, 0, true),
            (48, 2, false),
            (10, 1, false),
            (0, 0, false),
            (5, 0, true)
        ]
    );
    assert_eq!(reports[1].lost, 2 * frame as u64);
    assert_eq!(reports[2].lost, 7);
    assert_eq!(reports[3].form, Form::Unknown);
    assert_eq!(tally.kept, 113);
    for n in (0..53).chain(54..80).chain(81..110).chain(140..145) {
        let id = EnvelopeRef::parse(&envelope(n)).unwrap().id(sha256);
        assert!(node.store().contains(&id), "{n}");
    }
    let (_, again) = import(&mut node, stick.path());
    assert_eq!((again.kept, again.dropped_for(Reason::KNOWN)), (0, 113));
    assert_eq!(node.store().totals().envelopes, 113);
}

#[test]
#[cfg(unix)]
fn links_folders_and_devices_are_not_read() {
    use std::os::unix::fs::symlink;
    let stick = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let secret = elsewhere.path().join("real.WCM");
    fs::write(&secret, bundle(0..3)).unwrap();
    let at = |name: &str| stick.path().join(name);
    symlink(&secret, at("AAAAAAAA.WCM")).unwrap();
    symlink("/dev/zero", at("BBBBBBBB.WCM")).unwrap();
    symlink(elsewhere.path(), at("CCCCCCCC.WCM")).unwrap();
    fs::create_dir(at("DDDDDDDD.WCM")).unwrap();
    let fifo = std::process::Command::new("mkfifo")
        .arg(at("EEEEEEEE.WCM"))
        .status();
    let fifo = usize::from(fifo.is_ok_and(|status| status.success()));
    let found = candidates(stick.path(), true, 1000).unwrap();
    assert_eq!((found.files.len(), found.irregular.len()), (0, 4 + fifo));
    let mut node = node();
    let mut import = Import::new(&mut node);
    for path in &found.irregular {
        let refused = import.file(path, &mut |_| ());
        assert!(matches!(refused, Err(ImportError::File(_))), "{path:?}");
    }
    // Others still come in.
    assert_eq!(import.file(&secret, &mut |_| ()).unwrap().frames, 3);
    assert_eq!(finish(import).kept, 3);
}

#[test]
fn a_visit_reads_no_more_files_and_bytes_than_it_may() {
    let stick = tempfile::tempdir().unwrap();
    for i in 0..5u32 {
        let path = stick.path().join(format!("{i}.WCM"));
        fs::write(path, bundle(10 * i..10 * i + 10)).unwrap();
    }
    let listed = candidates(stick.path(), false, 3).unwrap();
    assert_eq!((listed.files.len(), listed.surplus), (3, 2));
    let size = bundle(0..10).len() as u64;
    for (files, read, kept) in [
        (2, u64::MAX, 20),
        (9, size * 2, 20),
        (9, size + size / 2, 15),
        (9, 0, 0),
    ] {
        let mut policy = Policy::default();
        policy.visit.files = files;
        policy.visit.read = read;
        let mut node = Node::open(MemoryStore::new(Quota::NONE), policy, NOW, &[7; 32]).unwrap();
        let (reports, tally) = import(&mut node, stick.path());
        assert_eq!(tally.kept, kept, "{files} {read}");
        assert!(reports.last().unwrap().stopped);
    }
}

#[test]
fn single_envelopes_come_in_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letter");
    fs::write(&path, envelope(1)).unwrap();
    let mut node = node();
    let mut import = Import::new(&mut node);
    assert_eq!(
        import.file(&path, &mut |_| ()).unwrap().form,
        Form::Envelope
    );
    assert_eq!(finish(import).kept, 1);
}

#[test]
fn what_was_imported_is_exported_in_order_and_in_parts() {
    let (stick, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(stick.path().join("A.WCM"), bundle((0..100).rev())).unwrap();
    let mut node = node();
    import(&mut node, stick.path());
    let mut files = Export::to_folder(out.path(), getrandom::SysRng)
        .unwrap()
        .part_limit(50_000);
    let handed = export(&mut node, &mut files, &mut |_| ()).unwrap();
    assert_eq!(handed.envelopes, 100);
    let files = files.finish().unwrap();
    assert_eq!(files.len(), 4);
    let mut other = self::node();
    assert_eq!(import(&mut other, out.path()).1.kept, 100);
    assert_eq!(other.offered().unwrap(), node.offered().unwrap());
}

#[test]
fn leftovers_are_swept_if_nothing_is_lost_by_it() {
    let stick = tempfile::tempdir().unwrap();
    let at = |name: &str| stick.path().join(name);
    let mut node = node();
    fs::write(at("all.wcmp"), bundle(0..20)).unwrap();
    import(&mut node, stick.path());
    let cut = bundle(0..20)[..5000].to_vec();
    for name in [
        "OLDKNOWN.WCP", // the only one to go
        "NEWKNOWN.WCP",
        "OLDOTHER.WCP",
        "OLDNOISE.WCP",
        "lower222.WCP",
        "OLDKNOW2.WCM",
        "TOOLONGXX.WCP",
    ] {
        let bytes = match name {
            "OLDOTHER.WCP" => bundle(15..25),
            "OLDNOISE.WCP" => vec![7; 5000],
            _ => cut.clone(),
        };
        fs::write(at(name), bytes).unwrap();
        if name != "NEWKNOWN.WCP" {
            let then = SystemTime::now() - Duration::from_secs(7200);
            let file = File::options().write(true).open(at(name)).unwrap();
            file.set_times(FileTimes::new().set_modified(then)).unwrap();
        }
    }
    assert_eq!(
        sweep(&mut node, stick.path(), &mut getrandom::SysRng).unwrap(),
        1
    );
    assert!(!at("OLDKNOWN.WCP").exists());
    assert_eq!(fs::read_dir(stick.path()).unwrap().count(), 7);
    // Once the unknown ones were taken in, it goes too.
    import(&mut node, stick.path());
    assert_eq!(
        sweep(&mut node, stick.path(), &mut getrandom::SysRng).unwrap(),
        1
    );
    assert!(!at("OLDOTHER.WCP").exists());
}

#[cfg(feature = "sealed")]
#[test]
fn sealed_bundles_come_in_by_their_secret_and_damaged_ones_in_part() {
    use wcmp_relay::bundle::{SEALED_PART_LIMIT, Secret};
    let stick = tempfile::tempdir().unwrap();
    let mut node = node();
    fs::write(stick.path().join("a.wcmp"), bundle(0..200)).unwrap();
    import(&mut node, stick.path());
    fs::remove_file(stick.path().join("a.wcmp")).unwrap();
    let secret = Secret::paired([3; 32]);
    let files = Export::sealed_to_folder(stick.path(), Secret::paired([3; 32]), getrandom::SysRng);
    let mut files = files.unwrap().part_limit(SEALED_PART_LIMIT);
    export(&mut node, &mut files, &mut |_| ()).unwrap();
    let files = files.finish().unwrap();
    let name = files[0].file_name().unwrap().to_str().unwrap();
    assert!(name.len() == 8 && !name.contains('.'));
    assert_eq!(fs::read_dir(stick.path()).unwrap().count(), 1);

    let visit = |secret: Option<&Secret>| {
        let mut node = self::node();
        let mut import = Import::new(&mut node);
        if let Some(secret) = secret {
            import = import.secret(secret);
        }
        let report = import.file(&files[0], &mut |_| ()).unwrap();
        (report, finish(import).kept)
    };
    let (report, kept) = visit(Some(&secret));
    assert_eq!(
        (report.form, report.complete, kept),
        (Form::Sealed, true, 200)
    );
    assert_eq!(visit(None), visit(Some(&Secret::paired([4; 32]))));
    assert_eq!(visit(None).1, 0);
    // The last chunk is lost.
    let mut bytes = fs::read(&files[0]).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&files[0], bytes).unwrap();
    let (report, kept) = visit(Some(&secret));
    assert!(
        report.stopped && kept > 150 && kept == report.frames,
        "{kept}"
    );
}

#[test]
fn what_expires_last_goes_first_where_there_is_little_room() {
    let mut node = node();
    let mut made: Vec<(u32, Id, u64)> = (0..40)
        .map(|n| {
            let expires = NOW + 100 + n * 7 % 40;
            let bytes = envelope_until(n, expires, 1040 + 16 * n as usize);
            let mut visit = Visit::new(node.policy());
            node.take_in(&mut visit, &[(Stamp::NONE, &bytes)]).unwrap();
            let id = EnvelopeRef::parse(&bytes).unwrap().id(sha256);
            (expires, id, bytes.len() as u64)
        })
        .collect();
    made.sort_unstable();
    made.reverse();
    let sorted = |ids: &[(u32, Id, u64)]| {
        let mut ids: Vec<Id> = ids.iter().map(|(_, id, _)| *id).collect();
        ids.sort_unstable();
        ids
    };
    for count in [0, 1, 9, 40] {
        let room = made[..count].iter().map(|(_, _, len)| len).sum();
        assert_eq!(
            newest(&mut node, None, room).unwrap(),
            sorted(&made[..count])
        );
    }
    // Only of those that are asked for, and only what is there.
    let mut some = sorted(&made[30..]);
    assert_eq!(newest(&mut node, Some(&some), u64::MAX).unwrap(), some);
    some.push(Id([255; 32]));
    assert_eq!(
        newest(&mut node, Some(&some), u64::MAX).unwrap(),
        some[..10]
    );
    let one = newest(&mut node, Some(&some), made[30].2).unwrap();
    assert_eq!(one, [made[30].1]);
}
