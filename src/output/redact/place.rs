//! From a symbolic place to the value that stands there, shown.

use super::names::field_kind;
use super::secret::Shaper;
use super::shown::{Mark, Shown};
use super::{Door, body, credential, field_marks, form, head, text};
use crate::model::{Exchange, Fields, Place};
use crate::wire::form::parse;
use crate::wire::{authorization, basic, content};

/// A value of an exchange, with what stands before it on its line.
pub struct Found {
    pub side: Side,
    pub shown: Shown,
    /// Where the value's line begins in the place, in bytes: of a head only one line is shown.
    pub offset: usize,
}

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Request,
    Response,
}

impl Door<'_> {
    /// What stands at a place; `None` where the place has no text of its own (a connection, a clock, another exchange)
    /// or the exchange does not have it. `at` is a byte of interest: of a head, its line is shown.
    pub fn found(&self, exchange: &Exchange, place: &Place, at: usize) -> Option<Found> {
        let request = |shown| Some(Found { side: Side::Request, shown, offset: 0 });
        let response = |shown| Some(Found { side: Side::Response, shown, offset: 0 });
        let sent = &exchange.request;
        match place {
            Place::RequestHead => self.head_line(sent.head.as_ref()?, at),
            Place::RequestMethod => request(self.plain(&sent.method)),
            Place::RequestUrl => request(self.url(format!("{}{}", sent.origin(), sent.target).as_bytes())),
            Place::RequestTarget => {
                request(self.url(sent.target.as_bytes()).after(&format!("{} ", self.words(&sent.method))))
            }
            Place::RequestField { name, nth } => request(self.named_field(&sent.fields, name, *nth)?),
            Place::BasicDecoded => request(self.decoded_basic(&sent.fields)?),
            Place::Query(name) => request(self.pair(sent.query()?.as_bytes(), name)?),
            Place::Form(name) => request(self.pair(&content::decoded(&sent.fields, &sent.body), name)?),
            Place::RequestBody => request(self.body(&content::decoded(&sent.fields, &sent.body))),
            Place::ResponseStatus => {
                let answer = exchange.response()?;
                response(self.plain(&format!("{} {}", answer.status, answer.reason)))
            }
            Place::ResponseField { name, nth } => {
                response(self.named_field(&exchange.response()?.fields, name, *nth)?)
            }
            Place::ResponseBody => {
                let answer = exchange.response()?;
                response(self.body(&content::decoded(&answer.fields, &answer.body)))
            }
            Place::Connection | Place::Clock | Place::Exchange(_) => None,
        }
    }

    /// Text of no structure.
    fn plain(&self, text: &str) -> Shown {
        self.show(text.as_bytes(), text::marks(self.shaper, 0, text.as_bytes()))
    }

    fn named_field(&self, fields: &Fields, name: &str, nth: usize) -> Option<Shown> {
        let wanted = |field: &&crate::model::Field| field.name.eq_ignore_ascii_case(name.as_bytes());
        let field = fields.0.iter().filter(wanted).nth(nth)?;
        let shown = self.field(name, &field.value);
        Some(shown.after(&format!("{}: ", self.words(&String::from_utf8_lossy(&field.name)))))
    }

    fn decoded_basic(&self, fields: &Fields) -> Option<Shown> {
        let value = fields.get("authorization")?;
        let basic = basic::decode(authorization::split(value).credentials_of(value));
        let marks = credential::decoded(self.shaper, &basic);
        Some(self.show(&basic.decoded, marks).after("Basic, decoded: "))
    }

    fn pair(&self, input: &[u8], name: &str) -> Option<Shown> {
        let form = parse(input);
        let raw = input.get(form.pair(name)?.raw_value.clone())?;
        Some(self.show(raw, form::value(self.shaper, 0, name, raw)).after(&format!("{}=", self.words(name))))
    }

    /// The line of a raw head in which the byte `at` stands.
    fn head_line(&self, bytes: &[u8], at: usize) -> Option<Found> {
        let line = head::lines(bytes).find(|line| at <= line.end + 1)?;
        // The line's own end belongs to it where the fault is the line break.
        let end = bytes.len().min((at + 1).max(line.end));
        let marks = head::marks(self.shaper, bytes)
            .into_iter()
            .filter(|mark| mark.range.start >= line.start && mark.range.end <= end)
            .map(|mark| Mark { range: mark.range.start - line.start..mark.range.end - line.start, ..mark })
            .collect();
        let shown = self.show(bytes.get(line.start..end)?, marks);
        Some(Found { side: Side::Request, shown, offset: line.start })
    }
}

/// Every mark of an exchange, of whatever place: what there is to learn.
pub(super) fn all_marks(shaper: Shaper<'_>, exchange: &Exchange) -> Vec<Mark> {
    let sent = &exchange.request;
    let mut marks = form::url(shaper, 0, sent.target.as_bytes());
    marks.extend(text::marks(shaper, 0, sent.method.as_bytes()));
    // As a rule the head is what method, target and fields show.
    if let Some(bytes) = sent.odd_head() {
        marks.extend(head::marks(shaper, bytes));
    }
    marks.extend(of_fields(shaper, &sent.fields));
    marks.extend(of_body(shaper, &content::decoded(&sent.fields, &sent.body)));
    if let Some(answer) = exchange.response() {
        marks.extend(of_fields(shaper, &answer.fields));
        marks.extend(of_body(shaper, &content::decoded(&answer.fields, &answer.body)));
    }
    marks
}

fn of_fields(shaper: Shaper<'_>, fields: &Fields) -> Vec<Mark> {
    let of = |field: &crate::model::Field| {
        field_marks(shaper, field_kind(&String::from_utf8_lossy(&field.name)), &field.value)
    };
    fields.0.iter().flat_map(of).collect()
}

fn of_body(shaper: Shaper<'_>, bytes: &[u8]) -> Vec<Mark> {
    body::marks(shaper, bytes.get(..bytes.len().min(super::BODY_LIMIT)).unwrap_or_default())
}
