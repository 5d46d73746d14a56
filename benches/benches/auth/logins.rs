//! The server's side of one login, from the client's first message to the last
//! answer. The stretch is the client's, and not in here.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use criterion::Criterion;
use opaque_ke::{
    CipherSuite, ClientLogin, ClientLoginFinishParameters, ClientRegistration,
    ClientRegistrationFinishParameters, CredentialFinalization, CredentialRequest, Ristretto255,
    ServerLogin, ServerLoginParameters, ServerRegistration, ServerSetup, TripleDh,
};
use scram::server::{AuthenticationProvider, AuthenticationStatus, PasswordInfo};
use scram::{ScramClient, ScramServer};
use srp::client::SrpClient;
use srp::groups::G_2048;
use srp::server::SrpServer;
use wcmp_auth::client::{ClientConfig, LoginStart};
use wcmp_auth::message::{Finish, Start};
use wcmp_auth::server::{Policy, Server};
use wcmp_auth::service::{
    Account, Bucket, CredentialStore, Limits, MemoryStore, Parts, RateLimiter, RateTable,
    RetryAfter, Service, Source,
};
use wcmp_auth::{
    ChallengeKey, ChallengeKeys, Cost, FLOOR_ITERATIONS, Parameters, Record, Suite, Suites,
    UnknownLogins,
};
use wcmp_benches::side_by_side;
use x25519_dalek::{PublicKey, StaticSecret};

use crate::against;
use crate::replay::{Replay, Shared};

const REALM: &str = "api.example.com";
const LOGIN: &str = "alice";
const PASSWORD: &str = "correct horse battery";
const NOW: u64 = 1_900_000_000;
const SECRET: [u8; 32] = [9; 32];
const HERE: Source = Source::V4([192, 0, 2]);
/// Logins after which a service starts anew, with the same random numbers: each
/// challenge is good once.
const LOGINS: usize = 64;

pub(crate) fn logins(c: &mut Criterion) {
    let one = Core::new(Suite::Pbkdf2);
    let two = Core::new(Suite::Pbkdf2X25519);
    let mut one_service = Services::new(Suite::Pbkdf2);
    let mut two_service = Services::new(Suite::Pbkdf2X25519);
    let theirs = PublicKey::from([9; 32]);
    let (scram, opaque, srp) = (Scram::new(), Opaque::new(), Srp::new());
    let medians = side_by_side(
        c,
        "login, server's side",
        &mut [
            ("scram: SCRAM-SHA-256", &mut || scram.login()),
            ("wcmp-auth: suite 1, core", &mut || one.login()),
            ("wcmp-auth: suite 1, Service in memory", &mut || {
                one_service.login();
            }),
            ("opaque-ke: ristretto255, 3DH", &mut || opaque.login()),
            ("wcmp-auth: suite 2, core", &mut || two.login()),
            ("wcmp-auth: suite 2, Service in memory", &mut || {
                two_service.login();
            }),
            ("x25519-dalek: the two operations of suite 2", &mut || {
                let secret = StaticSecret::from(black_box([6; 32]));
                black_box(PublicKey::from(&secret));
                black_box(secret.diffie_hellman(&theirs));
            }),
            ("srp: 2048 bits", &mut || srp.login()),
        ],
    );
    if let [scram, one, _, opaque, two, _, _, srp] = medians[..] {
        against("suite 1 / SCRAM-SHA-256", one / scram, "at most 4");
        against("suite 2 / OPAQUE", two / opaque, "under 0.33");
        against("suite 2 / SRP", two / srp, "no limit");
        println!();
    }
}

fn parameters() -> Parameters {
    Parameters::new(Cost::Pbkdf2 {
        iterations: FLOOR_ITERATIONS,
    })
}

fn policy(suite: Suite) -> Policy {
    let policy = Policy::new(REALM, parameters(), 3).unwrap();
    policy.with_suites(&[suite])
}

fn config(suite: Suite) -> ClientConfig {
    ClientConfig {
        suites: Suites::new(&[suite.id()]).unwrap(),
        min_iterations: 0,
        ..ClientConfig::new(REALM)
    }
}

fn record() -> Record {
    let salt = UnknownLogins::new(&SECRET).salt(REALM, LOGIN, 0);
    Record::enrol(REALM, LOGIN, PASSWORD, &salt, parameters()).unwrap()
}

/// The sans-IO core, one account.
struct Core {
    server: Server,
    keys: ChallengeKeys,
    record: Record,
    start: Start,
    finish: Finish,
}

