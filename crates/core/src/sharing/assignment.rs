//! The assignment problem.

use ndarray::Array2;

/// The column of each row, all different, with the largest sum of gains (rows x columns, as many of both): shortest
/// augmenting paths with potentials, `O(n^3)`. None if a gain is not finite.
///
/// Kuhn, "The Hungarian method for the assignment problem" (1955); Jonker and Volgenant, "A shortest augmenting path
/// algorithm for dense and sparse linear assignment problems" (1987).
pub fn best_assignment(gains: &Array2<f64>) -> Option<Vec<usize>> {
    let n = gains.nrows();
    if gains.ncols() != n || gains.iter().any(|g| !g.is_finite()) {
        return None;
    }
    // Prices of rows and columns; `gain <= row + column` holds throughout, with equality for what is assigned.
    let mut rows: Vec<f64> = gains.rows().into_iter().map(|r| r.fold(f64::NEG_INFINITY, |m, g| m.max(*g))).collect();
    let mut columns = vec![0.0; n];
    let mut owner: Vec<Option<usize>> = vec![None; n];
    for start in 0..n {
        // Columns by the slack of the best path to them from `start`, as Dijkstra's algorithm finds them.
        let mut slack = vec![f64::INFINITY; n];
        let mut before: Vec<Option<usize>> = vec![None; n];
        let mut done = vec![false; n];
        let (mut row, mut from) = (start, None);
        let mut reached = 0.0;
        let end = loop {
            for j in (0..n).filter(|j| !done[*j]) {
                let along = reached + rows[row] + columns[j] - gains[[row, j]];
                if along < slack[j] {
                    (slack[j], before[j]) = (along, from);
                }
            }
            let next = (0..n).filter(|j| !done[*j]).min_by(|a, b| slack[*a].total_cmp(&slack[*b]))?;
            done[next] = true;
            reached = slack[next];
            match owner[next] {
                Some(owner) => (row, from) = (owner, Some(next)),
                None => break next,
            }
        };
        rows[start] -= reached;
        for j in (0..n).filter(|j| done[*j] && *j != end) {
            let step = reached - slack[j];
            columns[j] += step;
            rows[owner[j]?] -= step;
        }
        let mut column = end;
        while let Some(previous) = before[column] {
            owner[column] = owner[previous];
            column = previous;
        }
        owner[column] = Some(start);
    }
    let mut assigned = vec![0; n];
    for (j, row) in owner.into_iter().enumerate() {
        assigned[row?] = j;
    }
    Some(assigned)
}
