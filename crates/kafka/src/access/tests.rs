use super::*;

fn settings(properties: &[(&str, &str)]) -> ClientSettings {
    let properties = properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    ClientSettings { bootstrap_servers: "kafka:9093".into(), properties: properties.collect() }
}

fn said(
    properties: &[(&str, &str)],
    code: RDKafkaErrorCode,
    reason: &str,
    fault: Option<i32>,
) -> String {
    match explain(&settings(properties), Some(code), reason, fault) {
        Some(Explanation { cause, remedy, .. }) => format!("{cause}; {remedy}"),
        None => "nothing".to_owned(),
    }
}

const UNVERIFIED: &str = "SSL handshake failed: error:0A000086:SSL routines::certificate verify \
                          failed: broker certificate could not be verified";

/// Properties, what the client reports, the certificate's fault, and what must be said.
type Case<'a> = (&'a [(&'a str, &'a str)], RDKafkaErrorCode, &'a str, Option<i32>, [&'a str; 2]);

#[test]
fn a_refusal_names_what_is_wrong_and_where() {
    let ca = [("ssl.ca.location", "/etc/ca.pem")];
    let user = [
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.username", "tailsift"),
        ("sasl.password", "hunter2"),
    ];
    let ours = [("ssl.certificate.location", "/etc/client.pem")];
    let cases: [Case<'_>; 8] = [
        (&ca, RDKafkaErrorCode::SSL, UNVERIFIED, Some(10), ["has expired", "keystore"]),
        (&ca, RDKafkaErrorCode::SSL, UNVERIFIED, Some(19), ["nobody that", "/etc/ca.pem"]),
        (&[], RDKafkaErrorCode::SSL, UNVERIFIED, Some(20), ["the system", "set ssl.ca.location"]),
        (&ca, RDKafkaErrorCode::SSL, UNVERIFIED, Some(64), ["another host", "bootstrap_servers"]),
        (&ca, RDKafkaErrorCode::SSL, UNVERIFIED, None, ["not verified", "/etc/ca.pem"]),
        (
            &user,
            RDKafkaErrorCode::Authentication,
            "SASL authentication error: Authentication failed",
            None,
            ["user \"tailsift\" with SCRAM-SHA-512", "sasl.password"],
        ),
        (
            &ours,
            RDKafkaErrorCode::BrokerTransportFailure,
            "tlsv13 alert certificate expired",
            None,
            ["/etc/client.pem has expired", "renew"],
        ),
        (
            &[],
            RDKafkaErrorCode::SSL,
            "tlsv13 alert certificate required",
            None,
            ["none is configured", "ssl.key.location"],
        ),
    ];
    for (properties, code, reason, fault, expected) in cases {
        let text = said(properties, code, reason, fault);
        assert!(expected.iter().all(|part| text.contains(part)), "{expected:?} in {text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn what_may_pass_is_no_refusal() {
    for reason in ["Connect to ipv4#127.0.0.1:9092 failed: Connection refused", "Disconnected"] {
        let code = RDKafkaErrorCode::BrokerTransportFailure;
        assert_eq!(said(&[], code, reason, None), "nothing", "{reason}");
    }
}

#[test]
fn a_broker_that_is_not_there_may_come_yet() {
    // Nobody listens on the discard port of this host.
    let settings = ClientSettings::new("127.0.0.1:9");
    assert_eq!(check_access(&settings, Duration::from_millis(300)), Ok(false));
}

#[test]
fn a_file_that_is_missing_is_named() {
    let properties = [("security.protocol", "ssl"), ("ssl.ca.location", "/nowhere/ca.pem")];
    let error = check_access(&settings(&properties), Duration::from_secs(1)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("ssl.ca.location") && text.contains("/nowhere/ca.pem"), "{text}");
}

/// A key that is encrypted with the password `key-password`, made for tests.
const KEY: &str = include_str!("../../../fixture/src/broker/client-key.pem");

#[test]
fn an_encrypted_key_needs_its_password() {
    let with = |password: &str| {
        let properties =
            [("security.protocol", "ssl"), ("ssl.key.pem", KEY), ("ssl.key.password", password)];
        check_access(&settings(&properties), Duration::from_millis(1)).unwrap_err().to_string()
    };
    let right = with("key-password");
    assert!(right.contains("no certificate assigned"), "the key was read: {right}");
    let wrong = with("hunter2");
    assert!(wrong.contains("ssl.key.password") && !wrong.contains("hunter2"), "{wrong}");
}
