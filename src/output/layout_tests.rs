//! How lines are made.

use super::super::inline::inline;
use super::*;

fn wrapped(style: &Style, label: &str, hang: usize, text: Runs) -> String {
    let mut sheet = Sheet::new(style);
    sheet.wrapped(&Runs::plain(label), hang, &text);
    sheet.finish()
}

#[test]
fn text_hangs_behind_its_label() {
    let style = Style::plain(40);
    let text = Runs::plain("one two three four five six seven eight nine ten");
    assert_eq!(
        wrapped(&style, "fix", 10, text),
        "fix       one two three four five six\n          seven eight nine ten\n"
    );
}

#[test]
fn a_number_stays_with_its_unit() {
    let text = Runs::plain("a lifetime of some 1799 s, by exchange 2.");
    assert_eq!(
        wrapped(&Style::plain(40), "", 19, text),
        format!("{0}a lifetime of some\n{0}1799 s, by\n{0}exchange 2.\n", " ".repeat(19))
    );
}

#[test]
fn long_words_are_cut_and_addresses_are_not() {
    let style = Style::plain(40);
    let long = "x".repeat(45);
    let out = wrapped(&style, "", 10, Runs::plain(long.clone()));
    assert!(out.lines().count() == 2 && out.lines().all(|line| line.width() <= 40), "{out}");
    assert_eq!(wrapped(&style, "", 10, Runs::of(Paint::Link, long.clone())), format!("{}{long}\n", " ".repeat(10)));
}

#[test]
fn words_may_change_their_paint_in_the_middle() {
    let style = Style { colour: true, ..Style::plain(80) };
    let out = wrapped(&style, "", 0, inline("see `a b`, then **c**.", false));
    assert_eq!(out, "see \x1b[36ma b\x1b[0m, then \x1b[1mc\x1b[0m.\n");
    assert_eq!(wrapped(&Style::plain(80), "", 0, inline("see `a b`.", true)), "see `a b`.\n");
}

#[test]
fn nothing_odd_gets_through() {
    let style = Style::plain(80);
    let mut sheet = Sheet::new(&style);
    sheet.line(&Runs::plain("a\x1b[2Jb\nc\u{202e}"));
    assert_eq!(sheet.finish(), "a\\x1b[2Jb\\nc\\u{202e}\n");
}

#[test]
fn plain_ascii_where_that_is_all_there_is() {
    let style = Style { unicode: false, ..Style::plain(80) };
    let mut sheet = Sheet::new(&style);
    sheet.line(&Runs::plain("‹86 chars #a41f…› → jürgen"));
    assert_eq!(sheet.finish(), "<86 chars #a41f...> -> j\\u{fc}rgen\n");
}
