//! Where words go. Explanations are ready texts: written as they are to standard output and a file. Operations are
//! ordinary tracing events: filtered, formatted, to standard error. Neither can stop the traffic.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt as lines, reload};

/// The target of explanations; everything else is operations.
pub const EXPLAIN: &str = "why401::explain";

/// Lines of operations that may wait for a standard error that nobody reads; further ones are dropped.
const WAITING_LINES: usize = 1024;

/// How long the last lines may take at the end.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Tells one explanation: a block for people or one line of JSON, without the final line end.
pub fn explain(text: &str) {
    tracing::info!(target: EXPLAIN, text);
}

/// How to tell.
pub struct Settings {
    pub json: bool,
    /// Gets the explanations too, appended.
    pub file: Option<PathBuf>,
    /// Which operations are told, in the syntax of `RUST_LOG`.
    pub filter: String,
    /// Where explanations go first.
    pub out: Box<dyn Write + Send>,
}

/// Keeps the thread of operations; waits for its last lines when dropped.
pub struct Telling {
    lines: Option<SyncSender<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
    file: Arc<Mutex<Option<Sink>>>,
    set_filter: Box<dyn Fn(EnvFilter) -> bool + Send + Sync>,
}

/// What to tell from now on, ready to be put in place.
pub struct Change {
    filter: EnvFilter,
    file: Option<Sink>,
}

/// Reads a filter and opens a file, which changes nothing yet. A file that is open already is opened anew: it may have
/// been moved away, to be kept.
pub fn change(filter: &str, file: Option<&Path>) -> Result<Change, String> {
    Ok(Change { filter: operations_filter(filter)?, file: file.map(to_file).transpose()? })
}

/// Begins to tell; once in a process. The error names what is wrong with the file or the filter.
pub fn start(settings: Settings) -> Result<Telling, String> {
    let filter = operations_filter(&settings.filter)?;
    let (filter, handle) = reload::Layer::new(filter);
    let file = Arc::new(Mutex::new(settings.file.as_deref().map(to_file).transpose()?));
    let (sender, receiver) = sync_channel(WAITING_LINES);
    let writer = std::thread::Builder::new().name("operations".into()).spawn(move || write_lines(&receiver));
    let writer = writer.map_err(|error| format!("cannot start a thread: {error}"))?;
    let operations = Operations(sender.clone());
    let out = Mutex::new(Some(Sink::new("standard output".into(), settings.out)));
    let explanations = Explanations { out, file: file.clone(), operations: operations.clone() };
    // The HTTP/2 library traces paths and fields as they are, whoever asks for it.
    let not_explanations = filter_fn(|metadata: &Metadata<'_>| {
        let target = metadata.target();
        target != EXPLAIN && target != "h2" && !target.starts_with("h2::")
    });
    tracing_subscriber::registry()
        .with(explanations.with_filter(filter_fn(|metadata| metadata.target() == EXPLAIN)))
        .with(operations_layer(settings.json, operations).with_filter(filter).with_filter(not_explanations))
        .try_init()
        .map_err(|error| error.to_string())?;
    std::panic::set_hook(Box::new(|panic| {
        // Only the place: the words of a panic may hold what was being looked at.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "something broke off inside why401; traffic goes on. Please report it");
    }));
    let set_filter = Box::new(move |filter| handle.reload(filter).is_ok());
    Ok(Telling { lines: Some(sender), writer: Some(writer), file, set_filter })
}

impl Telling {
    /// Puts a change in place.
    pub fn apply(&self, change: Change) {
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = change.file;
        if !(self.set_filter)(change.filter) {
            tracing::warn!("the log filter could not be changed");
        }
    }
}

fn to_file(path: &Path) -> Result<Sink, String> {
    let file = append(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Sink::new(path.display().to_string(), Box::new(file)))
}

impl Drop for Telling {
    fn drop(&mut self) {
        let (Some(lines), Some(writer)) = (self.lines.take(), self.writer.take()) else { return };
        let limit = Instant::now() + LAST_LINES;
        // The subscriber keeps a sender for the life of the process, so an empty line stands for the end. It waits for room
        // as every line before it had to.
        let mut told = false;
        while !writer.is_finished() && Instant::now() < limit {
            told = told || lines.try_send(Vec::new()).is_ok();
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Our own operations as asked for, and rustls' only when they are worth it.
fn operations_filter(asked: &str) -> Result<EnvFilter, String> {
    let asked = if asked.is_empty() { "info" } else { asked };
    // rustls warns of every odd alert of a client: findings say it better.
    let rules = if asked.contains("rustls") { asked.to_owned() } else { format!("rustls=error,{asked}") };
    EnvFilter::builder().parse(&rules).map_err(|error| format!("the log filter `{asked}`: {error}"))
}

fn operations_layer<S>(json: bool, writer: Operations) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let layer = lines::layer().with_writer(writer).with_target(false).with_timer(Clock).log_internal_errors(false);
    match json {
        true => layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        false => layer.with_ansi(colours).compact().boxed(),
    }
}

/// Only the owner reads it: an explanation names users and hosts.
fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// UTC with milliseconds.
struct Clock;

impl FormatTime for Clock {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        let now = time::OffsetDateTime::now_utc();
        let (date, clock, millis) = (now.date(), now.time(), now.millisecond());
        write!(w, "{date}T{:02}:{:02}:{:02}.{millis:03}Z", clock.hour(), clock.minute(), clock.second())
    }
}

/// Hands lines to the thread that writes them. When it cannot keep up, lines are dropped: traffic does not wait.
#[derive(Clone)]
struct Operations(SyncSender<Vec<u8>>);

impl Write for Operations {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.try_send(line.to_vec()).unwrap_or_default();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Operations {
    type Writer = Operations;

