//! Rate limiters in exact integer time: fixed window, sliding window, token bucket.
//!
//! A refused attempt takes nothing. Rates are exact rationals: 1 per 4 seconds is a window of four
//! whole seconds with room for one. Not modelled: several front-ends that each hold a share.
//!
//! What a fixed window has left depends on how many it admitted, not on when. The other two depend
//! on instants. They can be told counts only ([`Limiter::count_second`]) after proving that all of
//! them are admitted wherever they lie ([`Limiter::certify`]), and then know bounds of their state
//! until somebody shows them the instants again ([`Limiter::restore`], [`Limiter::replay`]).

mod bucket;
mod rate;
mod window;

pub use bucket::Tokens;
use bucket::{TokenBucketState, TokenLevel};
pub use rate::{Certificate, Shape, Step};
use std::ops::Range;
use window::{Fixed, Sliding};

/// What is known of a limiter at the start of a second; for [`Limiter::restore`].
#[derive(Clone, Copy, Debug)]
pub struct Known {
    at: u64,
    level: Option<TokenLevel>,
}

/// A limiter with its state.
#[derive(Clone, Debug)]
pub struct Limiter {
    steps: Vec<Step>,
    state: State,
}

// Its tag is read for each attempt: a byte of its own, not a value that a field never has.
#[derive(Clone, Debug)]
#[repr(u8)]
enum State {
    Fixed(Fixed),
    Sliding(Sliding),
    Bucket(TokenBucketState),
}

impl Limiter {
    /// A limiter at t = 0. `steps` starts at 0 s and ascends; a change takes effect at the first
    /// end of a window at or after its time (token bucket: at its time).
    pub fn new(shape: Shape, steps: &[Step]) -> Limiter {
        let state = match shape {
            Shape::FixedWindow => State::Fixed(Fixed::new(steps)),
            Shape::SlidingWindow => State::Sliding(Sliding::new(steps)),
            Shape::TokenBucket { burst } => State::Bucket(TokenBucketState::new(burst, steps)),
        };
        Limiter {
            steps: steps.to_vec(),
            state,
        }
    }

    /// The rate in force during a second, per second.
    pub fn per_second(&self, second: u64) -> f64 {
        match &self.state {
            State::Fixed(window) => window.per_second(second),
            State::Sliding(window) => window.per_second(second),
            State::Bucket(_) => {
                let i = self.steps.partition_point(|s| s.from_s <= second);
                self.steps[i.saturating_sub(1)].per_second()
            }
        }
    }

    /// Whether an attempt at `at` \[ns\] would be admitted. Times must not go back.
    #[inline(always)]
    pub fn has_room(&mut self, at: u64) -> bool {
        match &mut self.state {
            State::Fixed(window) => window.has_room(at),
            State::Sliding(window) => window.has_room(at),
            State::Bucket(bucket) => bucket.has_room(at),
        }
    }

    /// Takes the room that [`Limiter::has_room`] found at the same time.
    #[inline(always)]
    pub fn take(&mut self, at: u64) {
        match &mut self.state {
            State::Fixed(window) => window.take_counted(1),
            State::Sliding(window) => window.take(at),
            State::Bucket(bucket) => bucket.take(at),
        }
    }

    /// Whether an attempt at `at` \[ns\] is admitted; then its room is taken. Times must not go back.
    #[inline(always)]
    pub fn admit(&mut self, at: u64) -> bool {
        let room = self.has_room(at);
        if room {
            self.take(at);
        }
        room
    }

    /// Whether the state depends on the instants of attempts, not on their number alone.
    pub fn needs_instants(&self) -> bool {
        !matches!(self.state, State::Fixed(_))
    }

    // ----- fixed windows -----------------------------------------------------------------------

    /// How many attempts `second` still admits, wherever they lie in it; `None` where that depends
    /// on their instants.
    #[inline]
    pub fn room_in(&mut self, second: u64) -> Option<u64> {
        match &mut self.state {
            State::Fixed(window) => Some(window.room_in(second)),
            State::Sliding(_) | State::Bucket(_) => None,
        }
    }

    /// Whether it surely admits `n` attempts in every one of some seconds, whatever came before them.
    pub fn admits_each(&self, seconds: &Range<u64>, n: u64) -> bool {
        match &self.state {
            State::Fixed(window) => window.admits_each(seconds, n),
            State::Sliding(_) | State::Bucket(_) => false,
        }
    }

    /// Most attempts that it admits in a second, where that is a window of its own.
    pub fn most_in(&self, second: u64) -> Option<u64> {
        match &self.state {
            State::Fixed(window) => window.most_in(second),
            State::Sliding(_) | State::Bucket(_) => None,
        }
    }

