//! What is printed for people to read, in logs and crash messages, holds nothing that is secret or confidential.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "secrets_stay_secret/watch.rs"]
mod watch;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use wcmp::message::{Opened, Sealer};
use wcmp::relay::bundle;
use wcmp::relay::exchange::{noise, riblt};
use wcmp::relay::node::Node;
use wcmp::relay::policy::Policy;
use wcmp::relay::store::{Folder, MemoryStore, Options, Quota, SegmentStore};
use wcmp::suite::{self, HintEngine, HintInput, HintKeys, HintMatcher, HintPath, hpke, kdf, slot};
use wcmp::{
    Column, Contact, Content, EnvelopeRef, Extension, KeyError, KeyPair, KeyType, OpenError,
    Provider, Readable, Receiver, ScanCursor, Scanner, SealError, Sender, Suite, SuiteId, Ttl,
};
use wcmp_tests::kit::{CRYPTO, NOW, SEALED, TestRng, keys, person, receiver};
use wcmp_wire::{Lengths, ParseErrorKind, Writer, sha256, varint};
use zeroize::Zeroizing;

use self::watch::Watch;

/// The watch sees each form in which bytes are commonly printed.
#[test]
fn the_watch_sees_secrets() {
    let secret: Vec<u8> = TestRng::new(30).bytes(32);
    let mut watch = Watch::default();
    watch.secret(&secret);
    watch.secret(b"the body of a message");
    assert_eq!(watch.leak("KeyPair(X25519, ..)"), None);
    let embedded = [&[1, 2][..], &secret].concat();
    for text in [
        format!("{secret:?}"),
        format!("{secret:#?}"),
        format!("{secret:x?}"),
        format!("{:?}", &secret[7..15]),
        HEXLOWER.encode(&secret),
        HEXLOWER.encode(&secret).to_uppercase(),
        BASE64_NOPAD.encode(&embedded),
        BASE64URL_NOPAD.encode(&embedded),
        BASE32_NOPAD.encode(&embedded),
        BASE32_NOPAD.encode(&embedded).to_lowercase(),
        "Content(the body of a message)".to_string(),
        format!("{:?}", b"the body of a message"),
    ] {
        assert!(watch.leak(&text).is_some(), "{text}");
    }
}

/// Everything about a key pair that is secret or confidential.
fn watch_keys(watch: &mut Watch, keys: &KeyPair) {
    let id = keys.key_type().id().to_be_bytes();
    let prk = kdf::extract(&CRYPTO, b"WCMP v1 key pair", &[keys.dangerous_seed()]);
    watch.secret(keys.dangerous_seed());
    for label in [b"kem", b"sig"] {
        let half: Zeroizing<[u8; 32]> = kdf::expand(&CRYPTO, &*prk, &[label, &id]);
        watch.secret(&*half);
    }
    watch.secret(keys.public().as_bytes());
    watch.secret(keys.public().key_id());
    watch.secret(&sha256(&[b"WCMP v1 hint key", keys.public().as_bytes()]));
    watch.secret(keys.to_secret_text().as_bytes());
    watch.secret(keys.public().to_text().as_bytes());
    watch.secret(keys.public().fingerprint().replace(' ', "").as_bytes());
}

const BODY: &[u8] = b"the body of a message, which nobody but Bob reads";
const TYPE: &str = "text/x-confidential-content-type";
const EXTENSION: &[u8] = b"nobody else may see these words either";

fn content() -> Content {
    Content {
        extensions: vec![Extension {
            id: 1,
            data: EXTENSION.to_vec(),
        }],
        ..Content::new(TYPE, BODY)
    }
}

