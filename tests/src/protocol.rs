//! This implementation behind the line protocol of `foreign/wcmp.py`: a request in JSON,
//! its answer in JSON. Vectors are such requests with their answers, and two
//! implementations agree if they answer alike.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::{Value, json};
use wcmp::message::{Contact, Sealer, Sender};
use wcmp::relay::bundle::{
    Completeness, Event, Reader, Sealing, Secret, Sink, Source, Stamp, Unsealed, Writer,
};
use wcmp::wire::MAX_ENVELOPE;
use wcmp::{
    Content, EnvelopeRef, Extension, Id, KeyPair, KeyType, Provider, PublicKey, Readable, Receiver,
    Suite, SuiteId,
};

use crate::kit::TestRng;

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// The bytes of lower-case hex.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn unhex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}

/// Bytes in a request: hex, or for long ones `{"parts": [[hex, times], ..]}`.
#[derive(Clone, Default)]
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Hex(String),
            Parts { parts: Vec<(String, usize)> },
        }
        let parts = match Form::deserialize(from)? {
            Form::Hex(hex) => vec![(hex, 1)],
            Form::Parts { parts } => parts,
        };
        let mut out = Vec::new();
        for (part, times) in parts {
            let part = data_encoding::HEXLOWER.decode(part.as_bytes());
            out.extend(part.map_err(D::Error::custom)?.repeat(times));
        }
        Ok(Bytes(out))
    }
}

/// The same request with every `parts` written out.
///
/// # Panics
/// If some are not as [`answer`] reads them.
#[must_use]
pub fn written_out(request: &Value) -> Value {
    match request {
        Value::Object(fields) if fields.contains_key("parts") => {
            hex(&Bytes::deserialize(request).unwrap().0).into()
        }
        Value::Object(fields) => {
            let fields = fields.iter();
            fields.map(|(k, v)| (k.clone(), written_out(v))).collect()
        }
        Value::Array(values) => values.iter().map(written_out).collect(),
        other => other.clone(),
    }
}

/// A key pair in a request.
#[derive(Clone, Deserialize)]
struct Pair {
    r#type: u16,
    seed: Bytes,
}

/// A code of spec 12.
type Answer = Result<Value, &'static str>;

impl Pair {
    fn key_pair(&self, provider: &Provider) -> Result<KeyPair, &'static str> {
        let key_type = KeyType::try_from(self.r#type).map_err(|_| "key")?;
        let seed = self.seed.0.as_slice().try_into().map_err(|_| "key")?;
        KeyPair::from_seed(provider, key_type, seed).map_err(|_| "key")
    }
}

fn keys(encoded: &[Bytes]) -> Result<Vec<PublicKey>, &'static str> {
    let keys = encoded.iter().map(|key| PublicKey::from_bytes(&key.0));
    keys.collect::<Result<_, _>>().map_err(|_| "key")
}

/// The answer to a request, `{"op": .., ..}`: what was asked for, or `{"error": code}`.
///
/// # Panics
/// If the request has no meaning.
#[must_use]
pub fn answer(provider: &Provider, request: &Value) -> Value {
    let op = request["op"].as_str().expect("op");
    answer_op(provider, op, request).unwrap_or_else(|code| json!({ "error": code }))
}

fn answer_op(provider: &Provider, op: &str, request: &Value) -> Answer {
    match op {
        "keygen" => keygen(provider, request),
        "check_key" => check_key(request),
        "read_text" => read_text(request),
        "read_secret_text" => read_secret_text(provider, request),
        "seal" => seal(provider, request),
        "open" => open(provider, request),
        "inspect" => inspect(provider, request),
        "bundle_write" => bundle_write(request),
        "bundle_read" => bundle_read(request),
        "bundle_seal" => bundle_seal(request),
        "bundle_unseal" => bundle_unseal(request),
        "effort" => Ok(effort(request)),
        _ => panic!("no op {op}"),
    }
}

/// The request as `T`.
fn of<T: for<'a> Deserialize<'a>>(request: &Value) -> T {
    T::deserialize(request).unwrap_or_else(|error| panic!("{error}: {request}"))
}

