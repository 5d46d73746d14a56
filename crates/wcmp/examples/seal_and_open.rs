//! One message from Alice to Bob and Carol: `cargo run --example seal_and_open`.

use std::time::{SystemTime, UNIX_EPOCH};
use wcmp::{Content, KeyPair, KeyType, Provider, Readable, Receiver, Sealer, Suite, Ttl};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (crypto, mut rng) = (Provider::rust_crypto(), wcmp::system_rng());
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let now = wcmp::hour(seconds.try_into()?);
    let alice = KeyPair::generate(&crypto, KeyType::X25519, &mut rng)?;
    let bob = KeyPair::generate(&crypto, KeyType::X25519, &mut rng)?;
    let carol = KeyPair::generate(&crypto, KeyType::X25519, &mut rng)?;

    let envelope = Sealer::new(Suite::SealedAes256Gcm, Ttl::Week.expires(now, &mut rng)?)
        .from(&alice)
        .to(bob.public())
        .to(carol.public())
        .introduce()
        .seal(&crypto, &Content::new("text/plain", "at noon"), &mut rng)?;

    let carol = Receiver::new(carol);
    let readable = Readable::parse(&envelope, now)?;
    let recognised = readable.recognise(&crypto, &carol).ok_or("not for Carol")?;
    let opened = recognised.open(&crypto, &[])?;
    let text = String::from_utf8(opened.content.body.into_vec())?;
    println!("{:?}: {text}", opened.sender);
    Ok(())
}
