//! Cutting a request to size loses nothing and moves nothing.

use proptest::prelude::*;
use tailsift_otlp::split_to_size;

use crate::encode::encode_oddly;
use crate::generate;
use crate::raw::{Leaf, Raw};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_span_is_there_once_and_every_record_fits(
        request in generate::request(),
        seed: u64,
        max_bytes in prop_oneof![0..200usize, 200..4000usize],
    ) {
        let request = encode_oddly(&request, seed);
        let split = split_to_size(&request, max_bytes).unwrap();
        for record in &split.records {
            prop_assert!(record.len() <= max_bytes);
            prop_assert!(!record.is_empty());
        }
        let mut others = Vec::new();
        let mut oversize = Vec::new();
        for part in &split.oversize {
            prop_assert!(part.request.len() > max_bytes);
            let raw = Raw::read(&part.request);
            others.extend(raw.others.clone());
            let leaves = raw.leaves();
            prop_assert!(leaves.len() <= 1);
            let span_bytes: usize = leaves.iter().flat_map(|leaf| &leaf.2).map(Vec::len).sum();
            prop_assert_eq!(part.span_bytes, span_bytes);
            oversize.extend(leaves);
        }
        let records: Vec<Raw> = split.records.iter().map(|record| Raw::read(record)).collect();
        others.extend(records.iter().flat_map(|raw| raw.others.clone()));
        let original = Raw::read(&request);
        let kept = records.iter().flat_map(Raw::leaves).collect();
        prop_assert!(is_interleaving(&original.leaves(), kept, oversize));
        others.sort_unstable();
        let mut expected = original.others;
        expected.sort_unstable();
        prop_assert_eq!(others, expected);
    }
}

/// True if taking from the fronts of `a` and `b` gives `all`.
fn is_interleaving(all: &[Leaf], a: Vec<Leaf>, b: Vec<Leaf>) -> bool {
    let (mut a, mut b) = (a.into_iter().peekable(), b.into_iter().peekable());
    let complete =
        all.iter().all(|leaf| a.next_if_eq(leaf).is_some() || b.next_if_eq(leaf).is_some());
    complete && a.next().is_none() && b.next().is_none()
}
