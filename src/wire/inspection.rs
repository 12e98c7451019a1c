//! Issuers that are no public authority but a product that opens TLS on the way: told from the words of their names.

/// Words of an issuer's name in lower case, and the product that signs so. More special words first.
const PRODUCTS: &[(&str, &str)] = &[
    ("zscaler", "Zscaler"),
    ("netskope", "Netskope"),
    ("goskope", "Netskope"),
    ("palo alto", "a Palo Alto firewall"),
    ("prisma access", "Palo Alto Prisma Access"),
    ("fortinet", "a Fortinet FortiGate"),
    ("fortigate", "a Fortinet FortiGate"),
    ("fortiproxy", "Fortinet FortiProxy"),
    ("blue coat", "Blue Coat (Symantec ProxySG)"),
    ("bluecoat", "Blue Coat (Symantec ProxySG)"),
    ("proxysg", "Blue Coat (Symantec ProxySG)"),
    ("symantec web", "Symantec Web Security Service"),
    ("cloud services ca - symantec", "Symantec Web Security Service"),
    ("cisco umbrella", "Cisco Umbrella"),
    ("opendns", "Cisco Umbrella"),
    ("ironport", "Cisco Secure Web Appliance"),
    ("forcepoint", "Forcepoint"),
    ("websense", "Forcepoint"),
    ("skyhigh", "Skyhigh (McAfee) Web Gateway"),
    ("mcafee web gateway", "Skyhigh (McAfee) Web Gateway"),
    ("sophos", "Sophos"),
    ("check point", "a Check Point gateway"),
    ("checkpoint", "a Check Point gateway"),
    ("cato networks", "Cato Networks"),
    ("menlo security", "Menlo Security"),
    ("iboss", "iboss"),
    ("barracuda", "Barracuda"),
    ("sonicwall", "SonicWall"),
    ("watchguard", "WatchGuard"),
    ("fireware", "WatchGuard"),
    ("gateway ca - cloudflare", "Cloudflare Gateway"),
    ("trend micro web", "Trend Micro"),
    ("smoothwall", "Smoothwall"),
    ("untangle", "Untangle"),
    ("avast", "the Avast virus scanner"),
    ("avg web", "the AVG virus scanner"),
    ("kaspersky", "the Kaspersky virus scanner"),
    ("eset ssl filter", "the ESET virus scanner"),
    ("bitdefender", "the Bitdefender virus scanner"),
    ("mitmproxy", "mitmproxy"),
    ("charles proxy", "Charles"),
    ("do_not_trust_fiddler", "Fiddler"),
    ("portswigger", "Burp"),
    ("proxyman", "Proxyman"),
    ("http toolkit", "HTTP Toolkit"),
    ("why401", "another why401"),
];

/// The product that signs with this issuer's name.
pub fn product(issuer: &str) -> Option<&'static str> {
    let issuer = issuer.to_ascii_lowercase();
    PRODUCTS.iter().find(|(words, _)| issuer.contains(words)).map(|(_, product)| *product)
}

#[cfg(test)]
mod tests {
    use super::product;

    #[test]
    fn issuers_of_products_are_told_from_public_ones() {
        for (issuer, expected) in [
            ("C=US, ST=California, O=Zscaler Inc., CN=Zscaler Intermediate Root CA (zscalertwo.net)", "Zscaler"),
            ("CN=ca.acme.goskope.com, O=Acme", "Netskope"),
            ("CN=Cisco Umbrella Secondary SubCA ams-SG", "Cisco Umbrella"),
            ("O=Fortinet, CN=FG100E4Q17000000", "a Fortinet FortiGate"),
            ("CN=DO_NOT_TRUST_FiddlerRoot", "Fiddler"),
        ] {
            assert_eq!(product(issuer), Some(expected), "{issuer}");
        }
        for issuer in [
            "C=US, O=DigiCert Inc, CN=DigiCert TLS RSA SHA256 2020 CA1",
            "O=Entrust, CN=Entrust L1K",
            "CN=Acme Root",
            "",
        ] {
            assert_eq!(product(issuer), None, "{issuer}");
        }
    }
}
