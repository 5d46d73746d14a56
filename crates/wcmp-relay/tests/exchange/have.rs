//! The summary on a stick: one size, any difference it promises, and damage that is seen.

use wcmp_relay::exchange::have::{FILE_LEN, Have, HaveError, MAX_DIFFERENCES};
use wcmp_wire::{Id, sha256};

fn ids(range: std::ops::Range<u32>) -> Vec<Id> {
    let mut ids: Vec<Id> = range.map(|n| Id(sha256(&[&n.to_be_bytes()]))).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn it_has_one_size() {
    for count in [0, 1, 1000, 30_000] {
        assert_eq!(Have::write(&[1; 32], &ids(0..count)).len(), FILE_LEN);
    }
}

#[test]
fn any_promised_difference_is_found_exactly() {
    let most = MAX_DIFFERENCES as u32;
    for (theirs, ours) in [
        (0..0, 0..0),
        (0..50, 0..0),
        (0..0, 0..most),
        (0..most, 0..0),
        (0..30_000, most / 2..30_000 + most / 2),
    ] {
        let (theirs, ours) = (ids(theirs), ids(ours));
        let file = Have::write(&[3; 32], &theirs);
        let found = Have::read(&file).unwrap().compare(&ours).unwrap();
        let known = |id: &Id| theirs.binary_search(id).is_ok();
        let lacks: Vec<Id> = ours.iter().filter(|id| !known(id)).copied().collect();
        assert_eq!(found.lacks, lacks);
        assert_eq!(found.more, theirs.len() - (ours.len() - lacks.len()));
    }
}

#[test]
fn beyond_it_says_so() {
    let file = Have::write(&[3; 32], &ids(0..50_000));
    let compared = Have::read(&file).unwrap().compare(&[]);
    assert_eq!(compared, Err(HaveError::TooMany));
}

#[test]
fn damage_is_seen() {
    let file = Have::write(&[3; 32], &ids(0..10));
    for at in (0..70).chain([5000, FILE_LEN - 1]) {
        let mut damaged = file.clone();
        damaged[at] ^= 4;
        assert_eq!(
            Have::read(&damaged).err(),
            Some(HaveError::Damaged),
            "byte {at}"
        );
    }
    for len in [0, 63, 64, FILE_LEN - 1] {
        assert_eq!(Have::read(&file[..len]).err(), Some(HaveError::Damaged));
    }
    assert!(Have::read(&[file, vec![0]].concat()).is_err());
}
