//! Bundle files, whole and damaged.

use serde_json::{Value, json};

use super::{Vector, parts};
use crate::kit::CRYPTO;
use crate::protocol::{answer, hex, unhex};

const SALT: &str = "0badcafe";
/// A marker under that salt.
const MARKER: [u8; 4] = [0xfa, 0xfa, 0x8f, 0xe2];

fn frame(stamp: &[u8], envelope: &[u8]) -> Value {
    json!({ "stamp": hex(stamp), "envelope": hex(envelope) })
}

fn write(frames: &[Value], end: bool) -> Value {
    json!({ "op": "bundle_write", "salt": SALT, "frames": frames, "end": end })
}

fn bytes(frames: &[Value], end: bool) -> Vec<u8> {
    let written = answer(&CRYPTO, &write(frames, end));
    unhex(written["bundle"].as_str().unwrap())
}

/// A read of `file`, and the events that it is to give: `f` frame, `s` skipped, `d`
/// damaged, `c` complete, `i` incomplete.
fn read(name: &str, what: &str, events: &str, file: &[u8], max: Option<usize>) -> Vector {
    let mut request = json!({ "op": "bundle_read", "bundle": hex(file) });
    if let Some(max) = max {
        request["max_envelope"] = max.into();
    }
    let vector = Vector::new(&format!("bundle/{name}"), what, "ok", request);
    let given = vector.answer["events"].as_array().unwrap().iter();
    let given = given.map(|event| {
        let (kind, value) = event.as_object().unwrap().iter().next().unwrap();
        match kind.as_str() {
            "end" => value.as_str().unwrap().chars().next().unwrap(),
            kind => kind.chars().next().unwrap(),
        }
    });
    assert_eq!(given.collect::<String>(), events, "{name}");
    vector
}

fn refused(name: &str, what: &str, file: &[u8]) -> Vector {
    let request = json!({ "op": "bundle_read", "bundle": hex(file) });
    Vector::new(&format!("bundle/{name}"), what, "bundle", request)
}

/// CRC32C, bit by bit.
fn crc32c(bytes: &[u8]) -> [u8; 4] {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    (!crc).to_be_bytes()
}

fn with_crc(bytes: &[u8]) -> Vec<u8> {
    [bytes, &crc32c(bytes)].concat()
}

fn flipped(file: &[u8], at: usize) -> Vec<u8> {
    let mut out = file.to_vec();
    out[at] ^= 0x20;
    out
}

/// Frames of 15, 25, 14 and 44 bytes.
fn four() -> Vec<Value> {
    vec![
        frame(&[0, 0], b"a"),
        frame(&[1, 8, 0, 0, 0, 0, 0, 0, 0, 7], b"abc"),
        frame(&[0, 0], b""),
        frame(&[9, 0], &[0x5a; 30]),
    ]
}

/// All of them.
pub(super) fn vectors() -> Vec<Vector> {
    assert_eq!(crc32c(b"123456789"), [0xe3, 0x06, 0x92, 0x83]);
    let mut out = Vec::new();
    for (name, what, frames, end) in [
        (
            "write-empty",
            "No frames: a header and an End frame.",
            vec![],
            true,
        ),
        (
            "write-header-only",
            "A header, nothing else.",
            vec![],
            false,
        ),
        (
            "write-four",
            "Four frames, with stamps and without.",
            four(),
            true,
        ),
        (
            "write-four-cut",
            "Four frames without an End frame.",
            four(),
            false,
        ),
    ] {
        let name = format!("bundle/{name}");
        out.push(Vector::new(&name, what, "ok", write(&frames, end)));
    }
    sound(&mut out);
    damaged(&mut out);
    headers(&mut out);
    sealed(&mut out);
    stamps(&mut out);
    out
}

