//! Which actions of a workload the rows of a trace are.

use crate::engine::random::Stream;

/// The actions of a workload that the rows of each kind are, by [`super::Rows::kind`]: one where the row says which,
/// else one for each operation of the workload's mix, to draw from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowActions(Vec<Vec<u32>>);

impl RowActions {
    /// Adds those of the next kind.
    pub fn push(&mut self, actions: Vec<u32>) {
        self.0.push(actions);
    }

    /// The action that a row of a kind is; `draw` gives its uniform number, `sums` are those of the mix.
    #[inline]
    pub fn action_of(&self, kind: u32, draw: impl FnOnce() -> f64, sums: &[f64]) -> usize {
        match self.0.get(kind as usize).map(Vec::as_slice) {
            Some(&[only]) => only as usize,
            Some(actions @ [_, ..]) => {
                let draw = draw();
                let drawn = sums.partition_point(|&sum| sum <= draw);
                actions[drawn.min(actions.len() - 1)] as usize
            }
            Some([]) | None => 0,
        }
    }

    /// Splits `n` requests of a row of a kind over its actions: `f(action, how many)`. `weights` are those of the mix.
    pub fn split(
        &self,
        kind: u32,
        n: u64,
        weights: &[f64],
        mut stream: Stream,
        mut f: impl FnMut(usize, u64),
    ) {
        match self.0.get(kind as usize).map(Vec::as_slice) {
            Some(&[only]) => f(only as usize, n),
            Some(actions @ [_, ..]) => {
                let mut counts = Vec::with_capacity(actions.len());
                let weights = &weights[..weights.len().min(actions.len())];
                stream.multinomial(n, weights, &mut counts);
                for (&action, n) in actions.iter().zip(counts) {
                    f(action as usize, n);
                }
            }
            Some([]) | None => f(0, n),
        }
    }
}
