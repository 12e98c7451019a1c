//! Content codings of captured copies: gzip, deflate and brotli, bounded in size and ratio (bombs stay small).

use std::borrow::Cow;
use std::io::Read;

use crate::model::{Body, Fields, Unpacking};

/// So much may always come out, however short the coded body is.
const ALWAYS: usize = 4096;

/// The captured body without its content codings. Undecodable or cut input gives what came out before the fault.
pub fn decoded<'a>(fields: &Fields, body: &'a Body) -> Cow<'a, [u8]> {
    let coding = fields.text("content-encoding").unwrap_or_default();
    if !body.coded || coding.is_empty() {
        return Cow::Borrowed(&body.bytes);
    }
    // RFC 9110 §8.4: codings are listed in the order in which they were applied.
    let mut current = Cow::Borrowed(&body.bytes[..]);
    let drained = |from: &mut dyn Read, coded| drain(from, limit(body.unpacking, coded));
    for name in coding.rsplit(',') {
        current = match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Cow::Owned(drained(&mut flate2::read::GzDecoder::new(&current[..]), current.len())),
            "deflate" => Cow::Owned(inflate(&current, limit(body.unpacking, current.len()))),
            "br" => Cow::Owned(drained(&mut brotli_decompressor::Decompressor::new(&current[..], 4096), current.len())),
            _ => return current,
        };
    }
    current
}

/// How long a body is without its content codings, where so many of its bytes are `captured`.
pub fn length(fields: &Fields, body: &Body, captured: u64) -> u64 {
    if is_coded(fields) && captured > 0 { captured } else { body.length.max(captured) }
}

/// Whether the fields name a content coding.
pub fn is_coded(fields: &Fields) -> bool {
    fields.text("content-encoding").is_some_and(|coding| !coding.trim().is_empty())
}

/// Deflate with the zlib wrapper as RFC 9110 §8.4.1.2 wants it, or bare as some servers send it.
fn inflate(input: &[u8], limit: usize) -> Vec<u8> {
    let wrapped = drain(&mut flate2::read::ZlibDecoder::new(input), limit);
    if wrapped.is_empty() { drain(&mut flate2::read::DeflateDecoder::new(input), limit) } else { wrapped }
}

/// What may come out of that many coded bytes.
fn limit(unpacking: Unpacking, coded: usize) -> usize {
    unpacking.bytes.min(coded.saturating_mul(unpacking.ratio).max(ALWAYS))
}

/// Reads up to the limit; an error ends it like an end.
fn drain(from: &mut dyn Read, limit: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut chunk = [0u8; 8192];
    while out.len() < limit {
        match from.read(&mut chunk) {
            Ok(read) if read > 0 => out.extend_from_slice(chunk.get(..read).unwrap_or_default()),
            _ => break,
        }
    }
    out.truncate(limit);
    out
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn coded(coding: &str, bytes: Vec<u8>) -> (Fields, Body) {
        let fields = [("Content-Encoding", coding.to_owned())].into_iter().collect();
        (fields, Body { length: bytes.len() as u64, bytes: bytes.into(), coded: true, ..Body::default() })
    }

    #[test]
    fn gzip_is_read_even_when_cut() {
        let whole = gzip(b"{\"error\":1}");
        let (fields, body) = coded("gzip", whole.clone());
        assert_eq!(&*decoded(&fields, &body), b"{\"error\":1}");
        let (fields, body) = coded("gzip", whole[..whole.len() - 9].to_vec());
        assert!(b"{\"error\":1}".starts_with(&decoded(&fields, &body)));
    }

    #[test]
    fn a_bomb_stays_small() {
        let (fields, mut body) = coded("gzip", gzip(&vec![0; 50_000_000]));
        assert_eq!(decoded(&fields, &body).len(), 1024 * 1024);
        body.unpacking = Unpacking { bytes: 10_000_000, ratio: 20 };
        assert_eq!(decoded(&fields, &body).len(), 20 * body.bytes.len());
        body.unpacking.bytes = 5000;
        assert_eq!(decoded(&fields, &body).len(), 5000);
    }

    #[test]
    fn every_coding_is_bounded_by_its_own_limit_in_turn() {
        let twice = gzip(&gzip(&vec![0; 50_000_000]));
        let (fields, mut body) = coded("gzip, gzip", twice);
        body.unpacking.bytes = 6000;
        assert_eq!(decoded(&fields, &body).len(), 6000);
        for coding in ["deflate", "br", "gzip"] {
            let (fields, body) = coded(coding, vec![0xff; 100]);
            assert!(decoded(&fields, &body).len() <= ALWAYS.max(100 * 100), "{coding}");
        }
    }

    #[test]
    fn unknown_codings_are_left_alone() {
        let (fields, body) = coded("zstd", vec![1, 2, 3]);
        assert_eq!(&*decoded(&fields, &body), [1, 2, 3]);
    }
}
