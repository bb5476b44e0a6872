//! Samples to predict for.

use std::path::Path;

use mtl_core::Target;
use ndarray::{Array1, Array2};

use super::target::{TargetReader, coded};
use super::{LongCsvError, open, task_name};

/// The column with the true targets of samples to predict for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetColumn {
    /// It must be there, and hold numbers or labels.
    Required(String),
    /// It is read if it is there and holds numbers or labels throughout.
    IfUsable(String),
}

/// Samples to predict for, in the order of the file. Unlike training data they may be few and lack a target.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// Task of each sample.
    pub tasks: Vec<String>,
    /// Line of each sample.
    pub lines: Vec<usize>,
    /// Samples x features, columns in the order asked for.
    pub x: Array2<f64>,
    /// Targets, where there are any; labels are -1 and +1.
    pub y: Option<Array1<f64>>,
    /// Why the target column that is there cannot be used.
    pub unusable_target: Option<String>,
}

/// Reads samples to predict for, with targets of a kind.
pub fn samples(
    path: &Path,
    task: &str,
    features: &[String],
    target: &TargetColumn,
    kind: Target,
) -> Result<Samples, LongCsvError> {
    let mut file = open(path)?;
    let task = file.position(task)?;
    let features = features.iter().map(|name| file.position(name)).collect::<Result<Vec<_>, _>>()?;
    let mut target_column = match target {
        TargetColumn::Required(name) => Some(file.position(name)?),
        TargetColumn::IfUsable(name) => file.position(name).ok(),
    }
    .map(|column| TargetReader::new(kind, column));
    let (mut tasks, mut lines, mut x, mut y) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut unusable_target = None;
    while let Some(row) = file.next_row()? {
        tasks.push(task_name(&file, &row, task)?.to_owned());
        lines.push(file.line_of(&row));
        file.numbers(&row, &features, &mut x)?;
        let Some(column) = &mut target_column else { continue };
        match (column.read(&file, &row), target) {
            (Ok(value), _) => y.push(value),
            (Err(error), TargetColumn::Required(_)) => return Err(error),
            (Err(error), TargetColumn::IfUsable(_)) => {
                unusable_target = Some(error.to_string());
                target_column = None;
            }
        }
    }
    let x = Array2::from_shape_vec((tasks.len(), features.len()), x).expect("as many numbers as features in every row");
    Ok(Samples { tasks, lines, x, y: target_column.map(|_| coded(kind, y)), unusable_target })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn samples_to_predict_for_may_be_few_and_lack_a_target() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.csv");
        let features = ["size".to_string(), "age".to_string()];
        let read = |text: &str, target: &TargetColumn| {
            std::fs::write(&path, text).unwrap();
            samples(&path, "school", &features, target, Target::Regression)
        };
        let usable = TargetColumn::IfUsable("score".into());
        let all = read("age,school,score,size\n1,a,5,9\n\n2,b,5,8\n", &usable).unwrap();
        assert_eq!((all.tasks.join(" "), all.lines), ("a b".into(), vec![2, 4]));
        assert_eq!((all.x, all.y), (array![[9.0, 1.0], [8.0, 2.0]], Some(array![5.0, 5.0])));
        let blank = read("age,school,score,size\n1,a,5,9\n2,b,,8\n", &usable).unwrap();
        assert_eq!(blank.y, None);
        assert!(blank.unusable_target.unwrap().contains("line 3, column `score`: found an empty cell"));
        let none = read("age,school,size\n1,a,9\n", &usable).unwrap();
        assert_eq!((none.y, none.unusable_target), (None, None));
        let required = TargetColumn::Required("score".into());
        assert!(read("age,school,size\n1,a,9\n", &required).unwrap_err().to_string().contains("no column `score`"));
    }

    #[test]
    fn labels_of_samples_are_read_alike() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.csv");
        let features = ["age".to_string()];
        let read = |text: &str, target: &TargetColumn| {
            std::fs::write(&path, text).unwrap();
            samples(&path, "school", &features, target, Target::Binary)
        };
        let usable = TargetColumn::IfUsable("score".into());
        assert_eq!(read("age,school,score\n1,a,0\n2,a,0\n", &usable).unwrap().y, Some(array![-1.0, -1.0]));
        let odd = read("age,school,score\n1,a,0\n2,a,7\n", &usable).unwrap();
        assert_eq!(odd.y, None);
        assert!(odd.unusable_target.unwrap().contains("line 3, column `score`: found 7, expected a label"));
        let error = read("age,school,score\n1,a,3\n", &TargetColumn::Required("score".into())).unwrap_err();
        assert!(matches!(error, LongCsvError::Label { line: 2, .. }), "{error}");
    }
}
