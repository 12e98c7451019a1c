//! The Markdown of a page's sections for a terminal: paragraphs, lists, fences.

use super::inline::inline;
use super::layout::{Paint, Runs, Sheet};

/// Writes Markdown from column `indent` on.
pub(super) fn write(sheet: &mut Sheet<'_>, markdown: &str, indent: usize) {
    let mut paragraph = String::new();
    let mut fenced = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            end(sheet, &mut paragraph, indent);
            fenced = !fenced;
        } else if fenced {
            sheet.line(&Runs::plain(" ".repeat(indent + 2)).and(Paint::Code, line));
        } else if line.trim().is_empty() {
            let open = !paragraph.is_empty();
            end(sheet, &mut paragraph, indent);
            if open {
                sheet.blank();
            }
        } else {
            if marker(line).is_some() {
                end(sheet, &mut paragraph, indent);
            }
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(line.trim());
        }
    }
    end(sheet, &mut paragraph, indent);
}

/// Writes what was collected: a paragraph or one item of a list.
fn end(sheet: &mut Sheet<'_>, paragraph: &mut String, indent: usize) {
    let text = std::mem::take(paragraph);
    let (sign, text) = marker(&text).unwrap_or(("", &text));
    let label = if sign.is_empty() { String::new() } else { format!("{}{sign} ", " ".repeat(indent)) };
    let hang = indent + if sign.is_empty() { 0 } else { sign.len() + 1 };
    if !text.is_empty() {
        sheet.wrapped(&Runs::plain(label), hang, &inline(text, sheet.keeps_ticks()));
    }
}

/// `- item` or `12. item`: the sign and the text.
fn marker(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let (sign, text) = line.split_once(' ')?;
    let number =
        sign.strip_suffix('.').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
    (number || matches!(sign, "-" | "*")).then_some((sign, text.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::super::layout::Style;
    use super::*;

    #[test]
    fn paragraphs_lists_and_fences_keep_their_shape() {
        let style = Style::plain(40);
        let mut sheet = Sheet::new(&style);
        write(&mut sheet, "One line\nthat goes on `here`.\n\nThen:\n- a\n  b\n- c\n\n```\nx   y\n```\nend", 2);
        assert_eq!(sheet.finish(), "  One line that goes on `here`.\n\n  Then:\n  - a b\n  - c\n\n    x   y\n  end\n");
    }
}
