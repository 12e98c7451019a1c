//! The command: started with its variables, with our terminal and our signals, until it ends.

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::process::ExitStatus;

use tokio::process::Command;

use crate::command::Failure;

/// What a shell says of a command that is not there, or cannot be run.
const NOT_FOUND: u8 = 127;
/// A shell adds the number of the signal that ended a command.
const SIGNALLED: i32 = 128;

/// Runs the command to its end. Signals that reach us are passed on; those of the terminal it gets by itself.
pub async fn run(command: &[OsString], variables: Vec<(&'static str, String)>) -> Result<ExitStatus, Failure> {
    let (program, arguments) = command.split_first().ok_or("no command is named after `--`")?;
    let mut signals = signals::Signals::listen()?;
    let mut child = Command::new(program).args(arguments).envs(variables).spawn().map_err(|error| {
        let hint = if error.kind() == ErrorKind::NotFound { " (is it in PATH?)" } else { "" };
        format!("cannot run {}: {error}{hint}", program.to_string_lossy())
    })?;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(status.map_err(|error| format!("waiting for the command: {error}"))?),
            signal = signals.next() => pass_on(&child, signal),
        }
    }
}

/// The exit status as a shell would give it.
pub fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| signals::ended_by(status).map(|signal| SIGNALLED + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(NOT_FOUND)
}

/// Writes what was held back while the command had the terminal.
pub fn print(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).unwrap_or_default();
}

#[cfg(unix)]
use signals::pass_on;

#[cfg(not(unix))]
fn pass_on(_: &tokio::process::Child, _: ()) {}

#[cfg(unix)]
mod signals {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use rustix::process::{Pid, Signal, kill_process};
    use tokio::process::Child;
    use tokio::signal::unix::{self, SignalKind};

    /// SIGINT is listened to and kept: the terminal sends it to the command as well.
    pub struct Signals {
        int: unix::Signal,
        term: unix::Signal,
        hup: unix::Signal,
        usr1: unix::Signal,
        usr2: unix::Signal,
    }

    impl Signals {
        pub fn listen() -> Result<Signals, String> {
            let on = |kind| unix::signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
            Ok(Signals {
                int: on(SignalKind::interrupt())?,
                term: on(SignalKind::terminate())?,
                hup: on(SignalKind::hangup())?,
                usr1: on(SignalKind::user_defined1())?,
                usr2: on(SignalKind::user_defined2())?,
            })
        }

        /// The next signal to pass on.
        pub async fn next(&mut self) -> Signal {
            loop {
                tokio::select! {
                    _ = self.int.recv() => {}
                    _ = self.term.recv() => return Signal::TERM,
                    _ = self.hup.recv() => return Signal::HUP,
                    _ = self.usr1.recv() => return Signal::USR1,
                    _ = self.usr2.recv() => return Signal::USR2,
                }
            }
        }
    }

    pub fn pass_on(child: &Child, signal: Signal) {
        // Until it was waited for, its number is its own.
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            kill_process(pid, signal).unwrap_or_default()
        }
    }

    pub fn ended_by(status: ExitStatus) -> Option<i32> {
        status.signal()
    }
}

#[cfg(not(unix))]
mod signals {
    use std::process::ExitStatus;

    pub struct Signals;

    impl Signals {
        pub fn listen() -> Result<Signals, String> {
            Ok(Signals)
        }

        pub async fn next(&mut self) {
            std::future::pending().await
        }
    }

    pub fn ended_by(_: ExitStatus) -> Option<i32> {
        None
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn run_here(command: &[&str], variables: Vec<(&'static str, String)>) -> Result<u8, Failure> {
        let command: Vec<OsString> = command.iter().map(OsString::from).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(&command, variables)).map(code)
    }

    #[test]
    fn the_status_is_the_commands_own() {
        assert_eq!(run_here(&["sh", "-c", "exit 7"], Vec::new()).unwrap(), 7);
        assert_eq!(run_here(&["sh", "-c", "kill -9 $$"], Vec::new()).unwrap(), 137);
    }

    #[test]
    fn variables_reach_the_command() {
        assert_eq!(run_here(&["sh", "-c", "test \"$WHY\" = here"], vec![("WHY", "here".into())]).unwrap(), 0);
    }

    #[test]
    fn a_command_that_is_not_there_is_said() {
        let Err(Failure::Failed(text)) = run_here(&["/nowhere/at/all"], Vec::new()) else { panic!("it ran") };
        assert!(text.contains("/nowhere/at/all") && text.contains("PATH"), "{text}");
    }
}