/// Prints every public type of the four crates, from what a person's program holds, and looks for what nobody may see.
#[test]
fn debug_and_display_show_no_secret() {
    let mut watch = Watch::default();
    watch.secret(BODY);
    watch.secret(TYPE.as_bytes());
    watch.secret(EXTENSION);
    for name in ["alice", "bob", "reply"] {
        for key_type in [KeyType::X25519, KeyType::XWing] {
            watch_keys(&mut watch, &keys(key_type, name));
        }
    }
    let dh = TestRng::new(31).array::<32>();
    watch.secret(&dh);
    watch.secret(&CRYPTO.x25519.secret(&dh).public());

    print_keys(&mut watch, &dh);
    for suite in Suite::ALL {
        print_messages(&mut watch, suite);
    }
    print_ids_and_errors(&mut watch);
    print_bundles(&mut watch);
    print_nodes(&mut watch);

    let public = public_types();
    let missing: Vec<_> = public
        .difference(&watch.printed)
        .filter(|name| {
            !name
                .strip_prefix("relay::")
                .is_some_and(|name| EVERYBODY_MAY_SEE.contains(&name))
        })
        .collect();
    assert!(
        missing.is_empty(),
        "public types that this test does not print: {missing:?}"
    );
    let gone: Vec<_> = watch.printed.difference(&public).collect();
    assert!(
        gone.is_empty(),
        "types that are not public (any more): {gone:?}"
    );
}

fn print_keys(watch: &mut Watch, dh: &[u8; 32]) {
    for key_type in [KeyType::X25519, KeyType::XWing] {
        let (alice, bob) = (keys(key_type, "alice"), keys(key_type, "bob"));
        watch.debug("suite::KeyType", &key_type);
        watch.debug("suite::KeyPair", &alice);
        watch.debug("suite::PublicKey", alice.public());
        watch.debug("suite::HintKey", alice.hint_key());
        watch.debug(
            "message::Contact",
            &Contact::new(&CRYPTO, &alice, bob.public().clone()),
        );
        watch.debug("message::Sender", &Sender::Known(alice.public().clone()));
        watch.debug(
            "message::Sender",
            &Sender::Introduced(alice.public().clone()),
        );
    }
    let (alice, bob) = (person("alice"), person("bob"));
    let pair = alice.pair_key(&CRYPTO, bob.public()).unwrap();
    watch.debug("suite::PairKey", &pair);
    let hint_key = pair.hint_key(&CRYPTO, SEALED[0], alice.public(), bob.public());
    watch.debug("suite::PairHintKey", &hint_key);
    watch.debug("suite::HintKeys", &HintKeys::from_iter([&hint_key]));
    let key_id = alice.public().key_id();
    watch.debug("suite::HintInput", &HintInput::pair(key_id));
    for engine in HintPath::ALL.into_iter().filter_map(HintEngine::with) {
        watch.debug("suite::HintEngine", &engine);
        watch.debug("suite::HintPath", &engine.path());
    }
    watch.debug("suite::HintMatcher", &HintMatcher::new());
    let ephemeral = slot::Ephemeral::new(&CRYPTO, Zeroizing::new(*dh));
    watch.debug("suite::Ephemeral", &ephemeral);
    watch.debug(
        "suite::SharedSecret",
        &ephemeral.encapsulate(&CRYPTO, bob.public()).unwrap(),
    );
    let shared = hpke::dhkem_shared_secret(&CRYPTO, dh, dh, dh);
    watch.debug("suite::SharedSecret", &shared);
}

