//! The names nearest to a misspelt one.

use super::pages;
use crate::nearest::edits;

/// Up to three names of causes that `name` may have meant, the nearest first.
pub fn nearest(name: &str) -> Vec<&'static str> {
    among(name, pages().iter().map(|page| page.slug.as_str()))
}

/// Distances count edits; sharing words with a name brings it nearer, so that `expired-token` finds `token-expired`.
fn among<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let name: String = name.to_ascii_lowercase().replace(['_', ' '], "-").chars().take(80).collect();
    let words: Vec<&str> = name.split('-').filter(|word| word.len() > 2).collect();
    let mut ranked: Vec<(usize, &str)> = names
        .map(|candidate| {
            let shared = words.iter().filter(|word| candidate.split('-').any(|part| part == **word)).count();
            let edits = edits(&name, candidate);
            (edits.saturating_sub(shared * 5), candidate)
        })
        .filter(|(cost, _)| *cost <= name.len().max(4) / 2)
        .collect();
    ranked.sort();
    ranked.into_iter().map(|(_, candidate)| candidate).take(3).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 5] = ["token-expired", "token-revoked", "plain-http", "table-acl", "auth-code-expired"];

    #[test]
    fn misspelt_and_turned_names_are_found() {
        assert_eq!(among("token-expird", NAMES.into_iter()).first(), Some(&"token-expired"));
        assert_eq!(among("Expired Token", NAMES.into_iter()).first(), Some(&"token-expired"));
        assert_eq!(among("plainhttp", NAMES.into_iter()), ["plain-http"]);
    }

    #[test]
    fn nonsense_is_near_to_nothing() {
        assert!(among("zzzzzzzzzzzz", NAMES.into_iter()).is_empty());
        assert!(among("", NAMES.into_iter()).is_empty());
    }
}
