//! What the lines take from the manual, word for word the same in each: made into JSON once.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::catalog::{self, Page};

/// The parts of a page that stand in every line about its cause.
pub struct Manual {
    pub title: Box<RawValue>,
    pub fix: Box<RawValue>,
    pub sources: Box<RawValue>,
    /// `rival: what is seen when it is that one`, by the rival.
    contrasts: Vec<(&'static str, Box<RawValue>)>,
}

/// A part as it is written.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Part {
    Page(&'static RawValue),
    /// Of a cause without a page.
    Name(String),
    None([&'static str; 0]),
}

/// The page of a cause.
pub fn of(cause: &str) -> Option<&'static Manual> {
    static ALL: LazyLock<HashMap<&'static str, Manual>> = LazyLock::new(|| {
        catalog::pages().iter().filter_map(|page| Some((page.slug.as_str(), Manual::new(page)?))).collect()
    });
    ALL.get(cause)
}

impl Manual {
    fn new(page: &'static Page) -> Option<Manual> {
        let sources: Vec<&String> =
            page.sources.iter().map(|source| source.url.as_ref().unwrap_or(&source.title)).collect();
        let mut contrasts = Vec::new();
        for contrast in &page.tell_apart {
            for rival in &contrast.causes {
                contrasts.push((rival.as_str(), to_raw_value(&format!("{rival}: {}", contrast.says)).ok()?));
            }
        }
        Some(Manual {
            title: to_raw_value(&page.title).ok()?,
            fix: to_raw_value(&page.fix).ok()?,
            sources: to_raw_value(&sources).ok()?,
            contrasts,
        })
    }

    /// What the page says of a rival.
    pub fn contrast(&self, rival: &str) -> Option<&RawValue> {
        self.contrasts.iter().find(|(name, _)| *name == rival).map(|(_, text)| &**text)
    }
}
