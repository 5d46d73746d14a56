//! Sealed bundles: any bytes are refused or are the whole of what somebody sealed, however they are read.

use std::io::Cursor;

use wcmp_relay::bundle::{Sealing, Secret, Sink, Source, Unsealed, is_sealed_len, sealed_len};

fn secret() -> Secret {
    Secret::paired([7; 32])
}

/// What opens of a file, read in such pieces, and whether it opens to its end.
fn unseal(file: &[u8], at_once: usize) -> (Vec<u8>, bool) {
    let mut plain = Vec::new();
    let Ok(mut unsealed) = Unsealed::open(file, &secret()) else {
        return (plain, false);
    };
    let mut piece = vec![0; at_once];
    loop {
        match unsealed.read_at(plain.len() as u64, &mut piece) {
            Ok(0) => return (plain, true),
            Ok(n) => plain.extend(piece.get(..n).unwrap_or_default()),
            Err(_) => return (plain, false),
        }
    }
}

/// Whether a file that is noise is refused; and whether what is sealed comes back, but not once a byte of it is another one,
/// or some are missing.
///
/// # Panics
/// If not.
pub fn sealed(data: &[u8]) {
    // Nobody has sealed it under this secret.
    assert!(!unseal(data, 1000).1);
    let [at_once, times, a, b, c, change, rest @ ..] = data else {
        return;
    };
    // Several chunks, at times.
    let text = rest.repeat(1 + usize::from(times % 8) * 16);
    let salt = [*a; 32];
    let mut sealing = Sealing::new(Cursor::new(Vec::new()), &secret(), salt).expect("memory");
    sealing.write(&text).expect("memory");
    let mut file = sealing.finish().expect("memory").into_inner();
    assert_eq!(file.len() as u64, sealed_len(text.len() as u64));
    assert!(is_sealed_len(file.len() as u64));
    let at_once = 1 + usize::from(*at_once) * 37;
    assert_eq!(unseal(&file, at_once), (text.clone(), true));
    let place = usize::from(u16::from_be_bytes([*b, *c])) * 7 % file.len();
    match change {
        0 => file.truncate(place),
        change => {
            for byte in file.get_mut(place).into_iter() {
                *byte ^= change;
            }
        }
    }
    let (opened, whole) = unseal(&file, at_once);
    assert!(!whole && text.starts_with(&opened));
}
