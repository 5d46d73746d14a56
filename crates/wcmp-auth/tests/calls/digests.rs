//! Content-Digest (RFC 9530).

use proptest::prelude::*;
use wcmp_auth::call::{BadDigest, Digests, content_digest};

fn check(field: &str, body: &[u8]) -> Result<(), BadDigest> {
    let mut digests = Digests::parse(field.as_bytes())?;
    digests.update(body);
    digests.verify()
}

// RFC 9530, appendix B: `{"hello": "world"}` with a line end; RFC 9421, B.2: without.
const LINE: &[u8] = b"{\"hello\": \"world\"}\n";
const SHA256: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
const SHA512: &str = "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:";
const NO_LINE: &str = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";

#[test]
fn published_digests() {
    assert_eq!(content_digest(LINE), SHA256);
    for good in [
        SHA256.to_string(),
        SHA512.to_string(),
        format!("{SHA256}, {SHA512}"),
        format!("{SHA512},{SHA256}"),
        format!("{SHA256}, {SHA256}"),
        format!("unixsum=:GQU=:, {SHA256};x=1 ,\tmd5=:AAAA:"),
    ] {
        assert_eq!(check(&good, LINE), Ok(()), "{good}");
        assert_eq!(check(&good, &LINE[..18]), Err(BadDigest), "{good}");
    }
    assert_eq!(check(NO_LINE, &LINE[..18]), Ok(()));
}

#[test]
fn every_member_has_to_fit() {
    let other256 = content_digest(b"other");
    for bad in [
        format!("{SHA256}, {NO_LINE}"),
        format!("{NO_LINE}, {SHA256}"),
        format!("{other256}, {SHA512}"),
        format!("{other256}, {SHA256}"),
        format!("{SHA256}, {other256}"),
    ] {
        assert_eq!(check(&bad, LINE), Err(BadDigest), "{bad}");
    }
}

#[test]
fn digests_that_nobody_can_check() {
    let unused_bits = SHA256.replace("Dg=", "Dh=");
    let no_padding = SHA256.replace('=', "").replace("sha-256", "sha-256=");
    let upper = SHA256.replace("sha", "SHA");
    let (list, text) = (SHA256.replace('=', "=("), SHA256.replace(':', "\""));
    let comma = format!("{SHA256},");
    let item = format!("{SHA256}, md5");
    for bad in [
        "",
        "unixsum=:GQU=:",
        "sha-256",
        "sha-256=::",
        "sha-256=?1",
        "sha-512=:AAAA:",
        "sha-1=:AAAA:",
        &unused_bits,
        &no_padding,
        &upper,
        &list,
        &text,
        &comma,
        &item,
        SHA256.trim_end_matches(':'),
    ] {
        assert!(Digests::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn it_does_not_matter_how_a_body_is_cut(
        body in prop::collection::vec(any::<u8>(), 0..300),
        cuts in prop::collection::vec(0usize..300, 0..5),
    ) {
        let mut digests = Digests::parse(content_digest(&body).as_bytes()).unwrap();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        for cut in cuts.windows(2) {
            digests.update(&body[cut[0]..cut[1]]);
        }
        prop_assert_eq!(digests.verify(), Ok(()));
    }
}
