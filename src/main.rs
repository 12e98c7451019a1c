//! Arguments in, exit status out.

use std::process::ExitCode;

fn main() -> ExitCode {
    why401::command::dispatch(why401::cli::parse(std::env::args_os()))
}
