//! Why a condition cannot be compiled.

/// Characters that are shown on either side of the place of an error.
const AROUND: usize = 24;

/// What is wrong with a condition, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    /// Bytes into the condition's text.
    at: usize,
    message: String,
}

impl Refusal {
    pub(super) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }

    /// With line, column (both from 1, in characters) and the text around the place.
    pub(super) fn shown_in(&self, text: &str) -> String {
        let at = text.floor_char_boundary(self.at);
        let (before, after) = text.split_at(at);
        let line = before.matches('\n').count() + 1;
        let of_line = before.rsplit('\n').next().unwrap_or_default();
        let column = of_line.chars().count() + 1;
        let from = before.char_indices().rev().take(AROUND).last().map_or(at, |(place, _)| place);
        let to = after.char_indices().nth(AROUND).map_or(text.len(), |(place, _)| at + place);
        let around: String = text[from..to].split_whitespace().collect::<Vec<_>>().join(" ");
        let (left, right) =
            (if from > 0 { "…" } else { "" }, if to < text.len() { "…" } else { "" });
        format!("line {line}, column {column}, in `{left}{around}{right}`: {}", self.message)
    }
}
