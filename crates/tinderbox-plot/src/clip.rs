//! Clips lines to a rectangle, and thins lines with more points than a screen can show.

type Point = (f64, f64);

/// The parts of a line inside a rectangle (Liang and Barsky 1984); `None` is a gap.
///
/// A point between two gaps is a run of one point.
pub(crate) fn runs(
    points: impl Iterator<Item = Option<Point>>,
    corners: (Point, Point),
) -> Vec<Vec<Point>> {
    let mut runs: Vec<Vec<Point>> = Vec::new();
    let mut open = false;
    let mut before: Option<Point> = None;
    let mut points = points.peekable();
    while let Some(point) = points.next() {
        let gap_follows = !matches!(points.peek(), Some(Some(_)));
        match (before, point) {
            (Some(a), Some(b)) => match segment(a, b, corners) {
                Some((from, to)) => {
                    match runs.last_mut() {
                        Some(run) if open => run.push(to),
                        _ => runs.push(vec![from, to]),
                    }
                    open = to == b;
                }
                None => open = false,
            },
            (None, Some(alone)) if gap_follows => {
                runs.extend(segment(alone, alone, corners).map(|s| vec![s.0]))
            }
            _ => open = false,
        }
        before = point;
    }
    runs
}

fn segment(
    a: Point,
    b: Point,
    ((left, top), (right, bottom)): (Point, Point),
) -> Option<(Point, Point)> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    let edges = [
        (-dx, a.0 - left),
        (dx, right - a.0),
        (-dy, a.1 - top),
        (dy, bottom - a.1),
    ];
    for (run, room) in edges {
        if run == 0.0 {
            // Rounding may move a point on the edge just outside.
            if room < -0.01 {
                return None;
            }
        } else if run < 0.0 {
            enter = enter.max(room / run);
        } else {
            leave = leave.min(room / run);
        }
    }
    if enter > leave {
        return None;
    }
    let at = |t: f64| (a.0 + t * dx, a.1 + t * dy);
    Some((
        if enter > 0.0 { at(enter) } else { a },
        if leave < 1.0 { at(leave) } else { b },
    ))
}

/// At most four points for each px from left to right: the first, the lowest, the highest, the last.
///
/// The drawing does not change, and a history of a million steps is a small file.
pub(crate) fn thin(points: Vec<Point>) -> Vec<Point> {
    const ENOUGH: usize = 2_000;
    if points.len() <= ENOUGH {
        return points;
    }
    let mut kept: Vec<Point> = Vec::new();
    for column in points.chunk_by(|a, b| a.0.floor() == b.0.floor()) {
        let by_height = |a: &&(usize, Point), b: &&(usize, Point)| a.1.1.total_cmp(&b.1.1);
        let numbered: Vec<_> = column.iter().copied().enumerate().collect();
        let low = numbered.iter().min_by(by_height).map_or(0, |p| p.0);
        let high = numbered.iter().max_by(by_height).map_or(0, |p| p.0);
        let mut indices = [0, low, high, column.len() - 1];
        indices.sort_unstable();
        let mut last = None;
        for index in indices {
            if last != Some(index) {
                kept.push(column[index]);
            }
            last = Some(index);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: (Point, Point) = ((0.0, 0.0), (10.0, 10.0));

    #[test]
    fn a_line_leaves_and_enters_again() {
        let line = [(5.0, 5.0), (5.0, 15.0), (8.0, 15.0), (8.0, 5.0)];
        let expected = vec![vec![(5.0, 5.0), (5.0, 10.0)], vec![(8.0, 10.0), (8.0, 5.0)]];
        assert_eq!(runs(line.into_iter().map(Some), SQUARE), expected);
    }

    #[test]
    fn gaps_split_a_line_and_a_single_point_is_kept() {
        let line = [
            Some((1.0, 1.0)),
            Some((2.0, 1.0)),
            None,
            Some((3.0, 1.0)),
            None,
            Some((20.0, 1.0)),
        ];
        let expected = vec![vec![(1.0, 1.0), (2.0, 1.0)], vec![(3.0, 1.0)]];
        assert_eq!(runs(line.into_iter(), SQUARE), expected);
    }

    #[test]
    fn thinning_keeps_ends_and_extremes() {
        let mut line: Vec<Point> = (0..100_000)
            .map(|i| (f64::from(i) / 1000.0, f64::from(i % 7)))
            .collect();
        line[54_321].1 = 99.0;
        let thinned = thin(line.clone());
        assert!(thinned.len() <= 400, "{}", thinned.len());
        assert!(thinned.contains(&line[54_321]));
        assert_eq!(
            (thinned.first(), thinned.last()),
            (line.first(), line.last())
        );
    }
}
