//! A service to log in to and to call (auth 6): the routes of KNH1, `GET /whoami`
//! for callers with the scope `read`, and `POST /echo` for those with `write`.
//!
//! ```text
//! cargo run --release -p wcmp-auth-axum --example service -- --listen 127.0.0.1:8080
//!     --authority 127.0.0.1:8080 --realm api.example.com --database sqlite:knh1.db
//!     --enroll alice=password.txt --suites 2,1
//! ```
//!
//! The server's lasting secret is in a file beside the one of SQLite, with
//! `.secret` behind its name: both or neither are to be kept. In PostgreSQL it is
//! a row, and so is the secret of the fleet: several processes need nothing but the
//! same options. Who reads the database acts for every session in it anyhow; but a
//! program of your own rather passes a fleet's secret from elsewhere
//! (`Service::with_fleet`).
//!
//! An account that is there already is left as it is by `--enroll`, whatever the
//! password in the file. If it was made with another work than this server would
//! give it (`--c0`, or a first suite of another KDF), it is served as it is, and the
//! program says so; its next password has the new work.

use std::error::Error;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::serve::ListenerExt as _;
use clap::Parser;
use tokio::net::TcpListener;
use wcmp_auth::server::Policy;
use wcmp_auth::service::{
    Bucket, KeyStore, Limits, Parts, RateTable, Rng as _, Service, SqliteStore, Store,
};
use wcmp_auth::{Cost, Kdf, Misuse, Parameters, Suite, prepare};
use wcmp_auth_axum::postgres::PostgresStore;
use wcmp_auth_axum::{Knh1, System, TracingAudit, VerifiedCaller};
use zeroize::Zeroizing;

/// What every enrolled login may ask for.
const ALLOWED: &str = "read write password introspect";

/// A service to log in to without TLS, and to call.
#[derive(Debug, Parser)]
struct Options {
    /// Where to listen.
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
    /// Host and port as clients call them.
    #[arg(long)]
    authority: String,
    /// The realm of the accounts.
    #[arg(long)]
    realm: String,
    /// Where everything is kept.
    #[arg(long, value_name = "sqlite:PATH|postgres://...")]
    database: Database,
    /// Makes an account, if there is none; may be repeated.
    #[arg(long, value_name = "LOGIN=PASSWORDFILE", value_parser = enrolment)]
    enroll: Vec<(String, PathBuf)>,
    /// Iterations of PBKDF2 for new accounts.
    #[arg(long, value_name = "N")]
    c0: Option<u32>,
    /// The suites that are allowed; accounts are made for the first.
    #[arg(long, value_delimiter = ',', default_value = "2,4", value_parser = suite)]
    suites: Vec<Suite>,
    /// Wrong passwords for a login from one place before it has to wait.
    #[arg(long, value_name = "N", requires = "refill")]
    burst: Option<u32>,
    /// Seconds until one more is free.
    #[arg(long, value_name = "SECONDS", requires = "burst")]
    refill: Option<u32>,
    /// Bytes that the body of a call may have.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    max_body: usize,
}

#[derive(Clone, Debug)]
enum Database {
    Sqlite(PathBuf),
    Postgres(String),
}

impl std::str::FromStr for Database {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Database, &'static str> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Database::Sqlite(path.into())),
            Some(("postgres" | "postgresql", _)) => Ok(Database::Postgres(text.into())),
            _ => Err("neither sqlite:PATH nor postgres://..."),
        }
    }
}

fn enrolment(text: &str) -> Result<(String, PathBuf), &'static str> {
    match text.split_once('=') {
        Some((login, file)) if !login.is_empty() && !file.is_empty() => {
            Ok((login.into(), file.into()))
        }
        _ => Err("not LOGIN=PASSWORDFILE"),
    }
}

