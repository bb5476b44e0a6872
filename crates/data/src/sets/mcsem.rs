//! Reactions to posts of news channels, a task a channel: shares of five emoticons from a BERT vector of the text. The authors
//! of the TOMATO paper keep it; who has it can put it here.

use std::sync::Arc;

use mtl_core::{MultiTask, Target, Task, likeliest};
use ndarray::{Array1, Axis};

use super::{Files, Options};
use crate::library::LoadError;

const CHANNELS: usize = 12;
const EMOTICONS: usize = 5;
/// Added to every count, as in the authors' program.
const COUNT: f64 = 0.1;

/// Rows of text, of counts, and with the number of the channel, from 0.
pub(super) fn load(_: &Options, files: &mut Files<'_>) -> Result<MultiTask, LoadError> {
    let inputs = files.table("mcsem_x.npy")?.values;
    let channels = files.table("mcsem_task.npy")?.values.column(0).to_owned();
    let counts = files.table("mcsem_y.npy")?.values;
    let rows = inputs.nrows();
    if counts.dim() != (rows, EMOTICONS) || channels.len() != rows {
        let (found, tasks) = (counts.dim(), channels.len());
        return Err(files.corrupt(format!(
            "found {found:?} counts and {tasks} channels of {rows} posts, expected {EMOTICONS} a post"
        )));
    }
    if let Some(count) = counts.iter().find(|count| !(count.is_finite() && **count >= 0.0)) {
        return Err(files.corrupt(format!("found {count} reactions, expected a number from 0 on")));
    }
    let shares = (&counts + COUNT) / (&counts + COUNT).sum_axis(Axis(1)).insert_axis(Axis(1));
    let (mut tasks, mut likelihoods) = (Vec::with_capacity(CHANNELS), Vec::with_capacity(CHANNELS));
    for channel in 0..CHANNELS {
        let of_channel: Vec<usize> = (0..rows).filter(|row| channels[*row] == channel as f64).collect();
        let shares = shares.select(Axis(0), &of_channel);
        let y: Array1<f64> = shares.rows().into_iter().map(|row| likeliest(row.iter().copied()) as f64).collect();
        tasks.push(Task { name: format!("channel {channel}"), x: Arc::new(inputs.select(Axis(0), &of_channel)), y });
        likelihoods.push(shares);
    }
    let features = (1..=inputs.ncols()).map(|f| format!("f{f}")).collect();
    let data = MultiTask::new(features, Target::Classes(EMOTICONS as u32), tasks);
    data.and_then(|data| data.with_likelihoods(likelihoods)).map_err(|e| files.unusable(e))
}