fn sound(out: &mut Vec<Vector>) {
    let file = bytes(&four(), true);
    out.push(read("four", "A whole bundle.", "ffffc", &file, None));
    let cut = bytes(&four(), false);
    out.push(read("no-end", "No End frame.", "ffffi", &cut, None));
    let header = bytes(&[], false);
    out.push(read(
        "header-only",
        "The shortest bundle.",
        "i",
        &header,
        None,
    ));
    out.push(read(
        "empty",
        "A whole bundle of no frames.",
        "c",
        &bytes(&[], true),
        None,
    ));

    let what = "Larger than the reader wants: the frame counts as a frame.";
    out.push(read("skipped", what, "fffsc", &file, Some(29)));
    let what = "Exactly as large as the reader wants.";
    out.push(read("not-skipped", what, "ffffc", &file, Some(30)));
    let inner = bytes(&four(), true);
    let nested = bytes(&[frame(&[0, 0], &inner), frame(&[0, 0], b"x")], true);
    let what = "A bundle inside a frame is not searched.";
    out.push(read("nested", what, "ffc", &nested, None));
    out.push(read("nested-skipped", what, "sfc", &nested, Some(40)));

    let twice = [&file[..], &file[20..]].concat();
    let what = "Frames after an End frame; the count of the last one is wrong.";
    out.push(read("end-in-between", what, "ffffffffi", &twice, None));
    let end = with_crc(&[&MARKER[..], &[0; 4], &8u64.to_be_bytes()].concat());
    let again = [&twice[..twice.len() - 20], &end].concat();
    let what = "Frames after an End frame, which is ignored; the last one's count is right.";
    out.push(read("end-ignored", what, "ffffffffc", &again, None));
    let more = [&file[..], &cut[20..35]].concat();
    let what = "A frame after the End frame.";
    out.push(read("end-not-last", what, "fffffi", &more, None));
    let wrong = with_crc(&[&MARKER[..], &[0; 4], &3u64.to_be_bytes()].concat());
    let wrong = [&cut[..], &wrong].concat();
    let what = "An End frame with another count.";
    out.push(read("end-with-a-wrong-count", what, "ffffi", &wrong, None));
}

fn damaged(out: &mut Vec<Vector>) {
    let file = bytes(&four(), true);
    for (name, what, at, events) in [
        ("marker", "A marker is damaged.", 35, "fdffi"),
        ("length", "A length is damaged.", 39, "fdffi"),
        (
            "length-too-small",
            "A length is damaged: 45 instead of 13.",
            42,
            "fdffi",
        ),
        ("stamp", "A stamp is damaged.", 44, "fdffi"),
        ("envelope", "An envelope is damaged.", 55, "fdffi"),
        ("crc", "A CRC is damaged.", 57, "fdffi"),
        ("first", "The first frame is damaged.", 20, "dfffi"),
        ("end", "The End frame is damaged.", file.len() - 1, "ffffdi"),
    ] {
        let name = format!("damaged-{name}");
        out.push(read(&name, what, events, &flipped(&file, at), None));
    }
    for (cut, events) in [
        (21, "di"),
        (34, "di"),
        (35, "fi"),
        (36, "fdi"),
        (60, "ffi"),
        (file.len() - 20, "ffffi"),
        (file.len() - 1, "ffffdi"),
    ] {
        let name = format!("cut-at-{cut:03}");
        out.push(read(&name, "Cut off.", events, &file[..cut], None));
    }
    let two = flipped(&flipped(&file, 25), 45);
    let what = "Two frames in a row are damaged: one Damaged.";
    out.push(read("damaged-two-in-a-row", what, "dffi", &two, None));
    let two = flipped(&flipped(&file, 25), 65);
    let what = "Two frames are damaged, with a sound one between.";
    out.push(read("damaged-two-apart", what, "dfdfi", &two, None));
    let inserted = [&file[..35], &[0xee; 7], &file[35..]].concat();
    let what = "Something between two frames.";
    out.push(read("inserted", what, "fdfffi", &inserted, None));
    let inserted = [&file[..35], &MARKER, &file[35..]].concat();
    out.push(read("inserted-marker", what, "fdfffi", &inserted, None));
    let longest = 16_777_473u32.to_be_bytes();
    let inserted = [&file[..35], &MARKER, &longest, &file[35..]].concat();
    let what = "The head of a frame that reaches beyond the end, between two frames.";
    out.push(read("inserted-head", what, "fdfffi", &inserted, None));
    let trailing = [&file[..], &[0; 3]].concat();
    let what = "Bytes after the End frame.";
    out.push(read("trailing", what, "ffffdi", &trailing, None));
    let what = "A frame of length 1 is none.";
    let one = with_crc(&[&MARKER[..], &1u32.to_be_bytes(), &[0]].concat());
    let one = [&file[..35], &one, &file[35..]].concat();
    out.push(read("length-1", what, "fdfffi", &one, None));
    let what = "A stamp longer than its body, although the CRC holds.";
    let stamp = with_crc(&[&MARKER[..], &4u32.to_be_bytes(), &[1, 3, 0, 0]].concat());
    let stamp = [&file[..35], &stamp, &file[35..]].concat();
    out.push(read("stamp-too-long", what, "fdfffi", &stamp, None));
    let nested = bytes(&[frame(&[0, 0], &file[20..35]), frame(&[0, 0], b"x")], true);
    let what = "The outer frame is damaged: the one inside it is found.";
    out.push(read(
        "damaged-nested",
        what,
        "dfdfi",
        &flipped(&nested, 28),
        None,
    ));
}

