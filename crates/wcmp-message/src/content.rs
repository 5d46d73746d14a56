//! What a message says, and its encoding (spec 5.1).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use wcmp_suite::PublicKey;
use wcmp_wire::Writer;
use wcmp_wire::varint::{Reader, put_varint, varint_len};
use zeroize::Zeroizing;

use crate::{ContentBody, SealError};

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
    pub body: ContentBody,
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
            body: body.into().into(),
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
}

/// A reply key and its signature for itself, as they stand in a message.
pub(crate) struct Reply<'a> {
    pub(crate) public: &'a [u8],
    pub(crate) signature: &'a [u8],
}

/// A message that is about to be encoded: its rules hold, and its length is known
/// before a byte is written.
pub(crate) struct Encoding<'a> {
    introduction: Option<&'a PublicKey>,
    content: &'a Content,
    extensions: Vec<&'a Extension>,
    /// Where the reply option stands.
    reply: Range<usize>,
    len: usize,
}

impl<'a> Encoding<'a> {
    /// # Errors
    /// [`SealError::ContentType`], [`SealError::Extensions`], [`SealError::Size`].
    pub(crate) fn new(
        introduction: Option<&'a PublicKey>,
        reply: Option<&PublicKey>,
        content: &'a Content,
    ) -> Result<Encoding<'a>, SealError> {
        if content.content_type.len() > MAX_CONTENT_TYPE {
            return Err(SealError::ContentType);
        }
        let extensions = content.sorted_extensions()?;
        let head = 1 + introduction.map_or(0, |key| bytes_len(key.as_bytes().len()));
        let reply = 1 + reply.map_or(0, |key| bytes_len(key.as_bytes().len()) + bytes_len(64));
        let of_extension =
            |e: &&Extension| varint_len(e.id).saturating_add(bytes_len(e.data.len()));
        let len = [head, reply, 1]
            .into_iter()
            .chain([content.content_type.len(), content.body.len()].map(bytes_len))
            .chain(extensions.iter().map(of_extension))
            .fold(0, usize::saturating_add);
        if len > MAX_CONTENT {
            return Err(SealError::Size);
        }
        Ok(Encoding {
            introduction,
            content,
            extensions,
            reply: head..head + reply,
            len,
        })
    }

    /// Bytes of the encoding.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Writes the encoding, zeros in the place of the reply option.
    pub(crate) fn write(&self, out: &mut Writer) {
        match self.introduction {
            None => out.put(&[0]),
            Some(key) => {
                out.put(&[1]);
                out.put_bytes(key.as_bytes());
            }
        }
        out.fill(self.reply.end, 0);
        out.put_bytes(self.content.content_type.as_bytes());
        out.put_bytes(&self.content.body);
        out.put_varint(u32::try_from(self.extensions.len()).unwrap_or(u32::MAX));
        for extension in &self.extensions {
            out.put_varint(extension.id);
            out.put_bytes(&extension.data);
        }
    }

    /// What [`Encoding::write`] wrote, in parts, as it would be without a reply key.
    pub(crate) fn without_reply<'b>(&self, written: &'b [u8]) -> [&'b [u8]; 3] {
        let (head, rest) = written.split_at(self.reply.start);
        let tail = rest.get(self.reply.len()..).unwrap_or_default();
        [head, &[0], tail]
    }

    /// Puts the reply key into its place.
    pub(crate) fn put_reply(&self, written: &mut [u8], key: &PublicKey, signature: &[u8; 64]) {
        let mut option = Zeroizing::new(Vec::with_capacity(self.reply.len()));
        option.push(1);
        for bytes in [key.as_bytes(), signature] {
            put_varint(&mut option, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            option.extend_from_slice(bytes);
        }
        let place = written.get_mut(self.reply.clone()).unwrap_or_default();
        for (to, from) in place.iter_mut().zip(&*option) {
            *to = *from;
        }
    }
}

/// Bytes of a byte string with its length.
fn bytes_len(len: usize) -> usize {
    varint_len(u32::try_from(len).unwrap_or(u32::MAX)).saturating_add(len)
}

/// A message as it stands in an envelope.
pub(crate) struct Decoded<'a> {
    pub(crate) introduction: Option<&'a [u8]>,
    pub(crate) reply: Option<Reply<'a>>,
    pub(crate) content_type: String,
    /// Where the body stands.
    pub(crate) body: Range<usize>,
    pub(crate) extensions: Vec<Extension>,
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
    let body_len = reader.bytes().ok()?.len();
    let body = reader.position().checked_sub(body_len)?..reader.position();
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
        content_type: content_type.into(),
        body,
        extensions,
    })
}
