//! What a message says, and its encoding (spec 5.1).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use wcmp_suite::PublicKey;
use wcmp_wire::varint::{Reader, put_varint, varint_len};

use crate::SealError;

/// Most bytes of encoded content: 2^24 - 2^19.
pub const MAX_CONTENT: usize = 16_252_928;
/// Most bytes of a content type.
pub const MAX_CONTENT_TYPE: usize = 255;
/// Most extensions of one message.
pub const MAX_EXTENSIONS: usize = 64;

/// From this id on, an extension that is not understood makes the message
/// unreadable.
const FIRST_CRITICAL: u32 = 1 << 31;

/// A message: a type, a body, and extensions.
///
/// Not wiped when dropped: what a person reads belongs to the person's program.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// Any UTF-8 of at most 255 bytes, by custom a media type. Not normalised:
    /// whoever displays it neutralises control characters.
    pub content_type: String,
    /// The message itself.
    pub body: Vec<u8>,
    /// At most 64, each id once. The order does not matter: they are sent in
    /// ascending order of their ids.
    pub extensions: Vec<Extension>,
}

/// A further field of a message. Ids below 2^31 are ignored by who does not know
/// them; a message with any other is refused by who does not understand it.
#[derive(Clone, PartialEq, Eq)]
pub struct Extension {
    /// What it is.
    pub id: u32,
    /// What it says.
    pub data: Vec<u8>,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes, ..)", self.body.len())
    }
}

impl fmt::Debug for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extension({} bytes, ..)", self.data.len())
    }
}

impl Content {
    /// Content of this type and body, without extensions.
    #[must_use]
    pub fn new(content_type: &str, body: impl Into<Vec<u8>>) -> Content {
        Content {
            content_type: content_type.into(),
            body: body.into(),
            extensions: Vec::new(),
        }
    }

    /// The extensions in the order in which they are sent.
    fn sorted_extensions(&self) -> Result<Vec<&Extension>, SealError> {
        let mut sorted: Vec<&Extension> = self.extensions.iter().collect();
        sorted.sort_unstable_by_key(|extension| extension.id);
        let twice = sorted.windows(2).any(|pair| match pair {
            [a, b] => a.id == b.id,
            _ => false,
        });
        if twice || sorted.len() > MAX_EXTENSIONS {
            return Err(SealError::Extensions);
        }
        Ok(sorted)
    }

    /// Bytes of content_type, body and extensions, at least (a sum that saturates).
    fn tail_len(&self) -> usize {
        let strings = [self.content_type.len(), self.body.len()];
        let extensions = self.extensions.iter();
        let extensions = extensions.map(|e| e.data.len().saturating_add(10));
        strings
            .into_iter()
            .chain(extensions)
            .fold(16, usize::saturating_add)
    }
}

/// A reply key and its signature for itself, as they stand in a message.
pub(crate) struct Reply<'a> {
    pub(crate) public: &'a [u8],
    pub(crate) signature: &'a [u8],
}

/// A message as it stands in an envelope.
pub(crate) struct Decoded<'a> {
    pub(crate) introduction: Option<&'a [u8]>,
    pub(crate) reply: Option<Reply<'a>>,
    pub(crate) content: Content,
}

/// A length that fits: [`encode`] refuses greater content before it writes.
fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(bytes);
}

/// The bytes that a reply option adds for a key of `len` bytes.
fn reply_len(len: usize) -> usize {
    varint_len(u32::try_from(len).unwrap_or(u32::MAX)) + len + varint_len(64) + 64
}

/// The encoding without a reply key, with room for one and for the padding, and
/// the place where the reply option stands.
pub(crate) fn encode(
    introduction: Option<&PublicKey>,
    reply: Option<&PublicKey>,
    content: &Content,
) -> Result<(Vec<u8>, usize), SealError> {
    if content.content_type.len() > MAX_CONTENT_TYPE {
        return Err(SealError::ContentType);
    }
    let extensions = content.sorted_extensions()?;
    if content.tail_len() > MAX_CONTENT + 1024 {
        return Err(SealError::Size);
    }
    let head = introduction.map_or(0, |key| key.as_bytes().len());
    let added = reply.map_or(0, |key| reply_len(key.as_bytes().len()));
    let room = crate::padded_len(content.tail_len() + head + added) + 16;
    let mut out = Vec::with_capacity(room);
    match introduction {
        None => out.push(0),
        Some(key) => {
            out.push(1);
            put_bytes(&mut out, key.as_bytes());
        }
    }
    let reply_at = out.len();
    out.push(0);
    put_bytes(&mut out, content.content_type.as_bytes());
    put_bytes(&mut out, &content.body);
    put_varint(
        &mut out,
        u32::try_from(extensions.len()).unwrap_or(u32::MAX),
    );
    for extension in extensions {
        put_varint(&mut out, extension.id);
        put_bytes(&mut out, &extension.data);
    }
    if out.len().saturating_add(added) > MAX_CONTENT {
        return Err(SealError::Size);
    }
    Ok((out, reply_at))
}

/// Puts a reply key into what [`encode`] made.
pub(crate) fn insert_reply(encoded: &mut Vec<u8>, at: usize, key: &PublicKey, signature: &[u8]) {
    let mut option = Vec::with_capacity(1 + reply_len(key.as_bytes().len()));
    option.push(1);
    put_bytes(&mut option, key.as_bytes());
    put_bytes(&mut option, signature);
    encoded.splice(at..=at, option);
}

/// Decodes content; `None` is `bad-content`. `understood` are the ids from 2^31 on
/// that the caller handles.
pub(crate) fn decode<'a>(encoded: &'a [u8], understood: &[u32]) -> Option<Decoded<'a>> {
    if encoded.len() > MAX_CONTENT {
        return None;
    }
    let mut reader = Reader::new(encoded);
    let introduction = match reader.u8().ok()? {
        0 => None,
        1 => Some(reader.bytes().ok()?),
        _ => return None,
    };
    let reply = match reader.u8().ok()? {
        0 => None,
        1 => Some(Reply {
            public: reader.bytes().ok()?,
            signature: reader.bytes().ok()?,
        }),
        _ => return None,
    };
    let content_type = core::str::from_utf8(reader.bytes().ok()?).ok()?;
    if content_type.len() > MAX_CONTENT_TYPE {
        return None;
    }
    let body = reader.bytes().ok()?;
    let count = usize::try_from(reader.varint().ok()?).ok()?;
    if count > MAX_EXTENSIONS {
        return None;
    }
    let mut extensions: Vec<Extension> = Vec::new();
    for _ in 0..count {
        let id = reader.varint().ok()?;
        let data = reader.bytes().ok()?.to_vec();
        let ascending = extensions.last().is_none_or(|last| last.id < id);
        if !ascending || (id >= FIRST_CRITICAL && !understood.contains(&id)) {
            return None;
        }
        extensions.push(Extension { id, data });
    }
    reader.finish().ok()?;
    Some(Decoded {
        introduction,
        reply,
        content: Content {
            content_type: content_type.into(),
            body: body.to_vec(),
            extensions,
        },
    })
}
