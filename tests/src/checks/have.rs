//! The summary `have`: any file is refused, or compared within bounds; what it says we have that its writer lacks, we have.

use super::bundle::crc32c;
use wcmp_relay::exchange::have::{FILE_LEN, Have};
use wcmp_wire::{Id, sha256};

/// Whether bytes as a file, and a file whose symbols they change, are survived.
///
/// # Panics
/// If not.
pub fn have(data: &[u8]) {
    assert!(Have::read(data).is_err() || data.len() == FILE_LEN);
    let ids: Vec<Id> = (0..20_u8).map(|n| Id(sha256(&[&[n]]))).collect();
    let Some((&[shared, step], noise)) = data.split_first_chunk() else {
        return;
    };
    let theirs = ids.get(usize::from(shared % 21)..).unwrap_or_default();
    let mut file = Have::write(&[shared; 32], theirs);
    for (byte, noise) in file
        .iter_mut()
        .skip(64)
        .step_by(1 + usize::from(step))
        .zip(noise)
    {
        *byte ^= noise;
    }
    if file.len() == FILE_LEN {
        let covered = file.iter().take(60).chain(file.iter().skip(64));
        let crc = crc32c(&covered.copied().collect::<Vec<u8>>()).to_be_bytes();
        for (byte, crc) in file.iter_mut().skip(60).zip(crc) {
            *byte = crc;
        }
    }
    let have = Have::read(&file).expect("its CRC is right");
    if let Ok(compared) = have.compare(&ids) {
        assert!(compared.lacks.iter().all(|id| ids.contains(id)));
        let honest = noise.iter().all(|byte| *byte == 0);
        assert!(!honest || compared.lacks.len() == ids.len() - theirs.len());
    } else {
        assert!(noise.iter().any(|byte| *byte != 0));
    }
}
