//! Scaled dot-product attention of several heads (Vaswani et al. 2017), and its gradients: the scores of a head
//! stay in the cache from the product of queries and keys to the mean of the values.

use crate::matrix::{Matrix, Panels, multiply_add};
use crate::memory::{self, Scratch};
use crate::parallel::{PRODUCTS, for_each, for_each_chunk};
use crate::plane::dot;
use crate::simd::{Kernel, Level, Simd, run};
use crate::softmax::{in_place, in_place_gradient};

/// The score of a masked key: far below any other, so that its weight is exactly 0, and finite, so that a query
/// without any key gives equal weights and no NaN.
pub(crate) const MASKED: f32 = -1e6;

/// Queries from which packing keys and values pays: with a cache there is one.
const PACKED_FROM: usize = 6;

/// Sizes of an attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionShape {
    /// Sequences.
    pub batch: usize,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values; each serves `heads / groups` neighboring heads of queries.
    pub groups: usize,
    /// Numbers of a head.
    pub part: usize,
    /// Queries of a sequence.
    pub queries: usize,
    /// Keys and values of a sequence.
    pub keys: usize,
}

/// Queries, keys or values: the heads of a step side by side, `row` numbers from one step to the next.
#[derive(Clone, Copy, Debug)]
pub struct HeadRows<'a> {
    /// From the first number of the first head.
    pub numbers: &'a [f32],
    /// Numbers from one step to the next.
    pub row: usize,
}

impl<'a> HeadRows<'a> {
    /// A head of a sequence as a matrix `[steps, part]`.
    fn head(&self, sequence: usize, head: usize, steps: usize, part: usize) -> Matrix<'a> {
        let start = sequence * steps * self.row + head * part;
        Matrix::with_row(&self.numbers[start..], steps, part, self.row)
    }
}

/// Which keys each query must not see: those whose number is not 0.
#[derive(Clone, Copy, Debug)]
pub struct AttentionMask<'a> {
    /// `[sequences, queries, keys]`.
    pub numbers: &'a [f32],
    /// As many sequences as the batch, or one for all.
    pub sequences: usize,
    /// As many as there are queries, or one for all.
    pub queries: usize,
}

/// What changes the weights.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttentionOptions<'a> {
    /// The keys that are not seen.
    pub mask: Option<AttentionMask<'a>>,
    /// Factors of all weights `[batch, heads, queries, keys]` after the softmax, for dropout.
    pub factors: Option<&'a [f32]>,
}

