//! Content (spec 5.1) against the postcard crate, through the opener: sealed in an honest envelope, any bytes are
//! content for both or for neither, and the same.

use std::sync::LazyLock;

use postcard::{take_from_bytes, to_allocvec};
use serde::{Deserialize, Serialize};
use wcmp::{KeyPair, OpenError, Receiver, Suite};

use crate::kit::{Forge, Row, open, pad, person, receiver};

const SUITE: Suite = Suite::OpenAes256Gcm;

/// Spec 5.1 as serde sees it.
#[derive(Serialize, Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    introduction: Option<&'a [u8]>,
    #[serde(borrow)]
    reply: Option<(&'a [u8], &'a [u8])>,
    content_type: &'a str,
    body: &'a [u8],
    #[serde(borrow)]
    extensions: Vec<(u32, &'a [u8])>,
}

/// The fields, if these bytes are content that a reader without knowledge of extensions understands.
fn read(data: &[u8]) -> Option<Fields<'_>> {
    let (fields, rest) = take_from_bytes::<Fields<'_>>(data).ok()?;
    let canonical =
        rest.is_empty() && to_allocvec(&fields).expect("the fields came from bytes") == data;
    let allowed = canonical
        && fields.content_type.len() <= 255
        && fields.extensions.len() <= 64
        && fields.extensions.is_sorted_by(|a, b| a.0 < b.0)
        && fields.extensions.iter().all(|(id, _)| *id < 1 << 31);
    allowed.then_some(fields)
}

/// Whether opener and oracle judge `data` alike as the content of an envelope.
///
/// # Panics
/// If not.
pub fn content(data: &[u8]) {
    static PEOPLE: LazyLock<(KeyPair, Receiver)> =
        LazyLock::new(|| (person("alice"), receiver(SUITE, "bob", &[])));
    let (alice, bob) = &*PEOPLE;
    let rows = vec![Row::new(SUITE, bob.keys().public())];
    let envelope = Forge::new(SUITE, alice, rows, pad(data)).bytes();
    match (open(&envelope, bob), read(data)) {
        (Ok(opened), Some(fields)) => {
            assert_eq!(opened.content.content_type, fields.content_type);
            assert_eq!(*opened.content.body, *fields.body);
            let extensions = opened.content.extensions.iter();
            let extensions: Vec<_> = extensions.map(|e| (e.id, e.data.as_slice())).collect();
            assert_eq!(extensions, fields.extensions);
            let introduced = opened.sender.public_key().map(wcmp::PublicKey::as_bytes);
            assert_eq!(introduced, fields.introduction);
            let reply = opened.reply.as_ref().map(wcmp::PublicKey::as_bytes);
            assert_eq!(reply, fields.reply.map(|(key, _)| key));
        }
        (Err(OpenError::BadContent), None) => {}
        (Err(OpenError::BadIntroduction | OpenError::BadSignature), Some(fields)) => {
            assert!(fields.introduction.is_some());
        }
        (Err(OpenError::BadReply), Some(fields)) => assert!(fields.reply.is_some()),
        (verdict, fields) => panic!(
            "opener: {:?}, oracle: {}",
            verdict.map(|_| ()),
            if fields.is_some() { "content" } else { "none" }
        ),
    }
}
