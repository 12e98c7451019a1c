//! The commands besides `run`, one file each, and how a command ends.

pub mod analyze;
pub mod ca;
pub mod check;
pub mod demo;
pub mod doctor;
pub mod exec;
pub mod explain;
mod folder;
pub mod instance;
mod progress;
pub mod report;
pub mod shell;

use std::io::Write;
use std::process::ExitCode;

use clap::ValueEnum;

use crate::cli::{Cli, Command};
use crate::config::Fault;
use crate::model::Grade;
use crate::run;

/// How a command ended, when it could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// The work was done and the answer is no: a file has faults, a check found one.
    Failed,
    /// A finding reached the grade of `--fail-on`.
    FailOn,
    /// The status of a command that was run for the user.
    Child(u8),
}

/// The grade of `--fail-on`: this one or a surer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AtLeast {
    Possible,
    Likely,
    Proven,
}

impl AtLeast {
    /// Whether the surest finding reaches it.
    pub fn reached(self, best: Option<Grade>) -> bool {
        let least = match self {
            AtLeast::Possible => Grade::Possible,
            AtLeast::Likely => Grade::Likely,
            AtLeast::Proven => Grade::Proven,
        };
        best.is_some_and(|best| best >= least)
    }
}

/// Why a command could not do its work; the text says what to do next.
#[derive(Debug)]
pub enum Failure {
    /// Exit status 1.
    Failed(String),
    /// Wrong usage or configuration: exit status 2. The text stands for itself, without `error:` before it.
    Usage(String),
}

impl From<String> for Failure {
    fn from(text: String) -> Failure {
        Failure::Failed(text)
    }
}

impl From<&str> for Failure {
    fn from(text: &str) -> Failure {
        Failure::Failed(text.to_owned())
    }
}

impl From<Vec<Fault>> for Failure {
    fn from(faults: Vec<Fault>) -> Failure {
        Failure::Usage(faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n\n"))
    }
}

/// What every command returns.
pub type Ended = Result<Exit, Failure>;

/// Runs what the command line asks for.
pub fn dispatch(cli: Cli) -> ExitCode {
    let ended = match cli.command {
        None => run::run(&cli.run),
        Some(Command::Run(options)) => run::run(&options),
        Some(Command::Exec(options)) => exec::run(&options),
        Some(Command::Analyze(options)) => analyze::run(&options),
        Some(Command::Explain(options)) => explain::explain(&options),
        Some(Command::Causes(options)) => explain::causes(&options),
        Some(Command::Report(options)) => report::run(&options),
        Some(Command::Ca(options)) => ca::run(&options),
        Some(Command::Check(options)) => check::run(&options),
        Some(Command::Doctor(options)) => doctor::run(&options),
        Some(Command::Demo(options)) => demo::run(&options),
        Some(Command::Instance(options)) => instance::run(&options),
        Some(Command::Completions(options)) => shell::completions(&options),
        Some(Command::Man) => shell::man(),
    };
    status(ended)
}

fn status(ended: Ended) -> ExitCode {
    match ended {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::Failed) => ExitCode::from(1),
        Ok(Exit::FailOn) => ExitCode::from(3),
        Ok(Exit::Child(status)) => ExitCode::from(status),
        Err(Failure::Failed(text)) => {
            complain(&format!("error: {text}"));
            ExitCode::from(1)
        }
        Err(Failure::Usage(text)) => {
            complain(&text);
            ExitCode::from(2)
        }
    }
}

/// Writes a text and a line end to standard output. A reader that went away is no fault of ours.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).unwrap_or_default();
}

/// Writes a text and a line end to standard error.
pub fn complain(text: &str) {
    writeln!(std::io::stderr().lock(), "{text}").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fail_on_means_this_grade_or_a_surer_one() {
        assert!(AtLeast::Likely.reached(Some(Grade::Proven)) && AtLeast::Likely.reached(Some(Grade::Likely)));
        assert!(!AtLeast::Likely.reached(Some(Grade::Possible)) && !AtLeast::Possible.reached(None));
    }

    #[test]
    fn the_exit_status_is_the_contract() {
        assert_eq!(status(Ok(Exit::Done)), ExitCode::SUCCESS);
        assert_eq!(status(Ok(Exit::Failed)), ExitCode::from(1));
        assert_eq!(status(Ok(Exit::FailOn)), ExitCode::from(3));
        assert_eq!(status(Ok(Exit::Child(7))), ExitCode::from(7));
        assert_eq!(status(Err("no".into())), ExitCode::from(1));
        assert_eq!(status(Err(Failure::Usage("no".into()))), ExitCode::from(2));
    }
}
