//! What the paper states, and whether our results agree.

use mtl_experiments::claim::{Decision, Evidence, evaluate};
use mtl_experiments::description::Statements;
use mtl_stats::ClaimOutcome;

use super::{Source, stamp};
use crate::document::{Block, Cell, Table, Tone};

/// The claims' section with the counts for the summary.
pub struct Claims {
    /// The section.
    pub blocks: Vec<Block>,
    /// Claims supported, contradicted, inconclusive, untested.
    pub counts: [usize; 4],
}

/// Decides every claim.
pub fn claims(source: Source<'_>, statements: &Statements) -> Claims {
    let evidence = Evidence { studies: source.studies, published: &source.paper.published, statements };
    let mut tested = Table::new(
        "claims",
        "The paper's claims, decided by our results",
        &["claim", "where", "it says", "its own numbers agree", "ours", "by the means alone", "#p", "#n", "numbers"],
    );
    let mut untested =
        Table::new("claims-untested", "Claims that these results do not decide", &["claim", "where", "it says", "why"]);
    let mut counts = [0; 4];
    for claim in source.paper.published.claims.iter().map(|c| &c.value) {
        let decision = evaluate(&claim.check, &evidence);
        let says = Cell::text(claim.says.trim());
        let says = match &claim.note {
            Some(note) => says.hint(note.trim()),
            None => says,
        };
        let head = [Cell::text(&claim.id), Cell::text(&claim.source), says];
        if let ClaimOutcome::Untested(reason) = &decision.result.outcome {
            counts[3] += 1;
            untested.rows.push(head.into_iter().chain([Cell::text(reason)]).collect());
            continue;
        }
        let (slot, tone) = match decision.result.outcome {
            ClaimOutcome::Supported => (0, Tone::Good),
            ClaimOutcome::Contradicted => (1, Tone::Bad),
            _ => (2, Tone::Neutral),
        };
        counts[slot] += 1;
        let yes_no = |answer: Option<bool>| Cell::text(answer.map_or("–", |yes| if yes { "yes" } else { "no" }));
        tested.rows.push(head.into_iter().chain(tail(&decision, tone, yes_no(claim.printed), yes_no)).collect());
    }
    let evidence_note = "A claim is supported (or contradicted) if the test that applies decides for it (against it) at \
        the 0.05 level, part by part where it has several; p is that of the outcome.";
    tested.notes.push(evidence_note.into());
    let stamps: Vec<String> = source.studies.iter().map(|r| format!("{}: {}", r.study.id, stamp(r))).collect();
    if !stamps.is_empty() {
        tested.notes.push(format!("Decided by {}.", stamps.join(". ")));
    }
    if !statements.is_empty() {
        let note = "What is stated without any fit is supported if it held in all cases tried, and contradicted by one in \
            which it did not.";
        tested.notes.push(note.into());
    }
    let mut blocks = vec![Block::heading(2, "claims", "Claims")];
    if !tested.rows.is_empty() {
        blocks.push(tested.shown());
    }
    if !untested.rows.is_empty() {
        blocks.push(untested.folded());
    }
    Claims { blocks, counts }
}

fn tail(decision: &Decision, tone: Tone, printed: Cell, yes_no: impl Fn(Option<bool>) -> Cell) -> [Cell; 6] {
    let result = &decision.result;
    [
        printed,
        Cell::badge(result.outcome.label(), tone),
        yes_no(decision.by_means),
        result.p().map_or_else(|| Cell::text("–"), Cell::p),
        result.n.map_or_else(|| Cell::text("–"), Cell::count),
        Cell::text(decision.details.join("\n")),
    ]
}
