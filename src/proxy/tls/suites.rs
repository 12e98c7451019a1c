//! The cryptography of TLS on both sides.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::{CipherSuite, SupportedCipherSuite};

/// The library's own, AES-128 first: every TLS 1.3 has to have it (RFC 8446 §9.1), and it costs least. SHA-256 makes its
/// keys, which processors compute themselves; a new connection to a new host takes a tenth less than with SHA-384.
pub(in super::super) fn provider() -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    // Stable: TLS 1.3 stays before TLS 1.2, and what else there is keeps its order behind.
    provider.cipher_suites.sort_by_key(|suite| (suite.tls13().is_none(), !is_aes_128(suite)));
    Arc::new(provider)
}

fn is_aes_128(suite: &SupportedCipherSuite) -> bool {
    use CipherSuite::*;
    matches!(
        suite.suite(),
        TLS13_AES_128_GCM_SHA256 | TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 | TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_suites_are_offered_in_another_order() {
        let ours: Vec<_> = provider().cipher_suites.iter().map(SupportedCipherSuite::suite).collect();
        let all: Vec<_> = ring::default_provider().cipher_suites.iter().map(SupportedCipherSuite::suite).collect();
        assert_eq!(ours.len(), all.len());
        assert!(all.iter().all(|suite| ours.contains(suite)), "{ours:?}");
        assert_eq!(ours.first(), Some(&CipherSuite::TLS13_AES_128_GCM_SHA256));
        let versions: Vec<_> = provider().cipher_suites.iter().map(|suite| suite.tls13().is_some()).collect();
        assert!(versions.is_sorted_by(|a, b| a >= b), "TLS 1.3 is first");
    }
}