fn print_messages(watch: &mut Watch, suite: Suite) {
    let (alice, reply) = (keys(suite.key_type(), "alice"), person("reply"));
    let bob = receiver(suite, "bob", &[alice.public()]);
    let content = content();
    let to = bob.keys().public();
    let sealer = Sealer::new(suite, NOW)
        .from(&alice)
        .to(to)
        .introduce()
        .reply_key(&reply);
    watch.debug("message::Sealer", &sealer);
    watch.debug("message::Receiver", &bob);
    watch.debug("message::Content", &content);
    watch.debug("message::Extension", &content.extensions[0]);
    let bytes = sealer
        .seal(&CRYPTO, &content, &mut TestRng::new(32))
        .unwrap();

    let view = EnvelopeRef::parse(&bytes).unwrap();
    let body = view.body(sha256);
    let core = view.core(sha256, &body);
    watch.debug("wire::EnvelopeRef", &view);
    watch.debug("wire::Envelope", &view.to_owned());
    watch.debug("wire::Body", &body);
    watch.debug("wire::Core", &core);
    watch.debug("wire::Digest", &view.digest(sha256, &core));
    watch.error("wire::Id", &view.id(sha256));
    // A writer holds the content until it is encrypted, a reader reads it when it is decrypted.
    let lengths = Lengths {
        payload: 1040,
        encapsulation: 0,
        hints: 64,
        sealed_keys: 64,
        signature: 64,
    };
    let mut writer = Writer::new(lengths).unwrap();
    writer.put_bytes(BODY);
    watch.debug("wire::Lengths", &lengths);
    watch.debug("wire::Writer", &writer);
    let mut plain = varint::Reader::new(BODY);
    watch.debug("wire::Reader", &plain);
    plain.u8().unwrap();
    watch.debug("wire::Reader", &plain);
    watch.error("wire::ParseError", &plain.clone().finish().unwrap_err());

    let readable = Readable::parse(&bytes, NOW).unwrap();
    watch.debug("message::Readable", &readable);
    let recognised = readable.recognise(&CRYPTO, &bob).unwrap();
    watch.debug("message::Recognised", &recognised);
    watch.debug("message::Way", &recognised.way());
    let mut column = Column::new();
    column.push(&CRYPTO, &readable);
    watch.debug("message::Column", &column);
    let rows: Vec<_> = column.rows().collect();
    watch.debug("message::Row", &rows[0]);
    let receivers = [receiver(suite, "bob", &[alice.public()])];
    let scanner = Scanner::new(&CRYPTO, &receivers);
    watch.debug("message::Scanner", &scanner);
    let mut cursor = ScanCursor::default();
    let scanned = scanner.scan(&rows, 0, NOW, &mut cursor, &mut 9, &mut |_| ());
    watch.debug("message::ScanCursor", &cursor);
    watch.debug("message::Scanned", &scanned);
    watch.debug("message::Found", &scanned.found[0]);
    let opened: Opened = recognised.open(&CRYPTO, &[]).unwrap();
    assert_eq!(*opened.content.body, *BODY);
    assert_eq!(opened.reply.as_ref(), Some(reply.public()));
    watch.debug("message::Opened", &opened);
    watch.debug("message::ContentBody", &opened.content.body);
    watch.debug("message::Sender", &opened.sender);
    // After opening, when it could hold more than before.
    watch.debug("message::Readable", &readable);
}

