//! `probabilistic`: a share of all traces, chosen by the trace ID alone.

use tailsift_trace::TraceId;

use crate::compile::Compiler;
use crate::{Facts, Threshold};

/// Keeps this percentage of traces.
///
/// Natively a trace is kept when its 56 random bits (`ot=rv`, else the trace ID's low 56 bits)
/// reach a threshold, so that all samplers which follow OpenTelemetry's consistent probability
/// sampling agree. Under `compatibility: collector` the Collector's salted FNV-1a hash decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Probabilistic {
    /// 0 to 100; fractions count.
    pub sampling_percentage: f64,
    /// The Collector's salt; natively it must be empty, since the trace's own bits decide.
    pub hash_salt: String,
}

#[derive(Debug)]
pub(crate) enum Rule {
    /// Kept when the randomness is at least the threshold; `None` keeps nothing.
    Randomness(Option<Threshold>),
    /// Kept when the hash is at most the bound.
    Hash { salt: Box<[u8]>, bound: u64 },
}

impl Probabilistic {
    pub(crate) fn compile(self, path: &str, compiler: &mut Compiler<'_>) -> Rule {
        let path = format!("{path}.probabilistic");
        let percentage = self.sampling_percentage;
        if compiler.collector() {
            let salt =
                if self.hash_salt.is_empty() { "default-hash-seed" } else { &self.hash_salt };
            return Rule::Hash {
                salt: salt.as_bytes().into(),
                bound: hash_bound(percentage / 100.0),
            };
        }
        compiler.reads_randomness = true;
        if !(0.0..=100.0).contains(&percentage) {
            let message = format!("must lie between 0 and 100, got {percentage}");
            compiler.refuse(format!("{path}.sampling_percentage"), message);
        }
        if !self.hash_salt.is_empty() {
            let remedy = "has no effect here, where the trace's own randomness decides: remove it, or set `compatibility: collector`";
            compiler.refuse(format!("{path}.hash_salt"), remedy);
        }
        let accepted = (percentage / 100.0 * Threshold::RANGE as f64) as u64;
        let threshold = Threshold::RANGE.checked_sub(accepted).map(Threshold);
        Rule::Randomness(threshold.filter(|threshold| threshold.0 < Threshold::RANGE))
    }
}

impl Rule {
    pub(crate) fn sampled(&self, trace_id: TraceId, facts: &Facts) -> bool {
        match self {
            Self::Randomness(threshold) => {
                let randomness = facts.randomness.unwrap_or_else(|| trace_id.randomness());
                threshold.is_some_and(|threshold| randomness >= threshold.0)
            }
            Self::Hash { salt, bound } => hash(salt, trace_id) <= *bound,
        }
    }

    pub(crate) fn threshold(&self) -> Option<Threshold> {
        match self {
            Self::Randomness(threshold) => *threshold,
            Self::Hash { .. } => None,
        }
    }
}

/// FNV-1a, 64 bits, over the salt and the raw trace ID.
fn hash(salt: &[u8], trace_id: TraceId) -> u64 {
    salt.iter().chain(&trace_id.0).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// floor(ratio × (2^64 − 1)) on the ratio's exact value; a product in doubles is off by one.
fn hash_bound(ratio: f64) -> u64 {
    if ratio.is_nan() || ratio <= 0.0 {
        return 0;
    }
    if ratio >= 1.0 {
        return u64::MAX;
    }
    let bits = ratio.to_bits();
    let (exponent, fraction) = ((bits >> 52) as i32, bits & ((1 << 52) - 1));
    // ratio = mantissa × 2^-shift; subnormals are below 2^-1000, so their bound is 0 anyway.
    let (mantissa, shift) = (fraction | 1 << 52, 1075 - exponent);
    let product = u128::from(mantissa) * u128::from(u64::MAX);
    u32::try_from(shift).ok().and_then(|shift| product.checked_shr(shift)).unwrap_or(0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_the_collectors() {
        for (percentage, bound) in [
            (0.0, 0),
            (-5.0, 0),
            (0.1, 18_446_744_073_709_551),
            (1.0, 184_467_440_737_095_519),
            (5.0, 922_337_203_685_477_631),
            (10.0, 1_844_674_407_370_955_263),
            (25.0, 4_611_686_018_427_387_903),
            (33.0, 6_087_425_544_324_152_319),
            (50.0, 9_223_372_036_854_775_807),
            (99.9, 18_428_297_329_635_844_095),
            (100.0, u64::MAX),
            (250.0, u64::MAX),
        ] {
            assert_eq!(hash_bound(percentage / 100.0), bound, "{percentage} %");
        }
        assert_eq!(hash_bound(f64::MIN_POSITIVE / 2.0), 0);
    }

    #[test]
    fn hashes_are_the_collectors() {
        for (id, expect) in [
            ("00000000000000000000000000000001", 0xe195_35ee_d1bb_aa8a),
            ("4bf92f3577b34da6a3ce929d0e0e4736", 0xa545_33ba_2e49_70b5),
            ("5b8efff798038103d269b633813fc60c", 0x95f1_76d2_91b1_d3f7),
            ("ffffffffffffffffffffffffffffffff", 0x17be_c373_9634_fe2d),
        ] {
            assert_eq!(hash(b"default-hash-seed", id.parse().unwrap()), expect, "{id}");
        }
    }
}
