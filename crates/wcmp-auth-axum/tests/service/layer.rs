//! The layer around handlers of all kinds, in this process; and what it logs.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::routing::{any, get, post};
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use tokio::net::TcpListener;
use wcmp_auth::call::client::Request;
use wcmp_auth::call::content_digest;
use wcmp_auth::server::Policy;
use wcmp_auth::service::{
    Clock as _, Limits, MemoryStore, Parts, RateTable, Service, SqliteStore, Store,
};
use wcmp_auth::{Cost, Parameters, Suite};
use wcmp_auth_axum::postgres::PostgresStore;
use wcmp_auth_axum::{InsufficientScope, Knh1, System, TracingAudit, VerifiedCaller};
use zeroize::Zeroizing;

use crate::client::{AUTHORITY, PASSWORD, REALM, Sent, log_in, reason, request, send, verify};
use crate::cluster;

/// Serves on a thread of its own until the tests end.
pub(crate) fn serve<S: Store + 'static>(
    store: impl Future<Output = Arc<S>> + Send + 'static,
    with: impl FnOnce(Service) -> Service + Send + 'static,
    app: fn(&Knh1) -> Router,
) -> SocketAddr {
    let (tell, told) = mpsc::channel();
    let work = async move {
        let parts = Parts {
            store: store.await,
            limits: Box::new(RateTable::new(Limits::default())),
            audit: Box::new(TracingAudit),
            clock: Box::new(System),
            rng: Box::new(System),
        };
        let cost = Cost::Pbkdf2 {
            iterations: 100_000,
        };
        let policy = Policy::new(REALM, Parameters::new(cost), 3).unwrap();
        let policy = policy.with_suites(&[Suite::Pbkdf2X25519]);
        let service = with(Service::new(policy, &[1; 32], parts).unwrap());
        let knh1 = Knh1::with_limits(service, AUTHORITY, 1000, 100_000).unwrap();
        let password = Zeroizing::new(PASSWORD.to_owned());
        assert_eq!(knh1.enrol("alice", password, "read write").await, Ok(true));
        let app = app(&knh1).merge(knh1.router());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        tell.send(listener.local_addr().unwrap()).unwrap();
        // Without connection information: such requests count as one source's.
        axum::serve(listener, app).await.unwrap();
    };
    thread::spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(work));
    told.recv().unwrap()
}

async fn nothing() -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn large(body: String) -> Vec<u8> {
    vec![b'x'; body.parse().unwrap()]
}

async fn boastful() -> (HeaderMap, &'static str) {
    let mut headers = HeaderMap::new();
    for name in [
        "signature",
        "signature-input",
        "content-digest",
        "cache-control",
    ] {
        headers.insert(name, HeaderValue::from_static("public"));
    }
    headers.append("content-type", HeaderValue::from_static("text/one"));
    headers.append("content-type", HeaderValue::from_static("text/two"));
    (headers, "content")
}

async fn compressed() -> (HeaderMap, &'static str) {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-encoding", "gzip"),
        ("content-encoding", "br"),
        ("content-range", "bytes 0-6/7"),
        ("x-http-method-override", "as well"),
    ] {
        headers.append(name, HeaderValue::from_static(value));
    }
    (headers, "content")
}

async fn write(caller: VerifiedCaller) -> Result<&'static str, InsufficientScope> {
    caller.require("write")?;
    Ok("written")
}

async fn broken() -> Body {
    struct Broken;
    impl http_body::Body for Broken {
        type Data = axum::body::Bytes;
        type Error = std::io::Error;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
            std::task::Poll::Ready(Some(Err(std::io::Error::other("broken off"))))
        }
    }
    Body::new(Broken)
}

async fn who(caller: VerifiedCaller) -> String {
    caller.login().to_owned()
}

fn handlers(knh1: &Knh1) -> Router {
    let signed = Router::new()
        .route("/nothing", get(nothing))
        .route("/large", post(large))
        .route("/boastful", get(boastful))
        .route("/broken", get(broken))
        .route("/who", get(who))
        .route("/compressed", get(compressed))
        .route("/write", get(write))
        .layer(knh1.calls());
    Router::new()
        .nest("/nested", signed)
        .route("/open", get(who))
}

