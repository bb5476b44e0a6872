//! The published numbers and claims of all five papers parse into one schema.

use std::collections::HashSet;
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
        let published: Published = source.parse().unwrap_or_else(|e| panic!("{e}"));
        assert!(!published.tables.is_empty() && !published.claims.is_empty(), "{paper}");
        let mut ids = HashSet::new();
        for claim in &published.claims {
            assert!(ids.insert(claim.value.id.clone()), "{}", source.error(claim, "this id is used twice"));
            for reason in claim.value.check.manual() {
                assert!(reason.len() > 20, "{}", source.error(claim, "a manual claim says why"));
                println!("{paper}/{}: {reason}", claim.value.id);
            }
        }
        let measured = published.tables.values().flat_map(|t| &t.rows).filter(|r| r.mean.is_some()).count();
        println!("{paper}: {} tables, {measured} numbers, {} claims", published.tables.len(), published.claims.len());
    }
}