    /// Takes the room of `n` attempts that [`Limiter::room_in`] has found. The others take theirs by
    /// [`Limiter::count_second`].
    #[inline]
    pub fn take_counted(&mut self, n: u64) {
        if let State::Fixed(window) = &mut self.state {
            window.take_counted(n);
        }
    }

    // ----- tokens ------------------------------------------------------------------------------

    /// The tokens that come from `from` until `until` \[ns\], where those are all that limits: between one
    /// and the next as many attempts are admitted as there are tokens left, the first ones. Times must not
    /// go back.
    pub fn tokens(&mut self, from: u64, until: u64) -> Option<Tokens> {
        match &mut self.state {
            State::Bucket(bucket) => bucket.tokens(from, until),
            State::Fixed(_) | State::Sliding(_) => None,
        }
    }

    /// Takes `n` of those tokens, which were there by `until` \[ns\].
    pub fn take_tokens(&mut self, until: u64, n: u64) {
        if let State::Bucket(bucket) = &mut self.state {
            bucket.take_tokens(until, n);
        }
    }

    // ----- counts where instants matter --------------------------------------------------------

    /// What is sure of a second's attempts, given their number in each of its equal parts, a power
    /// of two of them.
    pub fn certify(&mut self, second: u64, parts: &[u64]) -> Certificate {
        let total: u64 = parts.iter().sum();
        match &mut self.state {
            State::Fixed(window) => {
                if total <= window.room_in(second) {
                    Certificate::Sure
                } else {
                    Certificate::Never
                }
            }
            State::Sliding(window) => window.certify(second, parts),
            State::Bucket(bucket) => bucket.certify(second, parts, false).0,
        }
    }

    /// Takes in a second that [`Limiter::certify`] found sure: until [`Limiter::end_second`]
    /// everything is admitted, and what is taken one by one is among `parts`. `at_most`: not all of
    /// them need come.
    pub fn count_second(&mut self, second: u64, parts: &[u64], at_most: bool) {
        match &mut self.state {
            State::Fixed(_) => {}
            State::Sliding(window) => window.count_second(second, parts),
            State::Bucket(bucket) => bucket.count_second(second, parts, at_most),
        }
    }

    /// Ends a counted second: the instants that were taken one by one in it \[ns\], in the order in
    /// which they came.
    pub fn end_second(&mut self) -> Vec<u64> {
        match &mut self.state {
            State::Fixed(_) => Vec::new(),
            State::Sliding(window) => window.end_second(),
            State::Bucket(bucket) => bucket.end_second(),
        }
    }

    /// What is known at the start of `second`, which no attempt has reached yet.
    pub fn known(&mut self, second: u64) -> Known {
        Known {
            at: second * super::SECOND,
            level: match &mut self.state {
                State::Bucket(bucket) => Some(bucket.known(second)),
                State::Fixed(_) | State::Sliding(_) => None,
            },
        }
    }

    /// Whether the state is known exactly.
    pub fn is_exact(&self) -> bool {
        match &self.state {
            State::Fixed(_) => true,
            State::Sliding(window) => window.is_exact(),
            State::Bucket(bucket) => bucket.is_exact(),
        }
    }

    /// Goes back to the start of a second that was counted, before [`Limiter::replay`].
    pub fn restore(&mut self, known: &Known) {
        match &mut self.state {
            State::Fixed(_) => {}
            State::Sliding(window) => window.restore(known.at),
            State::Bucket(bucket) => {
                if let Some(level) = known.level {
                    bucket.restore(level);
                }
            }
        }
    }

