//! The kinds that are made for services that call models.

use std::collections::BTreeMap;

use super::*;
use crate::{
    Derive, DerivePattern, Derived, DerivedName, Drift, Failure, Forced, Fragmented, LowConfidence,
    OfArrays, Scale,
};

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

pub(super) fn fragmented(missing_parents_above: u32) -> Kind {
    Kind::Fragmented(Fragmented { missing_parents_above })
}

#[test]
fn parents_that_never_came() {
    let root = || span("root", 1, 2).root(1);
    let child = |id, parent| span("a", 1, 2).child(id, parent);
    for (trace, missing) in [
        (vec![root(), child(2, 1), child(3, 2)], 0),
        (vec![child(3, 2), child(2, 1), root()], 0),
        (vec![root(), child(3, 2)], 1),
        // Several children of one lost parent lack one.
        (vec![root(), child(3, 2), child(4, 2), child(6, 5)], 2),
        (vec![child(3, 2)], 1),
        (vec![child(2, 2)], 0),
        (vec![], 0),
    ] {
        for above in 0..3 {
            check(&fragmented(above), &trace, missing > above);
        }
        let twice: Vec<S> = trace.iter().chain(&trace).cloned().collect();
        check(&fragmented(0), &twice, missing > 0);
    }
}

#[test]
fn a_trace_too_large_for_kin_is_whole_and_counted() {
    let orphan = span("a", 1, 2).child(3, 2);
    let set = set(fragmented(0), Compatibility::Tailsift);
    for (spans, verdict, counted) in [(4096, Verdict::Keep, 0), (9000, Verdict::Drop, 1)] {
        let trace = vec![orphan.clone(); spans];
        let (facts, tally) = fold(&set, &trace);
        assert_eq!(judge_facts(&set, &facts, &mut Vec::new()).verdict, verdict, "{spans}");
        assert_eq!(tally.kin_too_many, counted, "{spans}");
        assert!(facts.heap_bytes() < 80_000, "{}", facts.heap_bytes());
    }
}

fn failure(keep_recovered: bool) -> Kind {
    Kind::Failure(Failure { keep_recovered })
}

#[test]
fn errors_that_nothing_mended() {
    let root = || span("root", 1, 90).root(1);
    let call = |id, start, end| span("call", start, end).child(id, 1);
    for (what, trace, fatal) in [
        ("nothing failed", vec![root(), call(2, 10, 20)], None),
        ("the root failed", vec![root().error(), call(2, 10, 20)], Some(true)),
        ("nobody tried again", vec![root(), call(2, 10, 20).error()], Some(true)),
        ("a retry", vec![root(), call(2, 10, 20).error(), call(3, 20, 30)], Some(false)),
        (
            "a second retry",
            vec![root(), call(2, 10, 20).error(), call(3, 21, 30).error(), call(4, 31, 40)],
            Some(false),
        ),
        ("the last one failed", vec![root(), call(2, 10, 20), call(3, 21, 30).error()], Some(true)),
        ("side by side", vec![root(), call(2, 10, 20).error(), call(3, 11, 30)], Some(true)),
        (
            "another name",
            vec![root(), call(2, 10, 20).error(), span("other", 21, 30).child(3, 1)],
            Some(true),
        ),
        (
            "another parent",
            vec![root(), call(2, 10, 20).error(), span("call", 21, 30).child(3, 9)],
            Some(true),
        ),
        (
            "what failed below a call that was made again",
            vec![
                root(),
                call(2, 10, 20).error(),
                span("serve", 11, 19).child(5, 2).error(),
                span("query", 12, 18).child(6, 5).error(),
                call(3, 21, 30),
            ],
            Some(false),
        ),
        (
            "below a call that did not fail",
            vec![
                root(),
                call(2, 10, 20),
                span("serve", 11, 19).child(5, 2).error(),
                call(3, 21, 30),
            ],
            Some(true),
        ),
        (
            "the root was mended by nobody",
            vec![root().error(), call(2, 10, 20).error(), call(3, 21, 30)],
            Some(true),
        ),
        ("ends unknown", vec![root(), call(2, 0, 0).error(), call(3, 21, 30)], Some(true)),
        (
            "parents in a circle",
            vec![call(2, 1, 2).error(), span("x", 1, 2).child(1, 2).error()],
            Some(true),
        ),
    ] {
        let mut trace = trace;
        for _ in 0..trace.len() {
            let keep = |kind| judge(&set(kind, Compatibility::Tailsift), &trace).verdict;
            let said = |keep| if keep { Verdict::Keep } else { Verdict::Drop };
            assert_eq!(keep(failure(false)), said(fatal == Some(true)), "{what}");
            assert_eq!(keep(failure(true)), said(fatal.is_some()), "{what}");
            trace.rotate_left(1);
        }
    }
}

