//! What the tests stand on: a simulated instance in this process, the program in another, a client on a raw socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use why401::instance::training;
use why401::stage::{Clock, Stage};

pub const HOST: &str = "dev1.service-now.com";

/// Nothing here takes longer; it is not waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request that fails for one certain reason: the blank after Bearer is missing.
pub const FAILING: &str = "GET /api/now/table/incident?sysparm_limit=1 HTTP/1.1\r\nHost: dev1.service-now.com\r\n\
                           Authorization: BearerAAAAAAAAAAAAAAAAAAAA\r\nConnection: close\r\n\r\n";

/// A home of its own, and a simulated instance that answers on loopback.
pub struct World {
    pub home: TempDir,
    pub stage: Stage,
    /// The stage runs on its threads.
    _runtime: Runtime,
}

impl World {
    pub fn new() -> World {
        let runtime = Runtime::new().unwrap();
        let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let sites = vec![training::instance(HOST).into()];
        let stage = runtime.block_on(Stage::start(loopback, sites, Clock::default())).unwrap();
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("instance.pem"), stage.authority_pem()).unwrap();
        World { home, stage, _runtime: runtime }
    }

    /// The program with that home, and none of this machine's settings.
    pub fn why401(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_why401"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap());
        command.env("TMPDIR", self.temp());
        command
    }

    /// A folder for temporary files that is empty when nothing was left behind.
    pub fn temp(&self) -> PathBuf {
        let temp = self.home.path().join("tmp");
        std::fs::create_dir_all(&temp).unwrap();
        temp
    }

    /// Flags that lead to the simulated instance and trust it.
    pub fn upstream(&self) -> [String; 4] {
        let ca = self.home.path().join("instance.pem").display().to_string();
        ["--upstream-ca".into(), ca, "--resolve".into(), format!("{HOST}={}", self.stage.address())]
    }

    pub fn output(&self, arguments: &[&str]) -> Output {
        let upstream = self.upstream();
        let (command, rest) = arguments.split_first().unwrap();
        let mut all = vec![*command];
        all.extend(upstream.iter().map(String::as_str));
        all.extend(rest);
        finished(self.why401(&all).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }
}

/// A running `why401 run --log-format json` with a reverse listener, killed at the end if it still runs.
pub struct Proxy {
    pub child: Child,
    pub start: serde_json::Value,
    pub reverse: SocketAddr,
    lines: Option<BufReader<std::process::ChildStdout>>,
    operations: BufReader<std::process::ChildStderr>,
}

impl Proxy {
    pub fn start(world: &World, more: &[&str]) -> Proxy {
        let reverse = format!("127.0.0.1:0=https://{HOST}");
        let upstream = world.upstream();
        let mut arguments = vec!["run", "--listen", "127.0.0.1:0", "--log-format", "json", "--reverse", &reverse];
        arguments.extend(upstream.iter().map(String::as_str));
        arguments.extend(more);
        let mut command = world.why401(&arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let operations = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        let start: serde_json::Value = serde_json::from_str(&first).unwrap_or_else(|error| panic!("{error}: {first}"));
        let reverse = start["listen"][1].as_str().unwrap().parse().unwrap();
        Proxy { child, start, reverse, lines: Some(lines), operations }
    }

    /// Sends bytes to the reverse listener and reads the answer to its end.
    pub fn ask(&self, request: &str) -> String {
        ask(self.reverse, request)
    }

    pub fn line(&mut self) -> serde_json::Value {
        let mut line = String::new();
        self.lines.as_mut().unwrap().read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Closes our end of its standard output.
    pub fn stop_reading(&mut self) {
        self.lines = None;
    }

    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Memory of the process that is in use, as Linux has it.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse().unwrap())
    }

    pub fn ended(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }

    pub fn errors(&mut self) -> String {
        let mut text = String::new();
        self.operations.read_to_string(&mut text).unwrap();
        text
    }

    /// The next line of operations that says `text`.
    pub fn operation(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.operations.read_line(&mut line).unwrap(), 0, "it ended without saying `{text}`");
            if line.contains(text) {
                return line;
            }
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// One connection for many requests.
pub struct KeptAlive(BufReader<TcpStream>);

impl KeptAlive {
    pub fn open(address: SocketAddr) -> KeptAlive {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        KeptAlive(BufReader::new(stream))
    }

    /// The status; the body is read to its end.
    pub fn ask(&mut self, request: &str) -> u16 {
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.0.read_line(&mut head).unwrap(), 0, "the connection was closed after {head}");
        }
        let field = |name: &str| {
            let mut lines = head.lines().map(str::to_ascii_lowercase);
            lines.find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
        };
        match field("content-length:") {
            Some(length) => self.skip(length.parse().unwrap()),
            None => {
                assert_eq!(field("transfer-encoding:").as_deref(), Some("chunked"), "{head}");
                while self.chunk() > 0 {}
            }
        }
        head.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

impl KeptAlive {
    fn chunk(&mut self) -> usize {
        let mut size = String::new();
        self.0.read_line(&mut size).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        self.skip(size + 2);
        size
    }

    fn skip(&mut self, length: usize) {
        self.0.read_exact(&mut vec![0; length]).unwrap();
    }
}

pub fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn wait(child: &mut Child) -> ExitStatus {
    let limit = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < limit, "the program does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Reads both outputs beside waiting: a full pipe would stop the program.
fn finished(child: Child) -> Output {
    let id = child.id().to_string();
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(child.wait_with_output()));
    ended.recv_timeout(PATIENCE).map(Result::unwrap).unwrap_or_else(|_| {
        Command::new("kill").args(["-9", &id]).status().ok();
        panic!("the program does not end")
    })
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The files and folders in a folder.
pub fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}
