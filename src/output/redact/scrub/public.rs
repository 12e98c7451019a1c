//! Client ids: evidence that stays, also where one was sent in a secret's place.

use std::collections::{HashSet, VecDeque};

use crate::model::Exchange;
use crate::wire::oauth::ClientAuthentication;
use crate::wire::{content, form};

/// Ids are remembered up to this many; the oldest go first.
const IDS: usize = 4096;

#[derive(Default)]
pub(super) struct Public {
    ids: HashSet<Vec<u8>>,
    met: usize,
    order: VecDeque<Vec<u8>>,
}

impl Public {
    /// Remembers the client id that an exchange names as one.
    pub fn learn(&mut self, exchange: &Exchange) {
        let request = &exchange.request;
        let body = content::decoded(&request.fields, &request.body);
        for params in [&body[..], request.query().unwrap_or_default().as_bytes()] {
            // A quick look: the name stands there, perhaps encoded.
            if memchr::memchr(b'%', params).is_none() && memchr::memmem::find(params, b"client_id").is_none() {
                continue;
            }
            let client = ClientAuthentication::read(request, &form::parse(params));
            if let Some(id) = client.body_id.filter(|id| is_id(id)) {
                self.add(id.into_bytes());
            }
        }
    }

    /// How many ids were met: what was found before may be judged anew when this has changed.
    pub fn count(&self) -> usize {
        self.met
    }

    pub fn has(&self, value: &[u8]) -> bool {
        self.ids.contains(value)
    }

    fn add(&mut self, id: Vec<u8>) {
        if self.ids.insert(id.clone()) {
            self.met += 1;
            self.order.push_back(id);
        }
        while self.order.len() > IDS {
            let Some(oldest) = self.order.pop_front() else { return };
            self.ids.remove(&oldest);
        }
    }
}

/// 32 hexadecimal digits, as instances make them, or a UUID: anything else in that place may be a secret that went astray.
pub(super) fn is_id(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    hex && (groups == [32] || groups == [8, 4, 4, 4, 12])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_ids_are_forgotten() {
        let mut public = Public::default();
        let id = |number: usize| format!("{number:032x}").into_bytes();
        (0..=IDS).for_each(|number| public.add(id(number)));
        assert!(!public.has(&id(0)));
        assert!(public.has(&id(1)) && public.has(&id(IDS)));
        public.add(id(1));
        assert_eq!((public.count(), public.order.len()), (IDS + 1, IDS), "an id that is known is not met anew");
    }
}
