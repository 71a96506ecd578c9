//! The nearest of some names.

/// The name nearest to what was written, if it is near enough to be meant.
pub(crate) fn nearest<'a>(
    written: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    const CHARS_MAX: usize = 64;
    let written: Vec<char> = written.to_lowercase().chars().take(CHARS_MAX).collect();
    let near_enough = 1 + written.len() / 4;
    let scored = names.into_iter().map(|name| (distance(&written, name), name));
    let (distance, name) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance <= near_enough && distance < name.len()).then_some(name)
}

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = above[j] + usize::from(x != y);
            let mut least = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        (before, above) = (above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["group", "instance", "workers", "decision_wait"];
        for (written, expect) in [
            ("grup", Some("group")),
            ("gruop", Some("group")),
            ("Group", Some("group")),
            ("worker", Some("workers")),
            ("decison_wait", Some("decision_wait")),
            ("decisionWait", Some("decision_wait")),
            ("policies", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(written, names), expect, "{written:?}");
        }
    }
}
