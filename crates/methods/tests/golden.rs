//! A method's output is part of every stored result's identity. If this test fails because a method now gives
//! something else, raise its `revision` and accept the new snapshot (`cargo insta review`).

mod common;

use std::fmt::Write;

use common::{tight, weights};
use mtl_methods::methods;

#[test]
fn output_per_revision() {
    let data = common::random(12, 4, 3, 99);
    let mut text = String::new();
    for entry in methods() {
        let tunable = entry.params.iter().any(|s| s.name == "tol");
        let fitted =
            if tunable { tight(entry.info.name, &data, &[]) } else { common::fit(entry.info.name, &data, &[]) };
        writeln!(text, "{} r{}: objective {:.6}", entry.info.name, entry.info.revision, fitted.objective.total)
            .unwrap();
        for row in weights(&fitted).rows() {
            let row: Vec<String> = row.iter().map(|w| format!("{:8.3}", w + 0.0)).collect();
            writeln!(text, "  {}", row.join(" ")).unwrap();
        }
    }
    insta::assert_snapshot!(text);
}
