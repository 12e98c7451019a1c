//! The table of keys: path in the file, what it is for, how it is set and shown. The file's reader, the environment,
//! the flags and `config.example.toml` all come from here.

use std::path::Path;

use super::Config;
use super::setting::{Given, Setting};

/// One key of the configuration.
pub struct Key {
    /// `table.name` as in the file; `WHY401_TABLE_NAME` in the environment.
    pub path: &'static str,
    pub about: &'static str,
    pub(super) set: fn(&mut Config, &Given, &Path) -> Result<(), String>,
    pub(super) add: fn(&mut Config, &Given, &Path) -> Result<(), String>,
    pub(super) show: fn(&Config) -> String,
}

impl Key {
    /// The variable of the environment that sets this key.
    pub fn variable(&self) -> String {
        format!("WHY401_{}", self.path.replace('.', "_").to_ascii_uppercase())
    }

    /// Its value in `config`, as TOML.
    pub fn shown(&self, config: &Config) -> String {
        (self.show)(config)
    }
}

macro_rules! keys {
    ($($path:literal => $($field:ident).+, $about:literal;)*) => {
        /// Every key, in the order of the example.
        pub const KEYS: &[Key] = &[$(Key {
            path: $path,
            about: $about,
            set: |config, given, base| { config.$($field).+ = Setting::read(given, base)?; Ok(()) },
            add: |config, given, base| config.$($field).+.add(given, base),
            show: |config| config.$($field).+.show(),
        }),*];
    };
}

keys! {
    "listen" => listen,
        "Where clients reach the proxy. Port 0 picks a free one.";
    "reverse" => reverse,
        "Listeners of their own for one instance each, for clients that know no proxy:\n\
         \"127.0.0.1:8401=https://dev1.service-now.com\". Without the address: 127.0.0.1:8401 and up.";
    "intercept" => intercept,
        "Hosts whose TLS is opened, besides *.service-now.com and *.servicenowservices.com:\n\
         \"api.vendor.example\" or \"*.vendor.example\". Every other host passes unseen.\n\
         The CA is limited to these names: run `why401 ca rotate` after a change.";
    "drain_seconds" => drain,
        "How long running exchanges may take to end after SIGTERM.";
    "upstream.proxy" => upstream.proxy,
        "A proxy on the way to the upstream: \"http://proxy.corp.example:3128\". Empty: none.";
    "upstream.ca_files" => upstream.ca_files,
        "PEM files with roots that are trusted besides the system's own.";
    "upstream.resolve" => upstream.resolve,
        "Names looked up by hand, as curl's --resolve: \"dev1.service-now.com:443=127.0.0.1:8443\".";
    "upstream.connect_seconds" => upstream.connect,
        "Limit for the lookup of the name and the TCP connection. Lengths of time also read \"10s\", \"500ms\", \"2m\".";
    "upstream.tls_seconds" => upstream.tls,
        "Limit for the TLS handshake.";
    "upstream.first_byte_seconds" => upstream.first_byte,
        "Limit for the head of the answer. Raise it for long-running reports.";
    "upstream.idle_seconds" => upstream.idle,
        "How long an unused connection is kept for the next request.";
    "client.head_seconds" => client.head,
        "Limit for a request's head to arrive.";
    "client.tls_seconds" => client.tls,
        "Limit for the client's TLS handshake.";
    "client.idle_seconds" => client.idle,
        "How long a client's connection may rest between requests.";
    "client.connections" => client.connections,
        "How many client connections may be open at once; further ones wait.";
    "ca.dir" => ca.dir,
        "Where the certificate authority is kept. Empty: why401/ca in the user's data folder.";
    "ca.leaves" => ca.leaves,
        "How many minted certificates are kept for reuse, one for each host.";
    "log.format" => log.format,
        "\"human\" or \"json\" (one object a line).";
    "log.file" => log.file,
        "A file that gets the explanations too, appended. Empty: standard output only.";
    "log.filter" => log.filter,
        "Which operations are told on standard error, in the syntax of RUST_LOG (which outranks it).";
    "session.dir" => session.dir,
        "A folder for the recording of this session. Empty: nothing is recorded.";
    "session.total_bytes" => session.total,
        "Limit for the recording on disk; the oldest goes first. Sizes also read \"256KiB\", \"1MiB\".";
    "ui.listen" => ui.listen,
        "Where the page in the browser is served: \"127.0.0.1:8081\". Empty: not at all.";
    "memory.head_bytes" => memory.head,
        "Limit for a request's head; a longer one is answered 431.";
    "memory.body_bytes" => memory.body,
        "How much of each body is kept for explaining. Bodies always pass whole.";
    "memory.ledger_records" => memory.records,
        "How many tokens, codes and clients are remembered, of each kind; the oldest goes first.";
    "memory.queue_exchanges" => memory.queue,
        "How many exchanges may wait to be explained. When it is full, traffic goes on and explanations are dropped.";
}

/// The example file: every key with what it is for and its default.
pub fn example() -> String {
    let defaults = Config::default();
    let mut text = String::from(
        "# why401: every key, with its default. Copy what you change to ~/.config/why401/config.toml,\n\
         # or name a file with --config. A variable WHY401_<KEY> (WHY401_LOG_FORMAT=json) outranks the file,\n\
         # a flag outranks both. `why401 check config FILE` names every fault at its place.\n",
    );
    let mut table = "";
    for key in KEYS {
        let (of, name) = key.path.split_once('.').unwrap_or(("", key.path));
        if of != table {
            text.push_str(&format!("\n[{of}]\n"));
            table = of;
        } else {
            text.push('\n');
        }
        for line in key.about.lines() {
            text.push_str(&format!("# {line}\n"));
        }
        text.push_str(&format!("{name} = {}\n", key.shown(&defaults)));
    }
    text
}
