//! `trace_condition`: the whole trace has something, adds up to something, or lacks something.

use tailsift_trace::AttributeKey;

use crate::compile::{Compiler, SpanContext};
use crate::facts::{Bit, Word};
use crate::kind::low_confidence::number;
use crate::kind::span_match::{Matcher, SpanMatch};
use crate::{Facts, Tally};

/// All, or any, of some tests of the whole trace hold. Just one of the lists has tests.
///
/// A span that comes twice is counted twice.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TraceCondition {
    /// Tests that must all hold.
    pub all: Vec<TraceTest>,
    /// Tests of which one will do.
    pub any: Vec<TraceTest>,
}

/// A test of a whole trace.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TraceTest {
    /// What is looked at: just one.
    pub measures: Vec<Measure>,
    /// It holds if the measure is strictly above; a count, sum, least, greatest or ratio.
    pub above: Option<f64>,
    /// It holds if the measure is strictly below.
    pub below: Option<f64>,
}

/// What a test looks at. Attributes are the spans' own; those that are NaN or no number are left
/// out and counted ([`Tally::numbers_unreadable`]).
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// How many spans match.
    Count(SpanMatch),
    /// The sum of an attribute over all spans, exact to a thousand-millionth; no span has it: no
    /// bound holds. Values beyond ±2^63 count as that.
    Sum(String),
    /// The least of an attribute over all spans.
    Min(String),
    /// The greatest of an attribute over all spans.
    Max(String),
    /// One attribute's sum divided by another's; no bound holds while that is 0 or less.
    Ratio {
        /// The attribute whose sum is divided.
        of: String,
        /// The attribute whose sum it is divided by.
        to: String,
    },
    /// No span matches. It has no bounds.
    Absent(SpanMatch),
    /// A span without a parent matches. It has no bounds.
    Root(SpanMatch),
}

#[derive(Debug)]
pub(crate) struct Rule {
    all: bool,
    tests: Vec<Test>,
}

/// Bounds that leave room for anything where there are none.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    above: Option<f64>,
    below: Option<f64>,
}

#[derive(Debug)]
enum Test {
    Count {
        spans: Matcher,
        count: Word,
        bounds: Bounds,
    },
    Sum {
        sum: Sum,
        bounds: Bounds,
    },
    /// The least or greatest: whether a bound holds is known of each value alone.
    Extreme {
        key: AttributeKey,
        greatest: bool,
        bounds: Bounds,
        seen: Bit,
        within: Bit,
        beyond: Bit,
    },
    Ratio {
        of: Sum,
        to: Sum,
        bounds: Bounds,
    },
    Absent {
        spans: Matcher,
        seen: Bit,
    },
    Root {
        spans: Matcher,
        seen: Bit,
    },
}

/// An exact sum: in whole units of 10^-9, so that no order of spans makes a difference. 2^32 spans
/// of the greatest value have room in it.
#[derive(Debug)]
struct Sum {
    key: AttributeKey,
    low: Word,
    high: Word,
    seen: Bit,
}

/// Units in 1.
const UNITS: i128 = 1_000_000_000;

/// Values count as no more than this.
const VALUE_MAX: f64 = (1_u64 << 63) as f64;

/// The most tests of a condition.
const TESTS_MAX: usize = 64;

impl TraceCondition {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        let path = format!("{path}.trace_condition");
        let (all, name, tests) = match (self.all.is_empty(), self.any.is_empty()) {
            (false, true) => (true, "all", self.all),
            (true, false) => (false, "any", self.any),
            (true, true) | (false, false) => {
                compiler.refuse(path, "needs tests under just one of `all` and `any`");
                return Rule { all: false, tests: Vec::new() };
            }
        };
        if tests.len() > TESTS_MAX {
            let message = format!("must have at most {TESTS_MAX} tests, got {}", tests.len());
            compiler.refuse(format!("{path}.{name}"), message);
            return Rule { all, tests: Vec::new() };
        }
        let tests = tests.into_iter().enumerate();
        let compiled = tests
            .filter_map(|(index, test)| test.compile(&format!("{path}.{name}[{index}]"), compiler));
        Rule { all, tests: compiled.collect() }
    }
}

