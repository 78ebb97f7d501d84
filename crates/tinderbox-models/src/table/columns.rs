//! The inputs of a network for tables: quantities, flags and categories.

use burn::module::{Module, Param, ParamId};
use burn::nn::Embedding;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Fans, Initializer};

use super::{NumberEmbedding, NumberEmbeddingConfig};
use crate::ModelError;

/// An input column that holds the index of a category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryColumn {
    /// Its index among the inputs.
    pub column: usize,
    /// Number of categories, with index 0 for a missing or unknown one.
    pub categories: usize,
    /// Width of the embedding.
    pub width: usize,
}

impl CategoryColumn {
    /// A column with the embedding width of fastai: `1.6 categories^0.56`, 600 at most.
    pub fn new(column: usize, categories: usize) -> Self {
        let width = (1.6 * (categories as f64).powf(0.56)).round() as usize;
        Self {
            column,
            categories,
            width: width.clamp(1, 600),
        }
    }
}

/// The columns that a network for tables takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableColumns {
    /// Number of columns, category indices included.
    pub inputs: usize,
    /// The columns that are category indices, in ascending order.
    #[serde(default)]
    pub categories: Vec<CategoryColumn>,
    /// The columns that are 0 or 1, or belong to a text, in ascending order; all others are quantities.
    #[serde(default)]
    pub flags: Vec<usize>,
    /// The texts: first column and number of columns of each, in ascending order. They are among the flags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<[usize; 2]>,
}

impl TableColumns {
    /// This number of quantities.
    pub fn new(inputs: usize) -> Self {
        Self {
            inputs,
            ..Self::default()
        }
    }

    /// The columns that are quantities, in ascending order.
    pub fn numbers(&self) -> Vec<usize> {
        let categories: Vec<usize> = self.categories.iter().map(|c| c.column).collect();
        (0..self.inputs)
            .filter(|column| {
                !categories.contains(column) && self.flags.binary_search(column).is_err()
            })
            .collect()
    }

    pub(crate) fn check(&self, model: &'static str) -> Result<(), ModelError> {
        let wrong = |problem: String| Err(ModelError::Config { model, problem });
        super::require_sizes(model, &[("inputs", self.inputs)])?;
        let mut next = 0;
        for &CategoryColumn {
            column,
            categories,
            width,
        } in &self.categories
        {
            if column < next || column >= self.inputs {
                return wrong(format!(
                    "the embedding of column {column} does not fit; columns must be ascending and below {}",
                    self.inputs
                ));
            }
            if categories == 0 || width == 0 {
                return wrong(format!(
                    "the embedding of column {column} has {categories} categories of width {width}; both must be at least 1"
                ));
            }
            next = column + 1;
        }
        let mut next = 0;
        for &column in &self.flags {
            let category = self.categories.iter().any(|c| c.column == column);
            if column < next || column >= self.inputs || category {
                return wrong(format!(
                    "the flag in column {column} does not fit; flags must be ascending, below {} and no \
                     categories",
                    self.inputs
                ));
            }
            next = column + 1;
        }
        let mut next = 0;
        for &[first, width] in &self.texts {
            let all = (first..first.saturating_add(width))
                .all(|column| self.flags.binary_search(&column).is_ok());
            if first < next || width == 0 || !all {
                return wrong(format!(
                    "the text in columns {first} to {} does not fit; texts must be ascending, and their columns flags",
                    first.saturating_add(width)
                ));
            }
            next = first + width;
        }
        Ok(())
    }

    /// The flags that belong to no text, in ascending order.
    pub(crate) fn plain_flags(&self) -> Vec<usize> {
        let of_text = |column: &usize| {
            let mut texts = self.texts.iter();
            texts.any(|[first, width]| (*first..first + width).contains(column))
        };
        let flags = self.flags.iter().copied();
        flags.filter(|column| !of_text(column)).collect()
    }
}

/// The embedding of a category column with its initial weights, N(0, `std`).
///
/// The row of index 0, a missing or unknown category, starts at 0.
pub(crate) fn category_embedding(
    column: &CategoryColumn,
    std: f64,
    seed: Seed,
    device: &Device,
) -> Embedding {
    let shape = [column.categories, column.width];
    let fans = Fans {
        fan_in: column.categories,
        fan_out: column.width,
    };
    let make = move |device: &Device, require_grad: bool| {
        let normal = Initializer::Normal { std };
        let mut numbers = normal.draw(shape.iter().product(), fans, seed);
        numbers[..shape[1]].fill(0.0);
        let data = TensorData::new(numbers, shape);
        device
            .memory_persistent_allocations(data, |data| Tensor::from_data(data, device))
            .set_require_grad(require_grad)
    };
    Embedding {
        weight: Param::uninitialized(ParamId::new(), make, device.clone(), true, shape.into()),
    }
}

/// The embeddings of a column of indices; an index outside the embedding is an unknown category.
///
/// # Shapes
/// `[batch, 1]` in, `[batch, width]` out.
pub(crate) fn look_up(embedding: &Embedding, index: Tensor<2>) -> Tensor<2> {
    let [rows, _] = index.dims();
    let [categories, width] = embedding.weight.lazy_shape().dims();
    let unknown = index
        .clone()
        .greater_equal_elem(categories as f32)
        .bool_or(index.clone().lower_elem(0.0));
    let index: Tensor<2, Int> = index.mask_fill(unknown, 0.0).int();
    embedding.forward(index).reshape([rows, width])
}