impl AttentionShape {
    /// # Panics
    /// If the heads are not divisible by the groups or something has another length.
    fn check(&self, rows: &[HeadRows<'_>; 3], options: &AttentionOptions<'_>) {
        let Self { heads, groups, .. } = *self;
        assert!(groups > 0 && heads.is_multiple_of(groups));
        assert!(self.part > 0 && self.queries > 0 && self.keys > 0);
        let last = |steps: usize, row: usize, heads: usize| {
            (self.batch * steps).saturating_sub(1) * row + heads * self.part
        };
        let least = [
            last(self.queries, rows[0].row, heads),
            last(self.keys, rows[1].row, groups),
            last(self.keys, rows[2].row, groups),
        ];
        for (rows, least) in rows.iter().zip(least) {
            assert!(self.batch == 0 || rows.numbers.len() >= least);
        }
        if let Some(mask) = options.mask {
            assert!([1, self.batch].contains(&mask.sequences));
            assert!([1, self.queries].contains(&mask.queries));
            let length = mask.sequences * mask.queries * self.keys;
            assert_eq!(mask.numbers.len(), length);
        }
        if let Some(factors) = options.factors {
            assert_eq!(factors.len(), self.batch * self.heads * self.scores());
        }
    }

    /// Scores of a head of a sequence.
    fn scores(&self) -> usize {
        self.queries * self.keys
    }

    fn scale(&self) -> f32 {
        1.0 / (self.part as f32).sqrt()
    }

    /// Multiplications of the products with all scores.
    fn cost(&self) -> usize {
        2 * self.batch * self.heads * self.scores() * self.part / PRODUCTS
    }
}

/// The means `[batch, queries, heads * part]` of the values, and the weights `[batch, heads, queries, keys]` before
/// their factors.
///
/// # Panics
/// If the sizes do not fit each other, or one but the batch is 0.
pub fn attention(
    level: Level,
    shape: &AttentionShape,
    rows: [HeadRows<'_>; 3],
    options: AttentionOptions<'_>,
) -> (Vec<f32>, Vec<f32>) {
    shape.check(&rows, &options);
    let AttentionShape {
        batch,
        heads,
        part,
        queries: steps,
        keys: count,
        ..
    } = *shape;
    let scores = shape.scores();
    let mut weights = memory::buffer(batch * heads * scores);
    let mut means = Scratch::new(batch * heads * steps * part);
    let pieces = weights.chunks_mut(scores);
    let pieces = pieces.zip(means.chunks_mut(steps * part)).enumerate();
    for_each(
        pieces.collect(),
        shape.cost(),
        |(index, (weights, means))| {
            let (sequence, head) = (index / heads, index % heads);
            let group = head / (heads / shape.groups);
            let [queries, keys, values] = rows;
            let queries = queries.head(sequence, head, steps, part);
            let keys = keys.head(sequence, group, count, part);
            let values = values.head(sequence, group, count, part);
            let few = steps < PACKED_FROM;
            match few {
                true => run(level, Products(queries, keys, weights)),
                false => {
                    weights.fill(0.0);
                    let packed = Panels::new(level, &[keys.transposed()]);
                    multiply_add(level, queries, &packed, weights, count);
                }
            }
            let mask = (options.mask, sequence);
            run(level, Scores::new(shape, mask, MASKED, weights));
            in_place(level, count, weights);
            means.fill(0.0);
            let factors = options.factors.map(|all| &all[index * scores..][..scores]);
            let dropped = factors.map(|factors| times(weights, factors));
            let weights = dropped.as_deref().unwrap_or(weights);
            if few {
                return run(level, Means(weights, values, means));
            }
            let packed = Panels::new(level, &[values]);
            let weights = Matrix::new(weights, steps, count);
            multiply_add(level, weights, &packed, means, part);
        },
    );
    (join(batch, steps, part, &[(&means, heads)]), weights)
}

/// The gradient of what [`attention`] returned.
#[derive(Clone, Copy, Debug)]
pub enum AttentionGradient<'a> {
    /// Of the means.
    Means(&'a [f32]),
    /// Of the weights.
    Weights(&'a [f32]),
}

/// The gradients of queries, keys and values, `[batch, heads, queries, part]` and twice `[batch, groups, keys,
/// part]`, from the weights that [`attention`] returned and the gradient of the means or of the weights.
///
/// # Panics
/// As [`attention`].
pub fn attention_gradient(
    level: Level,
    shape: &AttentionShape,
    rows: [HeadRows<'_>; 3],
    options: AttentionOptions<'_>,
    weights: &[f32],
    gradient: AttentionGradient<'_>,
) -> [Vec<f32>; 3] {
    shape.check(&rows, &options);
    let AttentionShape {
        batch,
        heads,
        groups,
        part,
        queries: steps,
        keys: count,
    } = *shape;
    let (scores, shared) = (shape.scores(), heads / groups);
    assert_eq!(weights.len(), batch * heads * scores);
    let (of_means, of_weights) = match gradient {
        AttentionGradient::Means(numbers) => {
            assert_eq!(numbers.len(), batch * steps * heads * part);
            let row = heads * part;
            (Some(HeadRows { numbers, row }), None)
        }
        AttentionGradient::Weights(numbers) => {
            assert_eq!(numbers.len(), weights.len());
            (None, Some(numbers))
        }
    };
    let zeros = |heads: usize, steps: usize| vec![0.0; batch * heads * steps * part];
    let [mut of_queries, mut of_keys, mut of_values] = [
        zeros(heads, steps),
        zeros(groups, count),
        zeros(groups, count),
    ];
    let keys = of_keys.chunks_mut(count * part);
    let keys = keys.zip(of_values.chunks_mut(count * part));
    let pieces = of_queries.chunks_mut(shared * steps * part).zip(keys);
    let pieces = pieces.enumerate().collect();
    for_each(
        pieces,
        3 * shape.cost(),
        |(index, (of_queries, (of_keys, of_values)))| {
            let (sequence, group) = (index / groups, index % groups);
            let [queries, keys, values] = rows;
            let keys = keys.head(sequence, group, count, part);
            let values = values.head(sequence, group, count, part);
            let (packed_keys, packed_values) = (
                Panels::new(level, &[keys]),
                Panels::new(level, &[values.transposed()]),
            );
            let mut of_scores = Scratch::new(scores);
            for (at, of_queries) in of_queries.chunks_mut(steps * part).enumerate() {
                let head = group * shared + at;
                let place = (sequence * heads + head) * scores;
                let weights = &weights[place..][..scores];
                let factors = options.factors.map(|all| &all[place..][..scores]);
                let queries = queries.head(sequence, head, steps, part);
                if let Some(gradient) = of_means {
                    let dropped = factors.map(|factors| times(weights, factors));
                    let dropped = dropped.as_deref().unwrap_or(weights);
                    let gradient = gradient.head(sequence, head, steps, part);
                    let packed = Panels::new(level, &[gradient]);
                    let dropped = Matrix::new(dropped, steps, count).transposed();
                    multiply_add(level, dropped, &packed, of_values, part);
                    of_scores.fill(0.0);
                    multiply_add(level, gradient, &packed_values, &mut of_scores, count);
                    if let Some(factors) = factors {
                        for (number, factor) in of_scores.iter_mut().zip(factors) {
                            *number *= factor;
                        }
                    }
                }
                if let Some(gradient) = of_weights {
                    of_scores.copy_from_slice(&gradient[place..][..scores]);
                }
                in_place_gradient(level, count, weights, &mut of_scores);
                let mask = (options.mask, sequence);
                run(level, Scores::new(shape, mask, 0.0, &mut of_scores));
                let of_scores = Matrix::new(&of_scores, steps, count);
                multiply_add(level, of_scores, &packed_keys, of_queries, part);
                let packed = Panels::new(level, &[queries]);
                multiply_add(level, of_scores.transposed(), &packed, of_keys, part);
            }
        },
    );
    [of_queries, of_keys, of_values]
}

fn times(left: &[f32], right: &[f32]) -> Scratch {
    let mut product = Scratch::new(left.len());
    for (product, (left, right)) in product.iter_mut().zip(left.iter().zip(right)) {
        *product = left * right;
    }
    product
}

/// The product of every query with every key, rows of both in order.
struct Products<'a>(Matrix<'a>, Matrix<'a>, &'a mut [f32]);

impl Kernel for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let Self(queries, keys, products) = self;
        let (count, part) = (keys.count(), queries.width());
        for (query, products) in products.chunks_exact_mut(count).enumerate() {
            let query = &queries.row(query)[..part];
            for (key, product) in products.iter_mut().enumerate() {
                *product = dot::<S>(query, 0.0, &keys.row(key)[..part]);
            }
        }
    }
}

/// Adds every row of the values, times its weight, to the means.
struct Means<'a>(&'a [f32], Matrix<'a>, &'a mut [f32]);