fn describe(pair: &KeyPair) -> Value {
    let public = pair.public();
    json!({
        "public": hex(public.as_bytes()),
        "text": *public.to_text(),
        "secret_text": *pair.to_secret_text(),
        "key_id": hex(public.key_id()),
        "fingerprint": public.fingerprint(),
    })
}

fn keygen(provider: &Provider, request: &Value) -> Answer {
    Ok(describe(&of::<Pair>(request).key_pair(provider)?))
}

fn check_key(request: &Value) -> Answer {
    #[derive(Deserialize)]
    struct Request {
        public: Bytes,
    }
    let request: Request = of(request);
    PublicKey::from_bytes(&request.public.0).map_err(|_| "key")?;
    Ok(json!({ "ok": true }))
}

fn read_text(request: &Value) -> Answer {
    let text = request["text"].as_str().expect("text");
    let key = PublicKey::from_text(text).map_err(|_| "key")?;
    Ok(json!({ "public": hex(key.as_bytes()) }))
}

fn read_secret_text(provider: &Provider, request: &Value) -> Answer {
    let text = request["text"].as_str().expect("text");
    let pair = KeyPair::from_secret_text(provider, text);
    Ok(describe(&pair.map_err(|_| "key")?))
}

#[derive(Deserialize)]
struct Seal {
    suite: u16,
    expires: u32,
    entropy: Bytes,
    from: Option<Pair>,
    to: Vec<Bytes>,
    #[serde(default)]
    pair: Vec<Bytes>,
    #[serde(default)]
    introduce: bool,
    reply: Option<Pair>,
    #[serde(default)]
    shared_reply: bool,
    #[serde(default)]
    slots: usize,
    #[serde(default)]
    content_type: String,
    #[serde(default)]
    body: Bytes,
    #[serde(default)]
    extensions: Vec<(u32, Bytes)>,
}

fn seal(provider: &Provider, request: &Value) -> Answer {
    let request: Seal = of(request);
    let sender = match &request.from {
        Some(pair) => Some(pair.key_pair(provider)?),
        None => None,
    };
    let reply = match &request.reply {
        Some(pair) => Some(pair.key_pair(provider)?),
        None => None,
    };
    let (receivers, pair) = (keys(&request.to)?, keys(&request.pair)?);
    let suite = Suite::try_from(SuiteId(request.suite)).map_err(|_| "suite")?;
    // Our builder has no words for this one.
    if pair.iter().any(|key| !receivers.contains(key)) {
        return Err("key");
    }
    // Without a sender there is nobody to be a contact of; the builder is to say so.
    let nobody = KeyPair::from_seed(provider, KeyType::X25519, &[0; 32]).unwrap();
    let mine = sender.as_ref().unwrap_or(&nobody);
    let contacts = receivers.iter().map(|key| {
        let paired = pair.contains(key);
        paired.then(|| Contact::new(provider, mine, key.clone()))
    });
    let contacts: Vec<Option<Contact>> = contacts.collect();

    let mut sealer = if receivers.is_empty() {
        Sealer::dummy(suite, request.expires)
    } else {
        Sealer::new(suite, request.expires)
    };
    sealer = sealer.slots(request.slots);
    if let Some(sender) = &sender {
        sealer = sealer.from(sender);
    }
    for (key, contact) in receivers.iter().zip(&contacts) {
        sealer = match contact {
            Some(contact) => sealer.to_contact(contact),
            None => sealer.to(key),
        };
    }
    if request.introduce {
        sealer = sealer.introduce();
    }
    sealer = match (&reply, request.shared_reply) {
        (None, _) => sealer,
        (Some(reply), false) => sealer.reply_key(reply),
        (Some(reply), true) => sealer.shared_reply_key(reply),
    };
    let extensions = request.extensions.into_iter();
    let content = Content {
        content_type: request.content_type,
        body: request.body.0.into(),
        extensions: extensions
            .map(|(id, data)| Extension { id, data: data.0 })
            .collect(),
    };
    let entropy: [u8; 32] = request.entropy.0.as_slice().try_into().expect("32 bytes");
    // Only X-Wing asks it.
    let seed = entropy.first_chunk().unwrap();
    let mut rng = TestRng::new(u64::from_be_bytes(*seed));
    let sealed = sealer.seal_with_entropy(provider, &content, &entropy, &mut rng);
    let envelope = sealed.map_err(|error| error.code().expect("the RNG does not fail"))?;
    Ok(json!({ "envelope": hex(&envelope) }))
}