fn print_ids_and_errors(watch: &mut Watch) {
    for suite in Suite::ALL {
        watch.debug("suite::Suite", &suite);
        watch.debug("suite::Form", &suite.form());
        watch.debug("suite::AeadAlgorithm", &suite.aead());
        watch.error("suite::SuiteId", &suite.id());
    }
    watch.error(
        "suite::UnknownId",
        &Suite::try_from(SuiteId(9)).unwrap_err(),
    );
    watch.debug("suite::Provider", &Provider::rust_crypto());
    watch.debug("suite::Provider", &Provider::ring());
    watch.debug("suite::Provider", &Provider::aws_lc());
    watch.error("suite::CryptoError", &suite::CryptoError);

    // What a wrong text or key gives.
    let text = person("alice").to_secret_text();
    let wrong = KeyPair::from_secret_text(&CRYPTO, &text[..72]).unwrap_err();
    watch.error("suite::KeyError", &wrong);
    let alice = person("alice");
    let cut = &alice.public().as_bytes()[..65];
    watch.error(
        "suite::KeyError",
        &wcmp::PublicKey::from_bytes(cut).unwrap_err(),
    );
    use KeyError as K;
    for error in [
        K::Type,
        K::Length,
        K::X25519,
        K::MlKem,
        K::Ed25519,
        K::Text,
        K::Random,
    ] {
        watch.error("suite::KeyError", &error);
    }
    for ttl in [Ttl::Day, Ttl::Week, Ttl::Month] {
        watch.debug("message::Ttl", &ttl);
    }
    let parse = EnvelopeRef::parse(BODY).unwrap_err();
    watch.error("wire::ParseError", &parse);
    watch.debug("wire::ParseErrorKind", &parse.kind());
    watch.debug("wire::ParseErrorKind", &ParseErrorKind::HintOrder);
    use OpenError as O;
    for error in [
        O::from(parse),
        O::Suite(suite::UnknownId(7)),
        O::Malformed,
        O::Expired,
        O::NotForMe,
        O::BadSignature,
        O::BadPayload,
        O::BadContent,
        O::BadIntroduction,
        O::BadReply,
    ] {
        watch.error("message::OpenError", &error);
    }
    use SealError as S;
    for error in [
        S::NoReceiver,
        S::ReceiverType,
        S::DuplicateReceiver,
        S::IntroductionWithoutSender,
        S::PairHint,
        S::SharedReplyKey,
        S::UnattributableReplyKey,
        S::Slots,
        S::Size,
        S::ContentType,
        S::Extensions,
        S::Random,
        S::Crypto,
    ] {
        watch.error("message::SealError", &error);
    }
    watch.debug("message::Receiver", &Receiver::new(person("bob")));
}

/// Carriers hold no secret; what they print is looked at all the same.
fn print_bundles(watch: &mut Watch) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = bundle::Writer::new(Vec::new(), [7; 4]).unwrap();
    writer.frame(bundle::Stamp::NONE, b"an envelope").unwrap();
    watch.debug("relay::Writer", &writer);
    watch.debug("relay::Stamp", &bundle::Stamp::NONE);
    let file = writer.finish().unwrap();
    let mut reader = bundle::Reader::open(&file[..], 100).unwrap();
    watch.debug("relay::Reader", &reader);
    watch.debug("relay::Event", &reader.next().unwrap());
    watch.debug("relay::Completeness", &bundle::Completeness::Complete);
    watch.debug("relay::Io", &bundle::Io(Vec::<u8>::new()));
    let open = bundle::Reader::open(&file[..3], 100).unwrap_err();
    watch.error("relay::OpenError", &open);
    watch.error("relay::HeaderError", &bundle::HeaderError::Magic);
    watch.error("relay::ExportError", &bundle::ExportError::Random);
    watch.error(
        "relay::WriteError",
        &bundle::WriteError::<std::io::Error>::Size,
    );
    let export = bundle::Export::to_folder(folder.path(), TestRng::new(33)).unwrap();
    watch.debug("relay::Export", &export);
}

