//! A dead drop: Alice leaves a bundle in a folder, Bob comes by later and finds his
//! message among everybody's: `cargo run --example dead_drop`.

use std::error::Error;
use std::fs::File;
use std::time::{SystemTime, UNIX_EPOCH};

use wcmp::relay::bundle::{Event, Export, Io, Reader, Stamp};
use wcmp::wire::{MAX_ENVELOPE, sha256};
use wcmp::{
    Content, EnvelopeRef, KeyPair, KeyType, Provider, Readable, Receiver, Sealer, Suite, Ttl,
};

fn main() -> Result<(), Box<dyn Error>> {
    let (crypto, mut rng) = (Provider::rust_crypto(), wcmp::system_rng());
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let now = wcmp::hour(now.try_into()?);
    let bob = KeyPair::generate(&crypto, KeyType::X25519, &mut rng)?;

    // Alice's message, between dummies. All have the same size and shape.
    let suite = Suite::SealedAes256Gcm;
    let content = Content::new("text/plain", "the key is under the third stone");
    let mut envelopes = Vec::new();
    for _ in 0..9 {
        let dummy = Sealer::dummy(suite, Ttl::Day.expires(now, &mut rng)?);
        envelopes.push(dummy.seal(&crypto, &Content::default(), &mut rng)?);
    }
    let message = Sealer::new(suite, Ttl::Day.expires(now, &mut rng)?).to(bob.public());
    envelopes.push(message.seal(&crypto, &content, &mut rng)?);

    // Sorted by id, nothing shows which was hers.
    let mut by_id = Vec::new();
    for envelope in &envelopes {
        by_id.push((EnvelopeRef::parse(envelope)?.id(sha256), envelope));
    }
    by_id.sort();
    let drop = tempfile::tempdir()?;
    let mut export = Export::to_folder(drop.path(), &mut rng)?;
    for (id, envelope) in by_id {
        export.push(id, Stamp::NONE, envelope)?;
    }
    let files = export.finish()?;

    // Bob looks at each envelope: one of them has a slot that is his.
    let bob = Receiver::new(bob);
    for file in files {
        let mut bundle = Reader::open(Io(File::open(file)?), MAX_ENVELOPE)?;
        while let Some(event) = bundle.next()? {
            let Event::Frame { envelope, .. } = event else {
                continue;
            };
            let readable = Readable::parse(envelope, now)?;
            if let Some(recognised) = readable.recognise(&crypto, &bob) {
                let opened = recognised.open(&crypto, &[])?;
                println!("{}", String::from_utf8(opened.content.body.into_vec())?);
            }
        }
    }
    Ok(())
}
