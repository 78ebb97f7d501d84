//! Boosted trees are grown by the crate `perpetual`: it decides itself when a tree generalizes no longer.

use std::collections::{HashMap, HashSet};

use perpetual::node::Node as Grown;
use perpetual::objective::Objective;
use perpetual::{Matrix, PerpetualBooster};
use tinderbox_core::Seed;
use tinderbox_tables::{Features, OutputKind, Targets, TensorTable};

use super::TabularError;
use super::trees::{Boosted, Node, Tree, Trees};
use super::weights::Weights;

/// The step size is 10 to the power of minus this; the library has 0.5, with which the development tables of
/// `cargo xtask tables` were predicted no better and one of them worse.
const BUDGET: f32 = 1.5;
/// The step size of tables with more numbers than this, which would take minutes otherwise.
const LARGE: (usize, f32) = (1_000_000, 0.5);

/// Grows trees on the training rows; as many are kept as give the smallest loss on the validation rows.
///
/// The same rows and seed give the same trees, unless `seconds` end the growth.
pub(super) fn grow(
    features: &Features,
    train: &TensorTable,
    valid: &TensorTable,
    weights: &Weights,
    seconds: Option<f64>,
    seed: Seed,
) -> Result<Trees, TabularError> {
    let (rows, width) = (train.features.rows(), train.features.width());
    let columns = by_column(&train.features.to_wide(), width);
    let matrix = Matrix::new(&columns, rows, width);
    let of_valid = valid.features.to_wide();
    let categories: HashSet<usize> = features
        .outputs()
        .iter()
        .enumerate()
        .filter(|(_, output)| matches!(output.kind, OutputKind::Index { .. }))
        .map(|(place, _)| place)
        .collect();
    let classes = features.classes().map_or(0, <[String]>::len);
    let objective = match classes {
        0 => Objective::SquaredLoss,
        _ => Objective::LogLoss,
    };
    let budget = if rows * width > LARGE.0 {
        LARGE.1
    } else {
        BUDGET
    };
    let targets = targets(&train.targets, classes);
    let share = seconds.map(|seconds| (seconds / targets.len().max(1) as f64) as f32);
    let mut sums = Vec::with_capacity(targets.len());
    let truth_of_valid = self::targets(&valid.targets, classes);
    for (place, (target, truth)) in targets.iter().zip(&truth_of_valid).enumerate() {
        let mut booster = PerpetualBooster::default()
            .set_objective(objective.clone())
            .set_budget(budget)
            .set_seed(seed.at(place as u64).value())
            // Sums of several threads would depend on their number.
            .set_num_threads(Some(1))
            .set_timeout(share)
            .set_categorical_features((!categories.is_empty()).then(|| categories.clone()));
        // Weights of classes are the user's, and would bend the probabilities.
        booster.cfg.auto_class_weights = false;
        let grown = booster.fit(&matrix, target, weights.loss(0), None);
        grown.map_err(|error| TabularError::Trees {
            problem: error.to_string(),
        })?;
        let trees = booster.trees.iter().map(|tree| read(&tree.nodes)).collect();
        let mut sum = Boosted {
            base: booster.base_score,
            trees,
        };
        shorten(
            &mut sum,
            &of_valid,
            width,
            truth,
            weights.loss(1),
            classes > 0,
        );
        sums.push(sum);
    }
    Ok(Trees::new(width, classes, sums))
}

/// Row after row becomes column after column.
fn by_column(rows: &[f32], width: usize) -> Vec<f64> {
    let column = |column: usize| rows.iter().skip(column).step_by(width.max(1));
    let all = (0..width).flat_map(column);
    all.map(|&value| value.into()).collect()
}

/// The numbers to predict, or an indicator for each class; of two classes only that of the second.
fn targets(targets: &Targets, classes: usize) -> Vec<Vec<f64>> {
    match targets {
        Targets::None => Vec::new(),
        Targets::Values(values) => {
            let wide = values.to_wide();
            let column = |column: usize| {
                let values = wide.iter().skip(column).step_by(values.width());
                values.map(|&value| value.into()).collect()
            };
            (0..values.width()).map(column).collect()
        }
        Targets::Classes(truth) => {
            let wanted = if classes == 2 { 1..2 } else { 0..classes };
            let of = |class: usize| {
                let labels = truth.labels().iter();
                labels.map(move |&label| f64::from(u8::from(label as usize == class)))
            };
            wanted.map(|class| of(class).collect()).collect()
        }
    }
}

/// Keeps the first trees, as many as give the smallest loss on these rows.
fn shorten(
    sum: &mut Boosted,
    rows: &[f32],
    width: usize,
    truth: &[f64],
    weights: Option<&[f64]>,
    classes: bool,
) {
    let mut predicted = vec![sum.base; truth.len()];
    let loss = |predicted: &[f64]| -> f64 {
        let pairs = predicted.iter().zip(truth);
        let each = pairs.enumerate().map(|(row, (p, t))| {
            let loss = match classes {
                false => (p - t).powi(2),
                // The log-loss of a logit.
                true => p.max(0.0) - p * t + (-p.abs()).exp().ln_1p(),
            };
            weights.map_or(1.0, |weights| weights[row]) * loss
        });
        each.sum()
    };
    let mut best = (loss(&predicted), 0);
    for (place, tree) in sum.trees.iter().enumerate() {
        for (predicted, row) in predicted.iter_mut().zip(rows.chunks(width.max(1))) {
            *predicted += tree.of(row);
        }
        let now = loss(&predicted);
        if now < best.0 {
            best = (now, place + 1);
        }
    }
    sum.trees.truncate(best.1);
}

/// The nodes of a grown tree, the root first.
fn read(grown: &HashMap<usize, Grown>) -> Tree {
    let mut order = vec![0];
    let mut nodes = Vec::with_capacity(grown.len());
    let mut place = 0;
    while let Some(node) = order.get(place).and_then(|number| grown.get(number)) {
        place += 1;
        if node.is_leaf {
            nodes.push(Node::Leaf(node.weight_value));
            continue;
        }
        let next = [order.len(), order.len() + 1];
        order.extend([node.left_child, node.right_child]);
        let feature = node.split_feature;
        nodes.push(match &node.left_cats {
            None => Node::Below(feature, node.split_value, next),
            Some(bits) => {
                let set = |category: &usize| (bits[category / 8] >> (category % 8)) & 1 == 1;
                Node::Among(feature, (0..8 * bits.len()).filter(set).collect(), next)
            }
        });
    }
    Tree(nodes)
}
