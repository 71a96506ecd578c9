//! A trace is judged on all spans that it had, and as the policies say.

use tailsift_policy::Verdict;

use crate::checker::View;
use crate::checker::book::Book;
use crate::event::{Judgement, Violation};
use crate::input::Span;
use crate::model::keeps;

pub(crate) fn check(judgement: &Judgement, book: &Book, view: &View<'_>) -> Result<(), Violation> {
    let Judgement { partition, trace, verdict, count, spans, .. } = judgement;
    let violation = |text: String| Err(Violation { invariant: "verdict", text });
    let Some(assignment) = book.assignment(view.worker, *partition) else {
        return violation(format!("trace {trace} is judged on partition {partition}, not held"));
    };
    if assignment.blurred {
        return Ok(());
    }
    let Some(life) = assignment.lives.get(trace).filter(|life| life.decided.is_none()) else {
        return violation(format!("trace {trace} is judged, but none of its spans waited"));
    };
    if *count as usize != life.spans.len() {
        let handed = life.spans.len();
        return violation(format!("trace {trace} is judged on {count} spans, {handed} waited"));
    }
    let all: Vec<&Span> = life.spans.iter().map(|span| &view.broker.input.spans[*span]).collect();
    let expected = if keeps(&all, view.all_policies) { Verdict::Keep } else { Verdict::Drop };
    if *verdict != expected {
        let text = format!("trace {trace}: {verdict:?}, but its spans say {expected:?}");
        return violation(text);
    }
    match (verdict, spans) {
        (Verdict::Keep, Some(spans)) if *spans == life.spans => Ok(()),
        (Verdict::Drop, None) => Ok(()),
        (Verdict::Keep | Verdict::Drop, _) => {
            let expected = &life.spans;
            violation(format!("trace {trace}: {verdict:?} exports {spans:?}, of {expected:?}"))
        }
    }
}