impl Core {
    fn new(suite: Suite) -> Core {
        let server = Server::new(policy(suite), UnknownLogins::new(&SECRET));
        let keys = ChallengeKeys::new(ChallengeKey::new(1, &[2; 64], NOW));
        let record = record();
        let login = LoginStart::new(&config(suite), LOGIN, &mut Replay(1 << 40)).unwrap();
        let start = login.message().clone();
        let challenge = server.start(&keys, &start, Some(&record), NOW, &mut Replay(1));
        let stretch = login.check(challenge.unwrap(), None).unwrap();
        let proven = stretch.run(PASSWORD).unwrap();
        let (finish, _) = proven.finish("laptop", "read", 0).unwrap();
        Core {
            server,
            keys,
            record,
            start,
            finish,
        }
    }

    fn login(&self) {
        let (server, record, mut rng) = (&self.server, Some(&self.record), Replay(1));
        let start = black_box(&self.start);
        let challenge = server.start(&self.keys, start, record, NOW, &mut rng);
        black_box(challenge.unwrap());
        let opened = server.open(&self.keys, black_box(&self.finish), NOW);
        let verified = opened.unwrap().verify(server, record).unwrap();
        black_box(verified.grant("read", NOW, &mut rng).unwrap());
    }
}

/// The same with accounts, sessions, consumed challenges and rate limits.
struct Services {
    suite: Suite,
    record: Record,
    limits: Arc<RateTable>,
    messages: Vec<(Start, Finish)>,
    service: Service,
    done: usize,
}

impl Services {
    fn new(suite: Suite) -> Services {
        // Nobody is put off.
        let bucket = Bucket {
            burst: u32::MAX,
            refill: 1,
        };
        let limits = Arc::new(RateTable::new(Limits {
            login_and_source: bucket,
            login: bucket,
            starts: bucket,
            finishes: u32::MAX,
            known: 3600,
        }));
        let record = record();
        let service = service(suite, &record, &limits);
        let mut client_rng = Replay(1 << 40);
        let message = |_| {
            let login = LoginStart::new(&config(suite), LOGIN, &mut client_rng).unwrap();
            let start = login.message().clone();
            let challenge = service.start(&start, HERE).unwrap();
            let stretch = login.check(challenge, None).unwrap();
            let proven = stretch.run(PASSWORD).unwrap();
            let (finish, pending) = proven.finish("laptop", "read", 0).unwrap();
            pending
                .verify(&service.finish(&finish, HERE).unwrap())
                .unwrap();
            (start, finish)
        };
        Services {
            messages: (0..LOGINS).map(message).collect(),
            service: self::service(suite, &record, &limits),
            suite,
            record,
            limits,
            done: 0,
        }
    }

    fn login(&mut self) {
        if self.done == LOGINS {
            self.service = service(self.suite, &self.record, &self.limits);
            self.done = 0;
        }
        let (start, finish) = &self.messages[self.done];
        self.done += 1;
        black_box(self.service.start(black_box(start), HERE).unwrap());
        black_box(self.service.finish(black_box(finish), HERE).unwrap());
    }
}

fn service(suite: Suite, record: &Record, limits: &Arc<RateTable>) -> Service {
    let store = MemoryStore::new();
    let (salt, h) = (record.salt(), record.dangerous_h());
    let account = Account {
        record: Record::new(REALM, LOGIN, salt, *record.parameters(), h).unwrap(),
        generation: 0,
        allowed: "read".into(),
        epoch: 0,
        spared: None,
    };
    store.put_if(account).unwrap();
    let parts = Parts {
        store: Arc::new(store),
        limits: Box::new(SharedLimits(Arc::clone(limits))),
        audit: Box::new(()),
        clock: Box::new(|| NOW),
        rng: Box::new(Shared(AtomicU64::new(0))),
    };
    Service::new(policy(suite), &SECRET, parts).unwrap()
}

/// Its table is large, and outlives a service here.
struct SharedLimits(Arc<RateTable>);

impl RateLimiter for SharedLimits {
    fn start(&self, source: Source, now: u64) -> Result<(), RetryAfter> {
        self.0.start(source, now)
    }

    fn finish(&self, login: &str, source: Source, now: u64) -> Result<(), RetryAfter> {
        self.0.finish(login, source, now)
    }

    fn give_back(&self, login: &str, source: Source, success: bool, now: u64) {
        self.0.give_back(login, source, success, now);
    }
}

struct Scram {
    server: ScramServer<Provider>,
    first: String,
    last: String,
}

struct Provider([u8; 32]);

impl AuthenticationProvider for Provider {
    fn get_password_for(&self, _: &str) -> Option<PasswordInfo> {
        Some(PasswordInfo::new(self.0.to_vec(), 4096, vec![3; 16]))
    }
}

