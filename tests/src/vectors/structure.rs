//! What every node checks, whatever the suite (4.1), the hashes (4.3), and what readers
//! ask beyond (4.2).

use serde_json::{Value, json};
use wcmp::Suite;
use wcmp_wire::varint::put_varint;
use wcmp_wire::{Envelope, EnvelopeRef};

use super::{Vector, parts};
use crate::kit::{Forge, Row, pad, person};
use crate::protocol::hex;

fn inspect(name: &str, description: &str, expect: &str, envelope: Value) -> Vector {
    let request = json!({ "op": "inspect", "envelope": envelope });
    Vector::new(&format!("structure/{name}"), description, expect, request)
}

/// An envelope of no known suite, as small as one can be.
fn small() -> Envelope {
    Envelope {
        suite: 0xfff0,
        sender_nonce: [1; 16],
        sender_hint: [2; 16],
        expires: 500_000,
        commitment: [3; 32],
        payload: vec![4; 16],
        recipient_nonce: [5; 16],
        encapsulation: Vec::new(),
        hints: vec![[6; 16]],
        sealed_keys: vec![7],
        signature: vec![8],
    }
}

/// What one field is replaced by: its length and its bytes.
type Field<'a> = (Vec<u8>, Vec<(&'a [u8], usize)>);

fn varint(value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, u32::try_from(value).unwrap());
    out
}

fn of<'a>(bytes: &'a [u8], times: usize) -> Field<'a> {
    (varint(bytes.len() * times), vec![(bytes, times)])
}

