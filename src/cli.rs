//! The command line as data: help, the man page and the completions come from here.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::command::{analyze, ca, check, demo, doctor, exec, explain, instance, report, shell};

const EXAMPLES: &str = "\
Examples:
  why401 demo                                   see it explain, without an instance
  why401                                        the proxy on 127.0.0.1:8080
  why401 ca trust curl                          how curl comes to trust it
  why401 exec -- newman run collection.json     one command through the proxy, nothing to set up
  why401 analyze session.har                    explain a recording of any other tool

Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 --fail-on reached.";

/// Sits between an API client and ServiceNow and says in words why authentication failed.
///
/// Without a command it runs the proxy, like `why401 run`. Requests and answers pass unchanged; explanations go to
/// standard output, operations to standard error.
#[derive(Debug, Parser)]
#[command(name = "why401", version, args_conflicts_with_subcommands = true, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub run: RunOptions,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the proxy (the default)
    Run(RunOptions),
    /// Run one command through a proxy of its own, set up and trusted
    Exec(exec::Options),
    /// Explain a HAR file, a curl command with what it printed, a raw message or a pasted error body
    Analyze(analyze::Options),
    /// Show the page of one cause
    Explain(explain::ExplainOptions),
    /// List all causes
    Causes(explain::CausesOptions),
    /// Make the bundle for a support ticket from a recorded session or a HAR file, without its secrets
    Report(report::Options),
    /// Show the certificate authority, and how each client trusts it
    Ca(ca::Options),
    /// Check a configuration file, every fault at its place
    Check(check::Options),
    /// Look for what keeps a client from coming through
    Doctor(doctor::Options),
    /// The whole thing on simulated failures, without an instance
    Demo(demo::Options),
    /// The simulated ServiceNow instance alone
    Instance(instance::Options),
    /// Print the completions for a shell
    Completions(shell::CompletionsOptions),
    /// Print the man page
    Man,
}

/// What `run` and `exec` can be told by flags. Values are read by `config`, so that all faults are told at once.
#[derive(Args, Clone, Debug, Default)]
pub struct RunOptions {
    /// Where clients reach the proxy; port 0 picks a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    /// Read settings from this file [default: why401/config.toml in the user's config folder]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Form of the explanations: human or json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Tell every exchange, those with nothing to explain too
    #[arg(long)]
    all: bool,
    /// Show what spoke for and against each suspect
    #[arg(long)]
    why: bool,
    /// Append the explanations to this file too
    #[arg(long, value_name = "FILE")]
    log_file: Option<String>,
    /// Record the session in this folder, without its secrets [default: a new one for each run]
    #[arg(long, value_name = "DIR")]
    session: Option<String>,
    /// Which bodies the recording keeps: `telling`, those that may tell something of a failure, or `all` [default: telling]
    #[arg(long, value_name = "telling|all")]
    session_bodies: Option<String>,
    /// Serve the page in the browser here, as 127.0.0.1:8081
    #[arg(long, value_name = "ADDR")]
    ui: Option<String>,
    /// Also listen for clients that know no proxy, and forward to this origin
    #[arg(long, value_name = "[[https://]ADDR=]https://HOST")]
    reverse: Vec<String>,
    /// Open the TLS of this host too (*.service-now.com and *.servicenowservices.com always are)
    #[arg(long, value_name = "HOST")]
    intercept: Vec<String>,
    /// Let a listener be one that other machines reach; needs clients or credentials to be named, too
    #[arg(long)]
    allow_remote: bool,
    /// Let these clients connect, besides this machine
    #[arg(long, value_name = "ADDR[/BITS]")]
    allow_client: Vec<String>,
    /// Let requests go to this port, besides 80, 443 and those that other settings name
    #[arg(long, value_name = "PORT")]
    allow_port: Vec<String>,
    /// Speak HTTP/1.1 alone, with clients and upstreams
    #[arg(long)]
    http1: bool,
    /// Reach the upstream through this proxy (http, https, socks5, socks5h); none: through none [default: as HTTPS_PROXY says]
    #[arg(long, value_name = "URL")]
    upstream_proxy: Option<String>,
    /// Trust the roots in this PEM file too, for upstreams
    #[arg(long, value_name = "FILE")]
    upstream_ca: Vec<String>,
    /// Do NOT verify the certificate of this test host; with a fingerprint, take that one certificate
    #[arg(long, value_name = "HOST[=SHA256]")]
    upstream_insecure: Vec<String>,
    /// Show this certificate to this upstream: PEM with its key, or PKCS#12 (with a password: see the configuration file)
    #[arg(long, value_name = "HOST=FILE")]
    client_certificate: Vec<String>,
    /// Look this name up by hand, as curl's --resolve
    #[arg(long, value_name = "HOST[:PORT]=ADDR[:PORT]")]
    resolve: Vec<String>,
    #[command(flatten)]
    ca: CaFlags,
}

