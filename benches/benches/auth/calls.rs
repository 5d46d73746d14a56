//! A signed call without a body, checked: what comes of its head is read, the
//! session looked up, its window asked and moved, the MAC verified. Every side takes
//! thousands of calls in turn: none is read a second time while it is in a cache.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use criterion::Criterion;
use http::header::{ACCEPT, AUTHORIZATION, HOST, HeaderValue, USER_AGENT};
use http::request::Parts as Head;
use httpsig::prelude::message_component::{
    DerivedComponentName, HttpMessageComponent, HttpMessageComponentId, HttpMessageComponentName,
};
use httpsig::prelude::{
    AlgorithmName, HttpSignatureBase, HttpSignatureHeaders, HttpSignatureParams, SharedKey,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use serde::{Deserialize, Serialize};
use wcmp_auth::SessionKey;
use wcmp_auth::call::CallVerifier;
use wcmp_auth::call::client::Caller;
use wcmp_auth::server::Policy;
use wcmp_auth::service::{
    Account, CredentialStore, Limits, MemoryStore, Parts, RateTable, Service, Session, SessionKeys,
    SessionStore,
};
use wcmp_auth::{Cost, Parameters, Record};
use wcmp_benches::side_by_side;

use crate::against;
use crate::replay::Shared;

const AUTHORITY: &str = "api.example.com";
const TARGET: &str = "/v1/messages?after=17";
const PATH: &str = "/v1/messages";
const QUERY: &str = "?after=17";
const KEY: [u8; 32] = [7; 32];
const TOKEN: [u8; 16] = [5; 16];
/// Calls after which the session starts anew: each counter is good once.
const CALLS: usize = 4096;

pub(crate) fn calls(c: &mut Criterion) {
    let mut ours = Ours::new();
    let (verifier, mut heads) = (ours.verifier.clone(), ours.calls.clone());
    let (mut hawk, mut httpsig, mut jwt) = (Hawk::new(), Httpsig::new(), Jwt::new());
    let medians = side_by_side(
        c,
        "call without a body, checked",
        &mut [
            ("wcmp-auth: parse, lookup, MAC, window", &mut || {
                ours.check();
            }),
            ("wcmp-auth: parse alone", &mut || {
                black_box(verifier.parse_parts(heads.next()).unwrap());
            }),
            ("hawk: parse, MAC, clock", &mut || hawk.check()),
            ("httpsig: parse, base, MAC", &mut || httpsig.check()),
            ("jsonwebtoken: HS256", &mut || jwt.check()),
        ],
    );
    if let [ours, _, hawk, httpsig, jwt] = medians[..] {
        against("ours / hawk", ours / hawk, "at most 1.5");
        against("httpsig / ours", httpsig / ours, "at least 3");
        against("ours / jsonwebtoken", ours / jwt, "no limit");
        println!();
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// A request as a server has it, with what clients commonly send.
fn head(fields: &[(&'static str, &str)]) -> Head {
    let mut request = http::Request::get(TARGET).body(()).unwrap();
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_static(AUTHORITY));
    headers.insert(USER_AGENT, HeaderValue::from_static("bench/1.0"));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    for (name, value) in fields {
        headers.insert(*name, HeaderValue::from_str(value).unwrap());
    }
    request.into_parts().0
}

/// Calls in turn.
#[derive(Clone)]
struct Calls {
    heads: Vec<Head>,
    done: usize,
}

impl Calls {
    fn new(mut head: impl FnMut() -> Head) -> Calls {
        Calls {
            heads: (0..CALLS).map(|_| head()).collect(),
            done: 0,
        }
    }

    fn next(&mut self) -> &Head {
        let head = &self.heads[self.done % CALLS];
        self.done += 1;
        black_box(head)
    }
}

struct Ours {
    calls: Calls,
    verifier: CallVerifier,
    service: Service,
    now: u64,
}

impl Ours {
    fn new() -> Ours {
        let now = now();
        let mut caller = Caller::new(&TOKEN, &SessionKey::new(&KEY), AUTHORITY).unwrap();
        let sign = || {
            let mut request = http::Request::get(TARGET).body([0; 0]).unwrap();
            caller.sign_request(&mut request, now).unwrap();
            let field = |name| request.headers()[name].to_str().unwrap();
            head(&[
                ("signature-input", field("signature-input")),
                ("signature", field("signature")),
            ])
        };
        Ours {
            calls: Calls::new(sign),
            verifier: CallVerifier::new(AUTHORITY).unwrap(),
            service: service(now),
            now,
        }
    }

    fn check(&mut self) {
        if self.calls.done == CALLS {
            self.service = service(self.now);
            self.calls.done = 0;
        }
        let call = self.verifier.parse_parts(self.calls.next()).unwrap();
        let session = self.service.session(call.token()).unwrap().unwrap();
        let call = call.authenticate(session.keys.request()).unwrap();
        let admitted = self.service.admit(&session, call.facts());
        black_box(admitted.unwrap());
    }
}

/// One account with one session.
fn service(now: u64) -> Service {
    let parameters = Parameters::new(Cost::PBKDF2);
    let store = MemoryStore::new();
    let account = Account {
        record: Record::new(AUTHORITY, "alice", &[3; 16], parameters, &[4; 32]).unwrap(),
        generation: 0,
        allowed: "read".into(),
        epoch: 0,
        spared: None,
    };
    store.put_if(account).unwrap();
    let session = Session {
        token: TOKEN,
        family: TOKEN,
        login: "alice".into(),
        device: "laptop".into(),
        scopes: "read".into(),
        keys: SessionKeys::new(SessionKey::new(&KEY)),
        epoch: 0,
        logged_in: now,
        created: now,
        expires: now + 3600,
    };
    store.create(session).unwrap();
    let parts = Parts {
        store: Arc::new(store),
        limits: Box::new(RateTable::new(Limits::default())),
        audit: Box::new(()),
        clock: Box::new(self::now),
        rng: Box::new(Shared(AtomicU64::new(0))),
    };
    Service::new(
        Policy::new(AUTHORITY, parameters, 3).unwrap(),
        &[9; 32],
        parts,
    )
    .unwrap()
}

/// Its key is at hand and its nonce is not looked at: its user's business.
struct Hawk {
    calls: Calls,
    key: hawk::Key,
}

impl Hawk {
    fn new() -> Hawk {
        let key = || hawk::Key::new(KEY, hawk::SHA256).unwrap();
        let credentials = hawk::Credentials {
            id: "BQUFBQUFBQUFBQUFBQUFBQ".into(),
            key: key(),
        };
        let request = hawk::RequestBuilder::new("GET", AUTHORITY, 80, TARGET).request();
        let sign = || {
            let header = request.make_header(&credentials).unwrap();
            head(&[("authorization", &format!("Hawk {header}"))])
        };
        Hawk {
            calls: Calls::new(sign),
            key: key(),
        }
    }

    fn check(&mut self) {
        let head = self.calls.next();
        let field = head.headers[AUTHORIZATION].to_str().unwrap();
        let header: hawk::Header = field.strip_prefix("Hawk ").unwrap().parse().unwrap();
        let target = head.uri.path_and_query().unwrap().as_str();
        let request = hawk::RequestBuilder::new(head.method.as_str(), AUTHORITY, 80, target);
        let minute = Duration::from_secs(60);
        // The bench takes longer than a call is good for; the check is the same.
        assert!(
            request
                .request()
                .validate_header(&header, &self.key, minute * 60)
        );
    }
}

/// The same components and parameters as ours; key, nonce and clock are its
/// user's business.
struct Httpsig {
    calls: Calls,
    key: SharedKey,
}

impl Httpsig {
    fn new() -> Httpsig {
        let key = SharedKey::HmacSha256(KEY.to_vec());
        let names = ["@method", "@authority", "@path", "@query"];
        let id = |name| HttpMessageComponentId::try_from(name).unwrap();
        let ids: Vec<_> = names.into_iter().map(id).collect();
        let mut parameters = HttpSignatureParams::try_new(&ids).unwrap();
        parameters.set_created(now());
        parameters.set_keyid("BQUFBQUFBQUFBQUFBQUFBQ");
        parameters.set_alg(&AlgorithmName::HmacSha256);
        parameters.set_tag("wcmp-auth-1");
        let lines = lines(&head(&[]), &ids);
        let mut nonce = 0_u64;
        let sign = || {
            nonce += 1;
            parameters.set_nonce(&nonce.to_string());
            let base = HttpSignatureBase::try_new(&lines, &parameters).unwrap();
            let fields = base.build_signature_headers(&key, Some("sig1")).unwrap();
            head(&[
                ("signature-input", &fields.signature_input_header_value()),
                ("signature", &fields.signature_header_value()),
            ])
        };
        Httpsig {
            calls: Calls::new(sign),
            key,
        }
    }

    fn check(&mut self) {
        let head = self.calls.next();
        let field = |name| head.headers[name].to_str().unwrap();
        let (signature, input) = (field("signature"), field("signature-input"));
        let all = HttpSignatureHeaders::try_parse(signature, input).unwrap();
        let fields = &all["sig1"];
        let parameters = fields.signature_params();
        let lines = lines(head, &parameters.covered_components);
        let base = HttpSignatureBase::try_new(&lines, parameters).unwrap();
        base.verify_signature_headers(&self.key, fields).unwrap();
    }
}

fn lines(head: &Head, ids: &[HttpMessageComponentId]) -> Vec<HttpMessageComponent> {
    let line = |id: &HttpMessageComponentId| {
        let HttpMessageComponentName::Derived(name) = &id.name else {
            panic!("a field");
        };
        let value = match name {
            DerivedComponentName::Method => head.method.as_str(),
            DerivedComponentName::Authority => AUTHORITY,
            DerivedComponentName::Path => PATH,
            DerivedComponentName::Query => QUERY,
            _ => panic!("a component that is not covered"),
        };
        HttpMessageComponent::try_from((id, &[value.to_owned()][..])).unwrap()
    };
    ids.iter().map(line).collect()
}

/// A bearer's token: nothing of the call is covered.
struct Jwt {
    calls: Calls,
    key: DecodingKey,
    validation: Validation,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    scope: String,
    iat: u64,
    exp: u64,
}

impl Jwt {
    fn new() -> Jwt {
        let claims = Claims {
            sub: "alice".into(),
            scope: "read".into(),
            iat: now(),
            exp: now() + 3600,
        };
        let header = jsonwebtoken::Header::new(Algorithm::HS256);
        let key = EncodingKey::from_secret(&KEY);
        let token = jsonwebtoken::encode(&header, &claims, &key).unwrap();
        Jwt {
            calls: Calls::new(|| head(&[("authorization", &format!("Bearer {token}"))])),
            key: DecodingKey::from_secret(&KEY),
            validation: Validation::new(Algorithm::HS256),
        }
    }

    fn check(&mut self) {
        let head = self.calls.next();
        let field = head.headers[AUTHORIZATION].to_str().unwrap();
        let token = field.strip_prefix("Bearer ").unwrap();
        let read = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation);
        black_box(read.unwrap().claims.sub);
    }
}
