//! The only door for text that leaves the process: a secret becomes a shape and a tag, all that is evidence stays, and
//! nothing that a terminal would obey gets through.

mod body;
mod clean;
mod coded;
mod credential;
mod form;
mod forms;
mod head;
mod json;
mod known;
mod markup;
mod names;
mod place;
pub mod scrub;
mod secret;
mod shown;
mod text;
mod written;

use known::Known;
use names::{FieldKind, field_kind};
use secret::{Shaper, Writing};

pub use secret::is_strong;
use shown::Mark;

pub use clean::{brief, clean};
pub use place::{Found, Side};
pub use shown::Shown;

use crate::model::{Exchange, Millis, Salt};

/// Of a body, this much is looked at, in bytes: what is shown of it is a line.
const BODY_LIMIT: usize = 64 * 1024;

/// The door for one exchange: it knows the exchange's own secrets and finds them wherever they are repeated.
pub struct Door<'a> {
    shaper: Shaper<'a>,
    /// Secrets of the exchange and what is shown in their place.
    known: Known,
}

impl<'a> Door<'a> {
    /// A door that knows no secrets yet: they are recognised by their names and looks alone.
    pub fn new(salt: &'a Salt, at: Millis) -> Door<'a> {
        Door { shaper: Shaper { salt, at, whole: false }, known: Known::default() }
    }

    /// A door that has learnt every secret of the exchange.
    pub fn of(salt: &'a Salt, exchange: &Exchange) -> Door<'a> {
        let mut door = Door::new(salt, exchange.at);
        door.learn(place::all_marks(door.shaper, exchange));
        door
    }

    fn learn(&mut self, marks: Vec<Mark>) {
        // Should it be too much to remember, what the client sent is learned last and stays.
        for mark in marks.into_iter().rev() {
            for secret in &mark.secrets {
                self.known.learn_shown(secret, &mark.text);
            }
        }
    }

    /// Words of ours that may hold untrusted names: secrets that slipped in are replaced, odd characters escaped.
    pub fn words(&self, text: &str) -> String {
        let marks = self.with_known(text.as_bytes(), text::marks(self.shaper, 0, text.as_bytes()));
        if marks.is_empty() { clean(text).into_owned() } else { Shown::new(text.as_bytes(), marks).text() }
    }

    /// A URL or a request target.
    pub fn url(&self, url: &[u8]) -> Shown {
        self.show(url, form::url(self.shaper, 0, url))
    }

    /// The value of a header field.
    pub fn field(&self, name: &str, value: &[u8]) -> Shown {
        self.show(value, field_marks(self.shaper, field_kind(name), value))
    }

    /// A body without content coding.
    pub fn body(&self, body: &[u8]) -> Shown {
        let body = body.get(..body.len().min(BODY_LIMIT)).unwrap_or_default();
        self.show(body, body::marks(self.shaper, body))
    }

    /// The value with its own marks, and those of secrets known from elsewhere.
    fn show(&self, value: &[u8], marks: Vec<Mark>) -> Shown {
        Shown::new(value, self.with_known(value, marks))
    }

    fn with_known(&self, value: &[u8], mut marks: Vec<Mark>) -> Vec<Mark> {
        for (range, text) in self.known.found(value) {
            // Where its own marks leave the odd bytes of a secret to be seen, they are what is seen.
            if !marks.iter().any(|mark| mark.range.start <= range.start && mark.range.end >= range.end) {
                marks.push(Mark::known(range, String::from_utf8_lossy(text).into_owned()));
            }
        }
        marks
    }
}

/// Marks in a field's value.
fn field_marks(shaper: Shaper<'_>, kind: FieldKind, value: &[u8]) -> Vec<Mark> {
    match kind {
        FieldKind::Authorization => credential::authorization(shaper, value),
        FieldKind::Cookie => credential::cookies(shaper, value),
        FieldKind::SetCookie => credential::set_cookie(shaper, value),
        FieldKind::Challenge => credential::parameters(shaper, value),
        FieldKind::Url => form::url(shaper, 0, value),
        FieldKind::Host => form::user_information(shaper, 0, value),
        FieldKind::Secret => shaper.marks(0, value, Writing::Token),
        FieldKind::Other => text::marks(shaper, 0, value),
    }
}

#[cfg(test)]
mod tests;
