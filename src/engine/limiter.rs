//! Rate limiters in exact integer time: fixed window, sliding window, token bucket.
//!
//! A refused attempt takes nothing. Rates are exact rationals: 1 per 4 seconds is a window of four
//! whole seconds with room for one. Not modelled: several front-ends that each hold a share.

use super::SECOND;
use std::collections::VecDeque;

/// The shape of a limiter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// As many per window as the rate gives, the rest refused until the next window starts.
    FixedWindow,
    /// As many in any span of one window.
    SlidingWindow,
    /// Continuous refill; capacity = `burst` × one second's refill. Full at t = 0.
    TokenBucket {
        /// Capacity as a multiple of the per-second rate.
        burst: f64,
    },
}

/// A rate in force from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// From when on \[s\].
    pub from_s: u64,
    /// `num / den` per second, reduced.
    pub num: u64,
    /// Denominator, at least 1.
    pub den: u64,
}

impl Step {
    /// Events per second.
    pub fn per_second(&self) -> f64 {
        self.num as f64 / self.den as f64
    }
}

/// A stretch of time with one window length and capacity.
#[derive(Clone, Copy, Debug)]
struct Segment {
    from_ns: u64,
    window_ns: u64,
    capacity: u64,
}

/// A limiter with its state.
#[derive(Clone, Debug)]
pub struct Limiter {
    steps: Vec<Step>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Fixed {
        segments: Vec<Segment>,
        at: usize,
        window_end: u64,
        left: u64,
    },
    Sliding {
        segments: Vec<Segment>,
        at: usize,
        admitted: VecDeque<u64>,
    },
    Bucket(Bucket),
}

/// Token bucket: one token is `den` · 10⁹ units, `num` units come in each nanosecond, both divided
/// by what they have in common.
#[derive(Clone, Debug)]
struct Bucket {
    steps: Vec<(u64, u64)>,
    at: usize,
    burst: f64,
    rate: u64,
    capacity: u64,
    token: u64,
    level: u64,
    last: u64,
}

impl Limiter {
    /// A limiter at t = 0. `steps` starts at 0 s and ascends; a change takes effect at the first
    /// end of a window at or after its time (token bucket: at its time).
    pub fn new(shape: Shape, steps: &[Step]) -> Limiter {
        let state = match shape {
            Shape::FixedWindow => State::Fixed {
                segments: segments(steps),
                at: 0,
                window_end: 0,
                left: 0,
            },
            Shape::SlidingWindow => State::Sliding {
                segments: segments(steps),
                at: 0,
                admitted: VecDeque::new(),
            },
            Shape::TokenBucket { burst } => State::Bucket(Bucket::new(burst, steps)),
        };
        Limiter {
            steps: steps.to_vec(),
            state,
        }
    }

    /// The rate in force during a second, per second.
    pub fn per_second(&self, second: u64) -> f64 {
        match &self.state {
            State::Fixed { segments, .. } | State::Sliding { segments, .. } => {
                let i = segments.partition_point(|s| s.from_ns <= second * SECOND);
                let s = segments[i.saturating_sub(1)];
                s.capacity as f64 * (SECOND as f64 / s.window_ns as f64)
            }
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
            State::Fixed {
                segments,
                at: i,
                window_end,
                left,
            } => {
                if at >= *window_end {
                    (*window_end, *left) = window_of(segments, i, at);
                }
                *left > 0
            }
            State::Sliding {
                segments,
                at: i,
                admitted,
            } => {
                let segment = segment_of(segments, i, at);
                while admitted
                    .front()
                    .is_some_and(|&t| t + segment.window_ns <= at)
                {
                    admitted.pop_front();
                }
                (admitted.len() as u64) < segment.capacity
            }
            State::Bucket(bucket) => {
                bucket.refill(at);
                bucket.level >= bucket.token
            }
        }
    }

    /// Takes the room that [`Limiter::has_room`] found at the same time.
    #[inline(always)]
    pub fn take(&mut self, at: u64) {
        match &mut self.state {
            State::Fixed { left, .. } => *left -= 1,
            State::Sliding { admitted, .. } => admitted.push_back(at),
            State::Bucket(bucket) => bucket.level -= bucket.token,
        }
    }

    /// Whether `n` attempts anywhere in `second` would surely all be admitted, whatever their
    /// instants, and taking them by [`Limiter::take_counted`] leaves the limiter exactly as they
    /// would. True of a fixed window with room left. The level of a token bucket and the log of a
    /// sliding window depend on the instants, so there only an idle second can be certified.
    pub fn certifies(&mut self, second: u64, n: u64) -> bool {
        self.room_in(second).map_or(n == 0, |room| n <= room)
    }

