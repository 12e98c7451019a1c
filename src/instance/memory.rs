//! What a simulated instance changes by itself: tokens, codes, sessions, counters. Bounded; the oldest goes first.

use std::collections::{BTreeMap, VecDeque};

use crate::model::Millis;

use super::state::Grant;

/// Records kept of each kind.
const KEPT: usize = 10_000;

#[derive(Clone, Default)]
pub struct Memory {
    pub tokens: VecDeque<Token>,
    pub codes: VecDeque<Code>,
    pub sessions: VecDeque<Session>,
    /// `jti` values that were used.
    pub used_jti: VecDeque<String>,
    /// Failed logins in a row, and when the user was locked, by `sys_id`.
    pub failures: BTreeMap<String, Failures>,
    /// Requests in the current hour, by rate limit rule and user.
    pub counted: BTreeMap<(String, String), Hour>,
    /// `(user, client)` pairs that were allowed on the consent page.
    pub consents: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    Access,
    Refresh,
}

/// `oauth_credential`.
#[derive(Clone)]
pub struct Token {
    pub kind: TokenKind,
    pub value: String,
    pub client_id: String,
    /// `sys_id`.
    pub user: String,
    pub grant: Grant,
    pub scope: String,
    pub issued: Millis,
    pub expires: Millis,
    pub revoked: bool,
}

impl Token {
    pub fn alive(&self, now: Millis) -> bool {
        !self.revoked && now < self.expires
    }
}

/// An authorization code that was handed out.
#[derive(Clone)]
pub struct Code {
    pub value: String,
    pub client_id: String,
    pub user: String,
    /// As in the authorization request.
    pub redirect_uri: String,
    pub challenge: Option<String>,
    pub scope: String,
    pub issued: Millis,
    pub used: bool,
}

#[derive(Clone)]
pub struct Session {
    /// `JSESSIONID`.
    pub id: String,
    pub user: String,
    /// `g_ck`, wanted as `X-UserToken`.
    pub user_token: String,
    /// Opened by an API call, not by a login page.
    pub api: bool,
    /// The access token that opened it.
    pub token: Option<String>,
    pub last_used: Millis,
}

#[derive(Clone, Copy, Default)]
pub struct Failures {
    pub count: u32,
    pub locked_at: Option<Millis>,
}

#[derive(Clone, Copy)]
pub struct Hour {
    pub began: Millis,
    pub requests: u32,
}

/// Appends and lets the oldest go.
pub(super) fn keep<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() >= KEPT {
        list.pop_front();
    }
    list.push_back(item);
}

impl Memory {
    /// A token of that value, dead or alive.
    pub fn token(&self, kind: TokenKind, value: &str) -> Option<&Token> {
        self.tokens.iter().find(|token| token.kind == kind && token.value == value)
    }
}
