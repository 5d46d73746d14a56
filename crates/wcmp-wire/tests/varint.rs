//! The items of spec 3.

use ParseErrorKind::*;
use proptest::prelude::*;
use wcmp_wire::ParseErrorKind;
use wcmp_wire::varint::{MAX_VARINT_LEN, Reader, put_varint, varint_len};

fn varint(bytes: &[u8]) -> Result<(u32, usize), ParseErrorKind> {
    let mut reader = Reader::new(bytes);
    match reader.varint() {
        Ok(value) => Ok((value, reader.position())),
        Err(error) => {
            assert_eq!((error.offset(), reader.position()), (0, 0));
            Err(error.kind())
        }
    }
}

#[test]
fn lengths_change_at_powers_of_128() {
    for (value, bytes) in [
        (0, &[0x00][..]),
        (0x7f, &[0x7f]),
        (0x80, &[0x80, 0x01]),
        (0x3fff, &[0xff, 0x7f]),
        (0x4000, &[0x80, 0x80, 0x01]),
        (0x001f_ffff, &[0xff, 0xff, 0x7f]),
        (0x0020_0000, &[0x80, 0x80, 0x80, 0x01]),
        (0x0fff_ffff, &[0xff, 0xff, 0xff, 0x7f]),
        (0x1000_0000, &[0x80, 0x80, 0x80, 0x80, 0x01]),
        (u32::MAX, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
    ] {
        let mut out = Vec::new();
        put_varint(&mut out, value);
        assert_eq!(out, bytes);
        assert_eq!(varint_len(value), bytes.len());
        assert_eq!(varint(bytes), Ok((value, bytes.len())));
        for end in 0..bytes.len() {
            assert_eq!(varint(&bytes[..end]), Err(UnexpectedEnd));
        }
    }
}

#[test]
fn refused() {
    for (bytes, kind) in [
        (&[0x80, 0x00][..], VarintNotMinimal),
        (&[0xff, 0x00], VarintNotMinimal),
        (&[0x80, 0x80, 0x00], VarintNotMinimal),
        (&[0x81, 0x80, 0x80, 0x00], VarintNotMinimal),
        (&[0xff, 0xff, 0xff, 0xff, 0x00], VarintNotMinimal),
        (&[0xff, 0xff, 0xff, 0xff, 0x10], VarintOverflow),
        (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x01], VarintOverflow),
        (&[0xff; 10], VarintOverflow),
    ] {
        assert_eq!(varint(bytes), Err(kind), "{bytes:x?}");
    }
}

#[test]
fn a_failed_read_moves_nothing() {
    let mut reader = Reader::new(&[3, 1, 2]);
    assert_eq!(reader.array::<4>().unwrap_err().kind(), UnexpectedEnd);
    assert_eq!(reader.bytes().unwrap_err().kind(), UnexpectedEnd);
    assert_eq!(reader.clone().finish().unwrap_err().kind(), TrailingBytes);
    assert_eq!((reader.position(), reader.remaining()), (0, 3));
    assert_eq!(reader.u8(), Ok(3));
    assert_eq!(reader.array(), Ok(&[1, 2]));
    assert_eq!(reader.array(), Ok(&[]));
    assert_eq!((reader.position(), reader.remaining()), (3, 0));
    assert_eq!(reader.u8().unwrap_err().offset(), 3);
    assert_eq!(reader.finish(), Ok(()));
}

proptest! {
    #[test]
    fn what_is_written_is_read(value: u32, behind: Vec<u8>) {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, value >> (value % 32));
        let len = bytes.len();
        bytes.extend(behind);
        prop_assert_eq!(varint(&bytes), Ok((value >> (value % 32), len)));
    }

    #[test]
    fn what_is_read_is_what_would_be_written(bytes in proptest::collection::vec(prop_oneof![0..3_u8, 0x7e..0x82_u8, any::<u8>()], 0..8)) {
        if let Ok((value, len)) = varint(&bytes) {
            let mut again = Vec::new();
            put_varint(&mut again, value);
            prop_assert_eq!(&again[..], &bytes[..len]);
            prop_assert!(len <= MAX_VARINT_LEN);
        }
    }
}
