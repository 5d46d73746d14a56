//! The bundle reader of `wcmp-relay` against a model: the whole file in memory, every place looked at in turn.

use core::convert::Infallible;

use wcmp_relay::bundle::{Completeness, Event, OpenError, Reader, Source, Stamp, Writer};

/// An [`Event`] that owns its bytes.
#[allow(missing_docs, reason = "the names are those of the event")]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    Frame {
        offset: usize,
        stamp: (u8, Vec<u8>),
        envelope: Vec<u8>,
    },
    Skipped {
        offset: usize,
        len: usize,
    },
    Damaged {
        offset: usize,
        len: usize,
    },
    Complete,
    Incomplete,
}

/// Whether the reader says of any bytes, and of the bundle that they describe, what the model says.
///
/// # Panics
/// If not.
pub fn bundle(data: &[u8]) {
    let (policy, at_once) = match data {
        [policy, at_once, ..] => (usize::from(*policy), usize::from(*at_once)),
        _ => (0, 0),
    };
    let policy = [0, 1, 10, 100, 300, 4096, usize::MAX][policy % 7];
    let at_once = [1, 7, 64, 1000, usize::MAX][at_once % 5];
    judge(data, policy, at_once);
    judge(&describe(data), policy, at_once);
}

/// Whether reader and model agree about a file, and its frames are found again in a new one.
///
/// # Panics
/// If not.
pub fn judge(file: &[u8], max_envelope: usize, at_once: usize) {
    let seen = real(file, max_envelope, at_once);
    assert_eq!(seen, model(file, max_envelope));
    let Some(seen) = seen else { return };

    let mut writer = Writer::new(Vec::new(), [7; 4]).expect("a Vec takes all");
    let mut written = Vec::new();
    for event in seen {
        if let Seen::Frame {
            stamp, envelope, ..
        } = event
        {
            let stamp = Stamp::new(stamp.0, &stamp.1).unwrap_or(Stamp::NONE);
            writer
                .frame(stamp, &envelope)
                .expect("it came from a frame");
            written.push((stamp.kind(), stamp.bytes().to_vec(), envelope));
        }
    }
    let file = writer.finish().expect("a Vec takes all");
    let mut again = real(&file, max_envelope, at_once).expect("a header was written");
    assert_eq!(again.pop(), Some(Seen::Complete));
    let frames: Vec<_> = again
        .into_iter()
        .map(|event| match event {
            Seen::Frame {
                stamp, envelope, ..
            } => (stamp.0, stamp.1, envelope),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(frames, written);
}

/// What the reader sees in a file that comes at most `at_once` bytes at a time; `None` if it refuses the file.
///
/// # Panics
/// If it says anything after the end, or anything unknown.
#[must_use]
pub fn real(file: &[u8], max_envelope: usize, at_once: usize) -> Option<Vec<Seen>> {
    let mut reader = match Reader::open(Sparing { file, at_once }, max_envelope) {
        Ok(reader) => reader,
        Err(OpenError::Header(_)) => return None,
        Err(error) => panic!("{error}"),
    };
    let place = |n: u64| usize::try_from(n).expect("the file is in memory");
    let mut seen = Vec::new();
    while let Ok(Some(event)) = reader.next() {
        seen.push(match event {
            Event::Frame {
                offset,
                stamp,
                envelope,
            } => Seen::Frame {
                offset: place(offset),
                stamp: (stamp.kind(), stamp.bytes().to_vec()),
                envelope: envelope.to_vec(),
            },
            Event::Skipped { offset, len } => Seen::Skipped {
                offset: place(offset),
                len: place(len),
            },
            Event::Damaged { offset, len } => Seen::Damaged {
                offset: place(offset),
                len: place(len),
            },
            Event::End(Completeness::Complete) => Seen::Complete,
            Event::End(Completeness::Incomplete) => Seen::Incomplete,
        });
    }
    assert_eq!(reader.next(), Ok(None));
    Some(seen)
}

struct Sparing<'a> {
    file: &'a [u8],
    at_once: usize,
}

impl Source for Sparing<'_> {
    type Error = Infallible;

    fn len(&mut self) -> Result<u64, Infallible> {
        Ok(self.file.len() as u64)
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, Infallible> {
        let n = buf.len().min(self.at_once);
        self.file.read_at(offset, &mut buf[..n])
    }
}

/// What is to be seen in a file; `None` if it is refused.
///
/// # Panics
/// If it is itself wrong.
#[must_use]
pub fn model(file: &[u8], max_envelope: usize) -> Option<Vec<Seen>> {
    if file.len() < 20 {
        return None;
    }
    let marker = if crc32c(&file[..16]) == u32_at(file, 16) {
        if file[..12] != *b"\x89WCMP\x0D\x0A\x1A\x00\x01\x00\x00" {
            return None;
        }
        0xF157_451C ^ u32_at(file, 12)
    } else {
        let marker = if file.len() < 24 {
            return None;
        } else {
            u32_at(file, 20)
        };
        match frame_at(file, 20, marker) {
            Place::Intact { .. } => marker,
            _ => return None,
        }
    };

    let mut seen = Vec::new();
    let (mut frames, mut damaged, mut closed) = (0, false, false);
    let (mut failed, mut read) = (0, 20);
    let mut at = 20;
    while at < file.len() {
        // The first place from here on where a frame is intact.
        let mut place = at;
        let len = loop {
            if place >= file.len() {
                break 0;
            }
            match frame_at(file, place, marker) {
                Place::Intact { len } => {
                    read = read.max(place + len);
                    break len;
                }
                Place::Failed { len } => {
                    read = read.max(place + len);
                    failed += len - 4;
                    if failed > 8 * read + (64 << 20) {
                        place = file.len();
                        break 0;
                    }
                }
                Place::Nothing => {}
            }
            place += 1;
        };
        if place > at {
            seen.push(Seen::Damaged {
                offset: at,
                len: place - at,
            });
            damaged = true;
            closed = false;
        }
        at = place + len;
        if len == 0 {
            break;
        }
        let body = &file[place + 8..place + len - 4];
        if u32_at(file, place + 4) == 0 {
            let count = u64::from_be_bytes(body.try_into().expect("eight bytes"));
            closed = count == frames;
            continue;
        }
        closed = false;
        let stamp = usize::from(body[1]);
        if 2 + stamp > body.len() {
            seen.push(Seen::Damaged { offset: place, len });
            damaged = true;
            continue;
        }
        frames += 1;
        let (stamp, envelope) = body[2..].split_at(stamp);
        if envelope.len() > max_envelope.min(16_777_216) {
            seen.push(Seen::Skipped { offset: place, len });
        } else {
            seen.push(Seen::Frame {
                offset: place,
                stamp: (body[0], stamp.to_vec()),
                envelope: envelope.to_vec(),
            });
        }
    }
    seen.push(if closed && !damaged {
        Seen::Complete
    } else {
        Seen::Incomplete
    });
    Some(seen)
}

/// What begins at a place.
enum Place {
    /// A frame or End frame, marker to CRC.
    Intact {
        len: usize,
    },
    /// What would be one, but for its CRC.
    Failed {
        len: usize,
    },
    Nothing,
}

fn frame_at(file: &[u8], at: usize, marker: u32) -> Place {
    if at + 8 > file.len() || u32_at(file, at) != marker {
        return Place::Nothing;
    }
    let len = match u32_at(file, at + 4) {
        0 => 20,
        body @ 2..=16_777_473 => body as usize + 12,
        _ => return Place::Nothing,
    };
    if at + len > file.len() {
        Place::Nothing
    } else if crc32c(&file[at..at + len - 4]) == u32_at(file, at + len - 4) {
        Place::Intact { len }
    } else {
        Place::Failed { len }
    }
}

fn u32_at(file: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(file[at..at + 4].try_into().expect("four bytes"))
}

/// The CRC of bundles, byte by byte.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut crc = byte;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 1 {
                    crc >> 1 ^ 0x82F6_3B78
                } else {
                    crc >> 1
                };
                bit += 1;
            }
            table[byte as usize] = crc;
            byte += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc: u32, byte| {
        crc >> 8 ^ TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)]
    })
}