    fn make_writer(&self) -> Operations {
        self.clone()
    }
}

fn write_lines(lines: &Receiver<Vec<u8>>) {
    while let Ok(line) = lines.recv() {
        if line.is_empty() {
            return;
        }
        io::stderr().lock().write_all(&line).unwrap_or_default();
    }
}

/// Writes the ready texts.
struct Explanations {
    out: Mutex<Option<Sink>>,
    file: Arc<Mutex<Option<Sink>>>,
    operations: Operations,
}

impl<S: Subscriber> Layer<S> for Explanations {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        text.0.push('\n');
        for sink in [&self.out, &self.file] {
            let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(news) = sink.as_mut().and_then(|sink| sink.put(&text.0, Instant::now())) {
                writeln!(self.operations.clone(), "{news}").unwrap_or_default();
            }
        }
    }
}

struct Text(String);

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "text" {
            self.0.reserve_exact(value.len() + 1);
            self.0.push_str(value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// How often a fault is said that goes on.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// One place where explanations go. A fault there is said once a minute; when it is over, what was lost is said too.
struct Sink {
    name: String,
    out: Box<dyn Write + Send>,
    lost: u64,
    said: Option<Instant>,
}

impl Sink {
    fn new(name: String, out: Box<dyn Write + Send>) -> Sink {
        Sink { name, out, lost: 0, said: None }
    }

    /// Writes a text with its line end. What is worth saying of it, if anything.
    fn put(&mut self, text: &str, now: Instant) -> Option<String> {
        // After a fault the last line may be half written: begin a new one.
        let fresh = if self.lost > 0 { self.out.write_all(b"\n") } else { Ok(()) };
        match fresh.and_then(|()| self.out.write_all(text.as_bytes())).and_then(|()| self.out.flush()) {
            Ok(()) if self.lost > 0 => {
                let lost = std::mem::take(&mut self.lost);
                self.said = None;
                Some(format!("WARN {} works again; {lost} explanations were lost to it", self.name))
            }
            Ok(()) => None,
            Err(error) => {
                self.lost += 1;
                if self.said.is_some_and(|said| now.duration_since(said) < SAY_EVERY) {
                    return None;
                }
                self.said = Some(now);
                let (name, lost) = (&self.name, self.lost);
                Some(format!("WARN {name} takes no explanations: {error}; traffic goes on ({lost} lost so far)"))
            }
        }
    }
}

/// What is held back at most; tens of thousands of explanations.
const HELD_BYTES: usize = 32 * 1024 * 1024;

/// A writer that keeps what it is given until it is asked for, for output that must not mix with another program's.
#[derive(Clone, Default)]
pub struct Held(Arc<Mutex<Vec<u8>>>);

impl Held {
    /// Everything that was written so far; begins anew.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() + bytes.len() > HELD_BYTES {
            return Err(io::Error::other("more explanations than are held back until the end"));
        }
        held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails while it is told to.
    #[derive(Clone, Default)]
    struct Disk {
        full: Arc<std::sync::atomic::AtomicBool>,
        held: Held,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.full.load(std::sync::atomic::Ordering::SeqCst) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.held.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_said_once_a_minute_and_what_was_lost_is_counted() {
        let disk = Disk::default();
        let mut sink = Sink::new("log".into(), Box::new(disk.clone()));
        let begun = Instant::now();
        let mut put = |text: &str, seconds: u64| sink.put(&format!("{text}\n"), begun + Duration::from_secs(seconds));
        assert_eq!(put("one", 0), None);
        disk.full.store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(put("two", 1).unwrap().contains("takes no explanations"));
        assert_eq!((put("three", 2), put("four", 60)), (None, None));
        assert!(put("five", 61).unwrap().contains("4 lost so far"));
        assert_eq!(put("six", 62), None);
        disk.full.store(false, std::sync::atomic::Ordering::SeqCst);
        assert!(put("seven", 63).unwrap().contains("5 explanations were lost"));
        assert_eq!(put("eight", 64), None);
        assert_eq!(disk.held.take(), b"one\n\nseven\neight\n");
    }

    #[test]
    fn the_filter_keeps_libraries_quiet_unless_asked() {
        let quiet = operations_filter("debug").unwrap().to_string();
        assert!(quiet.contains("rustls=error") && quiet.contains("debug"), "{quiet}");
        let asked = operations_filter("info,rustls=trace").unwrap().to_string();
        assert!(asked.contains("rustls=trace") && !asked.contains("rustls=error"), "{asked}");
        assert!(operations_filter("info,=nonsense=").is_err());
    }

    #[test]
    fn operations_never_wait_for_a_reader() {
        let (sender, _receiver) = sync_channel(1);
        let mut operations = Operations(sender);
        for _ in 0..100 {
            operations.write_all(b"line").unwrap();
        }
    }
}