#[test]
fn answers_of_all_kinds_are_signed() {
    let to = serve(
        async { Arc::new(MemoryStore::new()) },
        |service| service,
        handlers,
    );
    let mut alice = log_in(to, "alice", PASSWORD, "read").unwrap();
    // `call` verifies the signature and looks for no-store.
    let answer = alice.call("GET", "/nested/nothing", None);
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert!(answer.header("content-type").is_none() && answer.header("content-length").is_none());
    let answer = alice.call("GET", "/nested/who?a", None);
    assert_eq!((answer.status, answer.text()), (200, "alice"));
    assert_eq!(alice.call("HEAD", "/nested/who", None).status, 200);
    let answer = alice.call("GET", "/nested/boastful", None);
    assert_eq!(
        (answer.text(), answer.header("content-type")),
        ("content", Some("text/one"))
    );
    let large = |bytes: &'static str| Some(("text/plain", bytes.as_bytes()));
    assert_eq!(
        alice
            .call("POST", "/nested/large", large("100000"))
            .body
            .len(),
        100_000
    );
    for answer in [
        alice.call("POST", "/nested/large", large("100001")),
        alice.call("GET", "/nested/broken", None),
    ] {
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (500, "server_error")
        );
    }
    // What is not behind the layer has no caller.
    assert_eq!(send(to, &request("GET", "/open", &[], None)).status, 500);
    assert_eq!(
        send(to, &request("GET", "/nested/who", &[], None)).status,
        401
    );
}

/// What changes the meaning of an answer is covered, or no client would take it.
#[test]
fn compressed_answers_are_taken() {
    let to = serve(
        async { Arc::new(MemoryStore::new()) },
        |service| service,
        handlers,
    );
    let mut alice = log_in(to, "alice", PASSWORD, "read").unwrap();
    let sent = alice.sign("GET", "/nested/compressed", None);
    let answer = send(to, &sent.bytes);
    assert_eq!(answer.header("content-encoding"), Some("gzip, br"));
    let covered = answer.header("signature-input").unwrap();
    for name in [
        "content-encoding",
        "content-range",
        "x-http-method-override",
    ] {
        assert!(covered.contains(&format!("\"{name}\"")), "{covered}");
    }
    verify(&sent, &answer).unwrap();
    assert_eq!(alice.call("HEAD", "/nested/compressed", None).status, 200);
    // Whoever takes it away or puts in another is noticed.
    for value in [None, Some("gzip"), Some("identity")] {
        let (sent, mut changed) = {
            let sent = alice.sign("GET", "/nested/compressed", None);
            let answer = send(to, &sent.bytes);
            (sent, answer)
        };
        changed
            .headers
            .retain(|(name, _)| name != "content-encoding");
        let value = value.map(|value| ("content-encoding".to_owned(), value.to_owned()));
        changed.headers.extend(value);
        assert!(verify(&sent, &changed).is_err());
    }
}

#[test]
fn handlers_ask_for_scopes() {
    let to = serve(
        async { Arc::new(MemoryStore::new()) },
        |service| service,
        handlers,
    );
    let mut reader = log_in(to, "alice", PASSWORD, "read").unwrap();
    let refused = reader.call("GET", "/nested/write", None);
    assert_eq!(refused.status, 403);
    assert_eq!(refused.text(), r#"{"error":"insufficient_scope"}"#);
    let mut writer = log_in(to, "alice", PASSWORD, "read write").unwrap();
    assert_eq!(writer.call("GET", "/nested/write", None).text(), "written");
}

/// Calls that got through to [`count`].
static COUNT: AtomicU32 = AtomicU32::new(0);

async fn count() -> &'static str {
    COUNT.fetch_add(1, Ordering::SeqCst);
    "counted"
}

fn counting(knh1: &Knh1) -> Router {
    let route = Router::new().route("/count", any(count));
    route.layer(knh1.calls().scope("write"))
}

