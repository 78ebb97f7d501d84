//! The part of every row.

use tinderbox_core::{Rng, Seed};

use super::Strategy;
use super::strategy::members;

/// The part of a row that belongs to none.
pub(super) const NO_PART: u32 = u32::MAX;

/// The shares of the parts.
#[derive(Clone, Copy)]
pub(super) struct Shares<'a> {
    /// The share of each part; they sum to 1.
    pub all: &'a [f64],
    /// Number of parts, the first ones, that must have a row.
    pub filled: usize,
    /// Rows that a class needs to be spread over the parts.
    pub spread: usize,
    /// The part of classes with fewer rows.
    pub small: u32,
}

/// The part of every row. A part that must have a row has none only if there are too few.
pub(super) fn assign(rows: usize, shares: Shares, seed: Seed, strategy: &Strategy) -> Vec<u32> {
    let mut rng = seed.child("split").rng();
    match strategy {
        Strategy::Random => cut(&rng.permutation(rows), shares, |_, _| false),
        Strategy::Consecutive => cut(&(0..rows).collect::<Vec<_>>(), shares, |_, _| false),
        Strategy::Time(times) => {
            let mut order: Vec<usize> = (0..rows).collect();
            order.sort_by_key(|&row| times[row]);
            cut(&order, shares, |a, b| times[a] == times[b])
        }
        Strategy::Stratified(classes) => stratified(classes, shares, &mut rng),
        Strategy::Grouped(groups) => grouped(groups, shares, &mut rng),
    }
}

/// Consecutive parts of an order; rows that belong together stay in the part of the first.
fn cut(order: &[usize], shares: Shares, together: impl Fn(usize, usize) -> bool) -> Vec<u32> {
    let apart = |place: usize| !together(order[place - 1], order[place]);
    // Where the parts that must have a row begin at the latest: one block is left for each.
    let mut latest = vec![order.len(); shares.filled + 1];
    for part in (0..shares.filled).rev() {
        let mut start = latest[part + 1].saturating_sub(1);
        while start > 0 && !apart(start) {
            start -= 1;
        }
        latest[part] = start;
    }
    let mut parts = vec![0; order.len()];
    let (mut start, mut share) = (0, 0.0);
    for (part, fraction) in shares.all.iter().enumerate() {
        share += fraction;
        let mut end = match part + 1 == shares.all.len() {
            true => order.len(),
            false => (share * order.len() as f64).round() as usize,
        };
        if part < shares.filled {
            end = end.max(start + 1);
        }
        end = end.clamp(start, order.len());
        while end > start && end < order.len() && !apart(end) {
            end += 1;
        }
        if part + 1 < shares.filled {
            end = end.min(latest[part + 1]).max(start);
        }
        for &row in &order[start..end] {
            parts[row] = part as u32;
        }
        start = end;
    }
    parts
}

/// The same share of every class in each part.
fn stratified(classes: &[u64], shares: Shares, rng: &mut Rng) -> Vec<u32> {
    let mut members = members(classes);
    rng.shuffle(&mut members);
    let mut parts = vec![shares.small; classes.len()];
    let mut dealer = Dealer::new(shares.all);
    let mut spread: Vec<Vec<usize>> = Vec::new();
    for mut rows in members {
        if rows.len() < shares.spread {
            continue;
        }
        rng.shuffle(&mut rows);
        for &row in &rows {
            parts[row] = dealer.deal(1);
        }
        // A class without training rows cannot be learned.
        if shares.small != NO_PART && rows.iter().all(|&row| parts[row] != shares.small) {
            parts[rows[0]] = shares.small;
        }
        spread.push(rows);
    }
    // A share may be too small for a row of its own: then one of the class with most rows is.
    for part in 0..shares.filled as u32 {
        if !parts.contains(&part)
            && let Some(row) = spare_row(&spread, &parts)
        {
            parts[row] = part;
        }
    }
    parts
}

/// A row of the largest class within a part, if it has another one there.
fn spare_row(spread: &[Vec<usize>], parts: &[u32]) -> Option<usize> {
    let mut best = (1, None);
    for rows in spread {
        let mut counts: Vec<(u32, usize, usize)> = Vec::new();
        for &row in rows {
            match counts.iter_mut().find(|(part, _, _)| *part == parts[row]) {
                Some((_, count, last)) => (*count, *last) = (*count + 1, row),
                None => counts.push((parts[row], 1, row)),
            }
        }
        for (_, count, row) in counts {
            if count > best.0 {
                best = (count, Some(row));
            }
        }
    }
    best.1
}

/// Whole groups in a random order.
fn grouped(groups: &[u64], shares: Shares, rng: &mut Rng) -> Vec<u32> {
    let mut members = members(groups);
    rng.shuffle(&mut members);
    let mut dealer = Dealer::new(shares.all);
    let mut place: Vec<u32> = members.iter().map(|rows| dealer.deal(rows.len())).collect();
    for part in 0..shares.filled as u32 {
        if !place.contains(&part)
            && let Some(group) = spare_group(&members, &place, shares.all, part)
        {
            place[group] = part;
        }
    }
    let mut parts = vec![0; groups.len()];
    for (rows, part) in members.iter().zip(place) {
        for &row in rows {
            parts[row] = part;
        }
    }
    parts
}

/// The group to give to an empty part: of the part that is most above its share and has another
/// group, the one nearest to the empty part's share.
fn spare_group(members: &[Vec<usize>], place: &[u32], shares: &[f64], empty: u32) -> Option<usize> {
    let rows: usize = members.iter().map(Vec::len).sum();
    let mut sizes = vec![(0, 0); shares.len()];
    for (group, &part) in members.iter().zip(place) {
        let (groups, size) = &mut sizes[part as usize];
        (*groups, *size) = (*groups + 1, *size + group.len());
    }
    let above = |part: usize| sizes[part].1 as f64 - shares[part] * rows as f64;
    let donor = (0..shares.len())
        .filter(|&part| sizes[part].0 > 1)
        .max_by(|&a, &b| above(a).total_cmp(&above(b)))?;
    let wanted = shares[empty as usize] * rows as f64;
    let distance = |group: usize| (members[group].len() as f64 - wanted).abs();
    (0..members.len())
        .filter(|&group| place[group] as usize == donor)
        .min_by(|&a, &b| distance(a).total_cmp(&distance(b)))
}

/// Assigns items one by one, each to the part that is furthest below its share.
///
/// Any run of rows is spread by the shares to within a row or two, so a run of one class is.
struct Dealer<'a> {
    shares: &'a [f64],
    sizes: Vec<usize>,
    dealt: usize,
}

impl<'a> Dealer<'a> {
    fn new(shares: &'a [f64]) -> Self {
        Self {
            shares,
            sizes: vec![0; shares.len()],
            dealt: 0,
        }
    }

    /// The part of an item of this many rows.
    fn deal(&mut self, rows: usize) -> u32 {
        self.dealt += rows;
        let behind = |part: usize| self.shares[part] * self.dealt as f64 - self.sizes[part] as f64;
        let mut furthest = 0;
        for part in 1..self.shares.len() {
            if behind(part) > behind(furthest) {
                furthest = part;
            }
        }
        self.sizes[furthest] += rows;
        furthest as u32
    }
}
