//! What hostile files, poor sources and large files cost.

use std::convert::Infallible;

use wcmp_relay::bundle::{MAX_BODY, OpenError, Reader, Source};

use super::craft::Seen::{Complete, Damaged, Frame, Incomplete, Skipped};
use super::craft::*;

/// Counts the bytes that are read; gives few at once.
struct Counting<'a> {
    bytes: &'a [u8],
    at_once: usize,
    read: u64,
}

impl Source for Counting<'_> {
    type Error = Infallible;

    fn len(&mut self) -> Result<u64, Infallible> {
        Ok(self.bytes.len() as u64)
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, Infallible> {
        let n = buf.len().min(self.at_once);
        self.read += n as u64;
        self.bytes.read_at(offset, &mut buf[..n])
    }
}

#[test]
fn a_frame_is_found_across_short_reads() {
    let noise = vec![MARKER[0]; 300_000];
    let file = [
        header(),
        noise,
        frame(b"one"),
        frame(&[5; 300_000]),
        frame(b"two"),
        end(3),
    ]
    .concat();
    let expected = [
        Damaged(20, 300_000),
        Frame(300_020, b"one".to_vec()),
        Skipped(300_037, 300_014),
        Frame(600_051, b"two".to_vec()),
        Incomplete,
    ];
    for at_once in [1, 3, 4096, 1 << 20] {
        let mut source = Counting {
            bytes: &file,
            at_once,
            read: 0,
        };
        assert_eq!(read_from(&mut source, 100).unwrap(), expected);
    }
}

#[test]
fn a_damaged_header_is_mended_across_short_reads() {
    let file = [spoilt(header(), 13), frame(b"one"), end(1)].concat();
    for at_once in 1..file.len() {
        let source = Counting {
            bytes: &file,
            at_once,
            read: 0,
        };
        assert_eq!(
            read_from(source, 100).unwrap(),
            [Frame(20, b"one".to_vec()), Complete]
        );
    }
}

/// Candidates of this body at every 16th byte, filler up to `len`, and a frame.
fn hostile(body: u32, candidates: usize, len: usize) -> Vec<u8> {
    let mut file = header();
    for _ in 0..candidates {
        file.extend(candidate(body));
        file.extend([0; 8]);
    }
    file.resize(len, 0);
    file.extend(frame(b"last"));
    file
}

#[test]
fn candidates_of_great_length_exhaust_the_budget() {
    const MEBI: usize = 1 << 20;
    for max in [100, usize::MAX] {
        let file = hostile(MAX_BODY, 100_000, 20 * MEBI);
        let mut source = Counting {
            bytes: &file,
            at_once: MEBI,
            read: 0,
        };
        let seen = read_from(&mut source, max).unwrap();
        assert_eq!(seen, [Damaged(20, file.len() as u64 - 20), Incomplete]);
        // 8 x 20 MiB + 64 MiB of candidates of 16 MiB, and one more.
        assert!(source.read < 300 << 20, "{} bytes read", source.read);
    }
}

#[test]
fn the_budget_is_exact() {
    // n candidates that fail cost n x (body + 8); the last one reaches furthest.
    let spent =
        |n: u64, body: u64| n * (body + 8) > 8 * (20 + 16 * (n - 1) + body + 12) + (64 << 20);
    for body in [1_000, 1_000_000] {
        let first = (1..).find(|&n| spent(n, body)).unwrap();
        let last = Frame(3_000_000, b"last".to_vec());
        for (candidates, expected) in [(first - 1, last), (first, Incomplete)] {
            let file = hostile(body as u32, candidates as usize, 3_000_000);
            for max in [100, 1 << 20] {
                assert_eq!(read_from(&file[..], max).unwrap()[1], expected);
            }
        }
    }
}

#[test]
fn a_candidate_that_is_cut_off_costs_nothing() {
    let file = hostile(MAX_BODY, 500_000, 8_000_020);
    let mut source = Counting {
        bytes: &file,
        at_once: 1 << 20,
        read: 0,
    };
    let seen = read_from(&mut source, 1 << 20).unwrap();
    assert_eq!(
        seen,
        [
            Damaged(20, 8_000_000),
            Frame(8_000_020, b"last".to_vec()),
            Incomplete
        ]
    );
    assert!(source.read < 10_000_000);
}

#[test]
fn a_failed_read_is_passed_on_and_can_be_tried_again() {
    #[derive(Debug)]
    struct Flaky<'a>(&'a [u8], u32);
    impl Source for Flaky<'_> {
        type Error = &'static str;

        fn len(&mut self) -> Result<u64, &'static str> {
            Ok(self.0.len() as u64)
        }

        fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, &'static str> {
            self.1 += 1;
            if self.1.is_multiple_of(2) {
                self.0.read_at(offset, buf).map_err(|e| match e {})
            } else {
                Err("unplugged")
            }
        }
    }
    let file = [
        header(),
        frame(b"one"),
        vec![0; 600_000],
        frame(&[1; 500_000]),
        end(2),
    ]
    .concat();
    assert_eq!(
        Reader::open(Flaky(&file, 0), 100).unwrap_err(),
        OpenError::Source("unplugged")
    );
    let mut reader = Reader::open(Flaky(&file, 1), 500_000).unwrap();
    let (mut errors, mut seen) = (0, Vec::new());
    loop {
        match reader.next() {
            Err(error) => {
                assert_eq!(error, "unplugged");
                errors += 1;
            }
            Ok(Some(event)) => seen.push(format!("{event:?}").chars().take(20).collect::<String>()),
            Ok(None) => break,
        }
    }
    assert_eq!(
        seen,
        [
            "Frame { offset: 20, ",
            "Damaged { offset: 37",
            "Frame { offset: 6000",
            "End(Incomplete)"
        ]
    );
    assert!(errors > 2);
}
