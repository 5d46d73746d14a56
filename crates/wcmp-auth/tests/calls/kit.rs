//! Messages to sign, with a signature base of its own, written as RFC 9421,
//! section 2.5 reads.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wcmp_auth::SessionKey;
use wcmp_auth::call::{Authenticated, CallError, CallKey, CallVerifier};

pub(crate) const TOKEN: [u8; 16] = [0x70; 16];
pub(crate) const KEYID: &str = "cHBwcHBwcHBwcHBwcHBwcA";
pub(crate) const AUTHORITY: &str = "127.0.0.1:8080";
pub(crate) const COMPONENTS: &str =
    r#""@method" "@authority" "@path" "@query" "content-digest" "content-type""#;
pub(crate) const NO_BODY: &str = r#""@method" "@authority" "@path" "@query""#;
pub(crate) const PARAMETERS: &str = r#";created=1900000100;nonce="1";keyid="cHBwcHBwcHBwcHBwcHBwcA";alg="hmac-sha256";tag="wcmp-auth-1""#;
pub(crate) const HELLO: &str = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";

pub(crate) fn key() -> SessionKey {
    SessionKey::new(&[0x77; 32])
}

/// A request; or the fields of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

impl Message {
    /// The call of auth 7, not signed.
    pub(crate) fn post() -> Message {
        Message {
            method: "POST".into(),
            target: "/echo?x=%2F&y".into(),
            headers: Vec::new(),
        }
        .with("Host", AUTHORITY)
        .with("Content-Length", "5")
        .with("Content-Type", "text/plain")
        .with("Content-Digest", HELLO)
    }

    pub(crate) fn get() -> Message {
        Message {
            method: "GET".into(),
            target: "/whoami".into(),
            headers: Vec::new(),
        }
        .with("Host", AUTHORITY)
    }

    /// The call of auth 7.
    pub(crate) fn signed_post() -> Message {
        Message::post().signed(COMPONENTS, PARAMETERS)
    }

    pub(crate) fn signed_get() -> Message {
        Message::get().signed(NO_BODY, PARAMETERS)
    }

    /// One more field.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Message {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Message {
        self.headers
            .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    pub(crate) fn field(&self, name: &str) -> &str {
        let found = self
            .headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name));
        str::from_utf8(&found.unwrap_or_else(|| panic!("no {name}")).1).unwrap()
    }

    fn value(&self, name: &str) -> String {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        match name {
            "@method" => self.method.clone(),
            "@authority" => AUTHORITY.into(),
            "@path" => path.into(),
            "@query" => format!("?{query}"),
            _ => self.field(name).trim().into(),
        }
    }

    /// Signs rightly, whatever the components and parameters are.
    pub(crate) fn signed(self, components: &str, parameters: &str) -> Message {
        let input = format!("({components}){parameters}");
        let names = components.split(' ').filter(|name| !name.is_empty());
        let lines: Vec<(String, String)> = names
            .map(|name| {
                let bare = name.trim_start_matches('"').split('"').next().unwrap();
                (name.into(), self.value(bare))
            })
            .collect();
        let mac = mac(&key().request(), &lines, &input);
        self.with("Signature-Input", format!("sig1={input}"))
            .with("Signature", format!("sig1={mac}"))
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    pub(crate) fn authenticate<'a>(
        &'a self,
        verifier: &'a CallVerifier,
    ) -> Result<Authenticated<'a>, CallError> {
        verifier
            .parse(&self.method, &self.target, || self.pairs())?
            .authenticate(&CallKey::new(&key().request()))
    }

    pub(crate) fn verdict(&self) -> Result<(), CallError> {
        self.authenticate(&verifier()).map(|_| ())
    }
}

pub(crate) fn verifier() -> CallVerifier {
    CallVerifier::new(AUTHORITY).unwrap()
}

/// `:base64:` of the MAC over these lines of a signature base.
pub(crate) fn mac(key: &[u8; 32], lines: &[(String, String)], input: &str) -> String {
    let mut base = String::new();
    for (identifier, value) in lines {
        base += &format!("{identifier}: {value}\n");
    }
    base += &format!("\"@signature-params\": {input}");
    let mac = Hmac::<Sha256>::new_from_slice(key)
        .unwrap()
        .chain_update(base.as_bytes())
        .finalize()
        .into_bytes();
    format!(":{}:", BASE64.encode(&mac))
}

/// All orders of these.
pub(crate) fn orders<'a>(of: &[&'a str]) -> Vec<Vec<&'a str>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (at, first) in of.iter().enumerate() {
        let rest = [&of[..at], &of[at + 1..]].concat();
        for mut order in orders(&rest) {
            order.insert(0, first);
            all.push(order);
        }
    }
    all
}
