//! What passed after both sides had agreed to speak another protocol (101): counted on its way, never kept.

/// A connection that was HTTP and became something else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switched {
    /// As the answer's `Upgrade` names it, in lower case.
    pub protocol: String,
    pub sent: Passed,
    pub received: Passed,
}

/// One way of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    pub bytes: u64,
    /// The frames of a WebSocket.
    pub frames: Option<Frames>,
}

/// Frames of RFC 6455, by what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frames {
    pub text: u64,
    pub binary: u64,
    pub continuation: u64,
    pub ping: u64,
    pub pong: u64,
    pub close: u64,
    /// Of opcodes that RFC 6455 reserves.
    pub other: u64,
    /// The code of the first close frame; 1005 where it had none (RFC 6455 §7.1.5).
    pub code: Option<u16>,
    /// What followed were no frames; they are not counted.
    pub broken: bool,
}

impl Frames {
    /// All of them.
    pub fn count(&self) -> u64 {
        self.text + self.binary + self.continuation + self.ping + self.pong + self.close + self.other
    }
}
