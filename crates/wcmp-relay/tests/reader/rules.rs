//! Every rule of the reader.

use wcmp_relay::bundle::{Completeness, Event, HeaderError, MAX_BODY, Reader};

use super::craft::Seen::{Complete, Damaged, Frame, Incomplete, Skipped};
use super::craft::*;

#[test]
fn a_whole_file_is_complete() {
    let file = [header(), frame(b"one"), frame(b""), frame(b"three"), end(3)].concat();
    let frames = [
        Frame(20, b"one".to_vec()),
        Frame(37, vec![]),
        Frame(51, b"three".to_vec()),
    ];
    assert_eq!(read(&[&file]), [&frames[..], &[Complete]].concat());
    assert_eq!(read(&[&header(), &end(0)]), [Complete]);
}

#[test]
fn every_prefix_of_twenty_bytes_is_a_bundle() {
    let file = [header(), frame(b"one"), frame(b"two"), end(2)].concat();
    for len in 0..20 {
        assert_eq!(read_from(&file[..len], 100), Err(HeaderError::Short));
    }
    for len in 20..file.len() {
        let frames = [Frame(20, b"one".to_vec()), Frame(37, b"two".to_vec())];
        let whole = [20, 37, 54].iter().filter(|&&end| end <= len).count() - 1;
        let tail = len - [20, 37, 54][whole];
        let mut expected = frames[..whole].to_vec();
        if tail > 0 {
            expected.push(Damaged((len - tail) as u64, tail as u64));
        }
        expected.push(Incomplete);
        assert_eq!(read(&[&file[..len]]), expected);
    }
}

#[test]
fn another_format_version_or_flags_are_refused() {
    for (header, error) in [
        (
            header_of(b"\x89WCMP\x0D\x0A\x1A\0\x02\0\0"),
            HeaderError::Version(2),
        ),
        (
            header_of(b"\x89WCMP\x0D\x0A\x1A\x01\x01\0\0"),
            HeaderError::Version(0x101),
        ),
        (
            header_of(b"\x89WCMP\x0D\x0A\x1A\0\x01\0\x01"),
            HeaderError::Flags(1),
        ),
        (
            header_of(b"\x89WCMP\x0D\x0A\x1B\0\x01\0\0"),
            HeaderError::Magic,
        ),
        (
            header_of(b"\x89WCMP\x0D\x0A\x1B\0\x02\0\0"),
            HeaderError::Magic,
        ),
    ] {
        assert_eq!(read_from(&[header, end(0)].concat()[..], 100), Err(error));
    }
}

#[test]
fn a_damaged_header_costs_nothing_before_an_intact_frame() {
    for at in 0..20 {
        let header = spoilt(header(), at);
        assert_eq!(
            read(&[&header, &frame(b"one"), &end(1)]),
            [Frame(20, b"one".to_vec()), Complete]
        );
        assert_eq!(read(&[&header, &end(0)]), [Complete]);
        assert_eq!(
            read(&[&header, &frame(&[1; 101]), &end(1)]),
            [Skipped(20, 115), Complete]
        );
        assert_eq!(
            read(&[&header, &raw(&[0, 1])]),
            [Damaged(20, 14), Incomplete]
        );
        for rest in [
            &[][..],
            b"abc",
            &spoilt(frame(b"one"), 13),
            &frame(b"one")[..16],
        ] {
            let file = [&header, rest].concat();
            assert_eq!(read_from(&file[..], 100), Err(HeaderError::Damaged));
        }
    }
}

#[test]
fn an_envelope_above_the_policy_is_skipped_and_counted() {
    let inside = [&[7; 100][..], &frame(b"inside")].concat();
    let seen = read(&[
        &header(),
        &frame(&[1; 100]),
        &frame(&inside),
        &frame(&[2; 101]),
        &end(3),
    ]);
    assert_eq!(
        seen,
        [
            Frame(20, vec![1; 100]),
            Skipped(134, 134),
            Skipped(268, 115),
            Complete
        ]
    );
}