/// A file from a description that a fuzzer can change: a salt, then steps that append to the file or spoil it.
///
/// Bytes that the description lacks are zero.
#[must_use]
pub fn describe(data: &[u8]) -> Vec<u8> {
    let mut data = data.iter().copied().skip(2);
    let mut salt = [0; 4];
    salt.fill_with(|| data.next().unwrap_or(0));
    let mut file = sealed([b"\x89WCMP\x0D\x0A\x1A\x00\x01\x00\x00", &salt[..]].concat());
    let marker = (0xF157_451C ^ u32::from_be_bytes(salt)).to_be_bytes();
    let mut frames = 0_u64;
    while let Some(step) = data.next() {
        let mut byte = || data.next().unwrap_or(0);
        match step % 12 {
            0 => {
                let envelope = vec![byte(); byte().into()];
                file.extend(frame(marker, &[&[0, 0], &envelope[..]].concat()));
                frames += 1;
            }
            1 => {
                let (kind, stamp, filler, len) = (byte(), byte(), byte(), usize::from(byte()) * 20);
                file.extend(frame(
                    marker,
                    &[&[kind, stamp], &vec![filler; len][..]].concat(),
                ));
                frames += 1;
            }
            2 => {
                let body: Vec<u8> = (0..byte() % 32).map(|_| byte()).collect();
                file.extend(frame(marker, &body));
                frames += 1;
            }
            3 => file.extend(sealed(
                [&marker[..], &[0; 4], &frames.to_be_bytes()].concat(),
            )),
            4 => file.extend(sealed(
                [&marker[..], &[0; 4], &u64::from(byte()).to_be_bytes()].concat(),
            )),
            5 => file.extend((0..byte() % 32).map(|_| byte())),
            6 => {
                file.extend(marker);
                file.extend(u32::from_be_bytes([0, 0, byte(), byte()]).to_be_bytes());
            }
            7 => file.extend(&marker[..usize::from(byte() % 4)]),
            8 => file.extend(vec![0; usize::from(byte()) * 4]),
            9 => {
                let at = usize::from(u16::from_be_bytes([byte(), byte()])) % file.len();
                file[at] ^= 1 << (byte() % 8);
            }
            10 => {
                let from = usize::from(u16::from_be_bytes([byte(), byte()])) % file.len();
                file.extend_from_within(from..file.len().min(from + 400));
            }
            _ => file.truncate(usize::from(u16::from_be_bytes([byte(), byte()])).max(20)),
        }
        if file.len() > 1 << 16 {
            break;
        }
    }
    file
}

/// A frame with this marker and body, which may be any bytes.
fn frame(marker: [u8; 4], body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).expect("a body is shorter");
    sealed([&marker[..], &len.to_be_bytes(), body].concat())
}

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend(crc32c(&bytes).to_be_bytes());
    bytes
}