fn suite(text: &str) -> Result<Suite, &'static str> {
    let id: u8 = text.parse().map_err(|_| "not a suite's number")?;
    Suite::try_from(id).map_err(|_| "not one of the suites 1 to 4")
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("service: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let policy = policy(&options)?;
    let kept = Kept::open(&options.database).await;
    let kept = kept.map_err(|error| format!("--database: {error}"))?;
    let policy = with_former(policy, &options, &kept).await?;
    let service = kept.service(policy, limits(&options));
    let service = service.map_err(|error| format!("--database: {error}"))?;
    let max_answer = options.max_body.max(16 << 20);
    let knh1 = Knh1::with_limits(service, &options.authority, options.max_body, max_answer)
        .map_err(|error| format!("--authority: {error}"))?;
    for (login, file) in options.enroll {
        enrol(&knh1, login, &file).await?;
    }

    let calls = knh1.calls();
    let app = Router::new()
        .route("/whoami", get(whoami).layer(calls.clone().scope("read")))
        .route("/echo", post(echo).layer(calls.clone().scope("write")))
        .merge(knh1.router())
        // What is nowhere is answered to callers, signed; others are told nothing.
        .fallback_service(any(nowhere).layer(calls));
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|error| format!("--listen {}: {error}", options.listen))?;
    let maintenance = tokio::spawn(knh1.maintain());
    println!("listening on {}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    let served = axum::serve(
        listener,
        app.into_make_service_with_connect_info::<SocketAddr>(),
    );
    tokio::select! {
        served = async { served.with_graceful_shutdown(asked_to_stop()).await } => served?,
        // Those who hold a connection open are waited for, but not for long.
        () = async { asked_to_stop().await; tokio::time::sleep(Duration::from_secs(3)).await } => {}
    }
    maintenance.abort();
    Ok(())
}

