//! What ServiceNow writes into its own logs and forms, pasted alone: some of it names the cause (wire notes §4.4, §5, §15).

use super::Facts;
use crate::model::{Finding, Grade, Place};

/// All parts in lower case, the cause, its grade and weight.
type Saying = (&'static [&'static str], &'static str, Grade, i32);

use Grade::{Likely, Possible};

const SAYINGS: &[Saying] = &[
    (&["sncrestrictbasicauthuserauthenticationgate"], "basic-auth-restricted", Likely, 95),
    (&["exception on token flow", "invalid_scope"], "oauth-scope-wiring", Possible, 95),
    (&["exception on token flow", "invalid_scope"], "oauth-scope-not-allowed", Possible, 80),
    (&["exception on token flow", "client_secret"], "client-secret-wrong", Possible, 95),
    (&["exception on token flow", "client_secret"], "token-parameter-missing", Possible, 80),
    (&["exception on token flow", "invalid_token"], "refresh-token-expired", Possible, 95),
    (&["exception on token flow", "invalid_token"], "token-expired", Possible, 90),
    (&["oauth authentication failed for access token"], "token-expired", Possible, 95),
    (&["security restricted", "access restricted", "not authorized"], "ip-restricted", Likely, 95),
    (&["missing state parameter in request"], "state-missing", Likely, 95),
    (&["missing redirect url in application registration"], "redirect-uri-not-registered", Likely, 95),
    (&["missing code_challenge parameter"], "pkce-challenge-missing", Likely, 95),
    (&["your oauth redirect failed"], "token-endpoint-wrong", Likely, 95),
    (&["user cannot be authenticated or is missing the proper roles"], "mid-credentials-wrong", Likely, 95),
    (&["user cannot be authenticated or is missing the proper roles"], "mid-role-missing", Likely, 90),
    (&["oauth access or refresh tokens are not available"], "outbound-token-missing", Likely, 95),
    (&["missing parameters: access_token", "refresh token"], "outbound-refresh-expired", Possible, 80),
    (&["missing parameters: access_token"], "outbound-no-access-token", Likely, 95),
    (&["oauth flow failed", "unsupported_grant_type"], "outbound-grant-unsupported", Likely, 95),
    (&["oauth flow failed", "invalid_client"], "outbound-client-secret-wrong", Possible, 90),
    (&["oauth flow failed", "invalid_client"], "outbound-client-unknown", Possible, 85),
    (&["oauth flow failed", "invalid_client"], "outbound-client-auth-placement", Possible, 80),
    (&["oauth flow failed", "invalid_scope"], "outbound-scope-missing", Possible, 90),
    (&["oauth flow failed", "invalid_grant"], "outbound-refresh-expired", Possible, 80),
    (&["multiple client credentials cannot be specified"], "client-credentials-sent-twice", Likely, 95),
    (&["method failed: (/oauth_token.do)", "code: 401"], "client-secret-wrong", Possible, 60),
    (&["method failed: (/oauth_token.do)", "code: 401"], "token-params-in-query", Possible, 58),
    (&["method failed: (/oauth_token.do)", "code: 401"], "client-credentials-disabled", Possible, 54),
    (&["method failed: (/oauth_token.do)", "code: 401"], "wrong-password", Possible, 50),
];

/// The best of what the text stands for.
pub fn told(facts: &Facts<'_>) -> Vec<Finding> {
    let text = String::from_utf8_lossy(&facts.reading.answer).to_ascii_lowercase();
    let said = SAYINGS.iter().filter(|(parts, ..)| parts.iter().all(|part| text.contains(part)));
    let finding = |(_, cause, grade, weight): &Saying| {
        let because = "ServiceNow writes these words where this is the cause; what it was about was not shown.";
        Finding::new(cause, *grade, because).weighing(*weight).at(Place::ResponseBody, "ServiceNow's own words")
    };
    said.map(finding).collect()
}