/// What keeps the secret of a file or of a link, and the node with the key of its holds.
fn print_nodes(watch: &mut Watch) {
    const PASSPHRASE: &str = "rain on a tin roof in the valley";
    let mut rng = TestRng::new(34);
    let (paired, salt, entropy) = (rng.array::<32>(), rng.array::<32>(), rng.array::<32>());
    watch.secret(PASSPHRASE.as_bytes());
    watch.secret(&paired);
    watch.secret(&entropy);
    watch.secret(&sha256(&[b"WCMP hold key", &entropy]));

    watch.debug("relay::Secret", &bundle::Secret::passphrase(PASSPHRASE));
    let secret = bundle::Secret::paired(paired);
    watch.debug("relay::Secret", &secret);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sealed");
    let file = fs::File::create_new(&path).unwrap();
    let mut sealing = bundle::Sealing::new(file, &secret, salt).unwrap();
    watch.debug("relay::Sealing", &sealing);
    bundle::Sink::write(&mut sealing, BODY).unwrap();
    watch.debug("relay::Sealing", &sealing);
    sealing.finish().unwrap();
    let source = bundle::Io(fs::File::open(&path).unwrap());
    let mut unsealed = bundle::Unsealed::open(source, &secret).unwrap();
    bundle::Source::read_at(&mut unsealed, 0, &mut [0; 9]).unwrap();
    watch.debug("relay::Unsealed", &unsealed);

    let pair = noise::Secret::new(paired);
    watch.debug("relay::Secret", &pair);
    watch.debug(
        "relay::Link",
        &noise::Link::connect(&pair, entropy).unwrap(),
    );
    watch.debug("relay::Link", &noise::Link::accept(&pair, entropy).unwrap());
    let keys = riblt::Keys::new(&paired);
    watch.debug("relay::Keys", &keys);
    watch.debug("relay::Sketch", &riblt::Sketch::new(keys, Vec::new()));

    let store = MemoryStore::new(Quota::NONE);
    let node = Node::open(store, Policy::default(), NOW, &entropy).unwrap();
    watch.debug("relay::Node", &node);
    watch.debug("relay::MemoryStore", &node.into_store());

    let opened = || {
        let folder = Folder::new(folder.path().join("store")).unwrap();
        let options = Options {
            quota: Quota::NONE,
            segment_limit: 1 << 20,
        };
        SegmentStore::open(folder, options, &entropy).unwrap()
    };
    let node = Node::open(opened(), Policy::default(), NOW, &entropy).unwrap();
    watch.debug("relay::Node", &node);
    drop(node);
    watch.debug("relay::SegmentStore", &opened());
}

/// Types of carriers that hold no key and nothing that is not public: envelopes, ids, counts, limits, errors.
const EVERYBODY_MAY_SEE: &[&str] = &[
    "Allowance",
    "Arrivals",
    "Broken",
    "Candidates",
    "Clock",
    "Columns",
    "Comparison",
    "Condition",
    "Cover",
    "Cursor",
    "Day",
    "Decoder",
    "Difference",
    "Entry",
    "Error",
    "Field",
    "FileError",
    "FileReport",
    "Folder",
    "Form",
    "Guest",
    "GuestAt",
    "HandError",
    "Handed",
    "Have",
    "HaveError",
    "Header",
    "Import",
    "ImportError",
    "Incoming",
    "Inconsistent",
    "Limits",
    "Named",
    "NodeError",
    "Offer",
    "Options",
    "Place",
    "Policy",
    "Quota",
    "Reason",
    "Report",
    "SealedError",
    "Session",
    "Short",
    "StoreError",
    "Stored",
    "Subject",
    "Symbol",
    "Taken",
    "Tally",
    "Totals",
    "Verdict",
    "Visit",
    "VisitLimits",
    "Work",
];

/// Names of the structs and enums that the crates declare public, as `crate::Type`. What is declared by a macro is
/// added by hand.
fn public_types() -> BTreeSet<String> {
    let mut types =
        BTreeSet::from(["Body", "Core", "Digest", "Id"].map(|name| format!("wire::{name}")));
    for name in ["wire", "suite", "message", "relay"] {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
        scan(&crates.join(format!("wcmp-{name}/src")), &mut |line| {
            let rest = ["pub struct ", "pub enum ", "pub union "];
            let Some(rest) = rest.iter().find_map(|start| line.strip_prefix(start)) else {
                return;
            };
            let end = rest
                .find(|c: char| !c.is_alphanumeric())
                .unwrap_or(rest.len());
            match &rest[..end] {
                // The macro of the four hashes.
                "" => assert!(rest.starts_with("$name(pub [u8; 32])"), "{line}"),
                end => drop(types.insert(format!("{name}::{end}"))),
            }
        });
    }
    assert!(types.len() > 40, "{types:?}");
    types
}

fn scan(folder: &Path, found: &mut impl FnMut(&str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            scan(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            fs::read_to_string(&path)
                .unwrap()
                .lines()
                .map(str::trim)
                .for_each(&mut *found);
        }
    }
}
