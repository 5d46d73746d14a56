//! Logs in over HTTP and makes one signed call:
//!
//! ```text
//! client http://127.0.0.1:8080 api.example.com alice PASSWORDFILE GET /whoami
//! client http://127.0.0.1:8080 api.example.com alice PASSWORDFILE POST /echo text/plain BODYFILE
//! ```

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fmt, fs};

use getrandom::SysRng;
use http::{Request, Response};
use ureq::Agent;
use wcmp_auth::call::Reason;
use wcmp_auth::call::client::Caller;
use wcmp_auth::client::{ClientConfig, LoginStart, Session};
use wcmp_auth::json::{Json, Refusal};
use wcmp_auth::message::{Challenge, Grant};
use wcmp_auth::prepare;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [url, realm, login, password, method, path, content @ ..] = &args[..] else {
        return Err("client URL REALM LOGIN PASSWORDFILE METHOD PATH [TYPE BODYFILE]".into());
    };
    let authority = url.strip_prefix("http://").ok_or("not an http:// URL")?;
    let password = fs::read_to_string(password)?;
    let password = prepare::password(password.strip_suffix('\n').unwrap_or(&password))?;

    // A redirect could only lead to somebody who cannot answer. Refusals are
    // answers with a status of their own.
    let agent = Agent::config_builder()
        .max_redirects(0)
        .http_status_as_error(false)
        .build()
        .new_agent();

    let started = now();
    let session = log_in(&agent, url, realm, &prepare::login(login)?, &password)?;
    eprintln!("logged in, scopes: {}", session.scopes);
    let mut caller = Caller::new(&session.token_id, &session.key, authority)?;
    caller.set_clock(session.server_time, started);

    let request = Request::builder()
        .method(method.as_str())
        .uri(format!("{url}{path}"));
    let request = match content {
        [] => request.body(Vec::new())?,
        [content_type, body] => request
            .header("content-type", content_type)
            .body(fs::read(body)?)?,
        _ => return Err("a type and a file, or neither".into()),
    };
    let response = call(&agent, &mut caller, request)?;
    eprintln!("{}", response.status());
    println!("{}", String::from_utf8_lossy(response.body()));
    Ok(())
}

/// Sends `request`, once more if only our clock was wrong. What this returns is
/// the server's answer, whatever its status.
fn call(
    agent: &Agent,
    caller: &mut Caller,
    request: Request<Vec<u8>>,
) -> Outcome<Response<Vec<u8>>> {
    let mut repeated = false;
    loop {
        let (mut signed, sent) = (request.clone(), now());
        let awaiting = caller.sign_request(&mut signed, sent)?;
        let response = send(agent, signed)?;
        let answer = awaiting.verify_response(&response)?;
        let refusal = match response.status().as_u16() {
            401 => Some(Refusal::from_json(response.body())?),
            _ => None,
        };
        let reason = refusal.and_then(|refusal| Reason::from_code(&refusal.reason?, refusal.next));
        let again = reason.is_some_and(|reason| caller.recover(reason, &answer, sent, now()));
        if !again || repeated {
            return Ok(response);
        }
        repeated = true;
    }
}

/// Starts once more by itself if the challenge had expired (auth 3.4): a stretch may take
/// long, and the server may have been restarted.
fn log_in(agent: &Agent, url: &str, realm: &str, login: &str, password: &str) -> Outcome<Session> {
    match log_in_once(agent, url, realm, login, password) {
        Err(error) if error.downcast_ref().is_some_and(Refused::is_expired) => {
            log_in_once(agent, url, realm, login, password)
        }
        outcome => outcome,
    }
}

fn log_in_once(
    agent: &Agent,
    url: &str,
    realm: &str,
    login: &str,
    password: &str,
) -> Outcome<Session> {
    let start = LoginStart::new(&ClientConfig::new(realm), login, &mut SysRng)?;
    let challenge: Challenge = post(agent, &format!("{url}/knh1/start"), start.message())?;
    // A real client keeps the pins of its last login, and holds this one to them.
    let stretch = start.check(challenge, None)?;
    let (finish, pending) = stretch
        .run(password)?
        .finish("example client", "read write", 0)?;
    let grant: Grant = post(agent, &format!("{url}/knh1/finish"), &finish)?;
    Ok(pending.verify(&grant)?)
}

/// What the server's code of a refusal is.
#[derive(Debug)]
struct Refused(String);

impl Refused {
    fn is_expired(&self) -> bool {
        self.0 == "expired_challenge"
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Refused {}

fn post<T: Json>(agent: &Agent, url: &str, message: &impl Json) -> Outcome<T> {
    let request = Request::post(url)
        .header("content-type", "application/json")
        .body(message.to_json().into_bytes())?;
    let response = send(agent, request)?;
    match response.status().as_u16() {
        200 => Ok(T::from_json(response.body())?),
        _ => Err(Refused(Refusal::from_json(response.body())?.error).into()),
    }
}

fn send(agent: &Agent, request: Request<Vec<u8>>) -> Outcome<Response<Vec<u8>>> {
    let (parts, mut body) = agent.run(request)?.into_parts();
    Ok(Response::from_parts(parts, body.read_to_vec()?))
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