impl TraceTest {
    fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Option<Test> {
        let bounds = Bounds { above: self.above, below: self.below };
        let [measure] = <[Measure; 1]>::try_from(self.measures)
            .map_err(|measures| {
                let message = format!(
                    "needs just one of count, sum, min, max, ratio, absent and root, got {}",
                    measures.len()
                );
                compiler.refuse(path, message);
            })
            .ok()?;
        measure.check(path, bounds, compiler);
        Some(match measure {
            Measure::Count(spans) => Test::Count {
                spans: spans.compile(&format!("{path}.count"), compiler),
                count: compiler.word(),
                bounds,
            },
            Measure::Sum(key) => Test::Sum { sum: Sum::new(&key, compiler), bounds },
            Measure::Min(key) => extreme(&key, false, bounds, compiler),
            Measure::Max(key) => extreme(&key, true, bounds, compiler),
            Measure::Ratio { of, to } => {
                Test::Ratio { of: Sum::new(&of, compiler), to: Sum::new(&to, compiler), bounds }
            }
            Measure::Absent(spans) => Test::Absent {
                spans: spans.compile(&format!("{path}.absent"), compiler),
                seen: compiler.bit(),
            },
            Measure::Root(spans) => Test::Root {
                spans: spans.compile(&format!("{path}.root"), compiler),
                seen: compiler.bit(),
            },
        })
    }
}

impl Measure {
    /// Its name in configurations.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Count(_) => "count",
            Self::Sum(_) => "sum",
            Self::Min(_) => "min",
            Self::Max(_) => "max",
            Self::Ratio { .. } => "ratio",
            Self::Absent(_) => "absent",
            Self::Root(_) => "root",
        }
    }

    fn check(&self, path: &str, Bounds { above, below }: Bounds, compiler: &mut Compiler<'_>) {
        let name = self.name();
        let bounded = above.is_some() || below.is_some();
        match self {
            Self::Absent(_) | Self::Root(_) => {
                if bounded {
                    let message = format!("{name} has no bounds: remove above and below");
                    compiler.refuse(path, message);
                }
                return;
            }
            Self::Count(_) | Self::Sum(_) | Self::Min(_) | Self::Max(_) | Self::Ratio { .. } => {}
        }
        if !bounded {
            compiler.refuse(path, format!("{name} needs above, below or both"));
        }
        if [above, below].into_iter().flatten().any(|bound| !bound.is_finite()) {
            compiler.refuse(path, "above and below must be finite numbers");
        }
        if let (Some(above), Some(below)) = (above, below)
            && above >= below
        {
            let message =
                format!("nothing is above {above} and below {below}: above must be the lesser");
            compiler.refuse(path, message);
        }
        if let Self::Count(_) = self
            && below.is_some_and(|below| below <= 0.0)
        {
            compiler.refuse(format!("{path}.below"), "no count is below 0: must be above 0");
        }
    }
}

fn extreme(key: &str, greatest: bool, bounds: Bounds, compiler: &mut Compiler<'_>) -> Test {
    Test::Extreme {
        key: compiler.read(key),
        greatest,
        bounds,
        seen: compiler.bit(),
        within: compiler.bit(),
        beyond: compiler.bit(),
    }
}

impl Rule {
    #[inline]
    pub(crate) fn fold(&self, facts: &mut Facts, context: &SpanContext<'_, '_>, tally: &mut Tally) {
        for test in &self.tests {
            test.fold(facts, context, tally);
        }
    }

    pub(crate) fn sampled(&self, facts: &Facts) -> bool {
        let mut tests = self.tests.iter();
        if facts.spans == 0 {
            // What nobody has seen lacks nothing.
            false
        } else if self.all {
            tests.all(|test| test.holds(facts))
        } else {
            tests.any(|test| test.holds(facts))
        }
    }

    /// No other span can undo a test that holds.
    pub(crate) fn is_lasting(&self) -> bool {
        self.tests.iter().all(Test::is_lasting)
    }
}