impl Scram {
    fn new() -> Scram {
        let iterations = NonZeroU32::new(4096).unwrap();
        let hashed = scram::hash_password(PASSWORD, iterations, &[3; 16]);
        let server = ScramServer::new(Provider(hashed));
        let client = ScramClient::with_rng(LOGIN, PASSWORD, None, &mut Replay(1 << 40));
        let (client, first) = client.client_first();
        let received = server.handle_client_first(&first).unwrap();
        let (_, answer) = received.server_first_with_rng(&mut Replay(1));
        let (_, last) = client.handle_server_first(&answer).unwrap().client_final();
        Scram {
            server,
            first,
            last,
        }
    }

    fn login(&self) {
        let received = self.server.handle_client_first(black_box(&self.first));
        let (state, answer) = received.unwrap().server_first_with_rng(&mut Replay(1));
        black_box(answer);
        let end = state.handle_client_final(black_box(&self.last)).unwrap();
        let (status, answer) = end.server_final();
        assert_eq!(status, AuthenticationStatus::Authenticated);
        black_box(answer);
    }
}

struct Ciphers;

impl CipherSuite for Ciphers {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, sha2_010::Sha512>;
    // The stretch is the client's.
    type Ksf = opaque_ke::ksf::Identity;
}

struct Opaque {
    setup: ServerSetup<Ciphers>,
    file: ServerRegistration<Ciphers>,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl Opaque {
    fn new() -> Opaque {
        let (mut rng, password) = (Replay(1 << 40), PASSWORD.as_bytes());
        let setup = ServerSetup::<Ciphers>::new(&mut rng);
        let client = ClientRegistration::<Ciphers>::start(&mut rng, password).unwrap();
        let answer = ServerRegistration::start(&setup, client.message, LOGIN.as_bytes()).unwrap();
        let asked = ClientRegistrationFinishParameters::default();
        let client = client
            .state
            .finish(&mut rng, password, answer.message, asked);
        let file = ServerRegistration::finish(client.unwrap().message);

        let client = ClientLogin::<Ciphers>::start(&mut rng, password).unwrap();
        let first = client.message.serialize().to_vec();
        let answer = start(&setup, &file, &first);
        let asked = ClientLoginFinishParameters::default();
        let client = client
            .state
            .finish(&mut rng, password, answer.message, asked);
        Opaque {
            last: client.unwrap().message.serialize().to_vec(),
            setup,
            file,
            first,
        }
    }

    fn login(&self) {
        let started = start(&self.setup, &self.file, black_box(&self.first));
        black_box(started.message.serialize());
        let last = CredentialFinalization::deserialize(black_box(&self.last)).unwrap();
        let end = started.state.finish(last, ServerLoginParameters::default());
        black_box(end.unwrap().session_key);
    }
}

fn start(
    setup: &ServerSetup<Ciphers>,
    file: &ServerRegistration<Ciphers>,
    first: &[u8],
) -> opaque_ke::ServerLoginStartResult<Ciphers> {
    ServerLogin::start(
        &mut Replay(1),
        setup,
        Some(file.clone()),
        CredentialRequest::deserialize(first).unwrap(),
        LOGIN.as_bytes(),
        ServerLoginParameters::default(),
    )
    .unwrap()
}

struct Srp {
    verifier: Vec<u8>,
    b: [u8; 64],
    a_pub: Vec<u8>,
    proof: Vec<u8>,
}

impl Srp {
    fn new() -> Srp {
        let (login, password) = (LOGIN.as_bytes(), PASSWORD.as_bytes());
        let (salt, a, b) = ([3; 16], [4; 64], [5; 64]);
        let client = SrpClient::<sha2_010::Sha256>::new(&G_2048);
        let verifier = client.compute_verifier(login, password, &salt);
        let server = SrpServer::<sha2_010::Sha256>::new(&G_2048);
        let b_pub = server.compute_public_ephemeral(&b, &verifier);
        let answer = client.process_reply(&a, login, password, &salt, &b_pub);
        Srp {
            a_pub: client.compute_public_ephemeral(&a),
            proof: answer.unwrap().proof().to_vec(),
            verifier,
            b,
        }
    }

    fn login(&self) {
        let server = SrpServer::<sha2_010::Sha256>::new(&G_2048);
        black_box(server.compute_public_ephemeral(&self.b, &self.verifier));
        let a_pub = black_box(&self.a_pub);
        let end = server
            .process_reply(&self.b, &self.verifier, a_pub)
            .unwrap();
        end.verify_client(black_box(&self.proof)).unwrap();
        black_box(end.proof());
    }
}
