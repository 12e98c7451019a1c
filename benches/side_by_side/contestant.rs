//! A proxy as a process: started, driven, its processor time and memory read from /proc.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_rustls::TlsConnector;

use super::load::{self, Load, Seen, Way};
use super::origin;

/// What all contestants share: a folder, two authorities, and the origin.
pub struct Ground {
    folder: tempfile::TempDir,
    origin: Child,
    port: u16,
}

impl Ground {
    pub fn new() -> Ground {
        let folder = tempfile::tempdir().unwrap();
        origin::authorities(folder.path());
        let mut origin = Command::new(std::env::current_exe().unwrap())
            .arg(origin::WORD)
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(origin.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Ground { port: line.trim().parse().unwrap(), folder, origin }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.origin.kill().ok();
        self.origin.wait().ok();
    }
}

pub struct Contestant {
    pub name: String,
    process: Option<Child>,
    way: Way,
    runtime: tokio::runtime::Runtime,
}

impl Contestant {
    pub fn direct(ground: &Ground) -> Contestant {
        Contestant::new("direct", ground, None, &ground.path("origin.pem"))
    }

    pub fn why401(ground: &Ground) -> Contestant {
        let folder = ground.path("why401");
        fs::create_dir(&folder).unwrap();
        let port = free_port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_why401"));
        command
            .args([
                "run",
                "--listen",
                &format!("127.0.0.1:{port}"),
                "--intercept",
                origin::HOST,
                "--log-format",
                "json",
            ])
            .arg("--upstream-ca")
            .arg(ground.path("origin.pem"))
            .arg("--ca-dir")
            .arg(folder.join("ca"))
            .arg("--session")
            .arg(folder.join("session"))
            .arg("--log-file")
            .arg(folder.join("log"));
        let process = start(command, port);
        Contestant::new("why401", ground, Some((process, port)), &folder.join("ca/why401-ca.pem"))
    }

    pub fn peer(ground: &Ground, name: &str, command: &str) -> Contestant {
        let folder = ground.path(name);
        fs::create_dir(&folder).unwrap();
        let port = free_port();
        let path = |name: &str| ground.path(name).display().to_string();
        let filled = command
            .replace("{port}", &port.to_string())
            .replace("{ca}", &path("peer.pem"))
            .replace("{ca-key}", &path("peer.key"))
            .replace("{trusted}", &path("origin.pem"))
            .replace("{folder}", &folder.display().to_string());
        let mut words = filled.split_whitespace();
        let mut command = Command::new(words.next().expect("a command"));
        command.args(words);
        Contestant::new(name, ground, Some((start(command, port), port)), &ground.path("peer.pem"))
    }

    fn new(name: &str, ground: &Ground, process: Option<(Child, u16)>, ca: &Path) -> Contestant {
        let (process, proxy) = process.unzip();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).expect("the contestant's authority")).unwrap();
        let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        // New connections are to be measured whole.
        tls.resumption = rustls::client::Resumption::disabled();
        let way = Way { proxy, origin: ground.port, tls: TlsConnector::from(Arc::new(tls)) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Contestant { name: name.to_owned(), process, way, runtime }
    }

    /// Sends a load and reads what it cost.
    pub fn drive(&mut self, load: &Load, how_long: Duration) -> Seen {
        let before = self.cpu();
        let (mut times, took) = self.runtime.block_on(load::run(load, &self.way, how_long));
        let spent = self.cpu().saturating_sub(before);
        times.sort_unstable();
        let at = |part: usize| times.get(times.len() * part / 100).copied().map_or(f64::NAN, f64::from);
        let requests = times.len() as u64;
        Seen {
            requests,
            per_second: requests as f64 / took.as_secs_f64(),
            p50: at(50),
            p99: at(99),
            cpu_micros: spent.as_secs_f64() * 1e6 / requests.max(1) as f64,
            resident_mib: self.resident(),
        }
    }

    /// User and system time of the process so far.
    fn cpu(&self) -> Duration {
        let Some(process) = &self.process else { return Duration::ZERO };
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        // utime and stime, in ticks of 10 ms (proc_pid_stat(5)); the fields here begin with the third.
        let ticks: u64 = [11, 12].map(|at: usize| fields[at].parse::<u64>().unwrap()).iter().sum();
        Duration::from_millis(ticks * 10)
    }

    fn resident(&self) -> f64 {
        let Some(process) = &self.process else { return f64::NAN };
        let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts a proxy and waits until it can be connected to.
fn start(mut command: Command, port: u16) -> Child {
    let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "it does not listen");
        assert!(process.try_wait().unwrap().is_none(), "it has ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    process
}
