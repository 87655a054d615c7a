//! Where the strokes of a dashed line and of a hatched area lie [px].

use super::theme::Hatch;

/// Cuts a line into its dashes.
pub(super) fn dashes(points: &[(f64, f64)], pattern: &[f64]) -> Vec<Vec<(f64, f64)>> {
    if pattern.is_empty() {
        return vec![points.to_vec()];
    }
    let mut parts = vec![];
    let (mut k, mut left, mut current) = (0, pattern[0], vec![]);
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let length = (x1 - x0).hypot(y1 - y0);
        let at = |d: f64| (x0 + (x1 - x0) * d / length, y0 + (y1 - y0) * d / length);
        let mut done = 0.0;
        if k % 2 == 0 && current.is_empty() {
            current.push((x0, y0));
        }
        while length - done > left {
            done += left;
            current.push(at(done));
            if k % 2 == 0 {
                parts.push(std::mem::take(&mut current));
            }
            k += 1;
            left = pattern[k % pattern.len()];
        }
        left -= length - done;
        if k % 2 == 0 {
            current.push((x1, y1));
        }
    }
    if current.len() > 1 {
        parts.push(current);
    }
    parts
}

/// The strokes of a hatch inside a rectangle.
pub(super) fn hatching(
    x0: f64,
    y0: f64,
    x1: f64,
    y1: f64,
    hatch: Hatch,
) -> Vec<((f64, f64), (f64, f64))> {
    const STEP: f64 = 6.0;
    let mut strokes = vec![];
    let (w, h) = (x1 - x0, y1 - y0);
    if w < 1.0 || h < 1.0 {
        return strokes;
    }
    let diagonal = |strokes: &mut Vec<_>, up: bool| {
        let mut d = STEP;
        while d < w + h {
            // The line u + v = d inside the rectangle, u from the left, v from the top.
            let (u0, u1) = ((d - h).max(0.0), d.min(w));
            let x = |u: f64| if up { x0 + u } else { x1 - u };
            strokes.push(((x(u0), y0 + d - u0), (x(u1), y0 + d - u1)));
            d += STEP * std::f64::consts::SQRT_2;
        }
    };
    match hatch {
        Hatch::None => {}
        Hatch::Up => diagonal(&mut strokes, true),
        Hatch::Down => diagonal(&mut strokes, false),
        Hatch::Cross => {
            diagonal(&mut strokes, true);
            diagonal(&mut strokes, false);
        }
        Hatch::Upright => {
            let n = (w / STEP) as usize;
            strokes.extend(
                (1..=n)
                    .map(|i| x0 + i as f64 * STEP)
                    .map(|x| ((x, y0), (x, y1))),
            );
        }
        Hatch::Level => {
            let n = (h / STEP) as usize;
            strokes.extend(
                (1..=n)
                    .map(|i| y0 + i as f64 * STEP)
                    .map(|y| ((x0, y), (x1, y))),
            );
        }
    }
    strokes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_keep_to_the_pattern() {
        let parts = dashes(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)], &[4.0, 2.0]);
        let length: f64 = parts
            .iter()
            .flat_map(|p| p.windows(2))
            .map(|s| (s[1].0 - s[0].0).hypot(s[1].1 - s[0].1))
            .sum();
        assert!((length - 14.0).abs() < 1e-9, "{parts:?}");
    }

    #[test]
    fn hatches_stay_inside() {
        for hatch in [
            Hatch::Up,
            Hatch::Down,
            Hatch::Cross,
            Hatch::Upright,
            Hatch::Level,
        ] {
            let strokes = hatching(10.0, 20.0, 70.0, 46.0, hatch);
            assert!(strokes.len() > 2);
            for (x, y) in strokes.into_iter().flat_map(|(a, b)| [a, b]) {
                let inside = |v: f64, low: f64, high: f64| v > low - 1e-9 && v < high + 1e-9;
                assert!(inside(x, 10.0, 70.0) && inside(y, 20.0, 46.0));
            }
        }
        assert!(hatching(0.0, 0.0, 0.5, 10.0, Hatch::Up).is_empty());
    }
}
