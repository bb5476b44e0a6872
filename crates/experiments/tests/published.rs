//! The published numbers and claims of all five papers parse into one schema, and every claim can be decided.

use std::path::{Path, PathBuf};

use mtl_experiments::published::Published;
use mtl_experiments::yaml::Source;

const PAPERS: [&str; 5] = ["bigmtl", "sgmtl", "srml", "ssmtl", "tomato"];

fn file(paper: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments").join(paper).join("published.yaml")
}

#[test]
fn five_papers_one_schema() {
    for paper in PAPERS {
        let source = Source::read(&file(paper)).unwrap_or_else(|e| panic!("{e}"));
        let published = Published::load(&source).unwrap_or_else(|e| panic!("{e}"));
        let numbers = published.tables.values().flat_map(|t| &t.rows).filter(|r| r.mean.is_some()).count();
        assert!(numbers > 30 && published.claims.len() > 15, "{paper}: {numbers} numbers");
        for claim in &published.claims {
            for reason in claim.value.check.manual() {
                assert!(reason.len() > 20, "{}", source.error(claim, "a manual claim says why"));
            }
        }
    }
}