impl Test {
    fn fold(&self, facts: &mut Facts, context: &SpanContext<'_, '_>, tally: &mut Tally) {
        match self {
            Self::Count { spans, count, .. } => {
                if spans.matches(context) {
                    *facts.bits.number_mut(*count) += 1;
                }
            }
            Self::Sum { sum, .. } => sum.fold(facts, context, tally),
            Self::Ratio { of, to, .. } => {
                of.fold(facts, context, tally);
                to.fold(facts, context, tally);
            }
            Self::Extreme { key, greatest, bounds, seen, within, beyond } => {
                let Some(value) = value_of(*key, context, tally) else { return };
                facts.bits.set(*seen);
                // Of the greatest, one value above will do, and each must be below.
                let (will_do, must) = if *greatest {
                    (bounds.is_above(value), bounds.is_below(value))
                } else {
                    (bounds.is_below(value), bounds.is_above(value))
                };
                if will_do {
                    facts.bits.set(*within);
                }
                if !must {
                    facts.bits.set(*beyond);
                }
            }
            Self::Absent { spans, seen } => {
                if !facts.bits.get(*seen) && spans.matches(context) {
                    facts.bits.set(*seen);
                }
            }
            Self::Root { spans, seen } => {
                if context.span.parent_span_id.is_none() && spans.matches(context) {
                    facts.bits.set(*seen);
                }
            }
        }
    }

    fn holds(&self, facts: &Facts) -> bool {
        match self {
            Self::Count { count, bounds, .. } => bounds.hold(facts.bits.number(*count) as f64),
            Self::Sum { sum, bounds } => {
                facts.bits.get(sum.seen) && bounds.hold(sum.of(facts) as f64 / UNITS as f64)
            }
            Self::Ratio { of, to, bounds } => {
                let divisor = to.of(facts);
                facts.bits.get(of.seen)
                    && divisor > 0
                    && bounds.hold(of.of(facts) as f64 / divisor as f64)
            }
            Self::Extreme { seen, within, beyond, .. } => {
                facts.bits.get(*seen) && facts.bits.get(*within) && !facts.bits.get(*beyond)
            }
            Self::Absent { seen, .. } => !facts.bits.get(*seen),
            Self::Root { seen, .. } => facts.bits.get(*seen),
        }
    }

    fn is_lasting(&self) -> bool {
        match self {
            Self::Count { bounds, .. } => bounds.below.is_none(),
            Self::Extreme { greatest: true, bounds, .. } => bounds.below.is_none(),
            Self::Extreme { greatest: false, bounds, .. } => bounds.above.is_none(),
            Self::Root { .. } => true,
            Self::Sum { .. } | Self::Ratio { .. } | Self::Absent { .. } => false,
        }
    }
}

impl Bounds {
    fn is_above(self, value: f64) -> bool {
        self.above.is_none_or(|bound| value > bound)
    }

    fn is_below(self, value: f64) -> bool {
        self.below.is_none_or(|bound| value < bound)
    }

    fn hold(self, value: f64) -> bool {
        self.is_above(value) && self.is_below(value)
    }
}

impl Sum {
    fn new(key: &str, compiler: &mut Compiler<'_>) -> Self {
        Self {
            key: compiler.read(key),
            low: compiler.word(),
            high: compiler.word(),
            seen: compiler.bit(),
        }
    }

    fn fold(&self, facts: &mut Facts, context: &SpanContext<'_, '_>, tally: &mut Tally) {
        let Some(value) = value_of(self.key, context, tally) else { return };
        let units = (value.clamp(-VALUE_MAX, VALUE_MAX) * UNITS as f64).round() as i128;
        let sum = self.of(facts).saturating_add(units) as u128;
        *facts.bits.number_mut(self.low) = sum as u64;
        *facts.bits.number_mut(self.high) = (sum >> 64) as u64;
        facts.bits.set(self.seen);
    }

    fn of(&self, facts: &Facts) -> i128 {
        let [low, high] = [self.low, self.high].map(|word| u128::from(facts.bits.number(word)));
        (high << 64 | low) as i128
    }
}

/// The span's number under a key; the first of repeated ones, as elsewhere.
#[inline]
fn value_of(key: AttributeKey, context: &SpanContext<'_, '_>, tally: &mut Tally) -> Option<f64> {
    let attribute = context.attributes.iter().find(|attribute| attribute.key == key)?;
    let value = number(attribute.value);
    tally.numbers_unreadable += u64::from(value.is_none());
    value
}
