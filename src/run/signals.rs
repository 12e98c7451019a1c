//! The signals that end the proxy, and the one at which it reads its configuration anew.

#[cfg(unix)]
pub use unix::{HangUps, Signals};
#[cfg(not(unix))]
pub use windows::{HangUps, Signals};

#[cfg(unix)]
mod unix {
    use std::io::{IsTerminal, stdin};

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

    /// SIGHUP, from now on for as long as the process lives.
    pub struct HangUps {
        hang_up: Signal,
        /// We were started from one.
        terminal: bool,
    }

    impl HangUps {
        pub fn listen() -> Result<HangUps, String> {
            let hang_up =
                signal(SignalKind::hangup()).map_err(|error| format!("cannot listen for signals: {error}"))?;
            Ok(HangUps { hang_up, terminal: stdin().is_terminal() })
        }

        /// The next one: whether it asks for the configuration to be read anew. It does not where our terminal was closed:
        /// then it means what it always has.
        pub async fn next(&mut self) -> bool {
            self.hang_up.recv().await;
            !self.terminal || stdin().is_terminal()
        }
    }
}

#[cfg(not(unix))]
mod windows {
    /// There is no such signal here.
    pub struct HangUps;

    impl HangUps {
        pub fn listen() -> Result<HangUps, String> {
            Ok(HangUps)
        }

        pub async fn next(&mut self) -> bool {
            std::future::pending().await
        }
    }

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