#[derive(Deserialize)]
struct Open {
    key: Pair,
    envelope: Bytes,
    #[serde(default)]
    contacts: Vec<Bytes>,
    now: u32,
    #[serde(default = "yes")]
    strangers: bool,
}

fn yes() -> bool {
    true
}

fn open(provider: &Provider, request: &Value) -> Answer {
    let request: Open = of(request);
    let mut receiver = Receiver::new(request.key.key_pair(provider)?);
    for contact in keys(&request.contacts)? {
        receiver.add_contact(provider, contact);
    }
    if !request.strangers {
        receiver.close_to_strangers();
    }
    let readable = Readable::parse(&request.envelope.0, request.now).map_err(|e| e.code())?;
    let recognised = readable.recognise(provider, &receiver);
    let recognised = recognised.ok_or("not-for-me")?;
    let opened = recognised.open(provider, &[]).map_err(|e| e.code())?;
    let public = |key: &PublicKey| hex(key.as_bytes());
    let extensions = opened.content.extensions.iter();
    Ok(json!({
        "status": match opened.sender {
            Sender::Known(_) => "known",
            Sender::Introduced(_) => "introduced",
            Sender::Anonymous => "anonymous",
        },
        "sender": opened.sender.public_key().map(public),
        "reply": opened.reply.as_ref().map(public),
        "content_type": opened.content.content_type,
        "body": hex(&opened.content.body),
        "extensions": extensions.map(|e| json!([e.id, hex(&e.data)])).collect::<Value>(),
        "slot": opened.slot,
        "core": hex(&opened.core.0),
        "id": hex(&readable.envelope().id(provider.sha256).0),
    }))
}

fn inspect(provider: &Provider, request: &Value) -> Answer {
    #[derive(Deserialize)]
    struct Request {
        envelope: Bytes,
    }
    let request: Request = of(request);
    let envelope = EnvelopeRef::parse(&request.envelope.0).map_err(|e| e.code())?;
    let body = envelope.body(provider.sha256);
    let core = envelope.core(provider.sha256, &body);
    Ok(json!({
        "suite": envelope.suite(),
        "expires": envelope.expires(),
        "slots": envelope.slots(),
        "slot_len": envelope.slot_len(),
        "payload_len": envelope.payload().len(),
        "encapsulation_len": envelope.encapsulation().len(),
        "signature_len": envelope.signature().len(),
        "unreadable": Readable::new(envelope, 0).err().map(|e| e.code()),
        "body": hex(&body.0),
        "core": hex(&core.0),
        "digest": hex(&envelope.digest(provider.sha256, &core).0),
        "id": hex(&envelope.id(provider.sha256).0),
    }))
}

fn bundle_write(request: &Value) -> Answer {
    #[derive(Deserialize)]
    struct Frame {
        stamp: Bytes,
        envelope: Bytes,
    }
    #[derive(Deserialize)]
    struct Request {
        salt: Bytes,
        frames: Vec<Frame>,
        end: bool,
    }
    let request: Request = of(request);
    let salt = request.salt.0.as_slice().try_into().expect("4 bytes");
    let mut bundle = Vec::new();
    let mut writer = Writer::new(&mut bundle, salt).unwrap();
    for frame in &request.frames {
        let stamp = match frame.stamp.0.as_slice() {
            [] => Stamp::NONE,
            [kind, len, bytes @ ..] if usize::from(*len) == bytes.len() => {
                Stamp::new(*kind, bytes).expect("a stamp")
            }
            _ => panic!("no stamp: {request:?}", request = hex(&frame.stamp.0)),
        };
        writer.frame(stamp, &frame.envelope.0).unwrap();
    }
    if request.end {
        writer.finish().unwrap();
    }
    Ok(json!({ "bundle": hex(&bundle) }))
}

