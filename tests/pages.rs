//! The cause pages against the closed list of causes, and against each other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests may"
)]

use std::collections::{BTreeMap, BTreeSet};

use why401::catalog::{self, Page};

/// One row of the closed list.
struct Row<'a> {
    group: &'a str,
    best: &'a str,
    facts: &'a str,
}

fn list() -> BTreeMap<&'static str, Row<'static>> {
    let mut rows = BTreeMap::new();
    for line in include_str!("data/causes.tsv").lines().skip(1) {
        let [name, group, best, facts, _meaning] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        assert!(rows.insert(name, Row { group, best, facts }).is_none(), "{name} twice");
    }
    rows
}

/// Fails with every fault at once: they are mended in one sitting.
fn none(faults: Vec<String>) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn on_every_page(check: impl Fn(&Page) -> Vec<String>) {
    none(
        catalog::pages()
            .iter()
            .flat_map(|page| check(page).into_iter().map(|says| format!("{}: {says}", page.slug)))
            .collect(),
    );
}

#[test]
fn the_list_is_whole() {
    assert_eq!(list().len(), 185);
}

#[test]
fn every_page_can_be_read() {
    none(catalog::faults().iter().map(ToString::to_string).collect());
}

#[test]
fn every_cause_has_a_page() {
    none(
        list().keys().filter(|name| catalog::page(name).is_none()).map(|name| format!("no page for {name}")).collect(),
    );
}

#[test]
fn every_head_agrees_with_the_list() {
    let list = list();
    on_every_page(|page| {
        let Some(row) = list.get(page.slug.as_str()) else { return vec!["is not in the list".into()] };
        let pairs = [
            ("group", &*page.group, row.group),
            ("best", page.best.as_str(), row.best),
            ("facts", &page.facts, row.facts),
        ];
        let differ = pairs.iter().filter(|(_, page, row)| page != row);
        differ.map(|(what, page, row)| format!("{what} is {page:?}, the list says {row:?}")).collect()
    });
}

#[test]
fn pages_name_only_causes_of_the_list_and_never_themselves() {
    let list = list();
    on_every_page(|page| {
        let names = page.tell_apart.iter().flat_map(|contrast| &contrast.causes);
        let mut faults: Vec<String> = Vec::new();
        for name in names {
            if *name == page.slug {
                faults.push("tells itself apart from itself".into());
            } else if !list.contains_key(name.as_str()) {
                faults.push(format!("How to tell apart names {name:?}, which is no cause"));
            }
        }
        faults
    });
}

#[test]
fn sources_and_links_are_addresses() {
    on_every_page(|page| {
        let mut faults = Vec::new();
        for source in &page.sources {
            let day = source.checked.split('-').map(str::len).collect::<Vec<_>>();
            if day != [4, 2, 2] || !source.checked.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
                faults.push(format!("checked is no day: {:?}", source.checked));
            }
            if source.url.as_ref().is_some_and(|url| !url.starts_with("https://") || url.contains(char::is_whitespace))
            {
                faults.push(format!("no address: {:?}", source.url));
            }
        }
        faults
    });
}

/// One expectation line of a transcript, as far as this test needs it.
fn expectations(transcript: &str) -> Vec<(char, &str, Option<&str>)> {
    let mut found = Vec::new();
    for line in transcript.lines() {
        let Some((sign @ ("=" | "~" | "!"), rest)) = line.split_once(' ') else { continue };
        let mut words = rest.split_whitespace();
        found.push((sign.chars().next().unwrap(), words.next().unwrap_or_default(), words.next()));
    }
    found
}

#[test]
fn every_page_has_an_example_where_it_fires_and_one_where_it_must_not() {
    on_every_page(|page| {
        let all: Vec<_> = page.examples.iter().flat_map(|example| expectations(&example.transcript)).collect();
        let mine = |signs: &[char], grade: Option<&str>| {
            all.iter().any(|(sign, cause, got)| {
                signs.contains(sign) && *cause == page.slug && (grade.is_none() || *got == grade)
            })
        };
        let mut faults = Vec::new();
        if !mine(&['=', '~'], Some(page.best.as_str())) {
            faults.push(format!("no example expects it {}", page.best.as_str()));
        }
        if !mine(&['!'], None) && !all.contains(&('!', "*", None)) {
            faults.push("no example in which it must not be found".into());
        }
        faults
    });
}

#[test]
fn examples_expect_only_what_the_list_allows() {
    let list = list();
    let rank = |grade: &str| ["possible", "likely", "proven"].iter().position(|name| *name == grade);
    on_every_page(|page| {
        let mut faults = Vec::new();
        for example in &page.examples {
            let at = format!("line {}, {:?}", example.line, example.name);
            for (sign, cause, grade) in expectations(&example.transcript) {
                let Some(row) = list.get(cause) else {
                    if (sign, cause) != ('!', "*") {
                        faults.push(format!("{at}: {cause:?} is no cause"));
                    }
                    continue;
                };
                match (sign, grade) {
                    ('=', None) => faults.push(format!("{at}: = {cause} wants a grade")),
                    ('!', Some(extra)) => faults.push(format!("{at}: ! {cause} takes no {extra:?}")),
                    (_, Some(grade)) if rank(grade).is_none_or(|rank_| Some(rank_) > rank(row.best)) => {
                        faults.push(format!("{at}: {cause} can be {} at best, not {grade}", row.best));
                    }
                    _ => {}
                }
            }
        }
        faults
    });
}

#[test]
fn examples_have_names_of_their_own() {
    on_every_page(|page| {
        let names: BTreeSet<&str> = page.examples.iter().map(|example| example.name.as_str()).collect();
        if names.len() == page.examples.len() { Vec::new() } else { vec!["two examples have one name".into()] }
    });
}

#[test]
fn no_two_pages_have_one_title() {
    let mut titles: BTreeMap<&str, &str> = BTreeMap::new();
    let twice = |page: &'static Page| {
        Some(format!("{} and {}: {}", titles.insert(&page.title, &page.slug)?, page.slug, page.title))
    };
    none(catalog::pages().iter().filter_map(twice).collect());
}

#[test]
fn no_step_expects_what_cannot_be_together() {
    on_every_page(|page| {
        let mut faults = Vec::new();
        for example in &page.examples {
            for step in example.transcript.split("\n@ ") {
                let all = expectations(step);
                let firsts = all.iter().filter(|(sign, ..)| *sign == '=').count();
                let wanted: BTreeSet<&str> =
                    all.iter().filter(|(sign, ..)| *sign != '!').map(|(_, cause, _)| *cause).collect();
                let refused = |cause: &str| all.iter().any(|(sign, other, _)| *sign == '!' && *other == cause);
                if firsts > 1
                    || wanted.len() > 6
                    || wanted.iter().any(|cause| refused(cause))
                    || refused("*") && !wanted.is_empty()
                {
                    faults.push(format!("line {}, {:?}: {all:?}", example.line, example.name));
                }
            }
        }
        faults
    });
}
