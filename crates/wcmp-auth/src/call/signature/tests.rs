//! The signature base, held to examples of RFC 9421, appendix B. Those signed
//! with an HMAC or with Ed25519 are verified to the end.

use alloc::string::String;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD};
use ed25519_dalek::{Signature as Ed25519, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::*;
use crate::call::fields::Fields;
use crate::call::verify::Target;

struct Message {
    method: &'static str,
    target: &'static str,
    authority: &'static str,
    headers: &'static [(&'static str, &'static str)],
}

/// RFC 9421, B.2.
const REQUEST: Message = Message {
    method: "POST",
    target: "/foo?param=Value&Pet=dog",
    authority: "example.com",
    headers: &[
        ("Host", "example.com"),
        ("Date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("Content-Type", "application/json"),
        (
            "Content-Digest",
            "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
        ),
        ("Content-Length", "18"),
    ],
};

fn base_of(message: &Message, input: &'static str) -> String {
    let mut cursor = Cursor::new(input.as_bytes());
    assert!(cursor.eat(b'('));
    let mut components = components(&mut cursor).unwrap().unwrap();
    let headers = || {
        message
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
    };
    let fields = Fields::read(headers()).unwrap();
    let target = Target::parse(message.method, message.target).unwrap();
    for component in &mut components {
        component.value = match component.name {
            b"@authority" => message.authority.as_bytes(),
            name if name.starts_with(b"@") => target.component(name).unwrap(),
            _ => fields.value(component, headers()).unwrap(),
        };
    }
    String::from_utf8(base(&components, input.as_bytes())).unwrap()
}

/// test-key-ed25519 of B.1.4.
fn ed25519(base: &str, signature: &str) {
    let key = BASE64URL_NOPAD
        .decode(b"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs")
        .unwrap();
    let key = VerifyingKey::from_bytes(&key.try_into().unwrap()).unwrap();
    let signature = BASE64.decode(signature.as_bytes()).unwrap();
    let signature = Ed25519::from_slice(&signature).unwrap();
    key.verify_strict(base.as_bytes(), &signature).unwrap();
}

#[test]
fn rfc_9421_b_2_5_hmac() {
    let base = base_of(
        &REQUEST,
        r#"("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#,
    );
    assert_eq!(
        base,
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\
         \"@authority\": example.com\n\
         \"content-type\": application/json\n\
         \"@signature-params\": (\"date\" \"@authority\" \"content-type\")\
         ;created=1618884473;keyid=\"test-shared-secret\""
    );
    // Longer than our keys.
    let key = BASE64
        .decode(b"uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==")
        .unwrap();
    let mac = Hmac::<Sha256>::new_from_slice(&key)
        .unwrap()
        .chain_update(base.as_bytes())
        .finalize()
        .into_bytes();
    let signature = b"sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:";
    let (value, read) = member(signature, b"sig-b25").unwrap();
    assert_eq!(read[..], mac[..]);
    assert_eq!(value, &signature[8..]);
}

#[test]
fn rfc_9421_b_2_6_ed25519() {
    let base = base_of(
        &REQUEST,
        r#"("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#,
    );
    ed25519(
        &base,
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
    );
}

#[test]
fn rfc_9421_b_4_transformed() {
    let message = Message {
        method: "GET",
        target: "/demo?name2=value2&name1=Value1",
        authority: "example.org",
        headers: &[
            ("Accept", "  application/json, */* \t"),
            ("Referer", "https://developer.example.org/demo"),
        ],
    };
    let base = base_of(
        &message,
        r#"("@method" "@path" "@authority" "accept");created=1618884473;keyid="test-key-ed25519""#,
    );
    ed25519(
        &base,
        "ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==",
    );
}

#[test]
fn rfc_9421_b_2_3_full_coverage() {
    let base = base_of(
        &REQUEST,
        r#"("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss""#,
    );
    assert_eq!(
        base,
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\
         \"@method\": POST\n\
         \"@path\": /foo\n\
         \"@query\": ?param=Value&Pet=dog\n\
         \"@authority\": example.com\n\
         \"content-type\": application/json\n\
         \"content-digest\": sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:\n\
         \"content-length\": 18\n\
         \"@signature-params\": (\"date\" \"@method\" \"@path\" \"@query\" \"@authority\" \
         \"content-type\" \"content-digest\" \"content-length\")\
         ;created=1618884473;keyid=\"test-key-rsa-pss\""
    );
}

#[test]
fn macs_are_padded_base64_with_zero_unused_bits() {
    let mac = [0xa5; 32];
    let text = BASE64.encode(&mac);
    let read = |text: &str| {
        let field = alloc::format!("a=:{text}:");
        member(field.as_bytes(), b"a").map(|(_, mac)| mac)
    };
    assert_eq!(read(&text), Ok(mac));
    assert_eq!(read(&BASE64_NOPAD.encode(&mac)), Err(CallError::Syntax));
    assert_eq!(read(&BASE64.encode(&mac[..31])), Err(CallError::Syntax));
    assert_eq!(read(&BASE64.encode(&[0; 33])), Err(CallError::Syntax));
    // The last character before the padding has two bits that are not used.
    let unused = text.replace("U=", "V=").replace("Q=", "R=");
    assert_ne!(unused, text);
    assert_eq!(read(&unused), Err(CallError::Syntax));
}