impl Kernel for Means<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let Self(weights, values, means) = self;
        let (count, part) = (values.count(), values.width());
        for (weights, mean) in weights
            .chunks_exact(count)
            .zip(means.chunks_exact_mut(part))
        {
            for (row, weight) in weights.iter().enumerate() {
                for (mean, value) in mean.iter_mut().zip(values.row(row)) {
                    *mean = S::mul_add(*weight, *value, *mean);
                }
            }
        }
    }
}

/// Scales the scores of a head, or their gradient, and sets those of masked keys to one number.
struct Scores<'a> {
    numbers: &'a mut [f32],
    keys: usize,
    scale: f32,
    mask: Option<AttentionMask<'a>>,
    sequence: usize,
    masked: f32,
}

impl<'a> Scores<'a> {
    fn new(
        shape: &AttentionShape,
        (mask, sequence): (Option<AttentionMask<'a>>, usize),
        masked: f32,
        numbers: &'a mut [f32],
    ) -> Self {
        Self {
            numbers,
            keys: shape.keys,
            scale: shape.scale(),
            mask,
            sequence,
            masked,
        }
    }
}

impl Kernel for Scores<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let (scale, masked) = (self.scale, self.masked);
        let Some(mask) = self.mask else {
            return self.numbers.iter_mut().for_each(|x| *x *= scale);
        };
        let sequence = self.sequence % mask.sequences;
        for (query, scores) in self.numbers.chunks_exact_mut(self.keys).enumerate() {
            let row = sequence * mask.queries + query % mask.queries;
            let hidden = &mask.numbers[row * self.keys..][..self.keys];
            for (score, hidden) in scores.iter_mut().zip(hidden) {
                *score = if *hidden == 0.0 {
                    *score * scale
                } else {
                    masked
                };
            }
        }
    }
}

/// Heads side by side: `[batch, steps, all heads * part]` from one `[batch, heads, steps, part]` after the other.
pub(crate) fn join(batch: usize, steps: usize, part: usize, parts: &[(&[f32], usize)]) -> Vec<f32> {
    let row: usize = parts.iter().map(|(_, heads)| heads * part).sum();
    let mut joined = memory::buffer(batch * steps * row);
    let cost = joined.len();
    for_each_chunk(&mut joined, steps * row, cost, |sequence, joined| {
        for (step, mut to) in joined.chunks_exact_mut(row).enumerate() {
            for &(from, heads) in parts {
                for head in 0..heads {
                    let at = ((sequence * heads + head) * steps + step) * part;
                    let (now, rest) = to.split_at_mut(part);
                    now.copy_from_slice(&from[at..][..part]);
                    to = rest;
                }
            }
        }
    });
    joined
}