async fn whoami(caller: VerifiedCaller) -> Response {
    let text = |text: &str| serde_json::Value::from(text);
    let (login, device) = (text(caller.login()), text(caller.device()));
    let scopes = text(caller.scopes());
    let who = format!(r#"{{"login":{login},"device":{device},"scopes":{scopes}}}"#);
    ([(CONTENT_TYPE, "application/json")], who).into_response()
}

async fn nowhere() -> Response {
    let told = (
        [(CONTENT_TYPE, "application/json")],
        r#"{"error":"not_found"}"#,
    );
    (StatusCode::NOT_FOUND, told).into_response()
}

async fn echo(headers: HeaderMap, body: Bytes) -> Response {
    let mut response = body.into_response();
    match headers.get(CONTENT_TYPE) {
        Some(content_type) => response
            .headers_mut()
            .insert(CONTENT_TYPE, content_type.clone()),
        None => response.headers_mut().remove(CONTENT_TYPE),
    };
    response
}

fn policy(options: &Options) -> Result<Policy, Box<dyn Error>> {
    let kdf = options
        .suites
        .first()
        .map_or(Kdf::Pbkdf2, |suite| suite.kdf());
    let cost = match (kdf, options.c0) {
        (Kdf::Pbkdf2, None) => Cost::PBKDF2,
        (Kdf::Pbkdf2, Some(iterations)) => Cost::Pbkdf2 { iterations },
        (Kdf::Argon2id, None) => Cost::ARGON2ID,
        (Kdf::Argon2id, Some(_)) => return Err("--c0: the first suite has no iterations".into()),
    };
    let policy = Policy::new(&options.realm, Parameters::new(cost), 3);
    let policy = policy.map_err(|error| format!("--realm or --c0: {error}"))?;
    Ok(policy.with_suites(&options.suites))
}

/// A burst that is larger than the other limits raises them: it is meant for
/// tests that log in often.
fn limits(options: &Options) -> Limits {
    let mut limits = Limits::default();
    if let (Some(burst), Some(refill)) = (options.burst, options.refill) {
        let raised = |bucket: Bucket| match burst > bucket.burst {
            true => Bucket {
                burst,
                refill: bucket.refill.min(refill),
            },
            false => bucket,
        };
        limits.login_and_source = Bucket { burst, refill };
        limits.login = raised(limits.login);
        limits.starts = raised(limits.starts);
        limits.finishes = limits.finishes.max(burst);
    }
    limits
}

/// Accounts that are there keep their work, or else nobody could log in to change
/// it. Of those that are not named by `--enroll` nothing is known.
async fn with_former(
    mut policy: Policy,
    options: &Options,
    kept: &Kept,
) -> Result<Policy, Box<dyn Error>> {
    let mut former = vec![*policy.parameters()];
    for (login, _) in &options.enroll {
        let failed = |error: &dyn Error| format!("--enroll {login}: {error}");
        let prepared = prepare::login(login).map_err(|error| failed(&error))?;
        let store = Arc::clone(&kept.store);
        let stored = tokio::task::spawn_blocking(move || store.get_account(&prepared)).await?;
        let Some(stored) = stored.map_err(|error| failed(&error))? else {
            continue;
        };
        let of = *stored.account.record.parameters();
        let (cost, kdf) = (of.cost, of.cost.kdf());
        if !options.suites.iter().any(|suite| suite.kdf() == kdf) {
            let why = format!("its account is of {cost:?}, which none of --suites is for");
            return Err(format!("--enroll {login}: {why}").into());
        }
        if of == *policy.parameters() {
            continue;
        }
        eprintln!(
            "service: {login} has an account of {of:?}, which is served until its next password"
        );
        if !former.contains(&of) {
            former.push(of);
            policy = policy.with_former(of).map_err(|error| failed(&error))?;
        }
    }
    Ok(policy)
}

/// The database and the secrets that belong to it.
struct Kept {
    store: Arc<dyn Store>,
    server: Zeroizing<[u8; 32]>,
    fleet: Option<Fleet>,
}

/// What several processes share.
struct Fleet {
    secret: Zeroizing<[u8; 32]>,
    keys: Arc<dyn KeyStore>,
}

impl Kept {
    async fn open(database: &Database) -> Result<Kept, Box<dyn Error>> {
        let mut fresh = Zeroizing::new([[0; 32]; 2]);
        System.fill(fresh.as_flattened_mut())?;
        let [server, fleet] = &*fresh;
        match database {
            Database::Sqlite(path) => {
                let store = Arc::new(SqliteStore::open(path)?);
                // Nobody else is about it now: the store is locked.
                let mut beside = path.clone().into_os_string();
                beside.push(".secret");
                Ok(Kept {
                    store,
                    server: secret(Path::new(&beside), server)?,
                    fleet: None,
                })
            }
            Database::Postgres(url) => {
                let store = Arc::new(PostgresStore::connect(url, 16).await?);
                let server = Zeroizing::new(store.secret("server", server).await?);
                let fleet = Fleet {
                    secret: Zeroizing::new(store.secret("fleet", fleet).await?),
                    keys: store.clone(),
                };
                Ok(Kept {
                    store,
                    server,
                    fleet: Some(fleet),
                })
            }
        }
    }

    fn service(self, policy: Policy, limits: Limits) -> Result<Service, Misuse> {
        let parts = Parts {
            store: self.store,
            limits: Box::new(RateTable::new(limits)),
            audit: Box::new(TracingAudit),
            clock: Box::new(System),
            rng: Box::new(System),
        };
        let service = Service::new(policy, &self.server, parts)?;
        Ok(match self.fleet {
            Some(Fleet { secret, keys }) => service.with_fleet(&secret, keys),
            None => service,
        })
    }
}

/// What is in the file; `fresh`, if there is none.
fn secret(path: &Path, fresh: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, Box<dyn Error>> {
    let shown = path.display();
    match std::fs::read(path).map(Zeroizing::new) {
        Ok(bytes) => {
            let secret = <[u8; 32]>::try_from(&bytes[..]);
            let secret = secret.map_err(|_| format!("{shown}: not 32 bytes"))?;
            Ok(Zeroizing::new(secret))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            // Named when it is whole. For its owner alone.
            let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
            file.write_all(fresh)?;
            file.as_file().sync_all()?;
            file.persist_noclobber(path)?;
            Ok(Zeroizing::new(*fresh))
        }
        Err(error) => Err(format!("{shown}: {error}").into()),
    }
}

/// Makes an account, with what is in the file but for one line end.
async fn enrol(knh1: &Knh1, login: String, file: &Path) -> Result<(), Box<dyn Error>> {
    let failed = |error: &dyn Error| format!("--enroll {login}: {error}");
    let mut text = Zeroizing::new(String::new());
    let read = File::open(file).and_then(|file| file.take(64 << 10).read_to_string(&mut text));
    read.map_err(|error| failed(&error))?;
    let line = match text.strip_suffix('\n') {
        Some(line) => line.strip_suffix('\r').unwrap_or(line),
        None => &text,
    };
    let password = prepare::password(line).map_err(|error| failed(&error))?;
    let prepared = prepare::login(&login).map_err(|error| failed(&error))?;
    match knh1.enrol(&prepared, password, ALLOWED).await {
        Ok(true) => {}
        Ok(false) => eprintln!("service: {login} has an account, which stays as it is"),
        Err(error) => return Err(failed(&error).into()),
    }
    Ok(())
}

/// Ctrl-C, or what a service manager sends.
async fn asked_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}
