//! What passes is held in memory, so memory goes nowhere else: no core dump, no other process of the user looks in.

#[cfg(unix)]
pub fn no_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // Where it cannot be had, there is nothing to do but go on.
    setrlimit(Resource::Core, none).unwrap_or_default();
    not_dumpable();
}

#[cfg(not(unix))]
pub fn no_core_dumps() {}

/// Also keeps debuggers of the same user out. A command that is run from here gets it back: it is for this program alone.
#[cfg(target_os = "linux")]
pub fn not_dumpable() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    set_dumpable_behavior(DumpableBehavior::NotDumpable).unwrap_or_default();
}

#[cfg(not(target_os = "linux"))]
pub fn not_dumpable() {}
