//! The table of keys: path in the file, what it is for, how it is set and shown. The file's reader, the environment,
//! the flags and `config.example.toml` all come from here.

use std::path::Path;

use super::Config;
use super::setting::{Given, Setting, Size};

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
    ($($path:literal => $($field:ident).+ $(as $kind:ident)?, $about:literal;)*) => {
        /// Every key, in the order of the example.
        pub const KEYS: &[Key] = &[$(Key {
            path: $path,
            about: $about,
            set: |config, given, base| { config.$($field).+ = keys!(read given, base $(, $kind)?); Ok(()) },
            add: |config, given, base| keys!(add config.$($field).+, given, base $(, $kind)?),
            show: |config| keys!(show config.$($field).+ $(, $kind)?),
        }),*];
    };
    (read $given:ident, $base:ident) => { Setting::read($given, $base)? };
    (read $given:ident, $base:ident, Size) => { Size::read($given, $base)?.bytes() };
    (add $field:expr, $given:ident, $base:ident) => { $field.add($given, $base) };
    (add $field:expr, $given:ident, $base:ident, Size) => { Size::read($given, $base).map(|size| $field = size.bytes()) };
    (show $field:expr) => { $field.show() };
    (show $field:expr, Size) => { Size($field as u64).show() };
}

keys! {
    "listen" => listen,
        "Where clients reach the proxy. Port 0 picks a free one.";
    "reverse" => reverse,
        "Instances for clients that know no proxy: \"127.0.0.1:8401=https://dev1.service-now.com\" listens there over\n\
         http, \"https://127.0.0.1:8443=https://dev1.service-now.com\" over https.\n\
         Without the address, requests to `listen` that name no host are for it (one at most).";
    "intercept" => intercept,
        "Hosts whose TLS is opened, besides *.service-now.com and *.servicenowservices.com:\n\
         \"api.vendor.example\" or \"*.vendor.example\". Every other host passes unseen.\n\
         The certificate authority is limited to these names: run `why401 ca rotate` after adding one.";
    "http1" => http1,
        "HTTP/1.1 alone, with clients and upstreams. Else HTTP/2 is spoken with whoever offers it.";
    "access.remote" => access.remote,
        "Whether a listener may be one that other machines reach (0.0.0.0, an address of the network). It then needs\n\
         `clients` or `credentials`; and loopback and private addresses are no targets any more, unless `private`.";
    "access.clients" => access.clients,
        "Addresses and ranges that may connect, besides this machine: \"192.0.2.7\", \"10.1.0.0/16\". Empty: any.";
    "access.credentials" => access.credentials,
        "What clients of the forward proxy must show in Proxy-Authorization: \"USER:PASSWORD\", one of them.\n\
         There is no flag for it: everybody on a machine sees the flags of its programs.";
    "access.proxy_protocol" => access.balanced,
        "Listeners behind a load balancer, as `listen` and `reverse` have them: each connection must begin with the\n\
         PROXY protocol (1 or 2), and the client is the one that it tells. `clients` is about the balancer then.";
    "access.ports" => access.ports,
        "Ports that requests may go to. Always open: 80, 443, and what `reverse` and `upstream.resolve` name; while only\n\
         this machine reaches the proxy also 1024 and above of intercepted hosts and of this machine.";
    "access.private" => access.private,
        "Whether loopback and private addresses are targets although other machines reach the proxy.";
    "marks.via" => marks.via,
        "Add Via to requests and answers. Off: an instance sees no difference.";
    "marks.x_forwarded" => marks.x_forwarded,
        "Add X-Forwarded-For, -Host and -Proto to requests that come to reverse listeners. Off: ServiceNow's rules for\n\
         IP addresses read them.";
    "upstream.proxy" => upstream.proxy,
        "The proxy on the way to upstreams: \"http://proxy.corp.example:3128\", or with https://, socks5:// (names are looked up\n\
         here) or socks5h:// (there). Empty: as HTTPS_PROXY, HTTP_PROXY or ALL_PROXY say; \"none\": none, whatever they say.";
    "upstream.proxy_for" => upstream.proxy_for,
        "Hosts with a way of their own: \"*.vendor.example=http://dmz.corp.example:8080\", \"dev1.service-now.com=none\". The first\n\
         that fits counts, before all others.";
    "upstream.no_proxy" => upstream.no_proxy,
        "What is reached without a proxy: \".corp.example\" (it and what is under it), \"10.0.0.0/8\", \"build.example:8443\", \"*\".\n\
         Empty: as NO_PROXY says.";
    "upstream.ca_files" => upstream.ca_files,
        "PEM files with roots that are trusted besides the system's own.";
    "upstream.insecure" => upstream.insecure,
        "Test hosts whose certificate is NOT verified: \"test.example=SHA256\" takes the one certificate with this fingerprint,\n\
         \"test.example\" takes any, so that anybody on the way can read the credentials. No patterns. Every line about such\n\
         a host says so.";
    "upstream.client_certificates" => upstream.client_certificates,
        "Certificates of ours for upstreams that ask for one; the client's own cannot pass an interception. Best as tables:\n\
           [[upstream.client_certificates]]\n\
           hosts = [\"dev1.service-now.com\"]\n\
           file = \"client.p12\"             # or PEM; the key in the same file, or in another: key = \"client.key\"\n\
           password_env = \"CLIENT_P12\"     # or password_file = \"…\"; where there is one";
    "upstream.resolve" => upstream.resolve,
        "Names looked up by hand, as curl's --resolve: \"dev1.service-now.com:443=127.0.0.1:8443\".";
    "ca.dir" => ca.dir,
        "Where the certificate authority is kept. Empty: why401/ca in the user's data folder.";
    "ca.name_constraints" => ca.name_constraints,
        "Whether an authority that is made here is limited to the hosts above. False only for a client that cannot read\n\
         name constraints, or to intercept addresses: whoever then gets the key can be any host to your clients.";
    "ca.certificates" => ca.certificates,
        "An authority of your own, as PEM: the certificate that signs, then those above it. Empty: one is made.";
    "ca.key" => ca.key,
        "The key of the first of `ca.certificates`, PKCS #8 in PEM, readable by its owner alone.";
    "log.format" => log.format,
        "\"human\" or \"json\" (one object a line).";
    "log.all" => log.all,
        "Tell every exchange, those with nothing to explain too.";
    "log.why" => log.why,
        "Show what spoke for and against each suspect (human format).";
    "log.file" => log.file,
        "A file that gets the explanations too, appended. Empty: standard output only.";
    "log.filter" => log.filter,
        "Which operations are told on standard error, in the syntax of RUST_LOG (RUST_LOG and WHY401_LOG outrank it).";
    "session.record" => session.record,
        "Whether the session is recorded on disk, without its secrets, for `why401 report`.";
    "session.dir" => session.dir,
        "A folder for the recording. Empty: a new one for each run, under why401/sessions in the user's data folder.";
    "session.bodies" => session.bodies,
        "\"telling\": of a success that nothing is said of, heads, lengths and types are recorded, and the text of the\n\
         bodies is left out unless a diagnosis looks into it. \"all\": every body, as far as it was captured.";
    "session.total_bytes" => session.total,
        "Limit for the recording on disk; the oldest goes first. Sizes also read \"256KiB\", \"1MiB\".\n\
         A half of it is for failures and what led up to them, which stay when the rest goes.";
    "session.total_exchanges" => session.exchanges,
        "Limit for the recording in exchanges; the oldest go first, failures and what led up to them last.";
    "ui.listen" => ui.listen,
        "Where the page in the browser is served: \"127.0.0.1:8081\". Empty: not at all.\n\
         It is for this machine alone, and for whoever has the token that is printed with its address.";
    "timeouts.silent_seconds" => limits.silent,
        "How long a new connection may say nothing. Lengths of time also read \"10s\", \"500ms\", \"2m\".";
    "timeouts.head_seconds" => limits.header,
        "How long a request's head may take to arrive.";
    "timeouts.handshake_seconds" => limits.handshake,
        "How long the client's TLS handshake may take.";
    "timeouts.idle_seconds" => limits.idle,
        "How long a client's connection may rest between requests, and a body between two parts.";
    "timeouts.tunnel_idle_seconds" => limits.tunnel_idle,
        "How long a tunnel that passes unseen may rest.";
    "timeouts.connect_seconds" => limits.connect,
        "How long reaching an upstream may take: name, TCP, parent proxy and TLS together.";
    "timeouts.first_byte_seconds" => limits.first_byte,
        "How long an answer may take to begin. Raise it for long-running reports.";
    "timeouts.half_closed_seconds" => limits.half_closed,
        "How long an answer may take to begin after the client has closed its sending side.";
    "timeouts.pooled_seconds" => limits.pooled_for,
        "How long an unused upstream connection is kept for the next request.";
    "timeouts.admission_seconds" => limits.admission,
        "How long a request waits for room in the queue of explanations before it is forwarded unexplained.";
    "timeouts.drain_seconds" => drain,
        "How long running exchanges may take to end after SIGTERM.";
    "limits.head_bytes" => limits.head_bytes as Size,
        "Size of a request's or an answer's head.";
    "limits.target_bytes" => limits.target_bytes as Size,
        "Size of a request's target (path and query); a longer one is answered 414.";
    "limits.head_fields" => limits.fields,
        "Field lines in a head.";
    "limits.body_kept_bytes" => limits.body_kept as Size,
        "How much of each body is kept for explaining. Bodies always pass whole.";
    "limits.body_decoded_bytes" => limits.unpacking.bytes as Size,
        "How much of a kept body is decoded where it is compressed.";
    "limits.body_decoded_ratio" => limits.unpacking.ratio,
        "How many times as long as the compressed body that may be.";
    "limits.connections" => limits.connections,
        "Client connections at once; further ones wait.";
    "limits.streams" => limits.streams,
        "Requests at once on one HTTP/2 connection, with clients and upstreams.";
    "limits.stream_bytes" => limits.stream_bytes as Size,
        "How much of a body one HTTP/2 stream may bring ahead of a slow receiver (its window).";
    "limits.pooled_connections" => limits.pooled,
        "Unused upstream connections kept, over all hosts.";
    "limits.leaves" => limits.leaves,
        "Minted certificates kept for reuse, one for each host.";
    "memory.ledger_records" => memory.records,
        "How many tokens, codes and clients are remembered, of each kind; the oldest goes first.";
    "memory.queue_exchanges" => memory.queue,
        "How many exchanges may wait to be explained.";
}

/// The example file: every key with what it is for and its default.
pub fn example() -> String {
    let defaults = Config::default();
    let mut text = String::from(
        "# why401: every key, with its default. Copy what you change to ~/.config/why401/config.toml,\n\
         # or name a file with --config. A variable WHY401_<KEY> (WHY401_LOG_FORMAT=json) outranks the file,\n\
         # a flag outranks both. `why401 check config FILE` names every fault at its place. SIGHUP has a running proxy\n\
         # read it again, for new connections; what takes effect at the next start only is named then.\n",
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
