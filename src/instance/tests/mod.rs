//! Every failure of the simulated instance: a setting, a request, and the bytes that come back.

mod accounts;
mod apis;
mod authorize;
mod grants;
mod power;
mod provider;
mod sessions;
mod signed;

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine;

use super::state::*;
use super::{Answer, Call, Instance, training};
use crate::model::{Body, Fields, Millis, Request, Scheme};
use crate::wire::form;

pub const HOST: &str = "dev1.service-now.com";
pub const INCIDENT: &str = "/api/now/table/incident?sysparm_limit=1";
pub const NOT_AUTHENTICATED: &str = r#"{"error":{"message":"User is not authenticated","detail":"Required to provide Auth information"},"status":"failure"}"#;
pub const ACCESS_DENIED: &str = r#"{"error_description":"access_denied","error":"server_error"}"#;

/// An instance with a clock and chance that repeat.
pub struct World {
    pub instance: Instance,
    pub now: Millis,
    counter: u8,
    from: IpAddr,
    /// Headers that go with every request.
    pub always: Vec<(&'static str, String)>,
}

impl World {
    pub fn new() -> World {
        World {
            instance: training::instance(HOST),
            now: Millis(1_793_613_600_000),
            counter: 0,
            from: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)),
            always: Vec::new(),
        }
    }

    pub fn with(setting: impl FnOnce(&mut Instance)) -> World {
        let mut world = World::new();
        setting(&mut world.instance);
        world
    }

    pub fn later(&mut self, seconds: i64) -> &mut World {
        self.now = self.now.plus_seconds(seconds);
        self
    }

    pub fn user(&mut self, name: &str) -> &mut User {
        self.instance.user_mut(name).unwrap()
    }

    pub fn client(&mut self) -> &mut OAuthClient {
        self.instance.client_mut(&training::client_id(HOST)).unwrap()
    }

    pub fn send(&mut self, method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Answer {
        let mut request = request(method, target, fields, body);
        for (name, value) in &self.always {
            request.fields.push(*name, value.clone());
        }
        self.send_request(&request)
    }

    pub fn send_request(&mut self, request: &Request) -> Answer {
        let counter = &mut self.counter;
        let mut entropy = |buffer: &mut [u8]| {
            *counter = counter.wrapping_add(1);
            buffer
                .iter_mut()
                .enumerate()
                .for_each(|(at, byte)| *byte = counter.wrapping_mul(31).wrapping_add(at as u8));
        };
        self.instance.handle(&Call { request, from: self.from }, self.now, &mut entropy)
    }

    pub fn get(&mut self, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.send("GET", target, fields, "")
    }

    pub fn bearer(&mut self, target: &str, token: &str) -> Answer {
        self.get(target, &[("Authorization", &format!("Bearer {token}"))])
    }

    pub fn basic(&mut self, target: &str, user: &str, password: &str) -> Answer {
        self.get(target, &[("Authorization", &basic(user, password))])
    }

    pub fn post_form(&mut self, target: &str, pairs: &[(&str, &str)]) -> Answer {
        self.send("POST", target, &[("Content-Type", "application/x-www-form-urlencoded")], &encoded(pairs))
    }

    /// A token request of the training client; `pairs` go behind its credentials.
    pub fn token(&mut self, pairs: &[(&str, &str)]) -> Answer {
        let (id, secret) = (training::client_id(HOST), training::client_secret(HOST));
        let all: Vec<(&str, &str)> =
            [("client_id", id.as_str()), ("client_secret", &secret)].into_iter().chain(pairs.iter().copied()).collect();
        self.post_form("/oauth_token.do", &all)
    }

    pub fn password_grant(&mut self) -> Answer {
        let user = [("username", training::INTEGRATION_USER), ("password", training::PASSWORD)];
        self.token(&[&[("grant_type", "password")], &user[..]].concat())
    }
}

pub fn request(method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Request {
    let host = [("Host", HOST)];
    let fields: Fields =
        host.iter().chain(fields).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Request {
        method: method.to_owned(),
        scheme: Scheme::Https,
        host: HOST.to_owned(),
        port: 443,
        target: target.to_owned(),
        version: String::from("HTTP/1.1"),
        fields,
        body: Body::whole(body.to_owned()),
        head: None,
        unseen: false,
    }
}

pub fn encoded(pairs: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| format!("{}={}", form::encode(name), form::encode(value));
    pairs.iter().map(part).collect::<Vec<_>>().join("&")
}

pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

pub fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

pub fn json(answer: &Answer) -> serde_json::Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", text(answer)))
}

pub fn access_token(answer: &Answer) -> String {
    json(answer)["access_token"].as_str().unwrap_or_else(|| panic!("no token: {}", text(answer))).to_owned()
}

pub fn field(answer: &Answer, name: &str) -> String {
    answer.fields.text(name).map(|value| value.into_owned()).unwrap_or_default()
}

/// The `name=value` of the session cookie.
pub fn session_cookie(answer: &Answer) -> String {
    field(answer, "set-cookie").split(';').next().unwrap().to_owned()
}

#[track_caller]
pub fn assert_refused(answer: &Answer) {
    assert_eq!((answer.status, text(answer)), (401, NOT_AUTHENTICATED.to_owned()));
    assert_eq!(field(answer, "x-is-logged-in"), "false");
    assert_eq!(field(answer, "x-transaction-id").len(), 12);
}

#[track_caller]
pub fn assert_denied(answer: &Answer) {
    assert_eq!((answer.status, text(answer)), (401, ACCESS_DENIED.to_owned()));
    assert_eq!(field(answer, "server"), "snow_adc");
}
