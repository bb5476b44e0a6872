//! What the SG-MTL paper shows without any fit, from its folder to the report.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use mtl_data::Catalog;
use mtl_experiments::{Paper, Store};
use mtl_report::Report;

/// Claims that no study decides, with what becomes of them.
const CLAIMS: [&str; 8] =
    ["c24-prop1", "c25-prop2", "c26-fig1", "c27-fig2", "c28-fig4-eq2", "c29-fig4-eq4", "c30-fig4-eq5", "c33-binary-u"];

#[test]
fn statements_decide_the_claims_of_sgmtl() {
    let folder = tempfile::tempdir().unwrap();
    let experiments = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let paper = Paper::load(&experiments, "sgmtl", &Catalog::embedded()).unwrap_or_else(|e| panic!("{e}"));
    let store = Store::open(&folder.path().join("store")).unwrap();
    let ids = ["fig1", "fig2", "fig3", "fig4", "propositions"];
    let described: Vec<_> =
        paper.descriptions.iter().filter(|d| ids.contains(&d.id.as_str())).map(|d| (d.clone(), Vec::new())).collect();
    assert_eq!(described.len(), ids.len());
    let files = Report::build(&paper, &described, &[], &store).unwrap().files().unwrap();
    let text = |ending: &str| {
        let file = files.iter().find(|f| f.path.to_string_lossy().ends_with(ending));
        String::from_utf8(file.unwrap_or_else(|| panic!("no {ending}")).bytes.clone()).unwrap()
    };
    let claims = text("tables/claims.csv");
    for id in CLAIMS {
        let row = claims.lines().find(|line| line.starts_with(id)).unwrap_or_else(|| panic!("no {id}\n{claims}"));
        assert!(row.contains("supported"), "{row}");
    }
    for ending in ["fig1-costs.svg", "fig2-costs.png", "fig3-balls.svg", "fig4-memberships.svg"] {
        assert!(files.iter().any(|f| f.path.to_string_lossy().ends_with(ending)), "{ending}");
    }
    let tie = text("tables/propositions-statements.csv");
    assert!(tie.lines().any(|line| line.starts_with("absolute-tie") && line.contains("cost 8")), "{tie}");
    // Without the descriptions, the claims wait for them.
    let files = Report::build(&paper, &[], &[], &store).unwrap().files().unwrap();
    let untested = files.iter().find(|f| f.path.ends_with("tables/claims-untested.csv")).unwrap();
    let untested = String::from_utf8(untested.bytes.clone()).unwrap();
    assert!(CLAIMS.iter().all(|id| untested.contains(id)) && untested.contains("fig4 has not been looked at"));
}
