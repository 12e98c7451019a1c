//! Secrets that were met, and what stands in their place: a memory in which a text is looked up fast.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::ops::{Bound, Range};
use std::sync::Arc;

use base64::Engine;

use super::coded::{STANDARD, URL_SAFE};
use super::forms::forms;
use super::secret::is_strong;

/// A form of a secret is found by this many bytes of its start.
const START: usize = 8;
/// So many bytes are looked at to see how far ahead a form may begin.
const LAST: usize = 3;
/// A window of `START` bytes whose last ones stand nowhere in a start that is known: as many bytes hold no start of a form.
const FAR: u8 = 6;
/// Places of the table that says how far.
const PLACES: usize = 1 << 14;
/// Secrets are remembered up to about this many bytes of memory; the oldest go first.
const BYTES: usize = 4 * 1024 * 1024;
/// What a form takes beside its own bytes and those of its stand-in, about: its places in the tables.
const EACH: usize = 300;

/// What stands in the place of one form of a secret.
pub(super) struct Form {
    pub stand_in: Vec<u8>,
    /// How many secrets have this form.
    count: u32,
}

/// The memory of secrets of one session. Holds them in the clear: it has no `Debug`.
#[derive(Default)]
pub(super) struct Known {
    /// All forms, in the order of their bytes: many tokens begin alike, and are not compared one by one.
    forms: BTreeMap<Arc<[u8]>, Form>,
    /// The first bytes of every form, and how many have them.
    starts: HashMap<[u8; START], u32>,
    /// By `LAST` bytes, how far ahead a form may begin at the least, seen from the window of `START` bytes that ends with them:
    /// almost every place of a text is passed over by it (Wu and Manber's search for many words).
    ahead: Vec<u8>,
    /// The first bytes of every form in base64 (at each of the three places where it may begin in a group) and base16 (in
    /// small letters), and how many forms have them: without one of these no encoded row has to be decoded.
    coded: HashMap<[u8; START], u32>,
    /// Forms with a blank in them.
    blanks: usize,
    /// Counts what was learnt and forgotten.
    changes: u64,
    /// How many were learned in all.
    learned: u64,
    /// In the order in which they were met, for forgetting.
    order: VecDeque<Box<[Arc<[u8]>]>>,
    bytes: usize,
    plain: HashSet<Arc<[u8]>>,
}

impl Known {
    /// Remembers a secret that is long and odd enough to be looked for. In each of its forms it is exchanged for the same
    /// form of the stand-in.
    pub fn learn(&mut self, secret: &[u8], stand_in: &[u8]) {
        if secret != stand_in {
            self.remember(secret, stand_in, |_| forms(stand_in));
        }
    }

    /// The same, and what is shown in its place is always the same text.
    pub fn learn_shown(&mut self, secret: &[u8], text: &str) {
        self.remember(secret, text.as_bytes(), |many| vec![text.as_bytes().to_vec(); many]);
    }

    fn remember(&mut self, secret: &[u8], stand_in: &[u8], stand_ins: impl Fn(usize) -> Vec<Vec<u8>>) {
        if self.plain.contains(secret) || !is_strong(secret) {
            return;
        }
        let plain: Arc<[u8]> = Arc::from(secret);
        self.plain.insert(Arc::clone(&plain));
        self.learned += 1;
        let mut texts = vec![Arc::clone(&plain)];
        self.add(plain, stand_in.to_vec());
        let forms = forms(secret);
        let stand_ins = stand_ins(forms.len());
        for (text, stand_in) in forms.into_iter().zip(stand_ins) {
            if text.len() >= START && !texts.iter().any(|other| **other == *text) {
                let text: Arc<[u8]> = Arc::from(text);
                texts.push(Arc::clone(&text));
                self.add(text, stand_in);
            }
        }
        self.order.push_back(texts.into());
        while self.bytes > BYTES && !self.order.is_empty() {
            self.forget_oldest();
        }
    }

    /// Grows with every secret that was not known before.
    pub fn learned(&self) -> u64 {
        self.learned
    }

    /// The secrets that were learned since there were so many, in all their forms.
    pub fn since(&self, learned: u64) -> Vec<Vec<u8>> {
        let new = usize::try_from(self.learned.saturating_sub(learned)).unwrap_or(usize::MAX);
        self.order.iter().rev().take(new).flatten().map(|text| text.to_vec()).collect()
    }

    fn add(&mut self, text: Arc<[u8]>, stand_in: Vec<u8>) {
        let Some(start) = start(&text) else { return };
        self.bytes += text.len() + stand_in.len() + EACH;
        self.changes += 1;
        self.blanks += usize::from(text.contains(&b' '));
        self.ahead.resize(PLACES, FAR);
        self.look_closer_at(start);
        for coded in in_base64(&text).into_iter().chain(in_base16(&text)) {
            *self.coded.entry(coded).or_default() += 1;
            self.look_closer_at(coded);
        }
        *self.starts.entry(start).or_default() += 1;
        self.forms.entry(text).or_insert(Form { stand_in, count: 0 }).count += 1;
    }