    /// How many attempts `second` still admits, wherever they lie in it; `None` where that depends
    /// on their instants.
    pub fn room_in(&mut self, second: u64) -> Option<u64> {
        match &mut self.state {
            State::Fixed {
                segments,
                at: i,
                window_end,
                left,
            } => {
                if second * SECOND >= *window_end {
                    (*window_end, *left) = window_of(segments, i, second * SECOND);
                }
                Some(*left)
            }
            State::Sliding { .. } | State::Bucket(_) => None,
        }
    }

    /// Takes the room of `n` attempts that [`Limiter::certifies`] has certified.
    pub fn take_counted(&mut self, n: u64) {
        if let State::Fixed { left, .. } = &mut self.state {
            *left -= n;
        }
    }
}

fn segments(steps: &[Step]) -> Vec<Segment> {
    let mut out: Vec<Segment> = Vec::with_capacity(steps.len());
    for step in steps {
        let mut from_ns = step.from_s * SECOND;
        if let Some(last) = out.last() {
            // The window that is open when a change comes keeps the old capacity to its end.
            // Another change inside that same window replaces the one that waits for its end.
            let since = from_ns.saturating_sub(last.from_ns);
            from_ns = last.from_ns + since.div_ceil(last.window_ns) * last.window_ns;
            if out.last().is_some_and(|l| l.from_ns == from_ns) {
                out.pop();
            }
        }
        out.push(Segment {
            from_ns,
            window_ns: step.den * SECOND,
            capacity: step.num,
        });
    }
    out
}

#[inline]
fn segment_of(segments: &[Segment], i: &mut usize, at: u64) -> Segment {
    while segments.get(*i + 1).is_some_and(|s| s.from_ns <= at) {
        *i += 1;
    }
    segments[*i]
}

/// End and capacity of the window that holds `at`.
#[inline]
fn window_of(segments: &[Segment], i: &mut usize, at: u64) -> (u64, u64) {
    let s = segment_of(segments, i, at);
    let start = s.from_ns + (at - s.from_ns) / s.window_ns * s.window_ns;
    (start + s.window_ns, s.capacity)
}

impl Bucket {
    fn new(burst: f64, steps: &[Step]) -> Bucket {
        // One denominator for all steps, so that the level needs no conversion at a change.
        let den = steps.iter().fold(1, |d, s| lcm(d, s.den));
        let unit = steps.iter().fold(den.saturating_mul(SECOND), |u, s| {
            gcd(u, s.num.saturating_mul(den / s.den))
        });
        let rates: Vec<(u64, u64)> = steps
            .iter()
            .map(|s| (s.from_s * SECOND, s.num.saturating_mul(den / s.den) / unit))
            .collect();
        let rate = rates[0].1;
        let mut bucket = Bucket {
            steps: rates,
            at: 0,
            burst,
            rate,
            capacity: 0,
            token: den.saturating_mul(SECOND) / unit,
            level: 0,
            last: 0,
        };
        bucket.capacity = bucket.capacity_at(rate);
        bucket.level = bucket.capacity;
        bucket
    }

    /// burst · rate tokens, at least one: a bucket that can never hold a token admits nobody.
    fn capacity_at(&self, rate: u64) -> u64 {
        ((self.burst * rate as f64 * SECOND as f64).round() as u64).max(self.token)
    }

    #[inline(always)]
    fn refill(&mut self, at: u64) {
        while self.steps.get(self.at + 1).is_some_and(|s| s.0 <= at) {
            self.at += 1;
            let (from, rate) = self.steps[self.at];
            self.add_until(from);
            self.rate = rate;
            self.capacity = self.capacity_at(rate);
            self.level = self.level.min(self.capacity);
        }
        self.add_until(at);
    }

    #[inline(always)]
    fn add_until(&mut self, at: u64) {
        let gain = (at - self.last).saturating_mul(self.rate);
        self.level = self.level.saturating_add(gain).min(self.capacity);
        self.last = at;
    }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn lcm(a: u64, b: u64) -> u64 {
    a / gcd(a, b) * b
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn certified_counts_leave_the_same_room() {
        let mut l = Limiter::new(Shape::FixedWindow, &steady(10, 1));
        assert!(l.certifies(3, 10) && !l.certifies(3, 11));
        l.take_counted(8);
        assert_eq!(
            admitted(&mut l, [3 * SECOND, 3 * SECOND, 3 * SECOND]),
            [true, true, false]
        );
        let mut b = Limiter::new(Shape::TokenBucket { burst: 1.0 }, &steady(10, 1));
        assert!(b.certifies(0, 0) && !b.certifies(0, 1));
    }
}
