//! The signals that end the proxy.

#[cfg(unix)]
pub use unix::Signals;
#[cfg(not(unix))]
pub use windows::Signals;

#[cfg(unix)]
mod unix {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// SIGTERM and SIGINT, from now on for as long as the process lives.
    pub struct Signals {
        term: Signal,
        int: Signal,
    }

    impl Signals {
        pub fn listen() -> Result<Signals, String> {
            let on = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
            Ok(Signals { term: on(SignalKind::terminate())?, int: on(SignalKind::interrupt())? })
        }

        /// The name of the next one.
        pub async fn next(&mut self) -> &'static str {
            tokio::select! {
                _ = self.term.recv() => "SIGTERM",
                _ = self.int.recv() => "SIGINT",
            }
        }
    }
}

#[cfg(not(unix))]
mod windows {
    /// Ctrl-C.
    pub struct Signals;

    impl Signals {
        pub fn listen() -> Result<Signals, String> {
            Ok(Signals)
        }

        pub async fn next(&mut self) -> &'static str {
            match tokio::signal::ctrl_c().await {
                Ok(()) => "Ctrl-C",
                // Without a handler nobody can ask us to end: wait for the process to be ended.
                Err(_) => std::future::pending().await,
            }
        }
    }
}