    fn look_closer_at(&mut self, start: [u8; START]) {
        for (far, last) in (0..FAR).rev().zip(start.windows(LAST)) {
            let last = last.first_chunk().copied().unwrap_or_default();
            if let Some(ahead) = self.ahead.get_mut(place(last)) {
                *ahead = far.min(*ahead);
            }
        }
    }

    fn forget_oldest(&mut self) {
        let texts = self.order.pop_front().unwrap_or_default();
        self.changes += 1;
        if let Some(plain) = texts.first() {
            self.plain.remove(plain);
        }
        for text in texts {
            let Some(start) = start(&text) else { continue };
            let Some(form) = self.forms.get_mut(&text) else { continue };
            form.count -= 1;
            let (left, length) = (form.count, text.len() + form.stand_in.len());
            if left == 0 {
                self.forms.remove(&text);
            }
            one_less(&mut self.starts, start);
            self.blanks -= usize::from(text.contains(&b' '));
            for coded in in_base64(&text).into_iter().chain(in_base16(&text)) {
                one_less(&mut self.coded, coded);
            }
            self.bytes = self.bytes.saturating_sub(length + EACH);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Whether a blank stands in any form.
    pub(super) fn has_blanks(&self) -> bool {
        self.blanks > 0
    }

    /// Differs when something was learnt or forgotten in between.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether a form begins somewhere in the text, plain or encoded. Most texts are done with after this.
    pub(super) fn may_be_in(&self, text: &[u8]) -> bool {
        let mut at = 0;
        while let Some(window) = text.get(at..).and_then(<[u8]>::first_chunk) {
            let ahead = self.ahead_of(window);
            if ahead == 0 && self.begins(window) {
                return true;
            }
            at += usize::from(ahead.max(1));
        }
        false
    }

    /// How far ahead of this window a form may begin.
    fn ahead_of(&self, window: &[u8; START]) -> u8 {
        let [.., first, second, third] = window;
        self.ahead.get(place([*first, *second, *third])).copied().unwrap_or(FAR)
    }

    fn begins(&self, start: &[u8; START]) -> bool {
        self.starts.contains_key(start)
            || self.coded.contains_key(start)
            || self.coded.contains_key(&start.map(|byte| byte.to_ascii_lowercase()))
    }

    /// Where forms stand in the text as it is, from the left, none within another.
    pub(super) fn plain_hits<'a>(&'a self, text: &[u8]) -> impl Iterator<Item = (Range<usize>, &'a Form)> {
        let mut at = 0;
        std::iter::from_fn(move || {
            while let Some(window) = text.get(at..).and_then(<[u8]>::first_chunk) {
                let ahead = self.ahead_of(window);
                let found = if ahead > 0 { None } else { self.form_at(text.get(at..).unwrap_or_default()) };
                let Some((length, form)) = found else {
                    at += usize::from(ahead.max(1));
                    continue;
                };
                let range = at..at + length;
                at = range.end;
                return Some((range, form));
            }
            None
        })
    }

    /// The longest form that the text begins with, and its length.
    fn form_at(&self, text: &[u8]) -> Option<(usize, &Form)> {
        self.starts.get(&start(text)?)?;
        let mut rest = text;
        // Of all forms up to `rest` in their order the last one is it, or shares with `rest` all that another one may be.
        while rest.len() >= START {
            let (form, found) = self.forms.range::<[u8], _>((Bound::Unbounded, Bound::Included(rest))).next_back()?;
            let same = rest.iter().zip(form.iter()).take_while(|(one, other)| one == other).count();
            if same == form.len() {
                return Some((same, found));
            }
            rest = rest.get(..same)?;
        }
        None
    }
}

fn one_less(counts: &mut HashMap<[u8; START], u32>, of: [u8; START]) {
    match counts.get_mut(&of) {
        Some(count) if *count > 1 => *count -= 1,
        _ => drop(counts.remove(&of)),
    }
}

/// The place of these bytes in the table; others have the same, those in the other case among them, for base16 is written in
/// either and in both.
fn place(last: [u8; LAST]) -> usize {
    let [first, second, third] = last;
    let letter = |byte: u8| usize::from(byte | b' ');
    (letter(first) << 10 ^ letter(second) << 5 ^ letter(third)) % PLACES
}

/// How a form begins in base64: what of the digits depends on nothing but the form, at each of the three places of a group.
fn in_base64(form: &[u8]) -> Vec<[u8; START]> {
    let head = form.get(..START).unwrap_or(form);
    let mut starts = Vec::with_capacity(6);
    for before in 0..3_usize {
        // Whatever stands before the form in its group is in the first digits alone.
        let group = [vec![0; before], head.to_vec()].concat();
        let first = [0, 2, 3].get(before).copied().unwrap_or(0);
        for engine in [&STANDARD, &URL_SAFE] {
            starts.extend(engine.encode(&group).as_bytes().get(first..).and_then(start));
        }
    }
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// How it begins in base16, in small letters.
fn in_base16(form: &[u8]) -> Option<[u8; START]> {
    let digits: String = form.iter().take(START).map(|byte| format!("{byte:02x}")).collect();
    start(digits.as_bytes())
}

fn start(text: &[u8]) -> Option<[u8; START]> {
    text.get(..START)?.try_into().ok()
}

#[cfg(test)]
#[path = "known_tests.rs"]
mod tests;
