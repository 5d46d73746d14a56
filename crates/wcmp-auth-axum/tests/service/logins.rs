//! Logins, and what a session can do about itself (auth 6).

use data_encoding::BASE64URL_NOPAD;
use wcmp_auth::Record;
use wcmp_auth::json::Json;
use wcmp_auth::message::{
    Devices, Finish, Introspection, PasswordChange, PasswordParameters, Refresh, Refreshed,
};

use crate::client::{
    AUTHORITY, Client, PASSWORD, REALM, finish_at, log_in, post, prove, reason, request, send,
};
use crate::process::Setup;

const ALL: &str = "write read password introspect admin";

fn token(client: &Client) -> String {
    BASE64URL_NOPAD.encode(&client.session.token_id)
}

#[test]
fn a_session_from_login_to_end() {
    let setup = Setup::sqlite();
    let service = setup.start();
    let mut laptop = log_in(service.address, "alice", PASSWORD, ALL).unwrap();
    // What is allowed of what was asked for, in the asked order.
    assert_eq!(laptop.session.scopes, "write read password introspect");
    let who = laptop.call("GET", "/whoami", None);
    let expected =
        r#"{"login":"alice","device":"laptop","scopes":"write read password introspect"}"#;
    assert_eq!((who.status, who.text()), (200, expected));
    let echo = laptop.call("POST", "/echo?x=%2F&y", Some(("text/plain", b"hello")));
    assert_eq!((echo.status, echo.text()), (200, "hello"));
    assert_eq!(echo.header("content-type"), Some("text/plain"));

    // Another session, seen and asked about by the first.
    let mut phone = log_in(service.address, "alice", PASSWORD, "read").unwrap();
    let devices = laptop.call("GET", "/knh1/devices", None);
    let devices = Devices::from_json(&devices.body).unwrap().devices;
    let current: Vec<_> = devices.iter().filter(|device| device.current).collect();
    assert_eq!((devices.len(), current.len()), (2, 1));
    assert_eq!(current[0].token, laptop.session.token_id);
    let form = format!("token_type_hint=x&token={}", token(&phone));
    let form = ("application/x-www-form-urlencoded", form.as_bytes());
    let json = format!(r#"{{"token":"{}"}}"#, token(&phone));
    for answer in [
        laptop.call("POST", "/knh1/introspect", Some(form)),
        laptop.json("POST", "/knh1/introspect", &json),
    ] {
        let answer = Introspection::from_json(&answer.body).unwrap();
        let Introspection::Active {
            username,
            scope,
            exp,
            iat,
        } = answer
        else {
            panic!("{answer:?}")
        };
        assert_eq!(
            (username.as_str(), scope.as_str(), exp - iat),
            ("alice", "read", 3600)
        );
    }
    let unknown = r#"{"token":"AAAAAAAAAAAAAAAAAAAAAA"}"#;
    assert_eq!(
        laptop.json("POST", "/knh1/introspect", unknown).text(),
        r#"{"active":false}"#
    );
    assert_eq!(laptop.json("POST", "/knh1/revoke", unknown).text(), "{}");
    let nonsense = ("application/x-www-form-urlencoded", &b"token=%ff!"[..]);
    assert_eq!(
        laptop.call("POST", "/knh1/revoke", Some(nonsense)).text(),
        "{}"
    );
    let twice = ("application/x-www-form-urlencoded", &b"token=a&token=a"[..]);
    assert_eq!(laptop.call("POST", "/knh1/revoke", Some(twice)).status, 400);

    // Bob has nothing to say about it.
    let mut bob = log_in(service.address, "bob", PASSWORD, "read").unwrap();
    assert_eq!(
        bob.json("POST", "/knh1/introspect", &json).text(),
        r#"{"active":false}"#
    );
    assert_eq!(bob.json("POST", "/knh1/revoke", &json).text(), "{}");
    let delete = format!("/knh1/devices/{}", token(&phone));
    assert_eq!(bob.call("DELETE", &delete, None).status, 404);
    assert_eq!(phone.call("GET", "/whoami", None).status, 200);

    // The phone is lost.
    assert_eq!(laptop.call("DELETE", &delete, None).text(), "{}");
    assert_eq!(reason(&phone.call("GET", "/whoami", None)), "revoked");
    assert_eq!(laptop.call("DELETE", &delete, None).status, 404);
    for nonsense in ["nonsense", "%ff", "%00", "%"] {
        let target = format!("/knh1/devices/{nonsense}");
        let answer = laptop.call("DELETE", &target, None);
        let told = (answer.status, answer.error());
        assert_eq!(told, (404, "not_found".into()), "{nonsense}");
    }

    // Good bye: of itself, by the form of RFC 7009.
    let form = format!("token={}", token(&laptop));
    let form = (
        "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
        form.as_bytes(),
    );
    assert_eq!(laptop.call("POST", "/knh1/revoke", Some(form)).text(), "{}");
    assert_eq!(reason(&laptop.call("GET", "/whoami", None)), "revoked");
}

#[test]
fn refreshed_lost_and_reused() {
    let setup = Setup::sqlite();
    let service = setup.start();
    let mut old = log_in(service.address, "alice", PASSWORD, "read password").unwrap();
    let ask = Refresh {
        rnonce: [7; 32],
        scopes: String::new(),
        ttl: 60,
    };
    // Its answer is lost; the same is asked again.
    let lost = old.json("POST", "/knh1/refresh", &ask.to_json());
    let again = old.json("POST", "/knh1/refresh", &ask.to_json());
    assert_eq!((lost.status, &lost.body), (200, &again.body));
    let refreshed = Refreshed::from_json(&again.body).unwrap();
    assert_eq!(refreshed.scopes, "read");
    assert_eq!(reason(&old.call("GET", "/whoami", None)), "spent");
    let key = old
        .session
        .key
        .next(&old.session.token_id, &ask.rnonce, &refreshed);
    let caller = wcmp_auth::call::client::Caller::new(&refreshed.token, &key, AUTHORITY).unwrap();
    let mut spent = old;
    let mut new = Client {
        to: service.address,
        session: log_in(service.address, "alice", PASSWORD, "")
            .unwrap()
            .session,
        caller,
    };
    assert_eq!(new.call("GET", "/whoami", None).status, 200);
    // Now whoever asks with the old token has stolen it, or was robbed.
    let stolen = spent.json("POST", "/knh1/refresh", &ask.to_json());
    assert_eq!(reason(&stolen), "reuse");
    assert_eq!(reason(&new.call("GET", "/whoami", None)), "revoked");
}

#[test]
fn a_changed_password_ends_the_other_sessions() {
    let setup = Setup::sqlite();
    let service = setup.start();
    let mut here = log_in(service.address, "alice", PASSWORD, "read password").unwrap();
    let mut there = log_in(service.address, "alice", PASSWORD, "read password").unwrap();
    let made_with = here.call("GET", "/knh1/password", None);
    let made_with = PasswordParameters::from_json(&made_with.body).unwrap();
    let (salt, parameters) = (&made_with.salt, made_with.parameters);
    let record = Record::enrol(REALM, "alice", "another", salt, parameters).unwrap();
    let (key, token) = (&here.session.key, here.session.token_id);
    let change = PasswordChange::seal(key, &token, made_with, &record, &[5; 32]).to_json();
    assert_eq!(here.json("POST", "/knh1/password", &change).text(), "{}");
    assert_eq!(reason(&there.call("GET", "/whoami", None)), "revoked");
    assert_eq!(here.call("GET", "/whoami", None).status, 200);
    let former = log_in(service.address, "alice", PASSWORD, "read");
    assert_eq!(former.err().unwrap().error(), "login_failed");
    log_in(service.address, "alice", "another", "read").unwrap();
    // The parameters were for one generation.
    assert_eq!(here.json("POST", "/knh1/password", &change).status, 400);
    let mut weak = log_in(service.address, "alice", "another", "read").unwrap();
    assert_eq!(weak.call("GET", "/knh1/password", None).status, 403);
}

#[test]
fn refused_bodies_leave_no_trace() {
    let setup = Setup::sqlite()
        .with("--burst", "2")
        .with("--refill", "1000");
    let service = setup.start();
    let to = service.address;
    let (finish, pending) = prove(to, "alice", PASSWORD, "read").unwrap();
    let json = finish.to_json();
    let member = |name: &str, value: &str| {
        let start = json.find(&format!("\"{name}\":")).unwrap() + name.len() + 3;
        let end = start + json[start..].find([',', '}']).unwrap();
        format!("{}{value}{}", &json[..start], &json[end..])
    };
    let long = |bytes: usize| {
        let space = " ".repeat(bytes - json.len());
        format!("{json}{space}")
    };
    for (bad, status, error) in [
        (String::new(), 400, "invalid_request"),
        (json[1..].into(), 400, "invalid_request"),
        (member("ttl", "1.0"), 400, "invalid_request"),
        (member("ttl", "1e3"), 400, "invalid_request"),
        (member("ttl", "-0"), 400, "invalid_request"),
        (member("device", r#""\ud800""#), 400, "invalid_request"),
        (member("device", "\"a\\nb\""), 400, "invalid_request"),
        (member("cmac", "\"AA\""), 400, "invalid_request"),
        (
            json.replacen('{', r#"{"x":{"a":1,"a":2},"#, 1),
            400,
            "invalid_request",
        ),
        (
            json.replacen('{', r#"{"ttl":0,"#, 1),
            400,
            "invalid_request",
        ),
        (format!("[{json}]"), 400, "invalid_request"),
        (long((16 << 10) + 1), 413, "too_large"),
    ] {
        let refused = post(to, "/knh1/finish", &bad);
        assert_eq!(
            (refused.status, refused.error().as_str()),
            (status, error),
            "{bad}"
        );
    }
    // All the same the challenge is there, and no guess was counted.
    let whole = post(to, "/knh1/finish", &long(16 << 10));
    assert_eq!(whole.status, 200);
    pending
        .verify(&Json::from_json(&whole.body).unwrap())
        .unwrap();
    // But now it is used up.
    let again = post(to, "/knh1/finish", &json);
    assert_eq!(
        (again.status, again.error().as_str()),
        (401, "expired_challenge")
    );

    for (bad, status) in [
        ("{}".into(), 400),
        (
            r#"{"suites":[2],"realm":"api.example.com","login":"Alice"}"#.into(),
            400,
        ),
        ("x".repeat((16 << 10) + 1), 413),
    ] {
        assert_eq!(post(to, "/knh1/start", &bad).status, status);
    }
    let chunked = format!(
        "POST /knh1/start HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n4001\r\n{}\r\n0\r\n\r\n",
        "x".repeat(0x4001)
    );
    assert_eq!(send(to, chunked.as_bytes()).status, 413);
    assert_eq!(
        send(to, &request("GET", "/knh1/start", &[], None)).status,
        405
    );
}

#[test]
fn unknown_logins_are_like_wrong_passwords() {
    let setup = Setup::sqlite().with("--burst", "3").with("--refill", "60");
    let service = setup.start();
    let to = service.address;
    let refused = |login: &str| {
        let mut response = log_in(to, login, "wrong", "read").err().unwrap();
        let after = response.header("retry-after");
        let after = after.map(|seconds| seconds.parse::<u32>().unwrap());
        // What goes by the clock: the two are asked one after the other.
        response
            .headers
            .retain(|(name, _)| name != "date" && name != "retry-after");
        (response, after)
    };
    for expected in [
        "login_failed",
        "login_failed",
        "login_failed",
        "rate_limited",
    ] {
        let ((known, one), (unknown, other)) = (refused("alice"), refused("nobody"));
        assert_eq!(known, unknown);
        assert_eq!(known.error(), expected);
        match (one, other) {
            (None, None) => assert_eq!(known.status, 401),
            (Some(one), Some(other)) => {
                assert_eq!(known.status, 429);
                assert!((1..=60).contains(&one) && one.abs_diff(other) <= 1);
            }
            unlike => panic!("{unlike:?}"),
        }
    }
    // Before consumption: the same finish may come again. It does not get better.
    let (finish, _): (Finish, _) = prove(to, "nobody", "wrong", "").unwrap();
    for _ in 0..2 {
        assert_eq!(
            post(to, "/knh1/finish", &finish.to_json()).error(),
            "rate_limited"
        );
    }
    // Others are not concerned.
    let (finish, pending) = prove(to, "bob", PASSWORD, "").unwrap();
    finish_at(to, &finish, pending).unwrap();
}

#[test]
fn nobody_registers_where_that_is_not_offered() {
    let setup = Setup::sqlite();
    let service = setup.start();
    for query in ["?login=carol", "?login=", "?login=a&login=b", "?", ""] {
        let target = format!("/knh1/register{query}");
        let answer = send(service.address, &request("GET", &target, &[], None));
        let told = (answer.status, answer.error());
        assert_eq!(told, (404, "not_found".into()), "{target}");
    }
    for body in ["", "{}", "{\"login\":\"carol\"}"] {
        let answer = post(service.address, "/knh1/register", body);
        assert_eq!(answer.status, 404, "{body}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}
