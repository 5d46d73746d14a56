//! Random requests to seal, most of them sound.

use serde_json::{Value, json};
use wcmp::{KeyPair, KeyType, Provider, Suite};
use wcmp_tests::kit::TestRng;
use wcmp_tests::protocol::hex;

/// The hour in which everything here happens.
pub(crate) const NOW: u32 = 500_000;

/// A key pair, as a request names it and as others see it.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) pair: Value,
    pub(crate) public: Value,
}

impl Person {
    pub(crate) fn new(rng: &mut TestRng, key_type: KeyType) -> Person {
        let seed = rng.array();
        let pair = KeyPair::from_seed(&Provider::rust_crypto(), key_type, &seed).unwrap();
        Person {
            pair: json!({ "type": key_type.id(), "seed": hex(&seed) }),
            public: hex(pair.public().as_bytes()).into(),
        }
    }

    fn of_any_type(rng: &mut TestRng) -> Person {
        let key_type = if rng.one_in(6) {
            KeyType::XWing
        } else {
            KeyType::X25519
        };
        Person::new(rng, key_type)
    }
}

/// A request to seal, and everybody who is concerned.
pub(crate) struct Letter {
    pub(crate) request: Value,
    pub(crate) sender: Option<Person>,
    pub(crate) receivers: Vec<Person>,
    pub(crate) outsider: Person,
}

impl Letter {
    /// A letter that can be sealed.
    pub(crate) fn sound(rng: &mut TestRng, suite: Suite) -> Letter {
        let sealed = matches!(
            suite,
            Suite::SealedAes256Gcm | Suite::SealedChaCha20Poly1305
        );
        let counts: &[usize] = match suite {
            Suite::OpenXWing => &[0, 1, 1, 2, 5],
            _ => &[0, 1, 1, 1, 2, 3, 4, 5, 9],
        };
        let count = *rng.pick(counts);
        let receivers = (0..count).map(|_| Person::new(rng, suite.key_type()));
        let receivers: Vec<Person> = receivers.collect();
        let outsider = Person::new(rng, suite.key_type());
        let named = count > 0 && !rng.one_in(4);
        let sender = named.then(|| Person::of_any_type(rng));
        let can_pair = sealed && sender.as_ref().is_some_and(|p| p.pair["type"] == 1);
        let mut pair = Vec::new();
        if can_pair {
            let all = rng.one_in(2);
            let chosen = receivers.iter().filter(|_| all || rng.one_in(2));
            pair = chosen.map(|person| person.public.clone()).collect();
        }
        let introduce = named && rng.one_in(2);
        let may_reply = count > 0 && (!named || introduce || pair.len() == count);
        let reply = (may_reply && rng.one_in(2)).then(|| Person::of_any_type(rng));
        let content_types = ["", "text/plain", "x/\u{e9}\u{2028}\u{0}", &"t".repeat(255)];
        let extensions = if count > 0 { rng.below(4) } else { 0 };
        let extensions = (0..extensions).map(|n| {
            let id = u32::try_from((n << 20) + rng.below(1 << 20)).unwrap();
            json!([id, hex(&rng.bytes(n * 70))])
        });
        let mut extensions: Vec<Value> = extensions.collect();
        extensions.reverse();
        let lengths = [
            0,
            1,
            rng.below(1030),
            1000 + rng.below(40),
            rng.below(9000),
            65_400 + rng.below(300),
        ];
        let choices = if rng.one_in(8) { 6 } else { 5 };
        let length = *rng.pick(&lengths[..choices]);
        let request = json!({
            "op": "seal",
            "suite": suite.id().0,
            "expires": NOW + u32::try_from(rng.below(720)).unwrap(),
            "entropy": hex(&rng.array::<32>()),
            "from": sender.as_ref().map(|person| &person.pair),
            "to": receivers.iter().map(|person| &person.public).collect::<Vec<_>>(),
            "pair": pair,
            "introduce": introduce,
            "reply": reply.as_ref().map(|person| &person.pair),
            "shared_reply": count > 1,
            "slots": *rng.pick(&[0, 0, 0, 7, 16, 40]),
            "content_type": if count > 0 { rng.pick(&content_types) } else { "" },
            "body": hex(&rng.bytes(length)),
            "extensions": extensions,
        });
        Letter {
            request,
            sender,
            receivers,
            outsider,
        }
    }

    /// A letter with something in it that the builder may have to refuse.
    pub(crate) fn odd(rng: &mut TestRng, suite: Suite) -> Letter {
        let mut letter = Letter::sound(rng, suite);
        while letter.receivers.is_empty() {
            letter = Letter::sound(rng, suite);
        }
        let key_type = if suite.key_type() == KeyType::X25519 {
            KeyType::XWing
        } else {
            KeyType::X25519
        };
        let other_type = Person::new(rng, key_type).public;
        let request = &mut letter.request;
        let to = request["to"].as_array_mut().unwrap();
        match rng.below(14) {
            0 => request["suite"] = json!(*rng.pick(&[0, 4, 0x0103, 0x0201, 0x0100, 0xffff])),
            1 => to.push(other_type),
            2 => to.push(to[0].clone()),
            3 => request["introduce"] = true.into(),
            4 => request["pair"] = request["to"].clone(),
            5 => request["pair"] = json!([letter.outsider.public]),
            6 => request["reply"] = letter.outsider.pair.clone(),
            7 => request["shared_reply"] = false.into(),
            8 => request["slots"] = json!(*rng.pick(&[4097, 5000])),
            9 => request["content_type"] = "\u{e9}".repeat(128).into(),
            10 => request["extensions"] = json!([[7, "00"], [3, ""], [7, "01"]]),
            11 => {
                let extensions = (0..65).map(|id| json!([id, ""]));
                request["extensions"] = extensions.collect();
            }
            12 => request["from"] = Value::Null,
            _ => {
                // Other people's KEM half under one's own signature key.
                let (a, b) = (to[0].as_str().unwrap(), letter.outsider.public.as_str());
                let cut = a.len() - 64;
                to.push(format!("{}{}", &a[..cut], &b.unwrap()[cut..]).into());
            }
        }
        letter
    }

    /// Requests to open `envelope`: of everybody, in several situations.
    pub(crate) fn openings(&self, rng: &mut TestRng, envelope: &str) -> Vec<Value> {
        let expires = self.request["expires"].as_u64().unwrap();
        let sender = self.sender.as_ref().map(|person| person.public.clone());
        let outsider = self.outsider.public.clone();
        let mut openings = Vec::new();
        for person in self.receivers.iter().chain([&self.outsider]) {
            for with_sender in [false, true] {
                let mut contacts = vec![outsider.clone()];
                contacts.extend(self.receivers.iter().skip(1).map(|p| p.public.clone()));
                if with_sender {
                    contacts.extend(sender.clone());
                }
                let late = rng.one_in(8);
                openings.push(json!({
                    "op": "open",
                    "key": person.pair,
                    "envelope": envelope,
                    "contacts": contacts,
                    "now": if late { expires + 1 } else { expires },
                    "strangers": !rng.one_in(5),
                }));
            }
        }
        openings
    }
}
