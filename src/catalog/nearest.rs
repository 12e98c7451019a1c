//! The names nearest to a misspelt one.

use super::pages;
use crate::nearest::edits;

/// Up to three names of causes that `name` may have meant, the nearest first.
pub fn nearest(name: &str) -> Vec<&'static str> {
    among(name, pages().iter().map(|page| page.slug.as_str()))
}

/// A name of the same words in another order is as near as can be, one that holds all the words is near; else edits
/// count. Names that are clearly farther than the nearest are left out.
fn among<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let name: String = name.to_ascii_lowercase().replace(['_', ' '], "-").chars().take(80).collect();
    let words: Vec<&str> = name.split('-').filter(|word| !word.is_empty()).collect();
    let limit = (name.len() / 3).max(2);
    let mut ranked: Vec<(usize, &str)> =
        names.map(|candidate| (cost(&name, &words, candidate), candidate)).filter(|(cost, _)| *cost <= limit).collect();
    ranked.sort();
    let nearest = ranked.first().map_or(0, |(cost, _)| *cost);
    ranked.into_iter().filter(|(cost, _)| *cost <= nearest + 1).map(|(_, candidate)| candidate).take(3).collect()
}

fn cost(name: &str, words: &[&str], candidate: &str) -> usize {
    let parts: Vec<&str> = candidate.split('-').collect();
    let edits = edits(name, candidate);
    match !words.is_empty() && words.iter().all(|word| parts.contains(word)) {
        true if words.len() == parts.len() => 0,
        true => edits.min(2),
        false => edits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 5] = ["token-expired", "token-revoked", "plain-http", "table-acl", "auth-code-expired"];

    #[test]
    fn misspelt_and_turned_names_are_found() {
        assert_eq!(among("token-expird", NAMES.into_iter()), ["token-expired"]);
        assert_eq!(among("Expired Token", NAMES.into_iter()), ["token-expired"]);
        assert_eq!(among("plainhttp", NAMES.into_iter()), ["plain-http"]);
        assert_eq!(among("expired", NAMES.into_iter()), ["auth-code-expired", "token-expired"]);
    }

    #[test]
    fn nonsense_is_near_to_nothing() {
        assert!(among("zzzzzzzzzzzz", NAMES.into_iter()).is_empty());
        assert!(among("", NAMES.into_iter()).is_empty());
    }
}
