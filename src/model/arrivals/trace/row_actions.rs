//! Which actions of a workload the rows of a trace are.

use crate::engine::narrow::capped;
use crate::engine::random::Stream;

/// The actions of a workload that the rows of each kind are, by [`super::Rows::kind`]: one where the row says which,
/// else one for each operation of the workload's mix, to draw from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowActions {
    /// The only one of each kind; with [`SEVERAL`] added, which of the mixes it is.
    only: Vec<u32>,
    several: Vec<Vec<u32>>,
}

const SEVERAL: u32 = 1 << 31;

/// The actions of one kind of rows.
enum ActionsOfKind<'a> {
    Only(usize),
    Mix(&'a [u32]),
}

impl RowActions {
    /// Adds those of the next kind.
    pub fn push(&mut self, actions: Vec<u32>) {
        self.only.push(match actions.as_slice() {
            &[only] => only,
            [] => 0,
            [_, _, ..] => SEVERAL + capped::<u32>(self.several.len()),
        });
        if actions.len() > 1 {
            self.several.push(actions);
        }
    }

    #[inline(always)]
    fn of(&self, kind: u32) -> ActionsOfKind<'_> {
        let only = self.only.get(kind as usize).copied().unwrap_or(0);
        match only.checked_sub(SEVERAL) {
            None => ActionsOfKind::Only(only as usize),
            Some(mix) => ActionsOfKind::Mix(&self.several[mix as usize]),
        }
    }

    /// The action that a row of a kind is; `draw` gives its uniform number, `sums` are those of the mix.
    #[inline]
    pub fn action_of(&self, kind: u32, draw: impl FnOnce() -> f64, sums: &[f64]) -> usize {
        match self.of(kind) {
            ActionsOfKind::Mix(actions) => {
                let draw = draw();
                let drawn = sums.partition_point(|&sum| sum <= draw);
                actions[drawn.min(actions.len() - 1)] as usize
            }
            ActionsOfKind::Only(only) => only,
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
        match self.of(kind) {
            ActionsOfKind::Mix(actions) => {
                let mut counts = Vec::with_capacity(actions.len());
                let weights = &weights[..weights.len().min(actions.len())];
                stream.multinomial(n, weights, &mut counts);
                for (&action, n) in actions.iter().zip(counts) {
                    f(action as usize, n);
                }
            }
            ActionsOfKind::Only(only) => f(only, n),
        }
    }
}
