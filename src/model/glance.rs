//! What a quick look through a body found, kept with it: memory, diagnosis and recording look for the same in long texts.

use std::sync::OnceLock;

/// Which of the names that tell most a body can have as a member or an element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Named {
    pub error: bool,
    pub access_token: bool,
}

/// Whoever looks first keeps what was found for the others.
#[derive(Default)]
pub struct Glance(OnceLock<Named>);

impl Glance {
    /// What was found, by `look` where nobody has looked.
    pub fn named(&self, look: impl FnOnce() -> Named) -> Named {
        *self.0.get_or_init(look)
    }
}

/// A copy may be changed: nobody has looked at it.
impl Clone for Glance {
    fn clone(&self) -> Glance {
        Glance::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_look_is_enough_for_all_but_copies() {
        let (glance, none) = (Glance::default(), Named::default());
        let error = Named { error: true, ..none };
        assert_eq!(glance.named(|| error), error);
        assert_eq!(glance.named(|| none), error);
        assert_eq!(glance.clone().named(|| none), none);
    }
}
