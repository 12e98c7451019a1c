//! The names of the ways by which a request came: in transcripts behind `via=`, in HARs in `_way`.

use crate::model::Way;

const WAYS: [(Way, &str); 6] = [
    (Way::Tunnel, "tunnel"),
    (Way::PlainTunnel, "plain-tunnel"),
    (Way::Absolute, "absolute"),
    (Way::ClearHttps, "clear-https"),
    (Way::Reverse, "reverse"),
    (Way::Recorded, "recorded"),
];

/// The name of a way.
pub fn name(way: Way) -> &'static str {
    WAYS.iter().find(|(known, _)| *known == way).map_or("recorded", |(_, name)| name)
}

/// The way of that name.
pub fn parse(name: &str) -> Option<Way> {
    WAYS.iter().find(|(_, known)| *known == name).map(|(way, _)| *way)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for (way, known) in WAYS {
            assert_eq!((name(way), parse(known)), (known, Some(way)));
        }
        assert_eq!(parse("by-post"), None);
    }
}