    /// Shows the instants \[ns, ascending\] of attempts that were admitted, every one since the
    /// restored start. `now`: the time up to which they are complete. Bounds that were apart meet
    /// where the state no longer depends on what it was at the start.
    pub fn replay(&mut self, instants: &[u64], now: u64) {
        match &mut self.state {
            State::Fixed(_) => {}
            State::Sliding(window) => window.replay(instants, now),
            State::Bucket(bucket) => bucket.replay(instants, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::SECOND;
    use crate::engine::random::Key;

    fn steady(num: u64, den: u64) -> Vec<Step> {
        vec![Step {
            from_s: 0,
            num,
            den,
        }]
    }

    fn admitted(limiter: &mut Limiter, times: impl IntoIterator<Item = u64>) -> Vec<bool> {
        times
            .into_iter()
            .map(|t| {
                let room = limiter.has_room(t);
                if room {
                    limiter.take(t);
                }
                room
            })
            .collect()
    }

    #[test]
    fn a_fixed_window_refuses_for_the_rest_of_its_second() {
        let mut l = Limiter::new(Shape::FixedWindow, &steady(2, 1));
        let got = admitted(
            &mut l,
            [0, 1, 2, SECOND - 1, SECOND, SECOND + 1, SECOND + 2],
        );
        assert_eq!(got, [true, true, false, false, true, true, false]);
    }

    #[test]
    fn fractional_quotas_are_windows_of_whole_seconds() {
        // KMS: 0.5/s is one request per 2 s, 0.1/s one per 10 s, 0.25/s one per 4 s (case C10).
        for (num, den) in [(1, 2), (1, 10), (1, 4)] {
            let mut l = Limiter::new(Shape::FixedWindow, &steady(num, den));
            let seconds = (0..3 * den).map(|s| s * SECOND);
            let n = admitted(&mut l, seconds).iter().filter(|&&a| a).count();
            assert_eq!(n, 3);
        }
    }

    #[test]
    fn a_token_bucket_holds_its_burst_and_refills_continuously() {
        // EC2 API guide (case C11): capacity 100, refill 20/s.
        let mut l = Limiter::new(Shape::TokenBucket { burst: 5.0 }, &steady(20, 1));
        let got = admitted(&mut l, std::iter::repeat_n(0, 101));
        assert_eq!(got.iter().filter(|&&a| a).count(), 100);
        // The next token is there after exactly 50 ms, not a nanosecond earlier.
        assert!(!l.has_room(49_999_999) && l.has_room(50_000_000));
        // Empty to full in 5 s.
        let got = admitted(&mut l, std::iter::repeat_n(5 * SECOND, 101));
        assert_eq!(got.iter().filter(|&&a| a).count(), 100);
    }

    #[test]
    fn a_sliding_window_never_admits_more_in_any_second() {
        let mut l = Limiter::new(Shape::SlidingWindow, &steady(2, 1));
        let half = SECOND / 2;
        let got = admitted(
            &mut l,
            [half, SECOND, SECOND + 1, SECOND + half, SECOND + half + 1],
        );
        assert_eq!(got, [true, true, false, true, false]);
    }

    #[test]
    fn a_change_comes_with_the_next_window() {
        let steps = [
            Step {
                from_s: 0,
                num: 1,
                den: 4,
            },
            Step {
                from_s: 5,
                num: 3,
                den: 1,
            },
        ];
        let mut l = Limiter::new(Shape::FixedWindow, &steps);
        assert_eq!((l.per_second(7), l.per_second(8)), (0.25, 3.0));
        let got = admitted(&mut l, [4, 5, 7, 8, 8, 8, 8].map(|s| s * SECOND));
        assert_eq!(got, [true, false, false, true, true, true, false]);
        let mut b = Limiter::new(Shape::TokenBucket { burst: 1.0 }, &steps);
        assert_eq!((b.per_second(4), b.per_second(5)), (0.25, 3.0));
        assert_eq!(admitted(&mut b, [0, 1].map(|s| s * SECOND)), [true, false]);
        assert_eq!(
            admitted(&mut b, std::iter::repeat_n(7 * SECOND, 4)),
            [true, true, true, false]
        );
    }

    #[test]
    fn two_changes_inside_one_window_leave_the_later() {
        let step = |from_s, num, den| Step { from_s, num, den };
        let steps = [step(0, 1, 10), step(3, 2, 10), step(5, 3, 10)];
        let mut l = Limiter::new(Shape::FixedWindow, &steps);
        let got = admitted(&mut l, [6, 7, 10, 11, 12, 13].map(|s| s * SECOND));
        assert_eq!(got, [true, false, true, true, true, false]);
    }

    #[test]
    fn counts_leave_a_fixed_window_the_same_room() {
        let mut l = Limiter::new(Shape::FixedWindow, &steady(10, 1));
        assert_eq!(l.certify(3, &[4, 6]), Certificate::Sure);
        assert_eq!(l.certify(3, &[5, 6]), Certificate::Never);
        l.take_counted(8);
        assert_eq!(
            admitted(&mut l, [3 * SECOND, 3 * SECOND, 3 * SECOND]),
            [true, true, false]
        );
    }

    /// Stretches of time decided by their tokens, against a twin that is asked for every attempt.
    #[test]
    fn tokens_admit_what_asking_admits() {
        let mut decided = 0;
        for run in 0..60 {
            let mut s = Key::root(13, run).stream();
            let mut steps = steady(1 + s.below(30_000), 1 + s.below(3));
            steps.push(Step {
                from_s: 1,
                num: 1 + s.below(30_000),
                den: 1,
            });
            let burst = [0.01, 0.3, 1.0][s.below(3) as usize];
            let mut asked = Limiter::new(Shape::TokenBucket { burst }, &steps);
            let mut counted = asked.clone();
            let length = SECOND / [512, 100, 7][s.below(3) as usize];
            let mut from = 0;
            while from < 2 * SECOND {
                let until = from + length;
                let n = s.below(3) * length * steps[0].num / SECOND / 2 + s.below(20);
                let mut instants: Vec<u64> = (0..n).map(|_| from + s.below(length)).collect();
                instants.sort_unstable();
                let expected = admitted(&mut asked, instants.iter().copied());
                let got = match counted.tokens(from, until) {
                    None => admitted(&mut counted, instants),
                    Some(tokens) => {
                        decided += 1;
                        let mut won = 0;
                        let wins = instants.iter().map(|&at| {
                            let come = tokens.come(at);
                            assert!(come <= tokens.most());
                            let wins = won < tokens.first() + come;
                            won += u64::from(wins);
                            wins
                        });
                        let wins = wins.collect();
                        counted.take_tokens(until, won);
                        wins
                    }
                };
                assert_eq!(got, expected, "{burst} {steps:?} at {from}");
                from = until;
            }
        }
        assert!(decided > 1_000, "{decided}");
    }

    /// Counted seconds, checked against a twin that sees every instant: what is called sure is
    /// admitted, what is never sure is not, and after a replay both answer alike for good.
    #[test]
    fn counted_seconds_can_be_recovered() {
        let step = |from_s, num, den| Step { from_s, num, den };
        let changing = [step(0, 60, 1), step(40, 90, 1), step(70, 45, 2)];
        let shapes = [
            (Shape::TokenBucket { burst: 1.0 }, steady(60, 1)),
            (Shape::TokenBucket { burst: 0.1 }, steady(60, 1)),
            (Shape::TokenBucket { burst: 2.5 }, changing.to_vec()),
            (Shape::SlidingWindow, steady(60, 1)),
            (Shape::SlidingWindow, steady(200, 3)),
            (Shape::SlidingWindow, changing.to_vec()),
        ];
        let mut seen = [0; 3];
        for (s, (shape, steps)) in shapes.into_iter().enumerate() {
            for run in 0..60 {
                let mut random = Key::root(s as u64, run).stream();
                let mean = [10.0, 30.0, 50.0, 58.0][run as usize % 4];
                let mut exact = Limiter::new(shape, &steps);
                let mut bounded = Limiter::new(shape, &steps);
                let mut held: Vec<(Known, Vec<u64>)> = Vec::new();
                for second in 0..90 {
                    let n = random.poisson(mean);
                    let base = second * SECOND;
                    let mut instants: Vec<u64> =
                        (0..n).map(|_| base + random.below(SECOND)).collect();
                    instants.sort_unstable();
                    let parts = 1 << random.below(6);
                    let mut counts = vec![0; parts];
                    let part = SECOND / parts as u64;
                    instants
                        .iter()
                        .for_each(|t| counts[((t - base) / part) as usize] += 1);
                    let known = bounded.known(second);
                    let said = bounded.certify(second, &counts);
                    seen[said as usize] += 1;
                    if said == Certificate::Sure {
                        bounded.count_second(second, &counts, false);
                        assert_eq!(bounded.end_second(), Vec::<u64>::new());
                        held.push((known, instants.clone()));
                        let all = admitted(&mut exact, instants);
                        assert!(all.iter().all(|&a| a), "{shape:?} {second}");
                        if bounded.is_exact() {
                            held.clear();
                        }
                        continue;
                    }
                    let mut back = 1;
                    while !held.is_empty() && !bounded.is_exact() {
                        let from = held.len() - back.min(held.len());
                        bounded.restore(&held[from].0);
                        let instants: Vec<u64> =
                            held[from..].iter().flat_map(|h| h.1.clone()).collect();
                        bounded.replay(&instants, base);
                        assert!(back <= held.len() || bounded.is_exact());
                        back *= 2;
                    }
                    held.clear();
                    let all = admitted(&mut exact, instants.iter().copied());
                    assert_eq!(admitted(&mut bounded, instants), all, "{shape:?} {second}");
                    assert!(said != Certificate::Never || all.contains(&false));
                }
            }
        }
        assert!(seen.iter().all(|&n| n > 300), "{seen:?}");
    }
}