#[test]
fn beyond_its_bounds_any_error_is_fatal() {
    let names: Vec<&'static str> =
        (0..1100).map(|name| &*Box::leak(name.to_string().into_boxed_str())).collect();
    let mended = [span("call", 10, 20).child(2, 1).error(), span("call", 21, 30).child(3, 1)];
    let set = set(failure(false), Compatibility::Tailsift);
    for (others, verdict, counted) in [(1000, Verdict::Drop, 0), (1100, Verdict::Keep, 1)] {
        let others = names[..others].iter().map(|name| span(name, 1, 2).child(4, 1));
        let trace: Vec<S> = mended.iter().cloned().chain(others).collect();
        let (facts, tally) = fold(&set, &trace);
        assert_eq!(judge_facts(&set, &facts, &mut Vec::new()).verdict, verdict);
        assert_eq!(tally.kin_too_many, counted);
    }
}

/// What was forgotten once the trace was judged is not asked of a late span.
#[test]
fn late_spans_say_nothing_about_kin() {
    let set = set(fragmented(0), Compatibility::Tailsift);
    let (mut facts, _) = fold(&set, &[span("a", 1, 2).child(3, 2)]);
    assert_eq!(judge_facts(&set, &facts, &mut Vec::new()).verdict, Verdict::Keep);
    assert_eq!(set.certain_keep(ID, &facts), None);
    facts.forget_kin();
    assert_eq!(facts.heap_bytes(), 0);
    assert_eq!(judge_facts(&set, &facts, &mut Vec::new()).verdict, Verdict::Drop);
}

#[test]
fn traces_that_are_asked_for() {
    let by = |attribute: Option<&str>, trace_state: Option<&str>, value: Option<&str>| {
        Kind::Forced(Forced {
            attribute: attribute.map(Into::into),
            trace_state: trace_state.map(Into::into),
            value: value.map(Into::into),
            traces_per_second: 10,
        })
    };
    let attribute = |value: Option<&str>| by(Some("force"), None, value);
    let with = |value| vec![span("a", 1, 2), span("b", 1, 2).with("force", value)];
    for (wanted, value, keep) in [
        (None, Value::Bool(true), true),
        (None, Value::Bool(false), false),
        (None, text(""), true),
        (Some("1"), Value::Int(1), true),
        (Some("1"), text("1"), true),
        (Some("1"), text("2"), false),
        (Some("true"), Value::Bool(true), true),
    ] {
        check(&attribute(wanted), &with(value), keep);
    }
    check(&attribute(None), &[span("a", 1, 2)], false);
    let state = |trace_state| vec![S { trace_state, ..span("a", 1, 2) }];
    check(&by(None, Some("force"), None), &state("x=1,force=y"), true);
    check(&by(None, Some("force"), Some("y")), &state("x=1,force=y"), true);
    check(&by(None, Some("force"), Some("n")), &state("x=1,force=y"), false);
    check(&by(None, Some("force"), None), &state("x=force"), false);
    check(&by(None, Some("force"), None), &state("force=1,force=2"), false);
    let place = "policies[0].forced";
    refused(by(None, None, None), &format!("{place}: needs just one of attribute and trace_state"));
    let rate = Forced {
        attribute: Some("a".into()),
        trace_state: None,
        value: None,
        traces_per_second: 0,
    };
    refused(Kind::Forced(rate), &format!("{place}.traces_per_second: must be at least 1, got 0"));
}

/// Ten a second, twenty at once, in traces, however many spans they have.
#[test]
fn no_more_traces_are_kept_than_the_budget_has() {
    let kind = Kind::Forced(Forced {
        attribute: Some("force".into()),
        trace_state: None,
        value: None,
        traces_per_second: 10,
    });
    let set = set(kind, Compatibility::Tailsift);
    let (asked, _) = fold(&set, &vec![span("a", 1, 2).with("force", text("1")); 50]);
    let (other, _) = fold(&set, &[span("a", 1, 2)]);
    let mut limiters = set.limiters(1);
    let mut kept = |facts: &Facts, now, times: usize| {
        let mut judge = || set.judge(ID, facts, &mut limiters, Millis(now), &mut Vec::new());
        (0..times).filter(|_| judge().verdict == Verdict::Keep).count()
    };
    assert_eq!(kept(&other, 0, 100), 0);
    assert_eq!(kept(&asked, 0, 100), 20);
    assert_eq!(kept(&asked, 1000, 100), 10);
    assert_eq!(kept(&asked, 1500, 100), 5);
    assert_eq!(set.certain_keep(ID, &asked), None);
}

