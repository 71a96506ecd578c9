//! The kinds that are made for services that call models.

use tailsift_policy::{
    Drift, Forced, KeyPart, LowConfidence, Measure, NameMatch, OfArrays, RatePerKey, Scale,
    SpanLatency, SpanMatch, TraceCondition, TraceTest,
};

use super::Hash;

impl Hash {
    pub(super) fn low_confidence(&mut self, kind: &LowConfidence) {
        let LowConfidence { below, per_model_version, scale, of_arrays } = kind;
        self.text("low_confidence");
        self.number(*below);
        self.length(per_model_version.len());
        for (version, bound) in per_model_version {
            self.text(version);
            self.number(*bound);
        }
        self.reading(*scale, *of_arrays);
    }

    pub(super) fn span_latency(&mut self, kind: &SpanLatency) {
        let SpanLatency { span_name, name_match, service, above_ns } = kind;
        self.text("span_latency");
        self.text(span_name);
        self.name_match(*name_match);
        self.integer(i64::from(service.is_some()));
        self.text(service.as_deref().unwrap_or(""));
        self.bytes(&above_ns.to_le_bytes());
    }

    fn reading(&mut self, scale: Scale, of_arrays: Option<OfArrays>) {
        self.integer(match scale {
            Scale::Unit => 0,
            Scale::Percent => 1,
        });
        self.integer(match of_arrays {
            None => 0,
            Some(OfArrays::Min) => 1,
            Some(OfArrays::Max) => 2,
            Some(OfArrays::Mean) => 3,
        });
    }

    pub(super) fn drift(&mut self, kind: &Drift) {
        let Drift { by, floor_per_minute, low_confidence_below, scale, of_arrays, rise, baseline } =
            kind;
        self.integers("drift", &[i64::from(*floor_per_minute), baseline.0]);
        self.length(by.len());
        by.iter().for_each(|name| self.text(name.name()));
        self.number(*low_confidence_below);
        self.reading(*scale, *of_arrays);
        self.number(*rise);
    }

    pub(super) fn rate_per_key(&mut self, kind: &RatePerKey) {
        let RatePerKey { by, traces_per_second, keys_max, interval } = kind;
        let numbers = [i64::from(*traces_per_second), i64::from(*keys_max), interval.0];
        self.integers("rate_per_key", &numbers);
        self.length(by.len());
        for part in by {
            match part {
                KeyPart::Derived(name) => {
                    self.integer(0);
                    self.text(name.name());
                }
                KeyPart::Attribute(key) => {
                    self.integer(1);
                    self.text(key);
                }
            }
        }
    }

    fn name_match(&mut self, name_match: NameMatch) {
        self.integer(match name_match {
            NameMatch::Exact => 0,
            NameMatch::Prefix => 1,
            NameMatch::Regex => 2,
        });
    }

    pub(super) fn trace_condition(&mut self, kind: &TraceCondition) {
        let TraceCondition { all, any } = kind;
        self.text("trace_condition");
        for tests in [all, any] {
            self.length(tests.len());
            for TraceTest { measures, above, below } in tests {
                self.length(measures.len());
                measures.iter().for_each(|measure| self.measure(measure));
                self.bound(*above);
                self.bound(*below);
            }
        }
    }

    pub(super) fn forced(&mut self, kind: &Forced) {
        let Forced { attribute, trace_state, value, traces_per_second } = kind;
        self.integers("forced", &[*traces_per_second]);
        [attribute, trace_state, value].into_iter().for_each(|text| self.optional_text(text));
    }

    fn optional_text(&mut self, text: &Option<String>) {
        self.integer(i64::from(text.is_some()));
        self.text(text.as_deref().unwrap_or(""));
    }

    fn measure(&mut self, measure: &Measure) {
        self.text(measure.name());
        match measure {
            Measure::Count(spans) | Measure::Absent(spans) | Measure::Root(spans) => {
                self.span_match(spans);
            }
            Measure::Sum(key) | Measure::Min(key) | Measure::Max(key) => self.text(key),
            Measure::Ratio { of, to } => {
                self.text(of);
                self.text(to);
            }
        }
    }

    fn span_match(&mut self, spans: &SpanMatch) {
        let SpanMatch { span_name, name_match, service, kind, status, attribute, values, derived } =
            spans;
        [span_name, service, attribute].into_iter().for_each(|text| self.optional_text(text));
        self.name_match(*name_match);
        self.optional(kind.map(i64::from));
        self.optional(status.map(|status| i64::from(status.0)));
        self.texts(values);
        self.length(derived.len());
        for (name, value) in derived {
            self.text(name.name());
            self.text(value);
        }
    }

    fn bound(&mut self, bound: Option<f64>) {
        self.integer(i64::from(bound.is_some()));
        self.number(bound.unwrap_or(0.0));
    }
}
