//! `mtl plan`: what is in which share.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mtl_experiments::Store;
use mtl_experiments::cost::Costs;
use mtl_experiments::plan::Outlook;
use mtl_experiments::shard::{Parcel, Shares, outlooks, parcels};

use super::replicate::Wanted;
use crate::args::warn;
use crate::output::{check_output, emit, write_atomically};
use crate::table::{Column, Table, count, rough};

#[derive(Args)]
#[command(
    after_help = "Everything that one method does on one split of one data set stays together, in all studies that want it. Shares
depend on what a paper wants and on the data that can be had, never on what is stored.

Examples:
  mtl plan ssmtl --shards 8                          the shares that `mtl run --shard I/8` runs
  mtl plan ssmtl --shards 8 --output plan.json       by times measured in the store, for `mtl run --plan`"
)]
pub struct Plan {
    #[command(flatten)]
    wanted: Wanted,
    /// Number of shares
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    shards: u32,
    /// File to write the plan to; it is then balanced by measured times where the store has any
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Plan {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let found = self.wanted.find()?;
        let costs = match &self.output {
            Some(file) => {
                check_output(file)?;
                Costs::measured(&Store::reading(&found.store).telling(warn))
            }
            None => Costs::default(),
        };
        let parcels = parcels(&found.studies);
        let outlooks = outlooks(&parcels, None, &costs);
        let shares = Shares::balanced(&parcels, &outlooks, self.shards as usize);
        if let Some(file) = &self.output {
            write_atomically(file, &serde_json::to_vec(&shares)?)?;
        }
        emit(listing(&shares, &parcels, &outlooks))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Outlooks of the shares, in their order.
pub fn by_share(shares: &Shares, parcels: &[Parcel<'_>], outlooks: &[Outlook]) -> Vec<Outlook> {
    let mut sums = vec![Outlook::default(); shares.count()];
    for (parcel, outlook) in parcels.iter().zip(outlooks) {
        if let Some(sum) = shares.of(parcel).and_then(|share| sums.get_mut(share - 1)) {
            *sum = *sum + *outlook;
        }
    }
    sums
}

fn listing(shares: &Shares, parcels: &[Parcel<'_>], outlooks: &[Outlook]) -> String {
    let mut table =
        Table::new([("share", Column::Right), ("cells", Column::Right), ("about, on one thread", Column::Right)]);
    let sums = by_share(shares, parcels, outlooks);
    for (i, sum) in sums.iter().enumerate() {
        table.row([(i + 1).to_string(), sum.missing.to_string(), rough(sum.seconds)]);
    }
    let total: Outlook = sums.iter().copied().sum();
    let parts = count(parcels.len(), "part");
    format!("{table}\n{} in {parts}, about {} on one thread\n", count(total.missing, "cell"), rough(total.seconds))
}
