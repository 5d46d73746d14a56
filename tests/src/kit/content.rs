//! Content (spec 5) written a second time, without limits.

use wcmp_wire::varint::{Reader, put_varint};

/// A varint, minimal.
#[must_use]
pub fn varint(value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, u32::try_from(value).unwrap());
    out
}

/// A byte string with its length.
#[must_use]
pub fn bytes(bytes: &[u8]) -> Vec<u8> {
    [&varint(bytes.len()), bytes].concat()
}

/// The fields of content, each of any size and order.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// A public key.
    pub introduction: Option<Vec<u8>>,
    /// A public key and its signature.
    pub reply: Option<(Vec<u8>, Vec<u8>)>,
    /// Perhaps no UTF-8.
    pub content_type: Vec<u8>,
    /// The body.
    pub body: Vec<u8>,
    /// Perhaps not sorted, perhaps too many.
    pub extensions: Vec<(u32, Vec<u8>)>,
}

impl Parts {
    /// Content with this body and nothing else.
    #[must_use]
    pub fn new(body: &str) -> Parts {
        Parts {
            body: body.into(),
            ..Parts::default()
        }
    }

    /// The same with an introduction.
    #[must_use]
    pub fn introducing(self, key: &[u8]) -> Parts {
        Parts {
            introduction: Some(key.into()),
            ..self
        }
    }

    /// The same with a reply key.
    #[must_use]
    pub fn replying(self, key: &[u8], signature: &[u8]) -> Parts {
        Parts {
            reply: Some((key.into(), signature.into())),
            ..self
        }
    }

    /// Spec 5.1.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.encode_in_pieces().concat()
    }

    /// Spec 5.1, each tag, varint and string a piece of its own.
    #[must_use]
    pub fn encode_in_pieces(&self) -> Vec<Vec<u8>> {
        fn string(pieces: &mut Vec<Vec<u8>>, bytes: &[u8]) {
            pieces.extend([varint(bytes.len()), bytes.to_vec()]);
        }
        let mut pieces = vec![vec![u8::from(self.introduction.is_some())]];
        if let Some(key) = &self.introduction {
            string(&mut pieces, key);
        }
        pieces.push(vec![u8::from(self.reply.is_some())]);
        if let Some((key, signature)) = &self.reply {
            string(&mut pieces, key);
            string(&mut pieces, signature);
        }
        string(&mut pieces, &self.content_type);
        string(&mut pieces, &self.body);
        pieces.push(varint(self.extensions.len()));
        for (id, data) in &self.extensions {
            pieces.push(varint(usize::try_from(*id).unwrap()));
            string(&mut pieces, data);
        }
        pieces
    }
}

/// Spec 5.2: content || 0x80 || zeros.
#[must_use]
pub fn pad(content: &[u8]) -> Vec<u8> {
    let mut plaintext = [content, &[0x80]].concat();
    plaintext.resize(wcmp::message::padded_len(plaintext.len()), 0);
    plaintext
}

/// Body and extensions of a plaintext without introduction and reply key, if it is padded and encoded as spec 5 says.
#[must_use]
pub fn parse(plaintext: &[u8]) -> Option<Vec<u8>> {
    let end = plaintext.iter().rposition(|byte| *byte != 0)?;
    let right = plaintext[end] == 0x80 && wcmp::message::padded_len(end + 1) == plaintext.len();
    let mut reader = Reader::new(&plaintext[..end]);
    let no_keys = reader.u8().ok()? == 0 && reader.u8().ok()? == 0;
    core::str::from_utf8(reader.bytes().ok()?).ok()?;
    let body = reader.bytes().ok()?.to_vec();
    for _ in 0..reader.varint().ok()? {
        reader.varint().ok()?;
        reader.bytes().ok()?;
    }
    reader.finish().ok()?;
    (right && no_keys).then_some(body)
}