pub(super) fn drift(by: &[DerivedName]) -> Drift {
    Drift {
        by: by.to_vec(),
        floor_per_minute: 1,
        low_confidence_below: 0.5,
        scale: Scale::Unit,
        of_arrays: None,
        rise: 2.0,
        baseline: Millis(3_600_000),
    }
}

/// Two traces share a floor if they have one key: the second is kept only if it has another.
#[test]
fn keys_are_what_predicting_spans_say() {
    use DerivedName::{ModelVersion, PreprocessingVersion};
    let predict = |version| {
        span("predict", 1, 2)
            .with("confidence", Value::Double(0.9))
            .with("model_version", text(version))
    };
    let prepare = |version| span("prepare", 1, 2).with("preprocessing_version", text(version));
    let service = |version| span("a", 1, 2).on_resource("service.version", text(version));
    let deployed = |version| {
        span("predict", 1, 2)
            .with("confidence", Value::Double(0.9))
            .on_resource("service.version", text(version))
    };
    for (what, first, second, kept) in [
        ("the same", vec![predict("1")], vec![predict("1")], [true, false]),
        ("another model", vec![predict("1")], vec![predict("2")], [true, true]),
        (
            "another preprocessing",
            vec![predict("1"), prepare("1")],
            vec![prepare("2"), predict("1")],
            [true, true],
        ),
        (
            "in another order",
            vec![predict("1"), prepare("1")],
            vec![prepare("1"), predict("1")],
            [true, false],
        ),
        (
            "several versions in a trace",
            vec![predict("1"), predict("2")],
            vec![predict("2"), predict("1")],
            [true, false],
        ),
        (
            "other services' versions",
            vec![predict("1"), service("3")],
            vec![service("4"), predict("1")],
            [true, false],
        ),
        ("the resource of what predicts", vec![deployed("1")], vec![deployed("2")], [true, true]),
        ("no key", vec![service("1")], vec![span("a", 1, 2)], [false, false]),
    ] {
        let kind = Kind::Drift(drift(&[ModelVersion, PreprocessingVersion]));
        let set = set(kind, Compatibility::Tailsift);
        let mut limiters = set.limiters(1);
        let found = [first, second].map(|trace| {
            let facts = fold(&set, &trace).0;
            let outcome = set.judge(ID, &facts, &mut limiters, Millis(0), &mut Vec::new());
            assert_eq!(set.certain_keep(ID, &facts), None);
            outcome.verdict == Verdict::Keep
        });
        assert_eq!(found, kept, "{what}");
    }
}

#[test]
fn a_model_that_grows_unsure_is_kept_whole() {
    let kind = Drift { floor_per_minute: 0, ..drift(&[DerivedName::ModelVersion]) };
    let set = set(Kind::Drift(kind), Compatibility::Tailsift);
    let facts = |confidence| {
        let predict = span("predict", 1, 2).with("confidence", Value::Double(confidence));
        fold(&set, &[predict.with("model_version", text("7"))]).0
    };
    let (sure, unsure) = (facts(0.9), facts(0.2));
    let mut limiters = set.limiters(1);
    let mut kept = |seconds: std::ops::Range<i64>, low_in: i64| {
        let keep = |second: &i64| {
            let facts = if second % low_in == 0 { &unsure } else { &sure };
            let now = Millis(second * 1000);
            let outcome = set.judge(ID, facts, &mut limiters, now, &mut Vec::new());
            outcome.verdict == Verdict::Keep
        };
        seconds.filter(keep).count()
    };
    assert_eq!(kept(0..7200, 20), 0);
    let risen = kept(7200..8400, 4);
    assert!(risen > 600, "{risen}");
    assert_eq!(limiters.take_forgotten_keys(), 0);
}

#[test]
fn wrong_drifts_are_refused() {
    let place = "policies[0].drift";
    let model = || drift(&[DerivedName::Model]);
    for (kind, expect) in [
        (
            drift(&[]),
            format!(
                "{place}.by: must list at least one of model, model_version, preprocessing_version"
            ),
        ),
        (
            Drift { low_confidence_below: 50.0, ..model() },
            format!(
                "{place}.low_confidence_below: must lie above 0 and at most at 1 (also with `scale: percent`), got 50"
            ),
        ),
        (Drift { rise: 1.0, ..model() }, format!("{place}.rise: must be above 1, got 1")),
        (
            Drift { baseline: Millis(59_999), ..model() },
            format!("{place}.baseline: must be at least 1m, got 59999 ms"),
        ),
    ] {
        refused(Kind::Drift(kind), &expect);
    }
    let inner = Policy::new("d", Kind::Drift(model()));
    refused(
        Kind::And(And { policies: vec![inner] }),
        "policies[0].and.and_sub_policy[0]: `drift` cannot stand within `and`, which takes simple kinds and `not`",
    );
}
