//! Error messages that help a reader find the name they meant.

/// The candidate closest to `word`, if one is close enough to be a slip of the hand.
fn nearest<'a, S: AsRef<str>>(word: &str, candidates: &'a [S]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    let close = 1.max(length / 3);
    candidates
        .iter()
        .map(AsRef::as_ref)
        // Of a file that is no table the first "name" can be all of it.
        .filter(|candidate: &&str| candidate.chars().count().abs_diff(length) <= close)
        .map(|candidate: &str| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|&(d, candidate)| d <= close && d < candidate.chars().count())
        .min_by_key(|&(d, _)| d)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(rows[i - 2][j - 2] + 1);
            }
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

/// `; did you mean X?`, or nothing.
pub fn did_you_mean<S: AsRef<str>>(word: &str, candidates: &[S]) -> String {
    nearest(word, candidates).map(|n| format!("; did you mean {}?", quoted(n))).unwrap_or_default()
}

/// The text in backticks, cut short if it is long: a file that is no table can have a cell of any size.
pub fn quoted(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        None => format!("`{text}`"),
        Some((end, _)) => format!("`{}...`", &text[..end]),
    }
}

/// The names in backticks, with commas; a long list is cut short, so that an error stays on one screen.
pub fn listed<S: AsRef<str>>(names: &[S]) -> String {
    const WIDTH: usize = 230;
    let mut text = String::new();
    for (shown, name) in names.iter().enumerate() {
        let next = format!("{}{}", if shown == 0 { "" } else { ", " }, quoted(name.as_ref()));
        if shown > 0 && text.chars().count() + next.chars().count() > WIDTH {
            return format!("{text} and {} more", names.len() - shown);
        }
        text += &next;
    }
    if text.is_empty() { "none".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let names = ["parkinsons", "sarcos", "sarcos-test"];
        assert_eq!(nearest("parkinson", &names), Some("parkinsons"));
        assert_eq!(nearest("Sarcso", &names), Some("sarcos"));
        assert_eq!(nearest("sarcos_test", &names), Some("sarcos-test"));
        assert_eq!(nearest("mnist", &names), None);
        assert_eq!(nearest("y", &["a", "b"]), None, "one letter is not close to another");
    }

    #[test]
    fn distances_count_single_slips() {
        assert_eq!(distance("target", "target"), 0);
        assert_eq!(distance("taregt", "target"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..50).map(|i| i.to_string()).collect();
        assert!(listed(&names).ends_with("`39` and 10 more"));
        let long = vec!["x".repeat(38); 7];
        assert_eq!(listed(&long), format!("{} and 2 more", vec![format!("`{}`", long[0]); 5].join(", ")));
        assert_eq!(listed::<String>(&[]), "none");
        assert_eq!(listed(&["ä".repeat(41)]), format!("`{}...`", "ä".repeat(40)));
    }
}
