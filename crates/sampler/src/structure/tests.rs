use proptest::prelude::*;
use tailsift_trace::TraceId;

use super::*;
use crate::edges::Towards;

const WAIT: Millis = Millis(1000);

fn id(letter: char) -> SpanId {
    SpanId((letter as u64).to_be_bytes())
}

/// A table in which the edges of these names are usual.
fn learned(names: &[&str]) -> Edges {
    let mut edges = Edges::new(WAIT, 100);
    for (name, span) in names.iter().flat_map(|name| (0_u64..4).map(move |span| (name, span))) {
        let edge = edge(&edges, name);
        let lesson = edges.lesson(Towards::Child, TraceId([1; 16]), SpanId(span.to_be_bytes()));
        edges.ask(edge, lesson, true, Millis(0));
    }
    edges
}

fn edge(edges: &Edges, name: &str) -> EdgeId {
    edges.id(Towards::Child, b"", name.as_bytes())
}

/// Spans as `child<parent`, in the order in which they come; a call is in capitals, its edge has
/// the same name. `/` in place of `<`: the parent is in another process; `~` that and its like are
/// looked at, under the child's name.
fn is_complete(spans: &str, usual: &[&str]) -> bool {
    let edges = learned(usual);
    let mut structure = Structure::default();
    for span in spans.split_whitespace() {
        let mut letters = span.chars();
        let name = letters.next().unwrap();
        let own = name.is_uppercase().then(|| edge(&edges, &name.to_string()));
        structure.come(id(name), own);
        let parent = match letters.next() {
            None => continue,
            Some('<') => Parent::Local,
            Some('/') => Parent::Elsewhere,
            Some(_) => Parent::Usual(edge(&edges, &name.to_string())),
        };
        structure.name(id(letters.next().unwrap()), parent);
    }
    structure.is_complete(&edges)
}

#[test]
fn a_trace_is_complete_when_nothing_is_waited_for() {
    for (spans, usual, expect) in [
        ("a", &[][..], true),
        ("b<a", &[], false),
        ("b<a a", &[], true),
        ("a b<a", &[], true),
        ("c<b a", &[], false),
        ("c<b b<a a", &[], true),
        // Its own parent, or two that are each other's.
        ("a<a", &[], true),
        ("a<b b<a", &[], true),
        // Local roots.
        ("b/a", &[], true),
        ("b/a c<b", &[], true),
        ("b/a c<a", &[], false),
        // Calls: seldom answered, usually, and answered by now.
        ("a B<a", &[], true),
        ("a B<a", &["B"], false),
        ("a B<a", &["C"], true),
        ("a B<a c/B", &["B"], true),
        ("c/B B<a a", &["B"], true),
        ("a B<a c<a", &["B"], false),
        ("a B<a B<a", &["B"], false),
        // Parents elsewhere that usually come.
        ("b~a", &[], true),
        ("b~a", &["b"], false),
        ("b~a a", &["b"], true),
        ("b~a c~a", &["b", "c"], false),
        ("b~a A c~A", &["b", "A"], false),
    ] {
        assert_eq!(is_complete(spans, usual), expect, "{spans} {usual:?}");
    }
}

#[test]
fn small_traces_need_no_memory_of_their_own_and_large_ones_are_bounded() {
    let mut structure = Structure::default();
    let edges = learned(&[]);
    for span in 1..=NODES_MAX as u64 {
        assert_eq!(structure.heap_bytes() > 0, span > NODES_INLINE as u64 + 1, "{span}");
        // Neither in order nor in its reverse.
        let id = SpanId(span.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        assert_eq!(structure.come(id, None), Coming::First { has_child: false });
        assert_eq!(structure.come(id, None), Coming::Again);
        assert!(structure.is_complete(&edges));
    }
    assert!(structure.heap_bytes() <= 2 * NODES_MAX * size_of::<Node>());
    structure.come(id('x'), None);
    assert!(structure.is_too_large() && !structure.is_complete(&edges));
    assert_eq!(structure.heap_bytes(), 0);
}

#[test]
fn it_comes_up_once_it_has_been_quiet() {
    let mut structure = Structure::default();
    assert!(structure.file(Some(Millis(5))));
    assert!(!structure.file(Some(Millis(5))), "it comes up then anyway");
    assert!(structure.file(Some(Millis(6))));
    assert!(structure.file(None) && structure.file(None), "nobody knows when");
    let up: Vec<bool> = (0..4).map(|_| structure.comes_up()).collect();
    assert_eq!(up, [false, false, false, true]);
    assert!(structure.file(None));
    assert!(structure.comes_up());
    assert!(structure.file(Some(Millis(6))), "it has come up since");
}

proptest! {
    /// Spans may come in any order, and more than once.
    #[test]
    fn order_and_repeats_change_nothing(
        spans in prop::collection::vec(("[a-fA-F]", "[</~]", "[a-f]"), 1..20)
            .prop_flat_map(|spans| {
                let again: Vec<_> = spans.iter().chain(spans.first()).cloned().collect();
                (Just(spans), Just(again).prop_shuffle())
            }),
        usual in prop::collection::vec("[a-fA-F]", 0..4),
    ) {
        let told = |spans: &[(String, String, String)]| -> String {
            spans.iter().map(|(name, kind, parent)| format!("{name}{kind}{parent} ")).collect()
        };
        let usual: Vec<&str> = usual.iter().map(String::as_str).collect();
        let (one, other) = (told(&spans.0), told(&spans.1));
        prop_assert_eq!(is_complete(&one, &usual), is_complete(&other, &usual), "{}/ {}", one, other);
    }
}