/// Which certificate authority: the same for every command that uses it.
#[derive(Args, Clone, Debug, Default)]
pub struct CaFlags {
    /// Where the certificate authority is kept
    #[arg(long, value_name = "DIR", global = true)]
    ca_dir: Option<String>,
    /// Make the authority without name constraints, for a client that refuses them: its key is then worth stealing
    #[arg(long, global = true)]
    no_name_constraints: bool,
    /// Use an authority of your own: PEM file, the certificate that signs first, then those above it
    #[arg(long, value_name = "FILE", global = true)]
    ca_cert: Option<String>,
    /// The key of that certificate (PKCS #8 in PEM, mode 0600)
    #[arg(long, value_name = "FILE", global = true)]
    ca_key: Option<String>,
}

impl CaFlags {
    /// As `RunOptions::given`.
    pub fn given(&self) -> impl Iterator<Item = (&'static str, &'static str, String)> {
        let one = [
            ("--ca-dir", "ca.dir", &self.ca_dir),
            ("--ca-cert", "ca.certificates", &self.ca_cert),
            ("--ca-key", "ca.key", &self.ca_key),
        ];
        let one = one.into_iter().filter_map(|(flag, key, value)| Some((flag, key, value.clone()?)));
        let without =
            self.no_name_constraints.then(|| ("--no-name-constraints", "ca.name_constraints", "false".to_owned()));
        one.chain(without)
    }
}

impl RunOptions {
    /// Each flag that was given: its name, the key that it sets, its value.
    pub fn given(&self) -> Vec<(&'static str, &'static str, String)> {
        let many = [
            ("--listen", "listen", &self.listen),
            ("--reverse", "reverse", &self.reverse),
            ("--intercept", "intercept", &self.intercept),
            ("--allow-client", "access.clients", &self.allow_client),
            ("--allow-port", "access.ports", &self.allow_port),
            ("--upstream-ca", "upstream.ca_files", &self.upstream_ca),
            ("--upstream-insecure", "upstream.insecure", &self.upstream_insecure),
            ("--client-certificate", "upstream.client_certificates", &self.client_certificate),
            ("--resolve", "upstream.resolve", &self.resolve),
        ];
        let one = [
            ("--log-format", "log.format", &self.log_format),
            ("--log-file", "log.file", &self.log_file),
            ("--session", "session.dir", &self.session),
            ("--session-bodies", "session.bodies", &self.session_bodies),
            ("--ui", "ui.listen", &self.ui),
            ("--upstream-proxy", "upstream.proxy", &self.upstream_proxy),
        ];
        let switches = [
            ("--all", "log.all", self.all),
            ("--why", "log.why", self.why),
            ("--http1", "http1", self.http1),
            ("--allow-remote", "access.remote", self.allow_remote),
        ];
        let switches = switches.into_iter().filter(|(.., on)| *on).map(|(flag, key, on)| (flag, key, on.to_string()));
        let many = many.into_iter().flat_map(|(flag, key, values)| values.iter().map(move |value| (flag, key, value)));
        let one = one.into_iter().filter_map(|(flag, key, value)| value.as_ref().map(|value| (flag, key, value)));
        let given = many.chain(one).map(|(flag, key, value)| (flag, key, value.clone()));
        given.chain(self.ca.given()).chain(switches).collect()
    }
}

/// Reads the arguments; prints help, version or the usage fault and ends the process where that is asked for.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Cli {
    Cli::parse_from(arguments)
}

/// The table as clap's command, for the man page, the completions and tests.
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(arguments: &[&str]) -> Vec<(&'static str, &'static str, String)> {
        let cli = Cli::try_parse_from([&["why401"], arguments].concat()).unwrap();
        match cli.command {
            Some(Command::Run(run)) => run.given(),
            Some(_) => panic!("another command"),
            None => cli.run.given(),
        }
    }

    #[test]
    fn the_table_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn run_is_the_default_command() {
        let flags = ["--listen", "127.0.0.1:0", "--resolve", "a=127.0.0.1", "--resolve", "b=127.0.0.1"];
        assert_eq!(given(&flags), given(&[&["run"], &flags[..]].concat()));
        assert_eq!(given(&flags).len(), 3);
        assert!(given(&[]).is_empty());
    }

    #[test]
    fn every_flag_sets_a_key_that_exists() {
        let flags = [
            "--listen=x",
            "--log-format=x",
            "--log-file=x",
            "--session=x",
            "--session-bodies=x",
            "--ui=x",
            "--reverse=x",
            "--intercept=x",
            "--upstream-proxy=x",
            "--upstream-ca=x",
            "--upstream-insecure=x",
            "--client-certificate=x",
            "--resolve=x",
            "--ca-dir=x",
            "--all",
            "--why",
            "--allow-remote",
            "--allow-client=x",
            "--allow-port=x",
            "--http1",
        ];
        let given = given(&flags);
        assert_eq!(given.len(), flags.len());
        for (flag, key, _) in given {
            assert!(crate::config::KEYS.iter().any(|known| known.path == key), "{flag} sets {key}");
        }
    }

    #[test]
    fn flags_before_another_command_are_refused() {
        assert!(Cli::try_parse_from(["why401", "--listen=x", "demo"]).is_err());
    }
}