fn headers(out: &mut Vec<Vector>) {
    let file = bytes(&four(), true);
    for (name, at) in [
        ("magic", 0),
        ("version", 9),
        ("flags", 11),
        ("salt", 13),
        ("crc", 19),
    ] {
        let what = "The header is damaged: the marker of the first frame helps, nothing is lost.";
        let name = format!("header-damaged-{name}");
        out.push(read(&name, what, "ffffc", &flipped(&file, at), None));
    }
    let end = bytes(&[], true);
    let what = "The header is damaged, an End frame follows.";
    out.push(read(
        "header-damaged-empty",
        what,
        "c",
        &flipped(&end, 3),
        None,
    ));
    let what = "Header and first frame are damaged.";
    let both = flipped(&flipped(&file, 3), 30);
    out.push(refused("header-and-first-frame-damaged", what, &both));
    let what = "The header is damaged, nothing follows.";
    out.push(refused(
        "header-damaged-alone",
        what,
        &flipped(&file[..20], 3),
    ));
    out.push(refused("nothing", "No bytes.", &[]));
    out.push(refused("short", "Shorter than a header.", &file[..19]));
    for (name, at) in [("magic", 1), ("version", 9), ("flags", 10)] {
        let mut head = file[..16].to_vec();
        head[at] ^= 2;
        let other = [&with_crc(&head), &file[20..]].concat();
        let what = "An intact header of something else.";
        out.push(refused(&format!("header-other-{name}"), what, &other));
    }
    // A frame above any reader's policy.
    let head = [&MARKER[..], &3_000_002u32.to_be_bytes(), &[0, 0]].concat();
    let zeros = [&head[..], &vec![0; 3_000_000]].concat();
    let crc = crc32c(&zeros);
    let large = parts(&[
        (&file[..20], 1),
        (&head, 1),
        (&[0], 3_000_000),
        (&crc, 1),
        (&file[20..], 1),
    ]);
    let request = json!({ "op": "bundle_read", "bundle": large, "max_envelope": 1 << 20 });
    let what = "A frame larger than the reader's memory may be.";
    out.push(Vector::new("bundle/skipped-large", what, "ok", request));
}

