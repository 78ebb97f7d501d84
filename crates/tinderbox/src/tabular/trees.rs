//! Boosted decision trees: the sum of many small trees (Friedman 2001, "Greedy Function Approximation: A Gradient
//! Boosting Machine"). They are grown with the feature `trees`, and predict without it.

use serde::{Deserialize, Serialize};
use tinderbox_data::Values;

use super::TabularError;

/// Boosted trees: one sum of trees for each number, for each of several classes, or for the second of two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trees {
    /// Version of this format.
    format: u32,
    inputs: usize,
    /// The number of classes; 0 if numbers are predicted.
    classes: usize,
    pub sums: Vec<Boosted>,
}

/// A sum of trees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Boosted {
    /// The prediction without a tree.
    pub base: f64,
    pub trees: Vec<Tree>,
}

/// The nodes of a tree, the root first and each child behind its parent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Tree(pub Vec<Node>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Node {
    /// What the tree adds.
    Leaf(f32),
    /// Rows whose feature is below the number go to the first node, the others to the second.
    Below(usize, f64, [usize; 2]),
    /// Rows whose feature is one of these indices go to the first node, the others to the second.
    Among(usize, Vec<usize>, [usize; 2]),
}

const FORMAT: u32 = 1;

impl Trees {
    #[cfg_attr(not(feature = "trees"), allow(dead_code))]
    pub fn new(inputs: usize, classes: usize, sums: Vec<Boosted>) -> Self {
        Self {
            format: FORMAT,
            inputs,
            classes,
            sums,
        }
    }

    /// The number of features.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Numbers, or a logit for each class.
    pub fn outputs(&self) -> usize {
        match self.classes {
            0 => self.sums.len(),
            classes => classes,
        }
    }

    /// The number of nodes: each holds one learned number.
    pub fn num_params(&self) -> usize {
        let trees = self.sums.iter().flat_map(|sum| &sum.trees);
        trees.map(|tree| tree.0.len()).sum()
    }

    /// Numbers as they were trained on, or a logit for each class.
    ///
    /// Two classes have one sum of trees, the difference of their logits. Of several, each is told from all
    /// others by a sum of its own.
    pub fn predict(&self, features: &Values) -> Result<Values, TabularError> {
        let width = self.outputs();
        let mut all = Vec::with_capacity(features.rows() * width);
        let wide = features.to_wide();
        for row in wide.chunks(self.inputs.max(1)) {
            let sums = self.sums.iter().map(|sum| sum.of(row));
            match self.classes {
                0 => all.extend(sums.map(|sum| sum as f32)),
                2 => all.extend(sums.flat_map(|sum| [0.0, sum as f32])),
                // ln(sigmoid(x))
                _ => all.extend(sums.map(|sum| (sum.min(0.0) - (-sum.abs()).exp().ln_1p()) as f32)),
            }
        }
        Ok(Values::new(all, width)?)
    }

    /// What is wrong with trees from a file.
    pub fn fault(&self) -> Option<String> {
        if self.format != FORMAT {
            return Some(format!(
                "format {}, but this version reads format {FORMAT}",
                self.format
            ));
        }
        let sums = match self.classes {
            0 => self.sums.len().max(1),
            2 => 1,
            classes => classes,
        };
        let trees = self.sums.iter().flat_map(|sum| &sum.trees);
        let fine = self.sums.len() == sums && trees.clone().all(|tree| tree.is_fine(self.inputs));
        (!fine).then(|| "the trees are damaged; take all files of one training run".into())
    }
}

impl Boosted {
    fn of(&self, row: &[f32]) -> f64 {
        self.base + self.trees.iter().map(|tree| tree.of(row)).sum::<f64>()
    }
}

impl Tree {
    /// What the tree adds to the prediction for a row.
    pub fn of(&self, row: &[f32]) -> f64 {
        let mut place = 0;
        loop {
            let (left, [first, second]) = match &self.0[place] {
                Node::Leaf(value) => return f64::from(*value),
                Node::Below(feature, at, next) => (f64::from(row[*feature]) < *at, *next),
                Node::Among(feature, some, next) => {
                    (some.contains(&(row[*feature] as usize)), *next)
                }
            };
            place = if left { first } else { second };
        }
    }

    /// Whether every row ends in a leaf.
    fn is_fine(&self, inputs: usize) -> bool {
        let nodes = self.0.len();
        let forward = |place: usize, feature: usize, next: [usize; 2]| {
            feature < inputs && next.iter().all(|&child| child > place && child < nodes)
        };
        let fine = |(place, node): (usize, &Node)| match node {
            Node::Leaf(value) => value.is_finite(),
            Node::Below(feature, at, next) => at.is_finite() && forward(place, *feature, *next),
            Node::Among(feature, _, next) => forward(place, *feature, *next),
        };
        nodes > 0 && self.0.iter().enumerate().all(fine)
    }
}
