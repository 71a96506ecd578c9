//! A client's words on a refused connection, in the user's terms.

use rdkafka::error::RDKafkaErrorCode;

use crate::client::ClientSettings;

/// What is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Explanation {
    pub(super) cause: String,
    pub(super) remedy: String,
    /// More can be found out by looking at the certificate that the broker shows.
    pub(super) is_about_their_certificate: bool,
}

/// Explains a refusal; `None` if it is none, but something that may pass. `fault` is OpenSSL's
/// code (`X509_V_ERR_…`) for what is wrong with the broker's certificate, once that is known.
pub(super) fn explain(
    settings: &ClientSettings,
    code: Option<RDKafkaErrorCode>,
    reason: &str,
    fault: Option<i32>,
) -> Option<Explanation> {
    use RDKafkaErrorCode as Code;
    let plain = |(cause, remedy): (String, String)| Explanation {
        cause,
        remedy,
        is_about_their_certificate: false,
    };
    if reason.contains("certificate verify failed") || reason.contains("0A000086") {
        let (cause, remedy) = their_certificate(settings, fault);
        return Some(Explanation { cause, remedy, is_about_their_certificate: true });
    }
    if let Some((_, alert)) = reason.split_once(" alert ") {
        return Some(plain(our_certificate(settings, alert)));
    }
    match code {
        Some(
            Code::Authentication | Code::SaslAuthenticationFailed | Code::UnsupportedSASLMechanism,
        ) => Some(plain(our_password(settings, reason))),
        Some(Code::SSL) => Some(plain((
            "TLS could not be agreed upon".to_owned(),
            "check that security.protocol fits the port, and the properties ssl.*".to_owned(),
        ))),
        Some(_) | None => None,
    }
}

fn our_password(settings: &ClientSettings, reason: &str) -> (String, String) {
    let mechanism = property(settings, &["sasl.mechanism", "sasl.mechanisms"]).unwrap_or("GSSAPI");
    let user = property(settings, &["sasl.username"]).unwrap_or("");
    if reason.contains("mechanism") && reason.contains("not supported")
        || reason.contains("Unsupported SASL mechanism")
    {
        return (
            format!("the broker does not take SASL mechanism {mechanism} on this port"),
            "set sasl.mechanism in kafka.properties to one that it takes".to_owned(),
        );
    }
    (
        format!("authentication of user {user:?} with {mechanism} failed"),
        "check sasl.username, sasl.password and sasl.mechanism in kafka.properties against the \
         users that the broker knows"
            .to_owned(),
    )
}

/// The broker's certificate does not pass our check.
fn their_certificate(settings: &ClientSettings, fault: Option<i32>) -> (String, String) {
    let (authority, place) = if let Some(file) = property(settings, &["ssl.ca.location"]) {
        (format!("ssl.ca.location {file}"), format!("have {file} hold"))
    } else if property(settings, &["ssl.ca.pem"]).is_some() {
        ("ssl.ca.pem".to_owned(), "have ssl.ca.pem hold".to_owned())
    } else {
        ("the system".to_owned(), "set ssl.ca.location to".to_owned())
    };
    let trust = || format!("{place} the certificate of the authority that signed the broker's");
    match fault {
        Some(10) => (
            "the broker's certificate has expired".to_owned(),
            "renew the broker's certificate (its keystore); if it is new, set this host's clock"
                .to_owned(),
        ),
        Some(9) => (
            "the broker's certificate is not valid yet".to_owned(),
            "set this host's clock, or issue the broker's certificate anew".to_owned(),
        ),
        Some(62 | 64) => (
            "the broker's certificate is for another host".to_owned(),
            "name the host in kafka.bootstrap_servers as its certificate does, or issue that with \
             this name (subjectAltName)"
                .to_owned(),
        ),
        Some(2 | 7 | 18..=21) => (
            format!("the broker's certificate is signed by nobody that {authority} trusts"),
            trust(),
        ),
        Some(other) => (
            format!("the broker's certificate was not verified (X.509 error {other})"),
            format!("check the broker's certificate, and {}", trust()),
        ),
        None => (
            format!("the broker's certificate was not verified with {authority}"),
            format!("{}, and check that it has not expired", trust()),
        ),
    }
}

/// The broker ended the connection with an alert: it does not like what we showed it.
fn our_certificate(settings: &ClientSettings, alert: &str) -> (String, String) {
    let file = match property(settings, &["ssl.certificate.location", "ssl.keystore.location"]) {
        Some(file) => file.to_owned(),
        None if property(settings, &["ssl.certificate.pem"]).is_some() => {
            "ssl.certificate.pem".to_owned()
        }
        None => {
            return (
                "the broker asks for a client certificate, and none is configured".to_owned(),
                "set ssl.certificate.location and ssl.key.location in kafka.properties".to_owned(),
            );
        }
    };
    if alert.contains("expired") {
        return (
            format!("the broker says that our certificate {file} has expired"),
            format!("renew {file} and its key"),
        );
    }
    (
        format!("the broker does not accept our certificate {file}"),
        format!(
            "have {file} signed by an authority that the broker trusts (its truststore), and check \
             that it has not expired"
        ),
    )
}

/// The value of a property by any of its names; not for secrets.
fn property<'s>(settings: &'s ClientSettings, names: &[&str]) -> Option<&'s str> {
    names.iter().find_map(|name| settings.properties.get(*name)).map(String::as_str)
}
