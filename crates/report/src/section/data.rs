//! Which data a study used, and which it could not have.

use std::collections::BTreeSet;

use mtl_core::{Counts, Draw, DrawnFractions, Fractions, NestedFractions, RowSizes, Sizes};
use mtl_data::{Catalog, CatalogEntry};
use mtl_experiments::plan::Resolved;
use mtl_experiments::results::Results;
use mtl_experiments::study::{Protocol, Resampling};

use super::stamp;
use crate::document::{Block, Cell, Table};

/// A table of more data sets is folded.
const MANY: usize = 8;

/// The data sets; those that were skipped or replaced with the reason and what would mend it.
pub fn blocks(results: &Results) -> Vec<Block> {
    let study = &results.study;
    let mut table = Table::new(
        format!("{}-data", study.id),
        "Data",
        &["data set", "variant", "status", "#tasks", "#features", "#samples", "drawn", "remarks"],
    );
    table.stamp = stamp(results);
    let catalog = Catalog::embedded();
    let mut blocks: Vec<Block> = results.resolved.iter().filter_map(missing).map(Block::notice).collect();
    for (found, used) in results.resolved.iter().zip(&study.data) {
        let Some(variant) = &found.variant else { continue };
        let Ok(entry) = catalog.get(&variant.spec.name) else { continue };
        let drawn = used.rows.map_or("all".to_owned(), |n| format!("{n} a task and repeat"));
        table.rows.push(vec![
            Cell::text(&found.label),
            Cell::text(variant.spec.to_string()).hint(&entry.title),
            Cell::text(entry.status.to_string()),
            Cell::count(variant.m),
            Cell::count(variant.p),
            Cell::count(variant.samples),
            Cell::text(drawn),
            Cell::text(entry.status_note.trim()),
        ]);
    }
    table.notes.push(format!(
        "{} repeats; {}. Repeats are {}.",
        study.protocol.repeats,
        parts(study.protocol, study.select.folds),
        match study.protocol.resampling {
            Resampling::Independent => "draws of new data",
            Resampling::Overlapping if !study.protocol.official => "random splits of the same data",
            Resampling::Overlapping if !matches!(study.protocol.split, Sizes::Fractions(_)) => {
                "random draws from the splits that come with the data"
            }
            Resampling::Overlapping => "the splits that come with the data",
        }
    ));
    table.notes.extend(tuning(results));
    let profile = format!("Profile {}", study.profile.name());
    table.notes.extend(study.profile_note.as_ref().map(|note| format!("{profile}: {note}.")));
    // Families have many members, of which the figures say enough.
    blocks.push(if table.rows.len() > MANY { table.folded() } else { table.shown() });
    blocks
}

/// What is tuned otherwise than by each repeat for itself, and what labels stand for.
fn tuning(results: &Results) -> Vec<String> {
    let study = &results.study;
    let mut notes = Vec::new();
    if study.tune.once {
        notes.push(
            "Hyperparameters are tuned once, on the parts of the first repeat; test rows of the other repeats are among those \
             that choose them."
                .into(),
        );
    }
    if let Some(freeze) = &study.tune.freeze {
        let params = freeze.params.join(", ");
        notes.push(format!("{} is tuned first; the other methods take its {params}.", freeze.from.value));
    }
    for method in study.methods.iter().filter(|method| !method.either.is_empty()) {
        let on = |dataset: &str| {
            Some(format!("{} on {}", results.stands_for(dataset, &method.label)?, results.marked(dataset)))
        };
        let stands: Vec<String> = results.datasets().into_iter().filter_map(on).collect();
        if !stands.is_empty() {
            notes.push(format!(
                "{} is the one with the better mean {} on validation rows: {}.",
                method.label,
                study.select.metric,
                stands.join(", ")
            ));
        }
    }
    notes
}

/// What trains, chooses and tests.
fn parts(protocol: Protocol, folds: Option<u32>) -> String {
    let chosen = |valid: String| match folds {
        Some(folds) => format!("and choose hyperparameters in {folds} folds, after which all of them train"),
        None => format!("{valid} choose hyperparameters"),
    };
    let shares = |Fractions { train, valid, test }| {
        format!(
            "{:.0} % of the rows of each task train, {}, {:.0} % test",
            100.0 * train,
            chosen(format!("{:.0} %", 100.0 * valid)),
            100.0 * test
        )
    };
    let drawn = |draw| match draw {
        Draw::Random => "drawn at random",
        Draw::Stratified => "drawn with the same shares of classes in each part",
        Draw::Balanced => {
            "drawn for each task with as many positive as negative ones; where a class has too few of them, all parts of \
             that task are smaller"
        }
    };
    match protocol.split {
        Sizes::Fractions(fractions) => shares(fractions),
        Sizes::Drawn(DrawnFractions { fractions, draw }) => {
            format!("{}; they are {}", shares(fractions), drawn(draw))
        }
        Sizes::Nested(NestedFractions { nested: Fractions { train, valid, test } }) => format!(
            "{:.0} % of the rows of each task test; of the others {:.0} % train, {}; all are rounded down",
            100.0 * test,
            100.0 * train,
            chosen(format!("{:.0} %", 100.0 * valid))
        ),
        Sizes::Rows(RowSizes { rows: Counts { train, valid, test }, draw }) => {
            let test = test.map_or("all others".into(), |test| test.to_string());
            let chosen = chosen(valid.to_string());
            format!("{train} rows of each task train, {chosen}, {test} test; they are {}", drawn(draw))
        }
    }
}

/// What to know about the data of all studies, each thing once: the reason that the first study gives is enough.
pub fn notices(studies: &[Results]) -> Vec<String> {
    let mut known = BTreeSet::new();
    let found = studies.iter().flat_map(|results| &results.resolved).filter(|found| {
        let wanted = found.missing.first().map(|(wanted, _)| &wanted.name);
        known.insert((&found.label, wanted, found.variant.as_ref().map(|variant| &variant.spec.name)))
    });
    found.filter_map(missing).collect()
}

/// What a reader has to know about a data set that is not the one the paper used.
fn missing(found: &Resolved) -> Option<String> {
    let (wanted, reason) = found.missing.first()?;
    // The reason says how to make what no address has.
    let by_hand = |entry: &CatalogEntry| entry.files.iter().all(|file| file.by_hand.is_some());
    let command = match Catalog::embedded().get(&wanted.name).is_ok_and(by_hand) {
        true => String::new(),
        false => format!("\nTo fetch it: mtl datasets fetch {}", wanted.name),
    };
    Some(match &found.variant {
        None => format!("{} was skipped: {reason}{command}", found.label),
        Some(variant) => format!(
            "{} stands for the variant `{}` here, not for `{}`: {reason}{command}",
            found.label, variant.spec.name, wanted.name
        ),
    })
}