fn sealed(out: &mut Vec<Vector>) {
    let salt: Vec<u8> = (0xa0..0xc0).collect();
    let secret = "11".repeat(32);
    let file = bytes(&four(), true);
    let seal = |bundle: &[u8], with: (&str, &str)| {
        json!({
            "op": "bundle_seal", "salt": hex(&salt), "bundle": hex(bundle), with.0: with.1,
        })
    };
    let (paired, word) = (
        ("secret", secret.as_str()),
        ("passphrase", "Ame\u{301}lie \u{1f3d4}"),
    );
    let done = |bundle: &[u8], with| {
        unhex(
            answer(&CRYPTO, &seal(bundle, with))["sealed"]
                .as_str()
                .unwrap(),
        )
    };
    for (name, what, request) in [
        ("secret", "Under a secret of 32 bytes.", seal(&file, paired)),
        (
            "passphrase",
            "Under a passphrase that is not in NFC.",
            seal(&file, word),
        ),
        (
            "empty",
            "Nothing is sealed, which is no bundle.",
            seal(&[], paired),
        ),
        (
            "full-kilobyte",
            "The least padding is none.",
            seal(&[7; 1016], paired),
        ),
        (
            "over-a-kilobyte",
            "One byte more.",
            seal(&[7; 1017], paired),
        ),
    ] {
        let name = format!("bundle/seal-{name}");
        out.push(Vector::new(&name, what, "ok", request));
    }
    let open = |name: &str, what: &str, expect: &str, sealed: &[u8], with: (&str, &str)| {
        let request = json!({ "op": "bundle_unseal", "sealed": hex(sealed), with.0: with.1 });
        Vector::new(&format!("bundle/unseal-{name}"), what, expect, request)
    };
    let good = done(&file, paired);
    out.push(open(
        "secret",
        "Under a secret of 32 bytes.",
        "ok",
        &good,
        paired,
    ));
    let composed = ("passphrase", "Am\u{e9}lie \u{1f3d4}");
    let what = "The passphrase in another normal form.";
    out.push(open("passphrase", what, "ok", &done(&file, word), composed));
    let other = "12".repeat(32);
    out.push(open(
        "other-secret",
        "Another secret.",
        "bundle",
        &good,
        ("secret", &other),
    ));
    out.push(open(
        "other-passphrase",
        "A passphrase for a secret's file.",
        "bundle",
        &good,
        word,
    ));
    for (name, at) in [
        ("salt", 0),
        ("length", 32),
        ("padding", 1000),
        ("tag", 1071),
    ] {
        let bad = flipped(&good, at);
        let name = format!("damaged-{name}");
        out.push(open(&name, "A bit is flipped.", "bundle", &bad, paired));
    }
    for cut in [0, 31, 32, 47, 48, 1071] {
        let name = format!("cut-at-{cut:04}");
        out.push(open(&name, "Cut off.", "bundle", &good[..cut], paired));
    }
    let longer = [&good[..], &[0]].concat();
    out.push(open(
        "trailing",
        "A byte too many.",
        "bundle",
        &longer,
        paired,
    ));
}

fn stamps(out: &mut Vec<Vector>) {
    let id: Vec<u8> = (0..32).collect();
    for (name, what, stamp) in [
        ("none", "No stamp.", vec![0, 0]),
        ("nonce-0", "A nonce.", vec![1, 8, 0, 0, 0, 0, 0, 0, 0, 0]),
        (
            "nonce-max",
            "The greatest nonce.",
            [vec![1, 8], vec![0xff; 8]].concat(),
        ),
        (
            "work",
            "A nonce that was looked for.",
            [vec![1, 8], 256365_u64.to_be_bytes().to_vec()].concat(),
        ),
        (
            "short",
            "Kind 1 of another length.",
            vec![1, 7, 0, 0, 0, 0, 0, 0, 0],
        ),
        (
            "long",
            "Kind 1 of another length.",
            vec![1, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
        (
            "unknown",
            "A kind that nobody knows.",
            vec![2, 8, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
    ] {
        let request = json!({ "op": "effort", "stamp": hex(&stamp), "id": hex(&id) });
        out.push(Vector::new(
            &format!("bundle/effort-{name}"),
            what,
            "ok",
            request,
        ));
    }
}