fn bundle_read(request: &Value) -> Answer {
    #[derive(Deserialize)]
    struct Request {
        bundle: Bytes,
        max_envelope: Option<usize>,
    }
    let request: Request = of(request);
    let max = request.max_envelope.unwrap_or(MAX_ENVELOPE);
    let reader = Reader::open(request.bundle.0.as_slice(), max);
    let mut reader = reader.map_err(|error| error.code().expect("memory can be read"))?;
    let mut events = Vec::new();
    while let Some(event) = reader.next().expect("memory can be read") {
        events.push(match event {
            Event::Frame {
                offset,
                stamp,
                envelope,
            } => {
                let len = u8::try_from(stamp.bytes().len()).unwrap();
                let stamp = [&[stamp.kind(), len], stamp.bytes()].concat();
                json!({ "frame": {
                    "offset": offset, "stamp": hex(&stamp), "envelope": hex(envelope),
                }})
            }
            Event::Skipped { offset, len } => json!({ "skipped": { "offset": offset, "len": len }}),
            Event::Damaged { offset, len } => json!({ "damaged": { "offset": offset, "len": len }}),
            Event::End(Completeness::Complete) => json!({ "end": "complete" }),
            Event::End(Completeness::Incomplete) => json!({ "end": "incomplete" }),
        });
    }
    Ok(json!({ "events": events }))
}

/// `passphrase`, text, or `secret`, 32 bytes.
fn sealed_with(request: &Value) -> Secret {
    match request["passphrase"].as_str() {
        Some(text) => Secret::passphrase(text),
        None => {
            let secret = unhex(
                request["secret"]
                    .as_str()
                    .expect("a passphrase or a secret"),
            );
            Secret::paired(secret.try_into().expect("32 bytes"))
        }
    }
}

fn bundle_seal(request: &Value) -> Answer {
    #[derive(Deserialize)]
    struct Request {
        salt: Bytes,
        bundle: Bytes,
    }
    let secret = sealed_with(request);
    let request: Request = of(request);
    let salt = request.salt.0.as_slice().try_into().expect("32 bytes");
    let mut sealing = Sealing::new(std::io::Cursor::new(Vec::new()), &secret, salt).unwrap();
    sealing.write(&request.bundle.0).unwrap();
    Ok(json!({ "sealed": hex(&sealing.finish().unwrap().into_inner()) }))
}

fn bundle_unseal(request: &Value) -> Answer {
    #[derive(Deserialize)]
    struct Request {
        sealed: Bytes,
    }
    let secret = sealed_with(request);
    let request: Request = of(request);
    let unsealed = Unsealed::open(request.sealed.0.as_slice(), &secret);
    let mut unsealed = unsealed.map_err(|error| error.code().expect("memory can be read"))?;
    let (mut bundle, mut buf) = (Vec::new(), [0; 10_000]);
    loop {
        let read = unsealed.read_at(bundle.len() as u64, &mut buf);
        match read.map_err(|error| error.code().expect("memory can be read"))? {
            0 => return Ok(json!({ "bundle": hex(&bundle) })),
            n => bundle.extend_from_slice(&buf[..n]),
        }
    }
}

fn effort(request: &Value) -> Value {
    #[derive(Deserialize)]
    struct Request {
        stamp: Bytes,
        id: Bytes,
    }
    let request: Request = of(request);
    let [kind, len, bytes @ ..] = request.stamp.0.as_slice() else {
        panic!("no stamp")
    };
    assert_eq!(usize::from(*len), bytes.len());
    let id = Id(request.id.0.as_slice().try_into().expect("32 bytes"));
    let effort = Stamp::new(*kind, bytes).expect("a stamp").effort(&id);
    // Beyond what numbers of JSON hold everywhere.
    json!({ "effort": effort.to_string() })
}
