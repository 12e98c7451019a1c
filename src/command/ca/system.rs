//! The store of the system that this runs on: which recipe it is, and carrying that out.

use std::process::Command;

use crate::command::{Ended, Exit, say};

/// The recipe's name for this system.
pub fn name() -> Option<&'static str> {
    if cfg!(target_os = "macos") {
        return Some("macos");
    }
    if cfg!(windows) {
        return Some("windows");
    }
    from_os_release(&std::fs::read_to_string("/etc/os-release").unwrap_or_default())
}

/// By the distribution's own name, or what it says it is like (os-release(5)).
fn from_os_release(text: &str) -> Option<&'static str> {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    let names = format!("{} {}", value("ID"), value("ID_LIKE"));
    let known = [("debian", "debian"), ("ubuntu", "debian"), ("rhel", "rhel"), ("fedora", "rhel"), ("arch", "arch")];
    known.into_iter().find(|(name, _)| names.split_whitespace().any(|word| word == *name)).map(|(_, recipe)| recipe)
}

/// Runs the commands one after the other; stops at the first that fails. `sudo` is left out for root.
pub fn carry_out(commands: &[String]) -> Ended {
    for command in commands {
        let command = command.strip_prefix("sudo ").filter(|_| is_root()).unwrap_or(command);
        say(&format!("\n$ {command}"));
        let shell = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
        let status = Command::new(shell.0).arg(shell.1).arg(command).status();
        let status = status.map_err(|error| format!("cannot run {}: {error}", shell.0))?;
        if !status.success() {
            return Err(format!("`{command}` failed ({status}); nothing after it was run").into());
        }
    }
    say("\ndone");
    Ok(Exit::Done)
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_are_known_by_name_or_likeness() {
        assert_eq!(from_os_release("NAME=x\nID=debian\n"), Some("debian"));
        assert_eq!(from_os_release("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"), Some("debian"));
        assert_eq!(from_os_release("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"), Some("rhel"));
        assert_eq!(from_os_release("ID=plan9\n"), None);
        assert_eq!(from_os_release(""), None);
    }
}
