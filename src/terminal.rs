//! What standard output can show: width, colours, letters.

use std::io::IsTerminal;

use crate::output::Style;

/// Columns where nobody says: lines of this width are read well in a log file or a ticket.
const WIDTH: usize = 100;

/// The style for explanations on standard output. `why`: with the account of every suspect.
pub fn style(why: bool) -> Style {
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let terminal = std::io::stdout().is_terminal();
    let columns = terminal.then(terminal_size::terminal_size).flatten().map(|(width, _)| usize::from(width.0));
    Style {
        width: columns.unwrap_or(WIDTH),
        colour: colour(terminal, given("NO_COLOR"), given("CLICOLOR_FORCE"), given("TERM")),
        unicode: unicode(given("LC_ALL").or(given("LC_CTYPE")).or(given("LANG"))),
        why,
    }
}

/// As <https://no-color.org> and <https://bixense.com/clicolors> have it.
fn colour(terminal: bool, no: Option<String>, force: Option<String>, term: Option<String>) -> bool {
    let forced = force.is_some_and(|value| value != "0");
    no.is_none() && (forced || terminal && term.as_deref() != Some("dumb"))
}

/// A locale that is named and is not UTF-8 gets ASCII; without a name, everything of today shows UTF-8.
fn unicode(locale: Option<String>) -> bool {
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8") || locale == "c" && cfg!(windows)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn colours_follow_the_terminal_and_the_conventions() {
        assert!(colour(true, None, None, some("xterm")));
        assert!(!colour(false, None, None, None));
        assert!(!colour(true, some("1"), some("1"), None));
        assert!(colour(false, None, some("1"), None));
        assert!(!colour(false, None, some("0"), None));
        assert!(!colour(true, None, None, some("dumb")));
    }

    #[test]
    fn letters_follow_the_locale() {
        assert!(unicode(some("de_DE.UTF-8")) && unicode(some("C.utf8")) && unicode(None));
        assert!(!unicode(some("POSIX")) && !unicode(some("de_DE.ISO-8859-1")));
    }
}
