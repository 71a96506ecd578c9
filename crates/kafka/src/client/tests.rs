use super::*;

fn errors(properties: &[(&str, &str)]) -> Vec<String> {
    let properties = properties.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    match validate_properties(&properties) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn ordinary_properties_pass() {
    assert_eq!(
        errors(&[
            ("client.rack", "a"),
            ("message.timeout.ms", "15000"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.password", "hunter2"),
            ("sasl.username", "tailsift"),
            ("security.protocol", "sasl_plaintext"),
            ("session.timeout.ms", "6000"),
        ]),
        Vec::<String>::new()
    );
}

#[test]
fn properties_that_guarantees_rest_on_are_refused() {
    for (key, _) in OWNED {
        let errors = errors(&[(key, "x")]);
        assert_eq!(errors.len(), 1, "{key}");
        assert!(errors[0].starts_with(&format!("kafka.properties.{key}: cannot be set: ")));
    }
}

#[test]
fn all_errors_come_at_once_and_name_the_key() {
    let errors = errors(&[("acks", "1"), ("linger.ms", "soon"), ("no.such.thing", "1")]);
    assert_eq!(errors.len(), 3, "{errors:#?}");
    assert!(errors[1].starts_with("kafka.properties.linger.ms: Invalid value"), "{}", errors[1]);
    assert!(errors[2].contains("No such configuration property"), "{}", errors[2]);
}

#[test]
fn a_delivery_may_not_outlive_its_transaction() {
    let bad = errors(&[("message.timeout.ms", "15001")]);
    assert_eq!(
        bad,
        ["kafka.properties.message.timeout.ms: expected 1 to 15000 (transaction.timeout.ms), \
          got 15001; lower it or raise transaction.timeout.ms"]
    );
    assert_eq!(errors(&[("delivery.timeout.ms", "0")]).len(), 1);
    let raised = [("message.timeout.ms", "20000"), ("transaction.timeout.ms", "30000")];
    assert_eq!(errors(&raised), Vec::<String>::new());
}

#[test]
fn secrets_are_never_shown() {
    let mut settings = ClientSettings::new("localhost:9092");
    settings.properties.insert("sasl.password".into(), "hunter2".into());
    assert!(!format!("{settings:?}").contains("hunter2"));

    settings.properties.insert("ssl.key.pem".into(), "hunter2".into());
    settings.properties.insert("security.protocol".into(), "ssl".into());
    let result: Result<rdkafka::consumer::BaseConsumer<LogBridge>, _> =
        settings.client(&settings.config(), LogBridge);
    let text = result.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(text.contains("kafka.properties") && !text.contains("hunter2"), "{text}");

    let zero = errors(&[("security.protocol", "ssl"), ("ssl.key.password", "hunter2\0")]);
    assert!(zero[0].contains("zero byte") && !zero[0].contains("hunter2"), "{zero:?}");
}

#[test]
fn the_users_properties_override_defaults_but_not_what_is_owned() {
    let mut settings = ClientSettings::new("localhost:9092");
    settings.properties.insert("linger.ms".into(), "7".into());
    settings.properties.insert("acks".into(), "0".into());
    let config = settings.config_with(&[("linger.ms", "50")], &[("acks", "all")]);
    assert_eq!(config.get("linger.ms"), Some("7"));
    assert_eq!(config.get("acks"), Some("all"));
    assert_eq!(config.get("client.id"), Some("tailsift"));
    assert_eq!(config.get("bootstrap.servers"), Some("localhost:9092"));
}

#[test]
fn logins_and_encryption_that_would_not_take_place_are_refused() {
    let login = [("sasl.mechanism", "PLAIN"), ("sasl.username", "u"), ("sasl.password", "hunter2")];
    let with = |more: &[(&str, &str)]| errors(&[&login[..], more].concat()).join("\n");
    assert_eq!(with(&[("security.protocol", "SASL_SSL")]), "");
    let unused = with(&[]);
    assert!(
        unused.starts_with("kafka.properties.security.protocol: expected sasl_ssl"),
        "{unused}"
    );
    let open = errors(&[("ssl.ca.location", "/ca.pem"), ("security.protocol", "plaintext")]);
    assert!(open[0].contains("expected ssl or sasl_ssl, since ssl.ca.location"), "{open:?}");
    let missing = errors(&[("security.protocol", "sasl_ssl")]);
    let keys = ["sasl.mechanism", "sasl.password", "sasl.username"];
    assert_eq!(missing.len(), keys.len(), "{missing:?}");
    for (error, key) in missing.iter().zip(keys) {
        assert!(error.starts_with(&format!("kafka.properties.{key}: is missing")), "{error}");
    }
}

#[test]
fn mechanisms_that_are_not_built_in_are_refused_with_the_reason() {
    for (mechanism, says) in [
        ("OAUTHBEARER", "needs libcurl"),
        ("GSSAPI", "needs libsasl2"),
        ("hunter2", "expected one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"),
    ] {
        let properties = [("security.protocol", "sasl_ssl"), ("sasl.mechanisms", mechanism)];
        let login = [("sasl.username", "u"), ("sasl.password", "p")];
        let errors = errors(&[properties, login].concat());
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].contains(says) && !errors[0].contains("hunter2"), "{errors:?}");
    }
}

#[test]
fn whom_an_authorizer_sees_is_known_but_for_certificates() {
    let sasl = [("security.protocol", "SASL_SSL"), ("sasl.username", "tailsift")];
    let certificate = [("security.protocol", "ssl"), ("ssl.certificate.location", "/c.pem")];
    let cases: [(&[(&str, &str)], &str); 4] = [
        (&sasl, "User:tailsift"),
        (&certificate, "the subject of our certificate"),
        (&[("security.protocol", "ssl")], "User:ANONYMOUS"),
        (&[], "User:ANONYMOUS"),
    ];
    for (properties, principal) in cases {
        let mut settings = ClientSettings::new("k:9092");
        settings.properties =
            properties.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(settings.principal(), principal);
    }
}

#[test]
fn a_client_that_runs_takes_another_login() {
    let mut settings = ClientSettings::new("localhost:9092");
    let consumer: rdkafka::consumer::BaseConsumer<LogBridge> =
        settings.client(&settings.config(), LogBridge).unwrap();
    let client = rdkafka::consumer::Consumer::client(&consumer);
    settings.log_in(client).unwrap();
    settings.properties.insert("sasl.username".into(), "u".into());
    settings.properties.insert("sasl.password".into(), "hunter2".into());
    settings.log_in(client).unwrap();
    settings.properties.insert("sasl.password".into(), "hunter2\0".into());
    let error = settings.log_in(client).unwrap_err().to_string();
    assert!(error.contains("zero byte") && !error.contains("hunter2"), "{error}");
}
