//! The known name that is meant by an unknown one.

/// The candidate with the fewest edits, if it is near enough to be meant: a third of its length, at least two.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (edits(name, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= (candidate.chars().count() / 3).max(2))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance in characters, one row at a time.
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(to.chars()) {
            let changed = diagonal + usize::from(a != b);
            diagonal = *cell;
            left = changed.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("lisen", "listen"), 1);
        assert_eq!(edits("same", "same"), 0);
    }

    #[test]
    fn finds_the_one_that_is_meant_and_no_other() {
        let known = ["listen", "log.format", "reverse"];
        assert_eq!(nearest("lisen", known), Some("listen"));
        assert_eq!(nearest("log.fromat", known), Some("log.format"));
        assert_eq!(nearest("something_else", known), None);
    }
}