/// These columns; `None` for none.
///
/// # Shapes
/// `[batch, inputs]` in, `[batch, columns]` out.
pub(crate) fn pick(inputs: &Tensor<2>, columns: &[usize]) -> Option<Tensor<2>> {
    let (&first, &last) = (columns.first()?, columns.last()?);
    if last + 1 - first == columns.len() {
        return Some(inputs.clone().narrow(1, first, columns.len()));
    }
    let index: Vec<i64> = columns.iter().map(|&column| column as i64).collect();
    let index = Tensor::<1, Int>::from_data(TensorData::from(&index[..]), &inputs.device());
    Some(inputs.clone().select(1, index))
}

/// The first layer of a network for tables: numbers as they are or embedded, flags, and the embeddings of
/// the categories, concatenated.
#[derive(Module, Debug)]
pub struct TableInputs {
    /// The embedding of the quantities.
    pub numbers: Option<NumberEmbedding>,
    /// One embedding for each category column, of shape `[categories, width]`.
    pub embeddings: Vec<Embedding>,
    #[module(skip)]
    columns: TableColumns,
}

impl TableInputs {
    /// The layer with its initial weights: a pure function of (columns, numbers, seed). Embeddings of
    /// categories are drawn from N(0, `std`).
    ///
    /// # Errors
    /// Columns that contradict each other, an embedding of numbers with a size of 0 or for another number
    /// of columns.
    pub(crate) fn new(
        model: &'static str,
        columns: &TableColumns,
        numbers: Option<&NumberEmbeddingConfig>,
        std: f64,
        seed: Seed,
        device: &Device,
    ) -> Result<Self, ModelError> {
        columns.check(model)?;
        let count = columns.numbers().len();
        let numbers = match numbers {
            Some(config) if count > 0 => {
                Some(config.init(model, count, seed.child("numbers"), device)?)
            }
            _ => None,
        };
        let embedding = |column: &CategoryColumn| {
            let seed = seed.child("embedding").at(column.column as u64);
            category_embedding(column, std, seed, device)
        };
        Ok(Self {
            numbers,
            embeddings: columns.categories.iter().map(embedding).collect(),
            columns: columns.clone(),
        })
    }

    /// The number of columns of the table.
    pub fn inputs(&self) -> usize {
        self.columns.inputs
    }

    /// The width of the output.
    pub fn width(&self) -> usize {
        let of_number = self.numbers.as_ref().map_or(1, NumberEmbedding::width);
        let categories = self.columns.categories.iter().map(|column| column.width);
        self.columns.numbers().len() * of_number
            + self.columns.flags.len()
            + categories.sum::<usize>()
    }

    /// # Shapes
    /// `[batch, inputs]` in, `[batch, width]` out.
    pub fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        let rows = inputs.dims()[0];
        let mut parts = Vec::with_capacity(2 + self.embeddings.len());
        if let Some(numbers) = pick(&inputs, &self.columns.numbers()) {
            parts.push(match &self.numbers {
                Some(embedding) => embedding.forward(numbers).reshape([rows as i32, -1]),
                None => numbers,
            });
        }
        parts.extend(pick(&inputs, &self.columns.flags));
        for (column, embedding) in self.columns.categories.iter().zip(&self.embeddings) {
            let index = inputs.clone().narrow(1, column.column, 1);
            parts.push(look_up(embedding, index));
        }
        match parts.len() {
            1 => parts.remove(0),
            _ => Tensor::cat(parts, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> TableColumns {
        TableColumns {
            inputs: 5,
            categories: vec![CategoryColumn {
                column: 1,
                categories: 3,
                width: 2,
            }],
            flags: vec![3],
            texts: vec![],
        }
    }

    #[test]
    fn numbers_come_first_then_flags_then_categories() {
        let device = Device::flex();
        let layer = TableInputs::new("test", &columns(), None, 1.0, Seed::new(1), &device).unwrap();
        assert_eq!((layer.inputs(), layer.width()), (5, 6));
        let row = |category: f32| -> Vec<f32> {
            let inputs = Tensor::from_data([[0.5, category, -1.0, 1.0, 7.0]], &device);
            layer.forward(inputs).try_into_vec_as().unwrap()
        };
        let table: Vec<f32> = layer.embeddings[0].weight.val().try_into_vec_as().unwrap();
        assert_eq!(row(2.0), [0.5, -1.0, 7.0, 1.0, table[4], table[5]]);
        for unknown in [3.0, -1.0, 1e9] {
            assert_eq!(row(unknown)[4..], [0.0, 0.0], "as a missing category");
        }
    }

    #[test]
    fn columns_that_contradict_each_other_are_refused() {
        let refused = |change: fn(&mut TableColumns)| {
            let mut columns = columns();
            change(&mut columns);
            columns.check("test").unwrap_err().to_string()
        };
        assert!(refused(|c| c.inputs = 0).contains("inputs is 0"));
        assert!(refused(|c| c.flags = vec![5]).contains("column 5 does not fit"));
        assert!(refused(|c| c.flags = vec![1]).contains("no categories"));
        assert!(refused(|c| c.flags = vec![4, 3]).contains("ascending"));
        assert!(refused(|c| c.categories[0].column = 5).contains("column 5 does not fit"));
    }
}
