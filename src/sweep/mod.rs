//! Many settings of a scenario, each run: a grid or a Latin hypercube over any keys.
//!
//! ```text
//! Axis (key, values) ── grid | latin_hypercube ──► settings ── run (a file each) ──► Row ──► table, sensitivity, charts
//! ```
//!
//! Every setting is run with the same seed, so that settings are compared on the same random numbers. What has been
//! run is kept in a file of its own at once, so that a sweep goes on where it was stopped. Left out: choosing the next
//! setting by what the last ones showed, which `plan` does.

pub mod axis;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod run;
pub mod sensitivity;
pub mod table;

use crate::engine::random::Key;
pub use axis::{AxisError, Quantity, SweepAxis};

/// Every combination of the axes' values, the last axis changing fastest: one index a key.
pub fn grid(axes: &[SweepAxis]) -> Vec<Vec<String>> {
    let mut settings: Vec<Vec<String>> = vec![Vec::new()];
    for axis in axes {
        let longer = settings.iter().flat_map(|setting| {
            let each = axis.values().into_iter();
            each.map(move |value| [&setting[..], &[value]].concat())
        });
        settings = longer.collect();
    }
    settings
}

/// `n` settings of which each axis has one in every n-th part of its range, in an order of its own (McKay, Beckman,
/// Conover 1979); the same seed, the same settings.
pub fn latin_hypercube(axes: &[SweepAxis], n: usize, seed: u64) -> Vec<Vec<String>> {
    let columns: Vec<Vec<String>> = axes
        .iter()
        .map(|axis| {
            let key = Key::root(seed, 0).named("latin hypercube").named(&axis.key);
            let mut order: Vec<usize> = (0..n).collect();
            for i in (1..n).rev() {
                let other = key.with(0).with(i as u64).below(i as u64 + 1) as usize;
                order.swap(i, other);
            }
            let place = |i: usize| {
                let within = key.with(1).with(i as u64).unit();
                (order[i] as f64 + within) / n as f64
            };
            (0..n).map(|i| axis.at(place(i))).collect()
        })
        .collect();
    (0..n)
        .map(|i| columns.iter().map(|c| c[i].clone()).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_has_every_combination() {
        let axes: Vec<SweepAxis> = ["a=1,2", "b=x,y,z"]
            .iter()
            .map(|t| t.parse().unwrap())
            .collect();
        let all: Vec<String> = grid(&axes).iter().map(|s| s.join("")).collect();
        assert_eq!(all, ["1x", "1y", "1z", "2x", "2y", "2z"]);
    }

    #[test]
    fn a_latin_hypercube_has_one_value_in_every_part() {
        let axes: Vec<SweepAxis> = ["a=0.0..10.0", "b=p,q"]
            .iter()
            .map(|t| t.parse().unwrap())
            .collect();
        let settings = latin_hypercube(&axes, 20, 7);
        let mut parts: Vec<usize> = settings
            .iter()
            .map(|s| (s[0].parse::<f64>().unwrap() * 2.0) as usize)
            .collect();
        assert_ne!(parts, (0..20).collect::<Vec<_>>());
        parts.sort_unstable();
        assert_eq!(parts, (0..20).collect::<Vec<_>>());
        assert_eq!(settings.iter().filter(|s| s[1] == "p").count(), 10);
        assert_eq!(settings, latin_hypercube(&axes, 20, 7));
        assert_ne!(settings, latin_hypercube(&axes, 20, 8));
    }
}
