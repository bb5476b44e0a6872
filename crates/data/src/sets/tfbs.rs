//! Binding sites of transcription factors: one task a factor, to tell sequences it was found on from shuffled ones.
//!
//! Of the 37 factors of the SG-MTL paper (Kshirsagar, Yang, Lozano, ECML PKDD 2017) ten are to be had, as DeepBind
//! (Alipanahi, Delong, Weirauch, Frey 2015) has them: 101 bases about peaks of ENCODE, strongest first, and of the 1000
//! strongest every other one, since DeepBind tests on the rest. There are no flanking regions, so negatives are the
//! same sequences with their bases shuffled, which keeps how often each follows each. A shuffle is seeded by the
//! sequence: it depends on nothing else, and reads the same everywhere.
//!
//! The paper keeps the words that are most frequent, and does not say where; here in all rows that are read, whatever
//! their label, since a reader cannot know which of them will train.

use mtl_core::{MultiTask, Seed};
use ndarray::{ArrayView1, s};

use super::{Files, Options, number};
use crate::format::Table;
use crate::library::LoadError;
use crate::sequence::{Labelled, shuffled, tasks};

/// Files, which are called by factor, cell line, antibody and laboratory.
const FILES: [&str; 10] = [
    "ARID3A_K562_ARID3A_sc-8821_Stanford_AC.seq.gz",
    "CTCFL_K562_CTCFL_SC-98982_HudsonAlpha_AC.seq.gz",
    "ELK1_GM12878_ELK1_1277-1_Stanford_AC.seq.gz",
    "FOXA1_HepG2_FOXA1_SC-101058_HudsonAlpha_AC.seq.gz",
    "GABPA_GM12878_GABP_HudsonAlpha_AC.seq.gz",
    "MYC_H1-hESC_c-Myc_Stanford_AC.seq.gz",
    "REST_GM12878_NRSF_HudsonAlpha_AC.seq.gz",
    "SP1_GM12878_SP1_HudsonAlpha_AC.seq.gz",
    "USF1_HepG2_USF-1_HudsonAlpha_AC.seq.gz",
    "ZBTB7A_HepG2_ZBTB7A_SC-34508_HudsonAlpha_AC.seq.gz",
];

pub(super) fn load(options: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let mut sequences = Vec::with_capacity(FILES.len());
    for file in FILES {
        let table = files.table(file)?;
        let name = file.split('_').take(2).collect::<Vec<_>>().join(" ");
        sequences.push((name, rows(&table, number(options, "rows")).map_err(|e| files.corrupt(e))?));
    }
    tasks(sequences, number(options, "features")).map_err(|e| files.unusable(e))
}

/// The strongest peaks, and below them a shuffle of each; of an odd number of rows the last peak has none.
fn rows(table: &Table, rows: usize) -> Result<Labelled, String> {
    let peaks = rows.div_ceil(2);
    if table.values.nrows() < peaks {
        return Err(format!("found {} peaks, expected {peaks} at least", table.values.nrows()));
    }
    let bound = table.values.ncols() - 1;
    if let Some(row) = (0..peaks).find(|&row| table.values[[row, bound]] != 1.0) {
        return Err(format!("row {}: found {} in column `Bound`, expected 1", row + 1, table.values[[row, bound]]));
    }
    let peak = |row: ArrayView1<'_, f64>| row.iter().map(|&base| base as u8).collect::<Vec<u8>>();
    let peaks: Vec<Vec<u8>> = table.values.slice(s![..peaks, ..bound]).rows().into_iter().map(peak).collect();
    let shuffles: Vec<Vec<u8>> =
        peaks[..rows / 2].iter().map(|peak| shuffled(peak, &mut Seed::of(peak).stream("shuffle").rng())).collect();
    let label = |sequences: Vec<Vec<u8>>, label: f64| sequences.into_iter().map(move |s| (s, label));
    Ok(label(peaks, 1.0).chain(label(shuffles, -1.0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn table() -> Table {
        let columns = ["seq 1", "seq 2", "seq 3", "seq 4", "Bound"].map(String::from).to_vec();
        let values = array![[0.0, 1.0, 2.0, 3.0, 1.0], [3.0, 3.0, 2.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0, 1.0]];
        Table { columns, values }
    }

    #[test]
    fn peaks_come_first_and_then_their_shuffles() {
        let read = rows(&table(), 5).unwrap();
        assert_eq!(read[..3], [(vec![0, 1, 2, 3], 1.0), (vec![3, 3, 2, 2], 1.0), (vec![0, 0, 0, 0], 1.0)]);
        // These have no other sequence with the same pairs.
        assert_eq!(read[3..], [(vec![0, 1, 2, 3], -1.0), (vec![3, 3, 2, 2], -1.0)]);
        assert_eq!(rows(&table(), 2).unwrap().len(), 2);
    }

    #[test]
    fn shuffles_depend_on_the_sequence_only() {
        let long: Vec<f64> = (0..60_u32).map(|i| f64::from((i * i + i / 7) % 4)).chain([1.0]).collect();
        let columns: Vec<String> = (0..61).map(|c| c.to_string()).collect();
        let of = |before: usize| {
            let mut values = ndarray::Array2::zeros((before + 1, 61));
            values.column_mut(60).fill(1.0);
            values.row_mut(before).assign(&ndarray::aview1(&long));
            rows(&Table { columns: columns.clone(), values }, 2 * (before + 1)).unwrap().pop().unwrap()
        };
        assert_eq!(of(0), of(3));
        assert_ne!(of(0).0, long[..60].iter().map(|&b| b as u8).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_no_peak_is_refused() {
        assert_eq!(rows(&table(), 8).unwrap_err(), "found 3 peaks, expected 4 at least");
        let mut other = table();
        other.values[[1, 4]] = 0.0;
        assert_eq!(rows(&other, 4).unwrap_err(), "row 2: found 0 in column `Bound`, expected 1");
    }
}
