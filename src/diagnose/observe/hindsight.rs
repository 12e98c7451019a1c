//! Of a recording: what comes after an exchange and speaks for or against its suspects. Contrast has no direction in time
//! (knowledge: ambiguities §2), as long as nobody mends the instance in between.

use super::super::facts::Facts;
use super::{NEAR, Observation, Sign};
use crate::ledger::Ledger;
use crate::ledger::records::{ClientRecord, PasswordUse, Seen};
use crate::model::{Millis, Place};
use crate::wire::date;
use crate::wire::reading::Credential;

/// Nobody mends an instance in so few seconds.
const MOMENTS: i64 = 60;
/// A lockout ends by itself after so many seconds.
const LOCKOUT: i64 = 15 * 60;

/// What `later`, a memory of the whole recording, adds to the observations.
pub fn add(facts: &Facts<'_>, later: &Ledger, all: &mut Vec<Observation>) {
    let mut hindsight = Hindsight { facts, later, all };
    if !facts.reading.redacted {
        hindsight.credential();
        hindsight.user();
        hindsight.client();
    }
    hindsight.path();
}

struct Hindsight<'h, 'a> {
    facts: &'h Facts<'a>,
    later: &'h Ledger,
    all: &'h mut Vec<Observation>,
}

/// Seconds from this exchange to one that follows it closely enough to be compared.
pub fn after(facts: &Facts<'_>, seen: Seen) -> Option<i64> {
    let seconds = seen.at.seconds_since(facts.at());
    let follows = seen.exchange > facts.reading.exchange.id && (0..=NEAR).contains(&seconds);
    follows.then_some(seconds)
}

impl Hindsight<'_, '_> {
    fn note(&mut self, sign: Sign, seen: Seen, says: &str) {
        let Some(seconds) = after(self.facts, seen) else { return };
        if self.all.iter().any(|known| known.sign == sign) {
            return;
        }
        let says = match seen.at {
            Millis::UNKNOWN => format!("{says} later"),
            _ => format!("{says} {} later", date::span(seconds)),
        };
        self.all.push(Observation { sign, says, place: Some(Place::Exchange(seen.exchange)) });
    }

    fn credential(&mut self) {
        let Some(bytes) = self.facts.reading.credential_bytes().filter(|_| !self.facts.token_endpoint()) else {
            return;
        };
        let Some(record) = self.later.credential(self.facts.host(), &bytes) else { return };
        let class = self.facts.reading.endpoint.class();
        let elsewhere = record.paths.iter().filter(|path| path.class != class);
        let elsewhere = elsewhere.filter_map(|path| Some((path.class.as_str(), path.ok?)));
        if let Some((other, seen)) = elsewhere.max_by_key(|(_, seen)| seen.exchange) {
            self.note(Sign::PassesElsewhere, seen, &format!("the same credential passes at {other}"));
        }
        let Some(seen) = record.path(&class).and_then(|path| path.ok) else { return };
        match after(self.facts, seen) {
            Some(..=MOMENTS) if self.facts.dated() => {
                self.note(Sign::PassesSoon, seen, "the same credential passes here, unchanged,");
            }
            Some(LOCKOUT..) => self.note(Sign::PassesAfterLockout, seen, "the same credential passes here, unchanged,"),
            _ => {}
        }
    }

    fn path(&mut self) {
        let Some(path) = self.later.path(self.facts.host(), &self.facts.reading.endpoint.class()) else { return };
        let own = self.facts.reading.credential_bytes().map(|bytes| self.facts.tag(&String::from_utf8_lossy(&bytes)));
        let (kind, user) = (self.facts.credential(), self.facts.reading.user());
        for ok in path.ok.iter().filter(|ok| ok.tag.is_some() && ok.tag != own) {
            if ok.kind == kind {
                self.note(Sign::KindPassesHere, ok.seen, "another credential of the same kind passes here");
            } else if ok.kind != Credential::None {
                self.note(Sign::OtherKindPassesHere, ok.seen, "a credential of another kind passes here");
            }
            if kind == Credential::Basic && ok.kind == kind && ok.user.is_some() && ok.user != user {
                self.note(Sign::OtherUserPasses, ok.seen, "another user passes with Basic");
            }
        }
    }

    fn user(&mut self) {
        let Some(name) = self.facts.reading.user() else { return };
        let Some(record) = self.later.user(self.facts.host(), &name) else { return };
        let basic = self.facts.reading.basic.as_ref().map(|basic| basic.password().to_vec());
        let password = basic.or_else(|| Some(self.facts.param("password")?.as_bytes().to_vec()));
        let tag = password.map(|password| self.later.tag(&password));
        for known in record.passwords_ok.iter().filter(|known| Some(known.tag) == tag) {
            match known.how {
                PasswordUse::Login => {
                    self.note(Sign::LoginPassed, known.seen, "the same user and password pass at the login page");
                }
                PasswordUse::Grant => {
                    self.note(Sign::GrantPassed, known.seen, "the same user and password pass with the password grant");
                }
                // At the same place it is the same request again, which says other things.
                PasswordUse::Basic if self.facts.credential() != Credential::Basic => {
                    self.note(Sign::BasicPassed, known.seen, "the same user and password pass as Basic");
                }
                PasswordUse::Basic => {}
            }
        }
        if let Some(seen) = record.bearer_ok {
            self.note(Sign::BearerPasses, seen, "a token of the same user passes");
        }
    }

    fn client(&mut self) {
        if !self.facts.token_endpoint() {
            return;
        }
        let grant = self.facts.grant();
        let (id, later) = (self.facts.reading.client.shown_id().map(str::to_owned), self.later);
        for (other, record) in later.clients_of_host(self.facts.host()) {
            if Some(other) == id.as_deref() {
                self.own_client(grant, record);
            } else if let Some(seen) = record.grant(grant).and_then(|record| record.ok) {
                self.note(Sign::GrantPassesForOther, seen, &format!("another client gets tokens with {grant}"));
            }
        }
    }

    fn own_client(&mut self, grant: &str, record: &ClientRecord) {
        let secret = self.facts.reading.client.secret().map(|secret| self.facts.tag(secret));
        let passed = record.grant(grant).and_then(|record| Some((record.ok?, record.user_ok.clone())));
        if secret.is_some() && record.secret_ok.is_some() && secret != record.secret_ok {
            if let Some((seen, _)) = passed {
                self.note(Sign::OtherSecretPasses, seen, "another secret of this client gets a token");
            }
            return;
        }
        if let Some((other, seen)) = record.other_grant_ok(grant) {
            self.note(Sign::OtherGrantPasses, seen, &format!("the same client gets a token with {other}"));
        }
        let refreshed =
            record.refreshes.iter().find(|(seen, ok)| *ok && after(self.facts, *seen).is_some_and(|late| late <= 10));
        if let Some((seen, _)) = refreshed.filter(|_| grant == "refresh_token" && self.facts.dated()) {
            self.note(Sign::ParallelRefresh, *seen, "a refresh of the same client passes");
        }
        let Some((seen, user)) = passed else { return };
        let other_user = grant == "password" && user.is_some() && user.as_deref() != self.facts.param("username");
        // After a while, a grant that passes may have been switched on meanwhile.
        let soon = after(self.facts, seen).is_some_and(|seconds| seconds <= MOMENTS) && self.facts.dated();
        if soon || other_user || grant == "authorization_code" || grant == "refresh_token" {
            self.note(Sign::ClientPassed, seen, &format!("the same client gets a token with {grant}"));
        }
        if other_user {
            self.note(Sign::ClientPassesForOther, seen, "the same client works for another user");
        }
    }
}
