//! What made the report.

use crate::document::{Block, Cell, Table};
use crate::provenance::{Maker, Provenance, Work, moment};

/// Programs and machines, data files and seeds; nothing if nothing was fitted.
pub fn blocks(provenance: &Provenance) -> Vec<Block> {
    if provenance.work.is_empty() {
        return Vec::new();
    }
    vec![
        Block::heading(2, "provenance", "Provenance"),
        Block::text(
            "What made these results, as their records say; ro-crate-metadata.json beside this page says the same to \
             programs. `mtl reproduce` with the folder of this page runs everything again and compares.",
        ),
        work(provenance).folded(),
        files(provenance).folded(),
        seeds(provenance).folded(),
    ]
}

fn work(provenance: &Provenance) -> Table {
    let headings = ["software", "processor", "#records", "#seconds of fits", "first", "last"];
    let mut table = Table::new("provenance-work", "Programs and machines", &headings);
    for (Maker { software, cpu }, Work { records, seconds, span }) in &provenance.work {
        let (first, last) = span.map_or_else(Default::default, |(first, last)| (moment(first), moment(last)));
        let row = [Cell::text(software), Cell::text(cpu), Cell::count(*records), Cell::number(*seconds)];
        table.rows.push(row.into_iter().chain([first, last].map(Cell::text)).collect());
    }
    table.notes.push(
        "Seconds are wall-clock times of single fits, of which several run at once. Results are the same to the last bit \
         for any number of threads, on processors with the same vector extensions."
            .into(),
    );
    table
}

fn files(provenance: &Provenance) -> Table {
    let mut table = Table::new("provenance-data", "Data files", &["data set", "file", "SHA-256", "believed for its"]);
    table.rows = provenance
        .files
        .iter()
        .map(|file| [&file.dataset, &file.name, &file.sha256, &file.trust].map(|text| Cell::text(text.as_str())).into())
        .collect();
    table.notes.push("Synthetic data have no files: they are drawn from the seeds.".into());
    table
}

fn seeds(provenance: &Provenance) -> Table {
    let names: Vec<&String> = provenance.seeds.iter().flat_map(|s| s.seeds.keys()).collect();
    let mut kinds: Vec<&String> = names;
    kinds.sort();
    kinds.dedup();
    let mut headings = vec!["data", "#repeat"];
    headings.extend(kinds.iter().map(|kind| kind.as_str()));
    let mut table = Table::new("provenance-seeds", "Seeds", &headings);
    for used in &provenance.seeds {
        let seeds = kinds.iter().map(|kind| used.seeds.get(*kind).map_or("", String::as_str));
        let row = [Cell::text(&used.data), Cell::count(used.repeat as usize)];
        table.rows.push(row.into_iter().chain(seeds.map(Cell::text)).collect());
    }
    table.notes.push(
        "Seeds are hashes of what they are for (data variant, sampling, repeat), so all methods meet the same splits."
            .into(),
    );
    table
}
