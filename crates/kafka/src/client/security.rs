//! Security properties that each are fine and together are not.

use std::collections::BTreeMap;

use super::PropertyError;

/// What `sasl.mechanism` may be.
const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
const MECHANISM_KEYS: [&str; 2] = ["sasl.mechanism", "sasl.mechanisms"];

/// Refuses mechanisms that are not built in, and settings that would have no effect: a password
/// that is never asked for is nearly always a forgotten `security.protocol`.
pub(super) fn refused(properties: &BTreeMap<String, String>) -> Vec<PropertyError> {
    let error = |key: &str, reason: String| PropertyError { key: key.to_owned(), reason };
    let mut errors = Vec::new();
    let mut mechanism = None;
    for key in MECHANISM_KEYS {
        let Some(given) = properties.get(key) else { continue };
        mechanism = Some(key);
        if !MECHANISMS.contains(&given.as_str()) {
            errors.push(error(key, unsupported(given)));
        }
    }
    let protocol = properties.get("security.protocol").map_or("plaintext", String::as_str);
    let (logs_in, encrypts) = match protocol.to_ascii_lowercase().as_str() {
        "plaintext" => (false, false),
        "ssl" => (false, true),
        "sasl_plaintext" => (true, false),
        "sasl_ssl" => (true, true),
        // librdkafka refuses it.
        _ => return errors,
    };
    let given = |prefix: &str| properties.keys().find(|key| key.starts_with(prefix));
    if let Some(key) = given("sasl.").filter(|_| !logs_in) {
        let reason = format!(
            "expected sasl_ssl (or sasl_plaintext), since {key} is set, got {protocol}, with which \
             nobody logs in"
        );
        errors.push(error("security.protocol", reason));
    } else if let Some(key) = given("ssl.").filter(|_| !encrypts) {
        let reason = format!(
            "expected ssl or sasl_ssl, since {key} is set, got {protocol}, with which nothing is \
             encrypted"
        );
        errors.push(error("security.protocol", reason));
    }
    if logs_in {
        if mechanism.is_none() {
            let reason = format!("is missing: set one of {}", MECHANISMS.join(", "));
            errors.push(error(MECHANISM_KEYS[0], reason));
        }
        for key in ["sasl.username", "sasl.password"] {
            if properties.get(key).is_none_or(String::is_empty) {
                errors.push(error(key, format!("is missing or empty: {protocol} needs it")));
            }
        }
    }
    errors
}

fn unsupported(given: &str) -> String {
    let instead = MECHANISMS.join(", ");
    match given {
        "OAUTHBEARER" => format!(
            "OAUTHBEARER is not supported: fetching tokens (OIDC) needs libcurl, with which this \
             program's librdkafka is not built; use {instead}, or a client certificate"
        ),
        "GSSAPI" => format!(
            "GSSAPI (Kerberos) is not supported: it needs libsasl2, with which this program's \
             librdkafka is not built; use {instead}, or a client certificate"
        ),
        // What was typed is not shown: it may be a secret in the wrong place.
        _ => format!("expected one of {instead}, got something else"),
    }
}
