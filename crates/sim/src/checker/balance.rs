//! Each span that was handed in is somewhere, as the shard counts; and what it passed over is what
//! verdicts cover.

use tailsift_sampler::Balance;

use crate::checker::View;
use crate::checker::book::Book;
use crate::event::Violation;

pub(crate) fn check(book: &Book, view: &View<'_>) -> Result<(), Violation> {
    let balance = Balance::of(view.stats, &view.gauges);
    if !balance.is_even() {
        return uneven(balance.to_string());
    }
    let covered = book.spans_covered(view.worker);
    if balance.covered != covered {
        return uneven(format!("{} spans covered, and {covered} by the book", balance.covered));
    }
    Ok(())
}

fn uneven(text: String) -> Result<(), Violation> {
    Err(Violation { invariant: "balance", text })
}
