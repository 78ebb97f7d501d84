//! Level lines of a grid of values: marching squares (Lorensen and Cline 1987, in two dimensions).

use std::collections::BTreeMap;

type Point = (f64, f64);

/// The lines on which a grid has the value `level`, in grid coordinates (column, row).
///
/// `values` has rows of `columns` values. Cells with a corner that is not finite are left out. A
/// closed line ends at its first point.
pub(crate) fn level_lines(values: &[f64], columns: usize, level: f64) -> Vec<Vec<Point>> {
    let rows = values.len().checked_div(columns).unwrap_or(0);
    let mut neighbors: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for row in 0..rows.saturating_sub(1) {
        for column in 0..columns.saturating_sub(1) {
            for (a, b) in segments(values, columns, (column, row), level) {
                neighbors.entry(a).or_default().push(b);
                neighbors.entry(b).or_default().push(a);
            }
        }
    }
    // Open lines first, from their ends; the remaining lines are closed.
    let ends: Vec<usize> = neighbors
        .iter()
        .filter(|(_, next)| next.len() == 1)
        .map(|(edge, _)| *edge)
        .collect();
    let all: Vec<usize> = neighbors.keys().copied().collect();
    let mut lines = Vec::new();
    for start in ends.into_iter().chain(all) {
        let mut line = vec![start];
        let mut edge = start;
        while let Some(next) = neighbors.get_mut(&edge).and_then(Vec::pop) {
            if let Some(back) = neighbors.get_mut(&next)
                && let Some(index) = back.iter().position(|other| *other == edge)
            {
                back.swap_remove(index);
            }
            line.push(next);
            edge = next;
        }
        if line.len() > 1 {
            lines.push(
                line.into_iter()
                    .map(|edge| crossing(values, columns, edge, level))
                    .collect(),
            );
        }
    }
    lines
}

/// Edge `2 * node` goes right from a grid node, edge `2 * node + 1` down.
fn segments(
    values: &[f64],
    columns: usize,
    (column, row): (usize, usize),
    level: f64,
) -> Vec<(usize, usize)> {
    let node = row * columns + column;
    let corners = [node, node + 1, node + columns + 1, node + columns].map(|index| values[index]);
    if corners.iter().any(|value| !value.is_finite()) {
        return Vec::new();
    }
    let edges = [
        2 * node,
        2 * (node + 1) + 1,
        2 * (node + columns),
        2 * node + 1,
    ];
    let above = corners.map(|value| value >= level);
    let crossed: Vec<usize> = (0..4)
        .filter(|&side| above[side] != above[(side + 1) % 4])
        .map(|side| edges[side])
        .collect();
    match crossed.as_slice() {
        [a, b] => vec![(*a, *b)],
        // A saddle: the mean of the corners decides which two corners are connected.
        [a, b, c, d] => {
            let middle = corners.iter().map(|value| value / 4.0).sum::<f64>() >= level;
            if middle == above[0] {
                vec![(*a, *b), (*c, *d)]
            } else {
                vec![(*d, *a), (*b, *c)]
            }
        }
        _ => Vec::new(),
    }
}

fn crossing(values: &[f64], columns: usize, edge: usize, level: f64) -> Point {
    let node = edge / 2;
    let (column, row) = ((node % columns) as f64, (node / columns) as f64);
    let other = if edge.is_multiple_of(2) {
        node + 1
    } else {
        node + columns
    };
    // Halves, because the difference of two huge values overflows.
    let (a, b, level) = (values[node] / 2.0, values[other] / 2.0, level / 2.0);
    let part = ((level - a) / (b - a)).clamp(0.0, 1.0);
    if edge.is_multiple_of(2) {
        (column + part, row)
    } else {
        (column, row + part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bowl_gives_one_closed_circle() {
        let values: Vec<f64> = (0..41 * 41)
            .map(|i| (f64::from(i % 41) - 20.0).powi(2) + (f64::from(i / 41) - 20.0).powi(2))
            .collect();
        let lines = level_lines(&values, 41, 100.0);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].first(), lines[0].last());
        for (x, y) in &lines[0] {
            let radius = (x - 20.0).hypot(y - 20.0);
            assert!((radius - 10.0).abs() < 0.02, "{radius}");
        }
    }

    #[test]
    fn a_slope_gives_one_open_line_at_the_exact_place() {
        let values: Vec<f64> = (0..12).map(|i| f64::from(i % 4)).collect();
        assert_eq!(
            level_lines(&values, 4, 1.25),
            [[(1.25, 0.0), (1.25, 1.0), (1.25, 2.0)]]
        );
    }

    #[test]
    fn a_saddle_connects_the_corners_on_the_side_of_its_mean() {
        // High corners top left and bottom right; the mean 0.5 is above the level.
        let lines = level_lines(&[1.0, 0.0, 0.0, 1.0], 2, 0.4);
        assert_eq!(lines.len(), 2);
        for line in lines {
            let inside_one_low_corner = line.iter().all(|(x, y)| *x >= 0.5 && *y <= 0.5)
                || line.iter().all(|(x, y)| *x <= 0.5 && *y >= 0.5);
            assert!(inside_one_low_corner, "{line:?}");
        }
    }

    #[test]
    fn cells_without_a_value_are_left_out() {
        assert!(level_lines(&[f64::NAN, 1.0, 0.0, 1.0], 2, 0.5).is_empty());
        assert!(level_lines(&[], 2, 0.5).is_empty() && level_lines(&[1.0], 1, 0.5).is_empty());
    }
}
