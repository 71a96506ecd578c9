use crate::{Config, Report, load};

fn load_it(text: &str) -> Result<Config, String> {
    let environment = |name: &str| match name {
        "TOKEN" => Some("hunter2".to_owned()),
        "NOTHING" => Some(String::new()),
        _ => None,
    };
    let read_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
    load(text, &[], &environment, &read_file).map_err(|errors| Report(&errors).to_string())
}

fn loaded(text: &str) -> Config {
    load_it(text).unwrap()
}

const BASE: &str = "
kafka: {bootstrap_servers: 'k:1'}
policies: [{name: all, type: always_sample}]
";

/// What a file differs in from the base that has this in addition.
fn differences(addition: &str) -> String {
    let changed = loaded(&format!("{}{addition}", BASE.trim_end_matches('\n')));
    let base = loaded(BASE);
    assert_eq!(base.fixed_differences(&changed), changed.fixed_differences(&base));
    base.fixed_differences(&changed).join(" ")
}

#[test]
fn what_is_fixed_is_named_key_by_key() {
    for (addition, names) in [
        ("group: g", "group dead_letters decisions.topic"),
        ("epoch: 1s\nworkers: 3", "workers epoch"),
        ("dead_letters: off", "dead_letters"),
        (
            "window: {decision_wait: 29s, memory_limit: 2GiB}",
            "window.decision_wait window.memory_limit",
        ),
        ("input: {keyed_by: none}", "input.keyed_by"),
        ("output: {topic: o}\ninput: {idle_grace: 1s}", "input.idle_grace output.topic"),
        ("http: off", "http"),
        ("http: {recent_traces: 3}", "http.recent_traces"),
        ("reload: {interval: 1s}", "reload.interval"),
        ("reload: {token: '${env:TOKEN}'}", "reload.token"),
        ("instance: i\ndelivery: at_least_once", "instance delivery"),
        ("# another comment", ""),
        ("sample_on_first_match: true", ""),
        ("compatibility: collector", "second_chance.enabled window.completion"),
        (
            "compatibility: collector\nsecond_chance: {enabled: false}",
            "second_chance.enabled window.completion",
        ),
        ("derive: {model: {attributes: [m]}}", ""),
        ("redaction: [{action: delete, keys: [k]}]", ""),
    ] {
        assert_eq!(differences(&format!("\n{addition}\n")), names, "{addition}");
    }
    let servers = loaded(&BASE.replace("k:1", "k:2"));
    assert_eq!(servers.fixed_differences(&loaded(BASE)), ["kafka.bootstrap_servers"]);
    let properties = loaded(&BASE.replace("'k:1'", "'k:1', properties: {client.id: c}"));
    assert_eq!(properties.fixed_differences(&loaded(BASE)), ["kafka.properties"]);
}

#[test]
fn rules_are_taken_from_another_and_nothing_else() {
    let base = loaded(BASE);
    let other = loaded(
        "
kafka: {bootstrap_servers: 'k:1'}
group: other
policies: [{name: slow, type: latency, latency: {threshold_ms: 5}}]
redaction: [{action: delete, keys: [k]}]
",
    );
    let mixed = base.with_rules_of(&other);
    assert!(mixed.judges_like(&other) && mixed.redacts_like(&other));
    assert!(!mixed.judges_like(&base) && !mixed.redacts_like(&base));
    assert_eq!((mixed.group.as_str(), mixed.fixed_differences(&base).len()), ("tailsift", 0));
    assert_eq!(mixed.fingerprint(), other.fingerprint());
}

#[test]
fn a_token_is_known_and_never_shown() {
    let with = |token: &str| format!("{BASE}reload: {{token: {token}}}");
    let token = loaded(&with("'${env:TOKEN}'")).reload.token.unwrap();
    let is = ["hunter2", "hunter", "hunter22", "Hunter2", ""].map(|shown| token.is(shown));
    assert_eq!(is, [true, false, false, false, false]);
    assert!(!format!("{token:?}").contains("hunter"));
    for none in [BASE, &with("''")] {
        assert!(loaded(none).reload.token.is_none());
    }
    for (wrong, said) in
        [("hunter3", "expected a reference"), ("'${env:NOTHING}'", "expected a secret")]
    {
        let error = load_it(&with(wrong)).unwrap_err();
        assert!(error.contains(&format!("reload.token: {said}")), "{error}");
        assert!(!error.contains("hunter"), "{error}");
    }
}