/// A call without a body to a store that does not block is judged at once, all others
/// are waited for: with the same result.
#[test]
fn all_are_judged_alike() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(&folder.path().join("auth.db")).unwrap();
    let memory = async { Arc::new(MemoryStore::new()) };
    let stores = [
        serve(memory, |service| service, counting),
        serve(async { Arc::new(sqlite) }, |service| service, counting),
    ];
    for to in stores {
        let before = COUNT.load(Ordering::SeqCst);
        let through = || COUNT.load(Ordering::SeqCst) - before;
        let unsigned = send(to, &request("GET", "/count", &[], None));
        assert_eq!(unsigned.text(), r#"{"error":"invalid_signature"}"#);
        assert!(unsigned.header("signature").is_none());
        let mut reader = log_in(to, "alice", PASSWORD, "read").unwrap();
        assert_eq!(reader.call("GET", "/count", None).status, 403);
        let mut alice = log_in(to, "alice", PASSWORD, "write").unwrap();
        let refused = |sent: &Sent| {
            let (told, passed) = (send(to, &sent.bytes), through());
            verify(sent, &told).unwrap();
            (reason(&told), passed)
        };

        let sent = alice.sign("GET", "/count", None);
        let answer = send(to, &sent.bytes);
        verify(&sent, &answer).unwrap();
        assert_eq!((answer.text(), through()), ("counted", 1));
        assert_eq!(refused(&sent), ("replayed".into(), 1));
        let answer = alice.call("HEAD", "/count", None);
        assert_eq!((answer.status, answer.body.len(), through()), (200, 0, 2));

        alice.caller.set_clock(1_000_000, 1_000_400);
        let late = alice.sign("GET", "/count", None);
        assert_eq!(refused(&late), ("clock".into(), 2));
        alice.caller.set_clock(0, 0);

        // The digest of a body that is not there.
        for (content, status) in [(&b""[..], 200), (b"x", 401)] {
            let digest = content_digest(content);
            let fields = [("content-digest", digest.as_bytes())];
            let covering = Request {
                method: "GET",
                target: "/count",
                content: None,
                fields: &fields,
            };
            let (signed, awaiting) = alice.caller.sign(&covering, System.now()).unwrap();
            let headers = [
                ("Content-Digest", digest.as_str()),
                ("Signature-Input", &signed.signature_input),
                ("Signature", &signed.signature),
            ];
            let told = send(to, &request("GET", "/count", &headers, None));
            let pairs = || {
                let pairs = told.headers.iter();
                pairs.map(|(name, value)| (name.as_str(), value.as_bytes()))
            };
            awaiting.verify(told.status, pairs, &told.body).unwrap();
            assert_eq!((told.status, through()), (status, 3));
            assert!(status == 200 || reason(&told) == "digest");
        }

        let body = Some(("text/plain", &b"hello"[..]));
        assert_eq!(alice.call("POST", "/count", body).text(), "counted");
        let mut other = alice.sign("POST", "/count", body);
        other.bytes.pop();
        other.bytes.push(b'0');
        assert_eq!(refused(&other), ("digest".into(), 4));

        assert_eq!(
            reader
                .json("POST", "/knh1/revoke", r#"{"all":true}"#)
                .status,
            200
        );
        let dead = alice.sign("GET", "/count", None);
        assert_eq!(refused(&dead), ("revoked".into(), 4));
    }
}

/// Everything that is logged in this process, at the finest level.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Logged;

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn secrets_are_not_logged() {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(|| Logged)
        .init();
    let mut servers = vec![serve(
        async { Arc::new(MemoryStore::new()) },
        |service| service,
        handlers,
    )];
    servers.extend(cluster::database().map(|url| {
        let store = async move { Arc::new(PostgresStore::connect(&url, 4).await.unwrap()) };
        serve(store, |service| service, handlers)
    }));
    for to in servers {
        let mut alice = log_in(to, "alice", PASSWORD, "read").unwrap();
        assert_eq!(alice.call("GET", "/nested/who", None).status, 200);
        assert!(log_in(to, "alice", "wrong password", "read").is_err());
        assert_eq!(
            send(to, &request("GET", "/nested/who", &[], None)).status,
            401
        );
        let key = &alice.session.key;
        let log = LOG.lock().unwrap().clone();
        let log = String::from_utf8_lossy(&log);
        // It is the log that it should be.
        assert!(log.contains("LoggedIn") && log.contains("LoginFailed"));
        for text in [PASSWORD, "wrong password"] {
            assert!(!log.contains(text), "{text}");
        }
        for secret in [key.dangerous_bytes(), &*key.request(), &*key.response()] {
            let list = format!("{secret:?}");
            let forms = [
                HEXLOWER.encode(secret),
                BASE64.encode(secret),
                BASE64URL_NOPAD.encode(secret),
                list.trim_matches(['[', ']']).to_owned(),
            ];
            for form in forms {
                let shown = log.to_lowercase().find(&form.to_lowercase());
                assert_eq!(shown, None, "{form}");
            }
        }
    }
}