/// The small envelope with some of payload, encapsulation, hints, sealed keys and
/// signature replaced.
fn with(replaced: &[(usize, Field<'_>)]) -> Value {
    let it = small();
    let head = [&it.prefix()[..], &it.commitment].concat();
    let own: [&[u8]; 5] = [
        &it.payload,
        &it.encapsulation,
        it.hints.as_flattened(),
        &it.sealed_keys,
        &it.signature,
    ];
    let fields = own.iter().enumerate().map(|(n, own)| {
        let replaced = replaced.iter().find(|(place, _)| *place == n);
        replaced.map_or_else(|| of(own, 1), |(_, field)| field.clone())
    });
    let fields: Vec<Field<'_>> = fields.collect();
    let mut all: Vec<(&[u8], usize)> = vec![(&head, 1)];
    for (n, (length, bytes)) in fields.iter().enumerate() {
        all.push((length, 1));
        all.extend(bytes);
        if n == 0 {
            all.push((&it.recipient_nonce, 1));
        }
    }
    if all
        .iter()
        .map(|(bytes, times)| bytes.len() * times)
        .sum::<usize>()
        > 20_000
    {
        return parts(&all);
    }
    let bytes = all.iter().map(|(bytes, times)| bytes.repeat(*times));
    hex(&bytes.collect::<Vec<_>>().concat()).into()
}

const PAYLOAD: usize = 0;
const ENCAPSULATION: usize = 1;
const HINTS: usize = 2;
const SEALED_KEYS: usize = 3;
const SIGNATURE: usize = 4;

/// All of them.
pub(super) fn vectors() -> Vec<Vector> {
    let mut out = Vec::new();
    allowed(&mut out);
    lengths(&mut out);
    encoding(&mut out);
    readers(&mut out);
    out
}

fn allowed(out: &mut Vec<Vector>) {
    let mut ok = |name: &str, what: &str, envelope| out.push(inspect(name, what, "ok", envelope));
    let unknown = "The smallest envelope, of a suite that nobody knows: relays carry it.";
    ok("smallest", unknown, with(&[]));
    let eight: Vec<u8> = (0..8u8).flat_map(|n| [n; 16]).collect();
    ok(
        "eight-slots",
        "Eight slots of three bytes.",
        with(&[(HINTS, of(&eight, 1)), (SEALED_KEYS, of(&[9; 24], 1))]),
    );
    ok(
        "three-slots",
        "Three slots: structure asks for no power of two.",
        with(&[(HINTS, of(&eight[..48], 1)), (SEALED_KEYS, of(&[9; 6], 1))]),
    );
    ok(
        "longest-encapsulation",
        "An encapsulation of 65535 bytes.",
        with(&[(ENCAPSULATION, of(&[9], 65_535))]),
    );
    ok(
        "longest-signature",
        "A signature of 65535 bytes.",
        with(&[(SIGNATURE, of(&[9], 65_535))]),
    );
    // Three bytes more of the payload's length, and 16 bytes of it are there already.
    let rest = small().encode().unwrap().len() + 3 - 16;
    ok(
        "largest",
        "Exactly 2^24 bytes in all.",
        with(&[(PAYLOAD, of(&[9], (1 << 24) - rest))]),
    );
    out.push(inspect(
        "too-large",
        "One byte more than 2^24.",
        "size",
        with(&[(PAYLOAD, of(&[9], (1 << 24) - rest + 1))]),
    ));
    out.push(inspect(
        "too-large-of-another-version",
        "The total length comes before the version.",
        "size",
        parts(&[(&[2], (1 << 24) + 1)]),
    ));
}

fn lengths(out: &mut Vec<Vector>) {
    let mut bad = |name: &str, what: &str, fields: &[(usize, Field<'_>)]| {
        out.push(inspect(name, what, "malformed", with(fields)));
    };
    bad(
        "payload-15",
        "A payload shorter than a tag.",
        &[(PAYLOAD, of(&[9], 15))],
    );
    bad("payload-empty", "No payload.", &[(PAYLOAD, of(&[], 1))]);
    bad(
        "encapsulation-65536",
        "An encapsulation above 65535 bytes.",
        &[(ENCAPSULATION, of(&[9], 65_536))],
    );
    bad(
        "signature-empty",
        "No signature.",
        &[(SIGNATURE, of(&[], 1))],
    );
    bad(
        "signature-65536",
        "A signature above 65535 bytes.",
        &[(SIGNATURE, of(&[9], 65_536))],
    );
    bad("no-hints", "No hints.", &[(HINTS, of(&[], 1))]);
    bad(
        "no-slots",
        "Neither hints nor sealed keys.",
        &[(HINTS, of(&[], 1)), (SEALED_KEYS, of(&[], 1))],
    );
    bad(
        "hints-15",
        "Hints that are not a multiple of 16 bytes.",
        &[(HINTS, of(&[9], 15))],
    );
    bad(
        "hints-17",
        "Hints that are not a multiple of 16 bytes.",
        &[(HINTS, of(&[9], 17))],
    );
    let hints: Vec<u8> = [1, 3, 2].iter().flat_map(|n| [*n; 16]).collect();
    bad(
        "hints-not-sorted",
        "The third hint is less than the second.",
        &[(HINTS, of(&hints, 1)), (SEALED_KEYS, of(&[9; 3], 1))],
    );
    bad(
        "hints-equal",
        "Two equal hints.",
        &[(HINTS, of(&hints[..16], 2)), (SEALED_KEYS, of(&[9; 2], 1))],
    );
    let last: Vec<u8> = [[4; 15].as_slice(), &[2], &[4; 15], &[1]].concat();
    bad(
        "hints-not-sorted-in-the-last-byte",
        "Hints are compared as strings of 16 bytes.",
        &[(HINTS, of(&last, 1)), (SEALED_KEYS, of(&[9; 2], 1))],
    );
    bad(
        "hints-4097",
        "More than 4096 slots.",
        &[(HINTS, of(&[9; 16], 4097)), (SEALED_KEYS, of(&[9], 4097))],
    );
    bad(
        "sealed-keys-empty",
        "A slot of no bytes.",
        &[(SEALED_KEYS, of(&[], 1))],
    );
    bad(
        "sealed-keys-uneven",
        "Sealed keys that do not divide among the hints.",
        &[
            (HINTS, of(&[[1; 16], [2; 16]].concat(), 1)),
            (SEALED_KEYS, of(&[9; 3], 1)),
        ],
    );
    let long = |length: &[u8]| (length.to_vec(), vec![(&[4; 16][..], 1)]);
    bad(
        "varint-not-minimal",
        "The payload's length in two bytes.",
        &[(PAYLOAD, long(&[0x90, 0x00]))],
    );
    bad(
        "varint-not-minimal-in-five-bytes",
        "The payload's length in five bytes.",
        &[(PAYLOAD, long(&[0x90, 0x80, 0x80, 0x80, 0x00]))],
    );
    bad(
        "varint-2-to-the-32",
        "A length of 2^32 + 16.",
        &[(PAYLOAD, long(&[0x90, 0x80, 0x80, 0x80, 0x10]))],
    );
    bad(
        "varint-of-six-bytes",
        "A length of six bytes.",
        &[(PAYLOAD, long(&[0x90, 0x80, 0x80, 0x80, 0x80, 0x00]))],
    );
    bad(
        "length-2-to-the-32-minus-1",
        "A length that reaches far beyond the end: nothing is allocated for it.",
        &[(PAYLOAD, long(&[0xff, 0xff, 0xff, 0xff, 0x0f]))],
    );
}

fn encoding(out: &mut Vec<Vector>) {
    let good = small().encode().unwrap();
    let mut bad = |name: &str, what: &str, code: &str, bytes: &[u8]| {
        out.push(inspect(name, what, code, hex(bytes).into()));
    };
    bad("empty", "No bytes.", "malformed", &[]);
    for version in [0, 2, 0x81] {
        let bytes = [&[version], &good[1..]].concat();
        let name = format!("version-{version}");
        bad(&name, "Another version.", "version", &bytes);
    }
    bad("only-another-version", "One byte.", "version", &[2]);
    bad("only-the-version", "One byte.", "malformed", &[1]);
    for cut in [2, 18, 38, 70, 71, 72, 80, 104, 105, 121, 122, 123, 124] {
        let name = format!("cut-at-{cut:03}");
        bad(&name, "Cut off.", "malformed", &good[..cut]);
    }
    let longer = [&good[..], &[0]].concat();
    bad("trailing-byte", "A byte too many.", "malformed", &longer);
}

/// Structure is fine, but no reader can read it.
fn readers(out: &mut Vec<Vector>) {
    let (alice, bob) = (person("alice"), person("bob"));
    let suite = Suite::SealedAes256Gcm;
    let row = Row::paired(suite, &alice, bob.public());
    let forge = Forge::new(suite, &alice, vec![row], pad(&[0; 5]));
    let honest = EnvelopeRef::parse(&forge.bytes()).unwrap().to_owned();
    let mut add = |name: &str, what: &str, code: Option<&str>, change: &dyn Fn(&mut Envelope)| {
        let mut it = honest.clone();
        change(&mut it);
        let envelope = hex(&it.encode().unwrap()).into();
        let vector = inspect(name, what, "ok", envelope);
        assert_eq!(vector.answer["unreadable"].as_str(), code, "{name}");
        out.push(vector);
    };
    add("readable", "As it must be.", None, &|_| {});
    for suite in [0x0000, 0x0004, 0x0100, 0x0103, 0x0201] {
        let name = format!("suite-{suite:04x}");
        let what = "A suite that is reserved or unknown.";
        add(&name, what, Some("suite"), &|it| it.suite = suite);
    }
    let mut malformed = |name: &str, what: &str, change: &dyn Fn(&mut Envelope)| {
        add(name, what, Some("malformed"), change);
    };
    malformed(
        "of-another-key-type",
        "Lengths of type 1 in suite 0x0003.",
        &|it| {
            it.suite = 3;
        },
    );
    malformed("enc-31", "An encapsulation of 31 bytes.", &|it| {
        it.encapsulation.truncate(31);
    });
    malformed("enc-33", "An encapsulation of 33 bytes.", &|it| {
        it.encapsulation.push(0);
    });
    malformed("enc-empty", "No encapsulation.", &|it| {
        it.encapsulation.clear();
    });
    malformed("slot-47", "Slots of 47 bytes.", &|it| {
        it.sealed_keys.truncate(4 * 47);
    });
    malformed("slot-49", "Slots of 49 bytes.", &|it| {
        it.sealed_keys.resize(4 * 49, 0);
    });
    malformed("signature-63", "A signature of 63 bytes.", &|it| {
        it.signature.truncate(63);
    });
    malformed("signature-65", "A signature of 65 bytes.", &|it| {
        it.signature.push(0);
    });
    for slots in [1, 2, 3] {
        let name = format!("slots-{slots}");
        malformed(&name, "Fewer than four slots.", &|it| {
            it.hints.truncate(slots);
            it.sealed_keys.truncate(slots * 48);
        });
    }
    malformed("slots-5", "No power of two.", &|it| {
        it.hints.push([0xff; 16]);
        it.sealed_keys.resize(5 * 48, 0);
    });
    for padded in [0, 1023, 1025, 1536, 3072] {
        let name = format!("padded-{padded:04}");
        malformed(&name, "A length that padding does not give.", &|it| {
            it.payload.resize(padded + 16, 0);
        });
    }
}
