//! The kinds that are made for services that call models.

use std::collections::BTreeMap;

use super::*;
use crate::{Derive, DerivePattern, Derived, LowConfidence, OfArrays, Scale};

fn text(text: &'static str) -> Value<'static> {
    Value::Text(text.as_bytes())
}

fn low(
    below: f64,
    per_model_version: BTreeMap<String, f64>,
    scale: Scale,
    of_arrays: Option<OfArrays>,
) -> Kind {
    Kind::LowConfidence(LowConfidence { below, per_model_version, scale, of_arrays })
}

#[test]
fn low_confidence_reads_doubles_and_integers() {
    let per_model_version = BTreeMap::from([("v3".to_owned(), 0.8), ("7".to_owned(), 0.9)]);
    let kind = low(0.5, per_model_version, Scale::Unit, None);
    let predict = |value| span("predict", 1, 2).with("prediction_confidence", value);
    check(&kind, &[predict(Value::Double(0.49))], true);
    check(&kind, &[predict(Value::Double(0.5))], false);
    check(&kind, &[predict(Value::Int(0))], true);
    check(&kind, &[predict(Value::Int(1))], false);
    check(&kind, &[predict(Value::Double(f64::NAN)), predict(text("0.1"))], false);
    check(&kind, &[predict(Value::Double(0.7)).with("model_version", text("v3"))], true);
    check(&kind, &[predict(Value::Double(0.7)).with("model_version", text("v2"))], false);
    check(&kind, &[predict(Value::Double(0.7)).on_resource("model_version", text("v3"))], true);
    check(&kind, &[predict(Value::Double(0.85)).with("triton.model_version", Value::Int(7))], true);
    check(&kind, &[span("predict", 1, 2).with("confidence", Value::Double(0.1))], true);
    check(&kind, &[span("predict", 1, 2).on_resource("confidence", Value::Double(0.1))], false);

    let set = set(kind, Compatibility::Tailsift);
    let (_, tally) = fold(&set, &[predict(Value::Double(f64::NAN)), predict(text("0.1"))]);
    assert_eq!(tally.confidence_unreadable, 2);
}

#[test]
fn low_confidence_in_percent() {
    let in_scale = |scale| low(0.5, BTreeMap::new(), scale, None);
    let trace = [span("p", 1, 2).with("prediction_confidence", Value::Int(40))];
    check(&in_scale(Scale::Percent), &trace, true);
    check(&in_scale(Scale::Unit), &trace, false);
    refused(
        low(50.0, BTreeMap::new(), Scale::Percent, None),
        "policies[0].low_confidence.below: must lie above 0 and at most at 1 (also with `scale: percent`), got 50",
    );
}

#[test]
fn lists_stand_for_one_confidence_or_are_counted() {
    use OfArrays::{Max, Mean, Min};
    let double = |items: &[f64]| items.iter().copied().map(Value::Double).collect::<Vec<_>>();
    let mixed = vec![Value::Double(0.1), text("0.2")];
    for (items, of_arrays, keep, unreadable) in [
        (double(&[0.9, 0.3, 0.5]), Some(Min), true, 0),
        (double(&[0.9, 0.5]), Some(Min), false, 0),
        (double(&[0.9, 0.3]), Some(Max), false, 0),
        (double(&[0.4, 0.3]), Some(Max), true, 0),
        (double(&[0.9, 0.05]), Some(Mean), true, 0),
        (double(&[0.9, 0.1]), Some(Mean), false, 0),
        (vec![Value::Int(0), Value::Double(0.8)], Some(Min), true, 0),
        (double(&[]), Some(Min), false, 1),
        (double(&[0.1, f64::NAN]), Some(Min), false, 1),
        (mixed, Some(Max), false, 1),
        (vec![Value::Array(b"")], Some(Min), false, 1),
        (double(&[0.1]), None, false, 1),
    ] {
        let kind = low(0.5, BTreeMap::new(), Scale::Unit, of_arrays);
        let trace = [span("rank", 1, 2).list("prediction_confidence", &items)];
        check(&kind, &trace, keep);
        let (_, tally) = fold(&set(kind, Compatibility::Tailsift), &trace);
        assert_eq!(tally.confidence_unreadable, unreadable, "{items:?} {of_arrays:?}");
    }
}

fn with_derive(kind: Kind, derive: Derive) -> Result<PolicySet, Vec<PolicyError>> {
    let semantics = Semantics { derive, ..Semantics::default() };
    PolicySet::compile(vec![Policy::new("p", kind)], semantics)
}

fn pattern(from: &str, regex: &str) -> Derived {
    let pattern = Some(DerivePattern { from: from.into(), regex: regex.into() });
    Derived { attributes: vec!["named".into()], pattern }
}

#[test]
fn versions_are_derived_from_paths_where_nothing_names_them() {
    let bounds = BTreeMap::from([("7".to_owned(), 0.9)]);
    let kind = low(0.5, bounds, Scale::Unit, None);
    let unsure = || span("infer", 1, 2).with("confidence", Value::Double(0.7));
    let path = text("/v2/models/ranker/versions/7/infer");
    let other = text("/v2/models/ranker/infer");
    check(&kind, &[unsure().with("url.path", path)], true);
    check(&kind, &[unsure().with("url.path", other)], false);
    check(&kind, &[unsure().with("url.path", Value::Int(7))], false);
    check(&kind, &[unsure().with("url.path", path).with("model_version", text("8"))], false);
    // The span's path says more than its resource's version.
    let deployed = unsure().on_resource("service.version", text("1.0"));
    check(&kind, &[deployed.clone().with("url.path", path)], true);
    check(&kind, &[deployed], false);
}

#[test]
fn confidences_are_derived_by_pattern() {
    let kind = low(0.5, BTreeMap::new(), Scale::Unit, None);
    for (regex, result, keep, unreadable) in [
        ("score=([0-9.]+)", "label=cat score=0.31", true, 0),
        ("score=([0-9.]+)", "label=cat score=0.81", false, 0),
        ("0[.][0-9]+", "cat 0.31", true, 0),
        ("score=(.+)", "score=low", false, 1),
        ("score=([0-9.]+)", "label=cat", false, 0),
    ] {
        let derive = Derive { confidence: pattern("result", regex), ..Derive::default() };
        let set = with_derive(kind.clone(), derive).unwrap();
        let trace = [span("infer", 1, 2).with("result", text(result))];
        assert_eq!(judge(&set, &trace).verdict == Verdict::Keep, keep, "{result}");
        assert_eq!(fold(&set, &trace).1.confidence_unreadable, unreadable, "{result}");
        let named = [trace[0].clone().with("named", Value::Double(0.9))];
        assert_eq!(judge(&set, &named).verdict, Verdict::Drop, "{result}");
    }
}

#[test]
fn wrong_patterns_are_refused_once() {
    let derive = Derive { confidence: pattern("result", "("), ..Derive::default() };
    let kind = low(0.5, BTreeMap::new(), Scale::Unit, None);
    let policies = ["a", "b"].map(|name| Policy::new(name, kind.clone())).to_vec();
    let semantics = Semantics { derive, ..Semantics::default() };
    let errors = PolicySet::compile(policies, semantics).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].to_string().starts_with("derive.confidence.pattern.regex: \"(\" is no "));
}
