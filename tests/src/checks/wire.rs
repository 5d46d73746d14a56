//! `wcmp-wire` against the postcard crate: same verdict, same fields, same bytes again.

use postcard::{take_from_bytes, to_allocvec};
use serde::{Deserialize, Serialize};
use wcmp_wire::{Envelope, EnvelopeRef, hash, sha256};

/// Spec 4 as serde sees it. The suite and the hour are byte arrays, since postcard's integers are varints.
#[derive(Serialize, Deserialize)]
struct Fields<'a> {
    version: u8,
    suite: [u8; 2],
    sender_nonce: [u8; 16],
    sender_hint: [u8; 16],
    expires: [u8; 4],
    commitment: [u8; 32],
    #[serde(borrow)]
    payload: &'a [u8],
    recipient_nonce: [u8; 16],
    #[serde(borrow)]
    encapsulation: &'a [u8],
    #[serde(borrow)]
    hints: &'a [u8],
    #[serde(borrow)]
    sealed_keys: &'a [u8],
    #[serde(borrow)]
    signature: &'a [u8],
}

/// Spec 4.1 over postcard: the fields, or the code of spec 12.
fn read(data: &[u8]) -> Result<Fields<'_>, &'static str> {
    if data.len() > 1 << 24 {
        return Err("size");
    }
    match data.first() {
        None => return Err("malformed"),
        Some(1) => {}
        Some(_) => return Err("version"),
    }
    let (fields, rest) = take_from_bytes::<Fields<'_>>(data).map_err(|_| "malformed")?;
    // Postcard takes non-minimal varints and trailing bytes, but does not write them.
    let canonical =
        rest.is_empty() && to_allocvec(&fields).expect("the fields came from bytes") == data;
    let hints: Vec<&[u8]> = fields.hints.chunks(16).collect();
    let allowed = canonical
        && fields.hints.len().is_multiple_of(16)
        && (1..=4096).contains(&hints.len())
        && hints.is_sorted_by(|a, b| a < b)
        && !fields.sealed_keys.is_empty()
        && fields.sealed_keys.len().is_multiple_of(hints.len())
        && fields.payload.len() >= 16
        && fields.encapsulation.len() <= 65_535
        && (1..=65_535).contains(&fields.signature.len());
    if allowed {
        Ok(fields)
    } else {
        Err("malformed")
    }
}

/// Whether the library and the oracle judge `data` alike, and the library is consistent with itself.
///
/// # Panics
/// If not.
pub fn wire(data: &[u8]) {
    match (EnvelopeRef::parse(data), read(data)) {
        (Ok(view), Ok(fields)) => {
            same_fields(&view, &fields);
            consistent(&view, data);
        }
        (Err(error), Err(code)) => {
            assert_eq!(error.code(), code, "{error}");
            assert!(
                error.offset() <= data.len(),
                "{error} in {} bytes",
                data.len()
            );
        }
        (Ok(view), Err(code)) => panic!("{view:?} is accepted, the oracle says {code}"),
        (Err(error), Ok(_)) => panic!("{error}, but the oracle accepts it"),
    }
}

fn same_fields(view: &EnvelopeRef<'_>, fields: &Fields<'_>) {
    assert_eq!(fields.version, 1);
    assert_eq!(view.suite(), u16::from_be_bytes(fields.suite));
    assert_eq!(view.sender_nonce(), &fields.sender_nonce);
    assert_eq!(view.sender_hint(), &fields.sender_hint);
    assert_eq!(view.expires(), u32::from_be_bytes(fields.expires));
    assert_eq!(view.commitment(), &fields.commitment);
    assert_eq!(view.payload(), fields.payload);
    assert_eq!(view.recipient_nonce(), &fields.recipient_nonce);
    assert_eq!(view.encapsulation(), fields.encapsulation);
    assert_eq!(view.hints().as_flattened(), fields.hints);
    assert_eq!(view.sealed_keys(), fields.sealed_keys);
    assert_eq!(view.signature(), fields.signature);
    assert_eq!(view.slots(), fields.hints.len() / 16);
    assert_eq!(view.slot_len(), fields.sealed_keys.len() / view.slots());
    let by_slot: Vec<&[u8]> = (0..).map_while(|slot| view.sealed_key(slot)).collect();
    assert_eq!(by_slot.len(), view.slots());
    assert_eq!(by_slot.concat(), fields.sealed_keys);
}

fn consistent(view: &EnvelopeRef<'_>, data: &[u8]) {
    assert_eq!(view.as_bytes(), data);
    assert_eq!(view.prefix(), &data[..39]);
    let owned: Envelope = view.to_owned();
    assert_eq!(owned.encoded_len(), data.len());
    assert_eq!(owned.encode().as_deref(), Ok(data));
    assert_eq!(&owned.prefix(), view.prefix());
    let body = owned.body(sha256);
    let core = owned.core(sha256, &body);
    let digest = owned.digest(sha256, &core);
    assert_eq!(hash::id(sha256, &digest, &owned.signature), view.id(sha256));
}
