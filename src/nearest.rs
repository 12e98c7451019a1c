//! How far one name is from another: for "did you mean".

/// Levenshtein's distance (insert, delete, replace) in characters.
pub fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (down, a) in from.chars().enumerate() {
        let mut next = vec![down + 1];
        for ((above_left, above), b) in row.iter().zip(row.iter().skip(1)).zip(to.chars()) {
            let left = next.last().copied().unwrap_or_default();
            next.push((above_left + usize::from(a != b)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// The candidate with the fewest edits, if it is near enough to be meant: a third of its length, at least two.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (edits(name, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= (candidate.chars().count() / 3).max(2))
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        assert_eq!([edits("", "abc"), edits("abc", ""), edits("abc", "abd"), edits("kitten", "sitting")], [3, 3, 1, 3]);
        assert_eq!(edits("größe", "grosse"), 3);
    }

    #[test]
    fn finds_the_one_that_is_meant_and_no_other() {
        let known = ["listen", "log.format", "reverse"];
        assert_eq!(nearest("lisen", known), Some("listen"));
        assert_eq!(nearest("log.fromat", known), Some("log.format"));
        assert_eq!(nearest("something_else", known), None);
    }
}