#[test]
fn the_policy_does_not_count_the_stamp() {
    let stamped =
        |len: u8, envelope: &[u8]| raw(&[&[9, len], &vec![3; len.into()][..], envelope].concat());
    let file = [
        header(),
        stamped(255, &[1; 100]),
        stamped(1, &[1; 101]),
        end(2),
    ]
    .concat();
    let mut reader = Reader::open(&file[..], 100).unwrap();
    match reader.next() {
        Ok(Some(Event::Frame {
            stamp, envelope, ..
        })) => {
            assert_eq!((stamp.kind(), stamp.bytes()), (9, &[3; 255][..]));
            assert_eq!(envelope, [1; 100]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        reader.next(),
        Ok(Some(Event::Skipped {
            offset: 389,
            len: 116
        }))
    );
    assert_eq!(reader.next(), Ok(Some(Event::End(Completeness::Complete))));
}

#[test]
fn a_frame_above_the_policy_with_a_wrong_crc_is_searched() {
    let inside = [&[7; 400][..], &frame(b"inside"), &[7; 50]].concat();
    let seen = read(&[
        &header(),
        &spoilt(frame(&inside), 15),
        &frame(b"next"),
        &end(2),
    ]);
    let expected = [
        Damaged(20, 410),
        Frame(430, b"inside".to_vec()),
        Damaged(450, 54),
        Frame(504, b"next".to_vec()),
        Incomplete,
    ];
    assert_eq!(seen, expected);
}

#[test]
fn the_greatest_body_is_a_frame_and_one_byte_more_is_none() {
    let greatest = MAX_BODY as usize;
    let largest = raw(&[&[5, 255], &vec![1; greatest - 2][..]].concat());
    let file = [header(), largest.clone(), end(1)].concat();
    assert_eq!(
        read(&[&file]),
        [Skipped(20, greatest as u64 + 12), Complete]
    );
    match &read_from(&file[..], usize::MAX).unwrap()[..] {
        [Frame(20, envelope), Complete] => assert_eq!(envelope.len(), 1 << 24),
        other => panic!("{} events", other.len()),
    }
    // Without its stamp the envelope would be larger than any: skipped whatever the policy.
    let file = [header(), frame(&vec![1; greatest - 2]), end(1)].concat();
    assert_eq!(
        read_from(&file[..], usize::MAX).unwrap(),
        [Skipped(20, greatest as u64 + 12), Complete]
    );

    let larger = raw(&vec![0; greatest + 1]);
    assert_eq!(
        read(&[&header(), &larger]),
        [Damaged(20, greatest as u64 + 13), Incomplete]
    );
    assert_eq!(
        read(&[&header(), &raw(&[0])]),
        [Damaged(20, 13), Incomplete]
    );
}

#[test]
fn a_stamp_longer_than_its_body_damages_that_frame_alone() {
    let seen = read(&[
        &header(),
        &raw(&[1, 3, 0, 0]),
        &raw(&[1, 2, 0, 0]),
        &raw(&[0, 1]),
        &end(1),
    ]);
    assert_eq!(
        seen,
        [
            Damaged(20, 16),
            Frame(36, vec![]),
            Damaged(52, 14),
            Incomplete
        ]
    );
}

#[test]
fn end_frames_before_the_end_are_ignored() {
    let seen = read(&[&header(), &end(0), &frame(b"one"), &end(7), &end(1)]);
    assert_eq!(seen, [Frame(40, b"one".to_vec()), Complete]);
}

#[test]
fn complete_needs_the_right_end_frame_at_the_end() {
    let one = Frame(20, b"one".to_vec());
    assert_eq!(read(&[&header()]), [Incomplete]);
    assert_eq!(
        read(&[&header(), &frame(b"one"), &end(0)]),
        [one.clone(), Incomplete]
    );
    assert_eq!(
        read(&[&header(), &frame(b"one"), &end(2)]),
        [one.clone(), Incomplete]
    );
    assert_eq!(
        read(&[&header(), &frame(b"one"), &end(1), &end(2)]),
        [one.clone(), Incomplete]
    );
    assert_eq!(
        read(&[&header(), &frame(b"one"), &end(1), &frame(b"two")]),
        [one.clone(), Frame(57, b"two".to_vec()), Incomplete]
    );
    assert_eq!(
        read(&[&header(), &frame(b"one"), &end(1), b"x"]),
        [one, Damaged(57, 1), Incomplete]
    );
    assert_eq!(
        read(&[&header(), &raw(&[1, 3]), &end(0)]),
        [Damaged(20, 14), Incomplete]
    );
}

#[test]
fn what_lies_between_frames_is_one_piece() {
    let noise = [
        &MARKER[..3],
        &MARKER,
        &MARKER,
        &candidate(3),
        &candidate(1),
        &candidate(u32::MAX),
    ]
    .concat();
    let seen = read(&[
        &header(),
        &noise,
        &frame(b"one"),
        &spoilt(frame(b"x"), 3),
        &noise,
        &frame(b"two"),
        &noise,
    ]);
    let n = noise.len() as u64;
    let expected = [
        Damaged(20, n),
        Frame(20 + n, b"one".to_vec()),
        Damaged(37 + n, 15 + n),
        Frame(52 + 2 * n, b"two".to_vec()),
        Damaged(69 + 2 * n, n),
        Incomplete,
    ];
    assert_eq!(seen, expected);
}

#[test]
fn any_frame_whose_crc_holds_ends_the_damage() {
    let seen = read(&[
        &header(),
        b"a",
        &frame(&[1; 200]),
        b"b",
        &end(1),
        b"c",
        &raw(&[1, 9]),
        &end(1),
    ]);
    let expected = [
        Damaged(20, 1),
        Skipped(21, 214),
        Damaged(235, 1),
        Damaged(256, 1),
        Damaged(257, 14),
        Incomplete,
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_frame_under_another_salt_is_damage() {
    let mut foreign = frame(b"foreign");
    foreign[0] ^= 1;
    let body = foreign.len() - 4;
    let foreign = sealed(foreign[..body].to_vec());
    assert_eq!(
        read(&[&header(), &foreign, &end(0)]),
        [Damaged(20, 21), Incomplete]
    );
}
