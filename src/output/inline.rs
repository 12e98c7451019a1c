//! Inline Markdown of the pages as painted runs.

use super::layout::{Paint, Runs};

/// Inline Markdown: `code`, **strong**, [text](address) and <address>.
pub fn inline(markdown: &str, keep_ticks: bool) -> Runs {
    let mut runs = Runs::default();
    let mut rest = markdown;
    while let Some(at) = rest.find(['`', '*', '[', '<']) {
        let (before, from) = rest.split_at(at);
        runs = runs.and(Paint::Plain, before);
        if let Some((paint, text, after)) = special(from) {
            let ticks = if paint == Paint::Code && keep_ticks { "`" } else { "" };
            runs = runs.and(paint, format!("{ticks}{text}{ticks}"));
            rest = after;
        } else {
            let next = from.char_indices().nth(1).map_or(from.len(), |(at, _)| at);
            let (sign, after) = from.split_at(next);
            runs = runs.and(Paint::Plain, sign);
            rest = after;
        }
    }
    runs.and(Paint::Plain, rest)
}

/// A special run at the start of `from`, and what follows it.
fn special(from: &str) -> Option<(Paint, String, &str)> {
    if let Some((code, after)) = from.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
        return Some((Paint::Code, code.to_owned(), after));
    }
    if let Some((strong, after)) = from.strip_prefix("**").and_then(|rest| rest.split_once("**")) {
        return Some((Paint::Strong, strong.to_owned(), after));
    }
    if let Some((address, after)) = from.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        return address.starts_with("http").then(|| (Paint::Link, address.to_owned(), after));
    }
    let (text, rest) = from.strip_prefix('[')?.split_once("](")?;
    let (address, after) = rest.split_once(')')?;
    (!text.contains(']')).then(|| (Paint::Link, format!("{text} ({address})"), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(runs: Runs) -> String {
        runs.pieces().iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn markdown_is_read() {
        let runs = inline("see `a b`, **c**, [d](https://e) and <https://f>", false);
        let paints: Vec<Paint> = runs.pieces().iter().map(|(paint, _)| *paint).filter(|p| *p != Paint::Plain).collect();
        assert_eq!(paints, [Paint::Code, Paint::Strong, Paint::Link, Paint::Link]);
        assert_eq!(text(runs), "see a b, c, d (https://e) and https://f");
    }

    #[test]
    fn markdown_that_is_none_is_left_as_it_is() {
        for plain in ["a * b", "`open", "[x] y", "a < b", "**", "é*", "<not an address>"] {
            assert_eq!(text(inline(plain, true)), plain);
        }
    }
}
