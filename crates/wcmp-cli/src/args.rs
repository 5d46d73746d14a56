//! Values on the command line. What is written wrongly here is a usage error; whether a key or a suite is one is for
//! the commands to see.

use data_encoding::HEXLOWER_PERMISSIVE;
use jiff::Timestamp;
use wcmp::{Extension, Ttl, hour};

type Parsed<T> = Result<T, String>;

/// 64 hex digits.
pub(crate) fn hex32(text: &str) -> Parsed<[u8; 32]> {
    let bytes = hex(text)?;
    bytes
        .try_into()
        .map_err(|_| "must be 32 bytes, that is 64 hex digits".into())
}

fn hex(text: &str) -> Parsed<Vec<u8>> {
    HEXLOWER_PERMISSIVE
        .decode(text.as_bytes())
        .map_err(|_| "must be hex digits, two for each byte".into())
}

/// A number, in hex after 0x.
fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        // from_str_radix takes a sign.
        Some(digits) if digits.starts_with('+') => None,
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None if text.starts_with('+') => None,
        None => text.parse().ok(),
    }
}

/// A suite id, whether known or not.
pub(crate) fn suite(text: &str) -> Parsed<u16> {
    number(text)
        .and_then(|id| u16::try_from(id).ok())
        .ok_or_else(|| "must be a suite id such as 0x0101".into())
}

/// `ID=HEX`.
pub(crate) fn extension(text: &str) -> Parsed<Extension> {
    let (id, data) = text.split_once('=').ok_or("must be ID=HEX")?;
    let id = number(id).ok_or("ID must be a number below 2^32")?;
    let data = hex(data)?;
    Ok(Extension { id, data })
}

/// `24h`, `7d` or `30d`.
pub(crate) fn ttl(text: &str) -> Parsed<Ttl> {
    match text {
        "24h" => Ok(Ttl::Day),
        "7d" => Ok(Ttl::Week),
        "30d" => Ok(Ttl::Month),
        _ => Err("must be 24h, 7d or 30d".into()),
    }
}

/// Hours since 1970, or a time as in RFC 3339.
pub(crate) fn now(text: &str) -> Parsed<u32> {
    if let Ok(hours) = text.parse() {
        return Ok(hours);
    }
    let time: Timestamp = text
        .parse()
        .map_err(|_| "must be hours since 1970, or a time such as 2026-05-10T08:00:00Z")?;
    Ok(hour(time.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_numbers_of_two_bytes() {
        assert_eq!(suite("0x0101"), Ok(257));
        assert_eq!(suite("257"), Ok(257));
        assert_eq!(suite("0xffff"), Ok(0xffff));
        for wrong in ["", "0x", "0x10000", "-1", "+1", "0x+1", "one", "0x01 "] {
            assert!(suite(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn extensions_are_a_number_and_hex() {
        let parsed = extension("7=0aFF").unwrap();
        assert_eq!((parsed.id, parsed.data), (7, vec![0x0a, 0xff]));
        let parsed = extension("0x80000000=").unwrap();
        assert_eq!((parsed.id, parsed.data.len()), (1 << 31, 0));
        for wrong in ["", "7", "=00", "7=0", "7=zz", "4294967296=00", "7=00=00"] {
            assert!(extension(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn hours_and_times_name_the_same_hour() {
        assert_eq!(now("494000"), Ok(494_000));
        assert_eq!(now("2026-05-10T08:59:59Z"), Ok(494_000));
        assert_eq!(now("2026-05-10T10:00:00+02:00"), Ok(494_000));
        assert_eq!(now("1969-12-31T23:00:00Z"), Ok(0));
        assert!(now("4294967296").is_err());
        assert!(now("tomorrow").is_err());
    }
}
